"""Logarithms and powers, for series whose swings grow with their level."""

from __future__ import annotations

from abc import abstractmethod
from typing import Final, Literal

import numpy as np

from ..._validate import check_float
from ...files import storable
from ..numbers import Floats, place
from .base import Transform

__all__ = ["BoxCox", "Log"]

_GOLDEN: Final = (5.0**0.5 - 1.0) / 2.0


class _Pointwise(Transform):
    """An increasing map of single values: quantiles and paths go through alike."""

    pointwise = True

    @abstractmethod
    def _inverse(self, values: Floats) -> Floats: ...

    def _follow(self, values: Floats, start: int) -> None:
        self._transform(values)

    def _update(self, values: Floats) -> Floats:
        return self._transform(values)

    def _inverse_forecast(self, values: Floats, axis: int) -> Floats:
        return self._inverse(values)

    def _check_quantiles(self, horizon: int) -> None:
        pass


@storable
class Log(_Pointwise):
    """The logarithm, ``log(y + shift)``.

    Parameters
    ----------
    shift : float or "auto", default=0.0
        With "auto", each output's own: 0 where all its values are above 0, else what
        makes the smallest 1.

    Attributes
    ----------
    offset : float or (K,) array, or None before ``fit``
        The shift of each output.

    Raises
    ------
    ValueError, TypeError
        A shift that is no finite number.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlstm.forecasting import Log
    >>> log = Log(shift="auto").fit([0.0, 9.0])
    >>> log.transform([0.0, 9.0])
    array([0.        , 2.30258509])
    >>> log.inverse_forecast(np.log([[1.0, 4.0], [2.0, 8.0]]))  # two sample paths
    array([[0., 3.],
           [1., 7.]])
    """

    def __init__(self, shift: float | Literal["auto"] = 0.0) -> None:
        super().__init__()
        self.shift = shift
        if shift != "auto":
            self.shift = check_float("shift", shift)
        self.offset: Floats | float | None = None

    def __repr__(self) -> str:
        return f"Log(shift={self.shift!r})"

    def _fit(self, values: Floats) -> None:
        if self.shift == "auto":
            least = np.nanmin(values, axis=0)
            offset = np.where(least > 0.0, 0.0, 1.0 - least)
        else:
            offset = np.full(values.shape[1:], self.shift)
        _check_above(values, 0.0 - offset, "Log(shift='auto') makes them so")
        self.offset = offset

    def _transform(self, values: Floats) -> Floats:
        offset = np.asarray(self.offset)
        _check_above(
            values, 0.0 - offset, "Log(shift=...) with a larger shift makes them so"
        )
        return np.asarray(np.log(values + offset))

    def _inverse(self, values: Floats) -> Floats:
        with np.errstate(over="ignore"):  # of a forecast beyond all bounds: inf
            return np.asarray(np.exp(values) - np.asarray(self.offset))


@storable
class BoxCox(_Pointwise):
    """Powers, ``((y / g)^lambda - 1) / lambda``, and log(y / g) for lambda = 0.

    Box & Cox (1964), of y in units of its geometric mean g. That changes their z by no
    more than a scale and a shift, keeps all digits whatever the units of y are, and
    makes the lambda of greatest likelihood that of least variance of z.

    Parameters
    ----------
    lmbda : float, optional
        From -2 to 2; by default that of greatest likelihood in there (golden section),
        each output's own, and 1 for constant series.

    Attributes
    ----------
    lambdas, scale : float or (K,) array, or None before ``fit``
        The lambda of each output, and its geometric mean.

    Raises
    ------
    ValueError, TypeError
        A lambda beyond -2 and 2, or no number.

    Notes
    -----
    The range of z is bounded for lambda other than 0. The inverse of what lies beyond
    its end is the end of y's: 0 for a positive lambda, inf for a negative one.

    Examples
    --------
    >>> from fastlstm.forecasting import BoxCox
    >>> BoxCox(0.5).fit([1.0, 4.0, 16.0]).transform([1.0, 4.0, 16.0])
    array([-1.,  0.,  2.])
    """

    def __init__(self, lmbda: float | None = None) -> None:
        super().__init__()
        self.lmbda = None if lmbda is None else check_float("lmbda", lmbda, "[-2, 2]")
        self.lambdas: Floats | float | None = None
        self.scale: Floats | float | None = None

    def __repr__(self) -> str:
        return f"BoxCox(lmbda={self.lmbda})"

    def _fit(self, values: Floats) -> None:
        _check_above(values, np.zeros(values.shape[1:]), "Log(shift='auto') takes all")
        logs = np.log(values)
        means = np.nanmean(logs, axis=0)
        if self.lmbda is None:
            columns = (logs - means).reshape(len(values), -1).T
            found = [_most_likely(column[~np.isnan(column)]) for column in columns]
            self.lambdas = np.array(found).reshape(values.shape[1:])
        else:
            self.lambdas = np.full(values.shape[1:], self.lmbda)
        self.scale = np.exp(means)

    def _transform(self, values: Floats) -> Floats:
        scale = np.asarray(self.scale)
        _check_above(values, np.zeros_like(scale), "Log(shift='auto') takes all")
        return _power(np.log(values / scale), np.asarray(self.lambdas))

    def _inverse(self, values: Floats) -> Floats:
        lambdas = np.asarray(self.lambdas)
        zero = lambdas == 0.0
        with np.errstate(over="ignore", divide="ignore"):
            inside = np.maximum(lambdas * values, -1.0)
            logs = np.log1p(inside) / np.where(zero, 1.0, lambdas)
            return np.asarray(np.exp(np.where(zero, values, logs)) * self.scale)


def _power(logs: Floats, lambdas: Floats) -> Floats:
    """Return the Box-Cox transform of what has these logarithms."""
    zero = lambdas == 0.0
    powers = np.expm1(lambdas * logs) / np.where(zero, 1.0, lambdas)
    return np.asarray(np.where(zero, logs, powers))


def _most_likely(logs: Floats) -> float:
    """Return lambda in [-2, 2] of least variance of z, by golden section.

    Of values whose geometric mean is 1, so that the likelihood has no other term (Box &
    Cox 1964, section 3). Its logarithm is flat at the maximum, so lambda has about half
    of the digits.
    """
    if np.ptp(logs) == 0.0:
        return 1.0

    def variance(lmbda: float) -> float:
        with np.errstate(over="ignore", invalid="ignore"):
            value = float(np.var(_power(logs, np.array(lmbda))))
        return value if np.isfinite(value) else np.inf

    low, high = -2.0, 2.0
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = variance(left), variance(right)
    while high - low > 1e-9:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = variance(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = variance(right)
    return (low + high) / 2.0


def _check_above(values: Floats, bound: Floats, advice: str) -> None:
    bad = values <= bound
    if bad.any():
        at = np.unravel_index(int(bad.argmax()), bad.shape)
        least = float(np.broadcast_to(bound, values.shape)[at])
        raise ValueError(
            f"y{place(bad)} = {values[at]} is not above {least:g}, as all values must "
            f"be: {advice}"
        )
