"""Print the polynomial coefficients of kernels/math.inl.

q(r) = (expm1(r) - r) / r^2 on |r| <= ln(2) / 2, interpolated at Chebyshev nodes, which
is within a small factor of the minimax polynomial; exp(r) = 1 + r + r^2 q(r).
Needs mpmath. Usage: python exp_coefficients.py
"""

import mpmath as mp

mp.mp.dps = 60


def coefficients(degree: int) -> list[mp.mpf]:
    half = mp.log(2) / 2 * mp.mpf("1.0001")
    n = degree + 1
    nodes = [half * mp.cos(mp.pi * (2 * j + 1) / (2 * n)) for j in range(n)]
    vandermonde = mp.matrix(n, n)
    values = mp.matrix(n, 1)
    for row, r in enumerate(nodes):
        tiny = abs(r) < mp.mpf(10) ** -20  # the middle node, up to rounding
        values[row] = mp.mpf(1) / 2 if tiny else (mp.expm1(r) - r) / r**2
        for power in range(n):
            vandermonde[row, power] = r**power
    return list(mp.lu_solve(vandermonde, values))


for name, degree, digits in (("float", 4, 10), ("double", 9, 18)):
    print(name, "lowest power first")
    for value in coefficients(degree):
        print("   ", mp.nstr(value, digits))
