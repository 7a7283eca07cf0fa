"""Distributions beside scipy.stats and mpmath: densities, quantiles, samples."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
from fastlstm.distributions import (
    Gaussian,
    NegativeBinomial,
    Poisson,
    StudentT,
    special,
)
from fastlstm.distributions.rows import RowGenerators
from scipy import stats

from .compare import assert_close, assert_same_bits
from .tolerances import (
    LIKELIHOOD,
    LIKELIHOOD_PEER,
    MASK_RATE,
    QUANTILE,
    SAMPLE_FIT,
    SPECIAL,
)

LEVELS = np.array(
    [1e-9, 1e-6, 1e-3, 0.01, 0.1, 0.3, 0.49, 0.5, 0.7, 0.9, 0.975, 0.999, 1 - 1e-6]
)
FAMILIES = [Gaussian, StudentT, NegativeBinomial, Poisson]
every_family = pytest.mark.parametrize("family", FAMILIES)


def draw(family: Any, shape: tuple[int, ...], seed: int = 0) -> Any:
    """Of all sizes: scales 1e-3 to 1e3, means 1e-4 to 1e6, alphas 1e-6 to 1e2."""
    rng = np.random.default_rng(seed)

    def decades(low: float, high: float) -> np.ndarray:
        return np.asarray(10 ** rng.uniform(low, high, shape))

    if family is Poisson:
        return Poisson(decades(-4, 6))
    if family is NegativeBinomial:
        return NegativeBinomial(decades(-4, 6), decades(-6, 2))
    location, scale = 100 * rng.standard_normal(shape), decades(-3, 3)
    if family is Gaussian:
        return Gaussian(location, scale)
    return StudentT(location, scale, 2.0 + decades(-6, 5))


def peer(made: Any) -> Any:
    """The same of scipy.stats, frozen."""
    if isinstance(made, Gaussian):
        return stats.norm(made.location, made.scale)
    if isinstance(made, StudentT):
        return stats.t(made.df, made.location, made.scale)
    if isinstance(made, Poisson):
        return stats.poisson(made.mean)
    return stats.nbinom(1 / made.alpha, 1 / (1 + made.alpha * made.mean))


@every_family
def test_log_prob_of_scipy(family: Any) -> None:
    made = draw(family, (40, 3))
    y = peer(made).ppf(np.random.default_rng(1).uniform(0.001, 0.999, (20, 40, 3)))
    expected = peer(made)
    name = "logpmf" if family in FAMILIES[2:] else "logpdf"
    assert_close(made.log_prob(y), getattr(expected, name)(y), LIKELIHOOD_PEER)


@every_family
def test_moments_of_scipy(family: Any) -> None:
    made = draw(family, (40, 3))
    assert made.shape == made.mean.shape == (40, 3)
    for own, other in (
        (made.mean, peer(made).mean()),
        (made.variance, peer(made).var()),
        (made.std, peer(made).std()),
    ):
        assert_close(own, other, LIKELIHOOD_PEER)


@pytest.mark.parametrize("family", FAMILIES[:2])
def test_quantiles_of_scipy(family: Any) -> None:
    made = draw(family, (60, 3))
    got = made.quantile(LEVELS)
    assert got.shape == (60, 3, len(LEVELS))
    expected = np.stack([peer(made).ppf(q) for q in LEVELS], axis=-1)
    error = np.abs(got - expected) / made.scale[..., None]
    size = np.abs(expected - made.location[..., None]) / made.scale[..., None]
    # From 1000 degrees of freedom on scipy's own last digits are not there.
    few = made.df < 1000.0 if family is StudentT else np.full(made.shape, True)
    # What is lost where location and distance are added up.
    lost = np.abs(expected) / made.scale[..., None]
    bound = QUANTILE.limit * (1e-2 + size + lost)
    assert (error <= bound)[few].all()
    np.testing.assert_array_equal(made.quantile(0.9), got[..., 9])


@pytest.mark.parametrize("df", [2.0 + 1e-6, 2.5, 10.0, 999.0, 1000.0, 3e4, 1e7])
@pytest.mark.parametrize("level", [1e-9, 0.01, 0.3, 0.9, 1 - 1e-6])
def test_quantiles_of_student_by_mpmath(df: float, level: float) -> None:
    t = float(StudentT([0.0], [1.0], [df]).quantile(level)[0])
    with mpmath.workdps(50):
        rest = mpmath.mpf(t) ** 2 / (df + mpmath.mpf(t) ** 2)
        inside = mpmath.betainc(0.5, mpmath.mpf(df) / 2, 0, rest, regularized=True)
        tail = (1 - inside) / 2
        wanted = mpmath.mpf(level) if level < 0.5 else 1 - mpmath.mpf(level)
        density = mpmath.mpf(np.exp(StudentT(0, 1, df).log_prob(t)).item())
        error = float(abs((tail - wanted) / density / t))
    # In distances from the location.
    assert error <= QUANTILE.limit


@pytest.mark.parametrize("family", FAMILIES[2:])
def test_quantiles_of_counts_are_those_of_scipy(family: Any) -> None:
    made = draw(family, (150, 2))
    got = made.quantile(LEVELS)
    expected = np.stack([peer(made).ppf(q) for q in LEVELS], axis=-1)
    # scipy's are off by a few where counts are millions.
    small = expected < 1e5
    assert small.mean() > 0.7
    np.testing.assert_array_equal(got[small], expected[small])
    np.testing.assert_allclose(got, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("mean", "alpha"),
    [
        (3e5, 12.0),
        (8e5, 40.0),
        (2e6, 0.3),
    ],
)
@pytest.mark.parametrize("level", [0.001, 0.5, 0.99, 0.9999])
def test_quantiles_of_millions_by_mpmath(
    mean: float, alpha: float, level: float
) -> None:
    k = float(NegativeBinomial([mean], [alpha]).quantile(level)[0])
    with mpmath.workdps(30):
        a, m = mpmath.mpf(alpha), mpmath.mpf(mean)

        def below(count: float) -> Any:
            x = 1 / (1 + a * m)
            return mpmath.betainc(1 / a, count + 1, 0, x, regularized=True)

        assert below(k) >= level
        assert k == 0 or below(k - 1) < level


@every_family
def test_samples_fit(family: Any) -> None:
    """Probability integral transforms of samples are uniform (counts: randomised)."""
    made = draw(family, (6, 2), seed=4)
    drawn = made.sample(np.random.default_rng(5), 4000)
    assert drawn.shape == (4000, 6, 2)
    assert drawn.dtype == np.float64
    uniform = peer(made).cdf(drawn)
    if family in FAMILIES[2:]:
        np.testing.assert_array_equal(drawn, np.rint(drawn))
        lower = peer(made).cdf(drawn - 1.0)
        share = np.random.default_rng(6).random(drawn.shape)
        uniform = lower + share * (uniform - lower)
    for i, j in np.ndindex(6, 2):
        p = stats.kstest(uniform[:, i, j], "uniform").pvalue
        assert p > SAMPLE_FIT.limit
    again = made.sample(np.random.default_rng(5), 4000)
    assert_same_bits({"s": again}, {"s": drawn})


@every_family
def test_rows_draw_apart(family: Any) -> None:
    """Each from its own generator: of the distribution, whatever the other rows are."""
    made = draw(family, (6, 2), seed=4)
    drawn = made.sample(RowGenerators(5, [(0, 1), (1, 0), (2**64 - 1, 7)]), 2000)
    first = type(made)(*(getattr(made, p.name)[2:4] for p in made.parameters))
    assert_same_bits(
        {"s": first.sample(RowGenerators(5, [(1, 0)]), 2000)}, {"s": drawn[:, 2:4]}
    )
    uniform = peer(made).cdf(drawn)
    if family in FAMILIES[2:]:
        lower = peer(made).cdf(drawn - 1.0)
        share = np.random.default_rng(6).random(drawn.shape)
        uniform = lower + share * (uniform - lower)
    for i, j in np.ndindex(6, 2):
        assert stats.kstest(uniform[:, i, j], "uniform").pvalue > SAMPLE_FIT.limit
    rest = uniform.reshape(2000, 12)
    off = np.corrcoef(rest, rowvar=False)[~np.eye(12, dtype=bool)]
    assert np.abs(off).max() < MASK_RATE.limit / np.sqrt(len(rest))
    # Another seed, another key, the next draw.
    for other in (RowGenerators(6, [(1, 0)]), RowGenerators(5, [(1, 1)])):
        assert (first.sample(other, 2000) != drawn[:, 2:4]).any()
    again = RowGenerators(5, [(1, 0)])
    assert (first.sample(again, 2000) != first.sample(again, 2000)).any()


@pytest.mark.parametrize("family", FAMILIES[:2])
def test_location_and_scale_of_targets(family: Any) -> None:
    """What is predicted of scaled targets, told of the targets themselves."""
    rng = np.random.default_rng(0)
    p = len(family.parameters)
    outputs = rng.standard_normal((5, 4, 3 * p))
    location, scale = np.array([10.0, -3.0, 0.0]), np.array([2.0, 0.1, 30.0])
    plain = family.from_outputs(outputs)
    made = family.from_outputs(outputs, location=location, scale=scale)
    for ours, theirs in (
        (made.mean, plain.mean * scale + location),
        (made.std, plain.std * scale),
        (made.quantile(0.9), plain.quantile(0.9) * scale + location),
        (
            made.sample(np.random.default_rng(1), 3),
            plain.sample(np.random.default_rng(1), 3) * scale + location,
        ),
    ):
        assert_close(ours, theirs, LIKELIHOOD["float64"])
    y = rng.standard_normal((5, 4, 3))
    # The density of a stretched variable is that of the variable over the stretch.
    expected = plain.log_prob(y) - np.log(scale)
    assert_close(made.log_prob(y * scale + location), expected, LIKELIHOOD["float64"])


def test_scale_of_counts() -> None:
    rng = np.random.default_rng(0)
    outputs = rng.standard_normal((5, 4, 6))
    scale = np.array([0.5, 1.0, 3.0, 20.0, 7.0]).reshape(-1, 1, 1)
    plain = NegativeBinomial.from_outputs(outputs)
    made = NegativeBinomial.from_outputs(outputs, scale=scale)
    assert_close(made.mean, plain.mean * scale, LIKELIHOOD["float64"])
    assert_close(made.alpha, plain.alpha / np.sqrt(scale), LIKELIHOOD["float64"])
    few = Poisson.from_outputs(outputs, scale=scale)
    expected = Poisson.from_outputs(outputs).mean * scale
    assert_close(few.mean, expected, LIKELIHOOD["float64"])


@every_family
def test_a_row_is_the_same_in_any_batch(family: Any) -> None:
    rng = np.random.default_rng(0)
    outputs = 3.0 * rng.standard_normal((13, 11, 3 * len(family.parameters)))

    def results(part: np.ndarray) -> dict[str, np.ndarray]:
        made = family.from_outputs(part)
        return {
            "mean": made.mean,
            "std": made.std,
            "quantile": made.quantile([0.05, 0.5, 0.9]),
            "log prob": made.log_prob(np.ones(made.shape)),
        }

    whole = results(outputs)
    for i, j in ((0, 0), (7, 10), (12, 3)):
        part = results(outputs[i : i + 1, j : j + 1])
        inside = {name: a[i : i + 1, j : j + 1] for name, a in whole.items()}
        assert_same_bits(part, inside)
        again = results(np.asfortranarray(outputs))
        assert_same_bits(again, whole)


@every_family
def test_what_a_diverged_network_says(family: Any) -> None:
    p = len(family.parameters)
    outputs = np.zeros((3, p), "float32")
    outputs[1] = np.nan
    made = family.from_outputs(outputs)
    for array in (made.mean, made.std, made.quantile(0.9), made.log_prob(1.0)):
        assert np.isnan(array[1]).all()
        assert np.isfinite(array[[0, 2]]).all()


@every_family
def test_wide_ranges(family: Any) -> None:
    """Outputs at the ends of float32 are distributions still."""
    p = len(family.parameters)
    ends = np.array([-3e38, -100.0, 0.0, 100.0], "float32")
    made = family.from_outputs(
        np.stack([g.ravel() for g in np.meshgrid(*[ends] * p)], axis=1)
    )
    for array in (made.mean, made.std, made.quantile([0.01, 0.99])):
        assert np.isfinite(array).all()
    assert np.isfinite(made.sample(np.random.default_rng(0), 3)).all()


def test_huge_counts() -> None:
    made = NegativeBinomial.from_outputs(np.full((1, 2), 3e38, "float32"))
    assert np.isfinite(made.sample(np.random.default_rng(0), 3)).all()
    big = Poisson([1e17]).sample(np.random.default_rng(0), 3)
    np.testing.assert_array_equal(big, 1e17)
    with pytest.raises(ValueError, match=r"means of at most 1e\+09, got 2e\+09"):
        Poisson([1.0, 2e9]).quantile(0.5)


def test_impossible_counts_have_no_probability() -> None:
    for made in (Poisson([2.0]), NegativeBinomial([2.0], [0.5])):
        log_prob = made.log_prob([-1.0, 0.0, 0.5, 1.0])
        assert np.isneginf(log_prob[[0, 2]]).all()
        assert np.isfinite(log_prob[[1, 3]]).all()
        total = np.exp(made.log_prob(np.arange(200.0))).sum()
        assert_close(np.array(total), np.array(1.0), LIKELIHOOD["float64"])


def test_representation_and_shape() -> None:
    made = NegativeBinomial(np.ones((5, 1)), np.ones(3))
    assert repr(made) == "NegativeBinomial(mean, alpha: shape (5, 3))"
    assert made.alpha.shape == (5, 3)


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: Gaussian([0.0], [0.0]), ValueError, "scale must be finite and above"),
        (lambda: Gaussian([np.nan], [1.0]), ValueError, "location must be .* got nan"),
        (lambda: StudentT(0, 1, 2.0), ValueError, r"df must be .* above 2, got 2\.0"),
        (lambda: Poisson([-1.0]), ValueError, r"mean must be .* above 0, got -1\.0"),
        (lambda: Poisson(["a"]), TypeError, "mean must hold real numbers"),
        (
            lambda: Gaussian.from_outputs(np.zeros((2, 3))),
            ValueError,
            r"2 numbers for each target, one a parameter of Gaussian, got .* \(2, 3\)",
        ),
        (
            lambda: Gaussian.from_outputs(np.zeros((2, 6)), scale=np.ones(2)),
            ValueError,
            r"scale must broadcast to the targets' shape \(2, 3\), got \(2,\)",
        ),
        (
            lambda: Gaussian.from_outputs(np.zeros((2, 2)), scale=[[0.0], [1.0]]),
            ValueError,
            r"scale must be above 0, got 0\.0",
        ),
        (
            lambda: Gaussian.from_outputs(np.zeros((2, 2)), location=np.nan),
            ValueError,
            "location must be finite, got nan",
        ),
        (
            lambda: Poisson.from_outputs(np.zeros((2, 2)), location=1.0),
            ValueError,
            "Poisson is of counts, which have a scale but no location",
        ),
        (lambda: Poisson([1.0]).quantile(1.0), ValueError, r"in \(0, 1\), got 1\.0"),
        (lambda: Poisson([1.0]).quantile([]), ValueError, r"got shape \(0,\)"),
        (lambda: Poisson([1.0]).quantile([[0.5]]), ValueError, r"got shape \(1, 1\)"),
        (
            lambda: Poisson([1.0]).sample(np.random.default_rng(0), 0),
            ValueError,
            "n must be at least 1, got 0",
        ),
    ],
)
def test_bad_settings(make: Any, error: type, match: str) -> None:
    with pytest.raises(error, match=match):
        make()


SIZES = [3e-39, 1e-6, 0.01, 0.5, 1.0, 2.0, 3.7, 9.5, 50.0, 1e3, 1e6, 1e10, 1e38]


def test_special_functions_by_mpmath() -> None:
    with mpmath.workdps(100):
        for z in SIZES:
            x = mpmath.mpf(z)
            stirling = (x + 0.5) * mpmath.log(x) - x + mpmath.log(2 * mpmath.pi) / 2
            expected = mpmath.loggamma(x + 1) - stirling
            got = special.stirling_error(np.array([z]))[0]
            assert abs(got - expected) <= SPECIAL.limit * max(1.0, abs(expected))
            for y in (0.0, 0.5, 1.0, 7.0, 1e4, 1e10):
                change = mpmath.psi(0, x + y) - mpmath.psi(0, x) - y / x
                slope = special.digamma_change(np.array([z]), y)[0]
                assert abs(slope - change) <= SPECIAL.limit * (1 + y) / x


def test_links_by_mpmath() -> None:
    for x in (-1e38, -700.0, -40.0, -1.0, 0.0, 0.3, 30.0, 700.0, 1e38):
        with mpmath.workdps(700):
            e = mpmath.exp(mpmath.mpf(max(x, -1e5)))
            plus = mpmath.log1p(e) if x < 1e5 else mpmath.mpf(x)
            slope = e / (1 + e) if x < 1e5 else mpmath.mpf(1)
        own = special.softplus(np.array([x]))[0], special.sigmoid(np.array([x]))[0]
        for got, expected in zip(own, (plus, slope), strict=True):
            assert abs(got - expected) <= SPECIAL.limit * abs(expected) + 1e-300
