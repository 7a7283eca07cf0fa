"""Likelihood losses: beside scipy.stats, at the ends of float32, what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastlstm.data import SequenceBatch
from fastlstm.distributions import Gaussian, NegativeBinomial, Poisson, StudentT
from fastlstm.losses import (
    GaussianLikelihood,
    NegativeBinomialLikelihood,
    PoissonLikelihood,
    StudentTLikelihood,
)
from fastlstm.models import SequenceModel
from fastlstm.optim import SGD
from fastlstm.training import Trainer, TrainingSet
from scipy import stats

from .cases import DTYPES
from .compare import Arrays, assert_close, assert_gradients
from .reference import likelihoods
from .tolerances import LIKELIHOOD, LIKELIHOOD_PEER, VALUE

N, T, K = 5, 7, 3
LIKELIHOODS = [
    GaussianLikelihood(),
    StudentTLikelihood(),
    NegativeBinomialLikelihood(),
    PoissonLikelihood(),
]
COUNTS = LIKELIHOODS[2:]
every_likelihood = pytest.mark.parametrize("loss", LIKELIHOODS, ids=str)
every_count = pytest.mark.parametrize("loss", COUNTS, ids=str)


def width(loss: Any) -> int:
    return len(loss.distribution.parameters)


def is_count(loss: Any) -> bool:
    return issubclass(loss.distribution, (NegativeBinomial, Poisson))


def targets_of(loss: Any, shape: tuple[int, ...] = (N, T, K)) -> np.ndarray:
    rng = np.random.default_rng(1)
    if is_count(loss):
        return rng.negative_binomial(1, 0.1, shape).astype(float)
    return rng.standard_normal(shape)


def softplus(x: np.ndarray) -> np.ndarray:
    return np.logaddexp(0.0, x)


def scipy_log_prob(
    loss: Any, pred: np.ndarray, y: np.ndarray, scale: Any = 1.0
) -> np.ndarray:
    """What the docstrings state, by scipy.stats."""
    raw = np.moveaxis(pred.astype(float).reshape(*y.shape, -1), -1, 0)
    if is_count(loss):
        mean = scale * (softplus(raw[0]) + 1e-6)
        if isinstance(loss, PoissonLikelihood):
            return stats.poisson.logpmf(y, mean)
        alpha = (softplus(raw[1]) + 1e-6) / np.sqrt(scale)
        return stats.nbinom.logpmf(y, 1 / alpha, 1 / (1 + alpha * mean))
    sigma = softplus(raw[1]) + 1e-3
    if isinstance(loss, GaussianLikelihood):
        return stats.norm.logpdf(y, raw[0], sigma)
    return stats.t.logpdf(y, 2 + 1e-6 + softplus(raw[2]), raw[0], sigma)


@every_likelihood
@pytest.mark.parametrize("dtype", DTYPES)
def test_values_of_scipy(loss: Any, dtype: str, rng: np.random.Generator) -> None:
    pred = (3.0 * rng.standard_normal((N, T, K * width(loss)))).astype(dtype)
    target = targets_of(loss).astype(dtype)
    weight = np.array([1.0, 2.0, 0.0, 0.5, 1.0])
    value, _ = loss(pred, target, sample_weight=weight)
    terms = -scipy_log_prob(loss, pred, target.astype(float)).mean(axis=(1, 2))
    expected = np.array(np.average(terms, weights=weight))
    peer = LIKELIHOOD_PEER if dtype == "float64" else LIKELIHOOD[dtype]
    assert_close(np.array(value), expected, peer)


@every_count
def test_scales_of_samples(loss: Any, rng: np.random.Generator) -> None:
    pred = 3.0 * rng.standard_normal((N, T, K * width(loss)))
    target, scale = targets_of(loss), np.array([0.5, 1.0, 30.0, 2.0, 7.0])
    options = {"lengths": [7, 1, 3, 7, 2], "sample_weight": [1.0, 2.0, 0.5, 0.0, 1.0]}
    value, gradient = loss(pred, target, scale=scale, **options)
    valid = np.arange(T) < np.array(options["lengths"])[:, None]
    weight = valid * np.array(options["sample_weight"])[:, None]
    terms = -scipy_log_prob(loss, pred, target, scale[:, None, None]).mean(axis=-1)
    expected = np.array(np.average(terms, weights=weight))
    assert_close(np.array(value), expected, LIKELIHOOD_PEER)

    def at(arrays: Arrays) -> float:
        return float(loss(arrays["pred"], target, scale=scale, **options)[0])

    assert_gradients(at, {"pred": pred}, {"pred": gradient}, rng)
    rows = loss(pred[:, 0], target[:, 0], scale=scale)[0]
    terms = -scipy_log_prob(loss, pred[:, 0], target[:, 0], scale[:, None])
    assert_close(np.array(rows), np.array(terms.mean()), LIKELIHOOD_PEER)
    plain = loss(pred, target)
    ones = loss(pred, target, scale=np.ones(N, int))
    assert plain[0] == ones[0]


@every_count
def test_scales_of_targets(loss: Any, rng: np.random.Generator) -> None:
    pred = 3.0 * rng.standard_normal((N, T, K * width(loss)))
    target, scale = targets_of(loss), 30.0 ** rng.standard_normal((N, K))
    options = {"lengths": [7, 1, 3, 7, 2], "sample_weight": [1.0, 2.0, 0.5, 0.0, 1.0]}
    value, gradient = loss(pred, target, scale=scale, **options)
    valid = np.arange(T) < np.array(options["lengths"])[:, None]
    weight = valid * np.array(options["sample_weight"])[:, None]
    terms = -scipy_log_prob(loss, pred, target, scale[:, None]).mean(axis=-1)
    expected = np.array(np.average(terms, weights=weight))
    assert_close(np.array(value), expected, LIKELIHOOD_PEER)

    def at(arrays: Arrays) -> float:
        return float(loss(arrays["pred"], target, scale=scale, **options)[0])

    assert_gradients(at, {"pred": pred}, {"pred": gradient}, rng)
    rows = loss(pred[:, 0], target[:, 0], scale=scale)[0]
    terms = -scipy_log_prob(loss, pred[:, 0], target[:, 0], scale)
    assert_close(np.array(rows), np.array(terms.mean()), LIKELIHOOD_PEER)
    # One scale for all targets of a sample is that of the sample.
    same = np.repeat(scale[:, :1], K, axis=1)
    one, other = (loss(pred, target, scale=s) for s in (same, scale[:, 0]))
    assert one[0] == other[0]
    np.testing.assert_array_equal(one[1], other[1])


@every_count
def test_counts_that_float32_has_not(loss: Any, rng: np.random.Generator) -> None:
    """Counts are exact beside float32 outputs; other targets have their dtype."""
    rows = 4  # whose weights are exact too
    pred = rng.standard_normal((rows, width(loss))).astype("float32")
    target = 2.0**24 + np.arange(rows)[:, None]
    scale = np.full(rows, 2.0**23)
    value, gradient = loss(pred, target, scale=scale)
    assert gradient.dtype == np.float32
    expected, slopes = loss(pred.astype(float), target, scale=scale)
    assert value == expected
    assert_close(gradient, slopes, LIKELIHOOD["float32"])
    with pytest.raises(TypeError, match=r"must be float32 to .*, got float64"):
        GaussianLikelihood()(np.zeros((rows, 2), "float32"), target)
    with pytest.raises(TypeError, match=r"must be float64 to .*, got float32"):
        loss(pred.astype(float), target.astype("float32"), scale=scale)


@every_likelihood
def test_a_loss_is_what_its_distribution_says(
    loss: Any, rng: np.random.Generator
) -> None:
    pred = 3.0 * rng.standard_normal((N, T, K * width(loss)))
    target = targets_of(loss)
    value, _ = loss(pred, target)
    expected = -loss.distribution.from_outputs(pred).log_prob(target).mean()
    assert_close(np.array(value), expected, LIKELIHOOD["float64"])


EXTREMES = np.array([-3e38, -1e6, -745.5, -50.0, 0.0, 50.0, 1e6, 3e38], "float32")


@every_likelihood
def test_ends_of_float32(loss: Any) -> None:
    """Every mix of huge outputs with near and far targets: finite, as the formulas."""
    p = width(loss)
    ys = [0.0, 1.0, 40.0, 1e4] if is_count(loss) else [-1e20, 0.0, 1.0, 1e20]
    grids = np.meshgrid(*[EXTREMES] * p, np.array(ys, "float32"), indexing="ij")
    pred = np.stack([g.ravel() for g in grids[:-1]], axis=1)
    target = grids[-1].reshape(-1, 1)
    # One by one: gradients of different size must not hide one another.
    rows = [loss(pred[i : i + 1], target[i : i + 1]) for i in range(len(pred))]
    values = np.array([row[0] for row in rows])
    gradient = np.concatenate([row[1] for row in rows])
    assert gradient.dtype == np.float32
    assert np.isfinite(values).all()
    assert not np.isnan(gradient).any()
    # The normal law's pull on its scale grows with the square of the distance.
    overflows = np.isinf(gradient).any(axis=1)
    far = np.abs(target[:, 0].astype(float) - pred[:, 0]) > 1e15
    assert not (overflows & ~far).any()
    assert isinstance(loss, GaussianLikelihood) or not overflows.any()
    name = {2: "negative_binomial", 1: "poisson"}.get(p, "student_t")
    if isinstance(loss, GaussianLikelihood):
        name = "gaussian"
    with np.errstate(all="ignore"):
        terms, slopes = getattr(likelihoods, name)(
            pred.astype(float), target[:, 0].astype(float)
        )
    # The plain formulas know no limits for parameters that are huge themselves.
    known = (np.abs(pred[:, -1]) < 1e6) & ~overflows
    assert known.mean() > 0.3
    np.testing.assert_allclose(values[known], terms[known], rtol=1e-6, atol=1e-6)
    expected = np.stack(slopes, axis=1)[known]
    np.testing.assert_allclose(gradient[known], expected, rtol=1e-6, atol=1e-6)


@every_likelihood
def test_slopes_at_rest_in_float32(loss: Any) -> None:
    """A slope far out is finite, and has the sign that leads back."""
    y = 40.0
    low = np.full((1, width(loss)), -100.0, "float32")
    _, gradient = loss(low, np.full((1, 1), y, "float32"))
    assert gradient[0, 0] <= 0.0
    high = np.zeros((1, width(loss)), "float32")
    high[0, 0] = 1e6
    _, gradient = loss(high, np.full((1, 1), y, "float32"))
    assert gradient[0, 0] > 0.0


def test_limits_of_families(rng: np.random.Generator) -> None:
    """Student's t with many degrees of freedom, counts without dispersion."""
    raw, y = 2.0 * rng.standard_normal((200, 2)), rng.standard_normal((200, 1))
    many = np.concatenate([raw, np.full((200, 1), 1e14)], axis=1)
    gaussian, slopes = GaussianLikelihood()(raw, y)
    student, same = StudentTLikelihood()(many, y)
    # Relative to the normal law, t's terms are z^4 / df.
    assert_close(np.array(student), np.array(gaussian), LIKELIHOOD_PEER)
    assert_close(same[:, :2], slopes, LIKELIHOOD["float32"])
    counts = rng.poisson(5.0, (200, 1)).astype(float)
    binomial, poisson = NegativeBinomial([5.0], [1e-18]), Poisson([5.0])
    assert_close(
        binomial.log_prob(counts), poisson.log_prob(counts), LIKELIHOOD["float64"]
    )


@pytest.mark.parametrize("k", [1, 2])
def test_a_fit_hands_out_scales(k: int, rng: np.random.Generator) -> None:
    """The mean of an epoch of batches is that of one batch of all."""
    loss = NegativeBinomialLikelihood(missing="ignore")
    batch = SequenceBatch(rng.standard_normal((N, T, 2)))
    targets = targets_of(loss, (N, k))
    targets[3] = np.nan
    scale = np.array([0.5, 1.0, 30.0, 2.0, 7.0])
    if k > 1:
        scale = scale[:, None] * [1.0, 4.0]
    data = TrainingSet(batch, targets, scales=scale)
    model = SequenceModel(2, 2 * k, hidden_size=4, dtype="float64", random_state=0)
    expected, _ = loss(model.infer(batch), targets, scale=scale)
    optimizer = SGD(model.params, learning_rate=0.0)
    trainer = Trainer(model, loss, optimizer, batch_size=2, max_epochs=1).fit(data)
    assert_close(np.array(trainer.loss_curve[0]), expected, VALUE["float64"])


def test_outliers_pull_less_by_student() -> None:
    pred = np.zeros((1, 3), "float32")
    pulls = []
    for y in (1.0, 1e3, 1e6):
        target = np.full((1, 1), y, "float32")
        pulls.append(abs(StudentTLikelihood()(pred, target)[1][0, 0]))
    assert pulls[0] > pulls[1] > pulls[2] > 0.0


def test_parameters_lie_side_by_side(rng: np.random.Generator) -> None:
    pred, target = rng.standard_normal((N, 6)), rng.standard_normal((N, 2))
    value, gradient = StudentTLikelihood()(pred, target)
    first = StudentTLikelihood()(np.ascontiguousarray(pred[:, :3]), target[:, :1])
    second = StudentTLikelihood()(np.ascontiguousarray(pred[:, 3:]), target[:, 1:])
    mean = np.array((first[0] + second[0]) / 2)
    assert_close(np.array(value), mean, LIKELIHOOD["float64"])
    expected = np.concatenate([first[1], second[1]], axis=1) / 2
    assert_close(gradient, expected, LIKELIHOOD["float64"])


def bad(value: float) -> np.ndarray:
    target = np.zeros((N, T, 1))
    target[2, 3, 0] = value
    return target


@every_count
@pytest.mark.parametrize(
    ("value", "match"),
    [
        (-1.0, r"holds -1\.0 at sample 2, step 3, output 0: expected a count"),
        (0.5, r"holds 0\.5 at sample 2, step 3, output 0: expected a count, a whole"),
        (1e-9, "holds 1e-09 at sample 2, step 3, output 0: expected a count"),
        (np.nan, "holds nan at sample 2, step 3, output 0$"),
        (np.inf, "holds inf at sample 2, step 3, output 0$"),
        (-np.inf, "holds -inf at sample 2, step 3, output 0"),
    ],
)
def test_targets_that_are_no_counts(loss: Any, value: float, match: str) -> None:
    pred = np.zeros((N, T, width(loss)))
    with pytest.raises(ValueError, match=match):
        loss(pred, bad(value))
    # Where they do not count they are not read.
    loss(pred, bad(value), sample_weight=[1, 1, 0, 1, 1])
    loss(pred, bad(value), lengths=[7, 7, 3, 7, 7])


@every_count
@pytest.mark.parametrize(
    ("scale", "error", "match"),
    [
        ([1.0] * 4, ValueError, r"\(5,\), one a sample, or \(5, 1\), .*, got \(4,\)"),
        (2.0, ValueError, r"shape \(5,\), one a sample, or \(5, 1\), .*, got \(\)"),
        (np.ones((5, 7)), ValueError, r"one a sample and target, got \(5, 7\)"),
        (np.ones((5, 7, 1)), ValueError, r"sample and target, got \(5, 7, 1\)"),
        ([[1], [1], [1], [0], [1]], ValueError, r"got 0\.0 for sample 3, output 0"),
        ([1, 1, 0, 1, 1], ValueError, r"finite and above 0, got 0\.0 for sample 2"),
        ([1, 1, 1, -2, 1], ValueError, r"got -2\.0 for sample 3"),
        ([1, np.nan, 1, 1, 1], ValueError, "got nan for sample 1"),
        ([1, 1, 1, 1, np.inf], ValueError, "got inf for sample 4"),
        (["a"] * 5, TypeError, "scale must hold real numbers"),
    ],
)
def test_bad_scales(loss: Any, scale: Any, error: type, match: str) -> None:
    with pytest.raises(error, match=match):
        loss(np.zeros((N, T, width(loss))), bad(1.0), scale=scale)


def test_bad_shapes() -> None:
    with pytest.raises(ValueError, match="2 outputs for each target, one a parameter"):
        GaussianLikelihood()(np.zeros((N, 3)), np.zeros((N, 1)))
    match = r"\(5, 2\) for 3 parameters and pred of shape \(5, 6\), got \(5, 6\)"
    with pytest.raises(ValueError, match=match):
        StudentTLikelihood()(np.zeros((N, 6)), np.zeros((N, 6)))
    with pytest.raises(TypeError, match="scale"):
        GaussianLikelihood()(np.zeros((N, 2)), np.zeros((N, 1)), scale=np.ones(N))  # type: ignore[call-arg]


def test_which_distribution_is_whose() -> None:
    pairs = [Gaussian, StudentT, NegativeBinomial, Poisson]
    assert [loss.distribution for loss in LIKELIHOODS] == pairs
