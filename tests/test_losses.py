"""Losses: padding and zero weights, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastlstm.losses import (
    LOSSES,
    AbsoluteError,
    Huber,
    NegativeBinomialLikelihood,
    PoissonLikelihood,
    Quantile,
    SoftmaxCrossEntropy,
    SquaredError,
)
from sklearn.metrics import mean_pinball_loss

from .compare import assert_close, assert_same_bits
from .tolerances import LOSS

N, T, K = 5, 7, 3
PRED = np.random.default_rng(0).standard_normal((N, T, K))


def pred_of(loss: Any) -> np.ndarray:
    """PRED, or less of it: the outputs of one target, or of three."""
    return PRED[..., :2].copy() if predictions(loss) == 2 else PRED


def predictions(loss: Any) -> int:
    if hasattr(loss, "distribution"):
        return len(loss.distribution.parameters)
    return np.size(loss.quantile) if isinstance(loss, Quantile) else 1


def targets(loss: Any) -> np.ndarray:
    rng = np.random.default_rng(1)
    if isinstance(loss, SoftmaxCrossEntropy):
        return rng.integers(0, K, (N, T))
    shape = (N, T, pred_of(loss).shape[-1] // predictions(loss))
    if isinstance(loss, (NegativeBinomialLikelihood, PoissonLikelihood)):
        return rng.poisson(3.0, shape).astype(float)
    return rng.standard_normal(shape)


every_loss = pytest.mark.parametrize(
    "loss",
    [
        *(cls() for cls in LOSSES.values()),
        Quantile([0.1, 0.5, 0.9]),
        SoftmaxCrossEntropy([3.0, 0.0, 1.0], ignore_index=-100),
    ],
    ids=str,
)


@every_loss
def test_padding_and_zero_weights_are_as_good_as_absent(loss: Any) -> None:
    target, lengths = targets(loss), np.array([7, 1, 3, 7, 2])
    weight = np.array([1.0, 2.0, 0.0, 0.5, 1.0])
    value, gradient = loss(pred_of(loss), target, lengths=lengths, sample_weight=weight)
    absent = (np.arange(T) >= lengths[:, None]) | (weight == 0)[:, None]
    assert not gradient[absent].any()
    spoilt = target.copy()
    spoilt[absent] = -1 if spoilt.dtype.kind == "i" else np.nan
    again = loss(pred_of(loss), spoilt, lengths=lengths, sample_weight=weight)
    assert again[0] == value
    assert_same_bits({"gradient": again[1]}, {"gradient": gradient})
    rows = np.flatnonzero(weight)
    less, part = loss(
        pred_of(loss)[rows],
        target[rows],
        lengths=lengths[rows],
        sample_weight=weight[rows],
    )
    assert_close(less, value, LOSS["float64"])
    assert_close(part, gradient[rows], LOSS["float64"])


@every_loss
@pytest.mark.parametrize("steps", [False, True])
@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_means_of_batches_make_one_of_all(
    loss: Any, steps: bool, ragged: bool, weighted: bool
) -> None:
    if ragged and not steps:
        return  # rows of samples have no lengths
    pred, target = pred_of(loss), targets(loss)
    if not steps:
        pred, target = pred[:, 0], target[:, 0]
    target = target.copy()
    options: dict[str, np.ndarray] = {}
    if getattr(loss, "ignore_index", None) is not None:
        target[3] = loss.ignore_index
    if ragged:
        options["lengths"] = np.array([7, 1, 3, 7, 2])
        target[1, 1:] = -5  # is not read
    if weighted:
        options["sample_weight"] = np.array([1.0, 2.0, 0.0, 0.5, 1.0])
        target[2] = -5
    parts = []
    for rows in (slice(0, 2), slice(2, 5)):
        some = {name: values[rows] for name, values in options.items()}
        value, _ = loss(pred[rows], target[rows], **some)
        parts.append((value, loss.total_weight(target[rows], **some)))
    values, weights = np.array(parts).T
    whole, _ = loss(pred, target, **options)
    assert_close(np.average(values, weights=weights), whole, LOSS["float64"])
    assert_close(weights.sum(), loss.total_weight(target, **options), LOSS["float64"])


@every_loss
@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_only_the_ratios_of_weights_matter(loss: Any, scale: float) -> None:
    weight = np.array([1.0, 2.0, 3.0, 0.5, 1.0])
    value, _ = loss(pred_of(loss), targets(loss), sample_weight=weight)
    scaled, _ = loss(pred_of(loss), targets(loss), sample_weight=scale * weight)
    assert_close(scaled, value, LOSS["float64"])


@every_loss
def test_weights_may_be_lists_integers_and_bools(loss: Any) -> None:
    target = targets(loss)
    expected = loss(pred_of(loss), target, sample_weight=np.array([1.0, 0, 1, 1, 0]))
    for weight in ([1, 0, 1, 1, 0], np.array([1, 0, 1, 1, 0], bool)):
        value, gradient = loss(pred_of(loss), target, sample_weight=weight)
        assert value == expected[0]
        assert_same_bits({"g": gradient}, {"g": expected[1]})


@every_loss
def test_strided_arrays(loss: Any) -> None:
    for whole, target in (
        (pred_of(loss), targets(loss)),
        (pred_of(loss)[:, 3].copy(), targets(loss)[:, 3].copy()),
    ):
        value, gradient = loss(whole, target)
        for pred in (np.asfortranarray(whole), whole[::-1].copy()[::-1]):
            again, same = loss(pred, np.asfortranarray(target))
            assert again == value
            assert_same_bits({"g": same}, {"g": gradient})


def bad(value: float) -> np.ndarray:
    target = np.zeros((N, T, K))
    target[2, 3, 1] = value
    return target


def label(value: int) -> np.ndarray:
    target = np.zeros((N, T), int)
    target[2, 3] = value
    return target


SQUARED, ENTROPY = SquaredError(), SoftmaxCrossEntropy()
HUBER, SEVERAL = Huber(), Quantile([0.1, 0.9])


@pytest.mark.parametrize(
    ("loss", "pred", "target", "options", "error", "match"),
    [
        (SQUARED, PRED, PRED[:, :1], {}, ValueError, r"\(5, 7, 3\), got \(5, 1, 3\)"),
        (SQUARED, PRED, PRED.astype("f4"), {}, TypeError, "target must be float64"),
        (SQUARED, PRED, bad(np.nan), {}, ValueError, "nan at sample 2, step 3, output"),
        (SQUARED, PRED, bad(np.inf), {}, ValueError, "inf at sample 2, step 3, output"),
        (
            SQUARED,
            PRED[:, 3],
            bad(np.nan)[:, 3],
            {"sample_weight": np.arange(5)},
            ValueError,
            "target holds nan at sample 2, output 1",
        ),
        (HUBER, PRED, PRED[:, :1], {}, ValueError, r"\(5, 7, 3\), got \(5, 1, 3\)"),
        (HUBER, PRED, PRED.astype("f4"), {}, TypeError, "target must be float64"),
        (HUBER, PRED, bad(np.nan), {}, ValueError, "nan at sample 2, step 3, output 1"),
        (SEVERAL, PRED, PRED, {}, ValueError, r"pred must have 2 outputs .* got 3"),
        (
            SEVERAL,
            PRED[..., :2],
            PRED,
            {},
            ValueError,
            r"\(5, 7, 1\) for 2 quantiles and pred of shape \(5, 7, 2\), got \(5, 7, 3",
        ),
        (
            SoftmaxCrossEntropy([1, 2]),
            PRED,
            label(0),
            {},
            ValueError,
            "class_weight has 2 weights, but pred has 3 outputs",
        ),
        (
            SoftmaxCrossEntropy([1, 2, 3], ignore_index=-2),
            PRED,
            label(-1),
            {},
            ValueError,
            "got -1 at sample 2, step 3",
        ),
        (ENTROPY, PRED, label(3), {}, ValueError, "0 to 2, got 3 at sample 2, step 3"),
        (ENTROPY, PRED, label(-1), {}, ValueError, "got -1 at sample 2, step 3"),
        (
            ENTROPY,
            PRED,
            label(-1).astype(np.uint64),
            {},
            ValueError,
            "got 18446744073709551615 at sample 2, step 3",
        ),
        (
            ENTROPY,
            PRED[:, 3],
            label(3)[:, 3],
            {"sample_weight": np.ones(5)},
            ValueError,
            "got 3 at sample 2$",
        ),
        (ENTROPY, PRED, np.zeros((N, T)), {}, TypeError, "integer labels, got float64"),
        (ENTROPY, PRED, np.zeros(N, int), {}, ValueError, r"\(5, 7\), .* got \(5,\)"),
    ],
)
def test_bad_targets(
    loss: Any, pred: Any, target: Any, options: Any, error: type, match: str
) -> None:
    with pytest.raises(error, match=match):
        loss(pred, target, **options)


@every_loss
@pytest.mark.parametrize(
    ("pred", "options", "error", "match"),
    [
        (PRED.astype(int), {}, TypeError, "pred must be float32 or float64, got int64"),
        (PRED[0, 0], {}, ValueError, r"\(N, K\) or \(N, T, K\), .* got \(3,\)"),
        (PRED[:0], {}, ValueError, r"no axis empty, got \(0, 7, 3\)"),
        (PRED, {"lengths": [7, 7, 7, 7, 0]}, ValueError, "got 0 for sample 4"),
        (PRED, {"lengths": [7, 7, 7, 7, 8]}, ValueError, "from 1 to 7"),
        (PRED[:, 0], {"lengths": [1] * 5}, ValueError, "lengths need pred of shape"),
        (PRED, {"sample_weight": [1] * 4}, ValueError, r"\(5,\), .* got \(4,\)"),
        (
            PRED,
            {"sample_weight": np.ones((N, T))},
            ValueError,
            r"\(5,\), .* got \(5, 7",
        ),
        (PRED, {"sample_weight": [0] * 5}, ValueError, "zero for every sample"),
        (PRED, {"sample_weight": [1, -1, 1, 1, 1]}, ValueError, "-1.0 for sample 1"),
        (PRED, {"sample_weight": [1, 1, np.nan, 1, 1]}, ValueError, "nan for sample 2"),
        (PRED, {"sample_weight": [1, 1, 1, np.inf, 1]}, ValueError, "inf for sample 3"),
        (PRED, {"sample_weight": list("abcde")}, TypeError, "must hold real numbers"),
    ],
)
def test_bad_predictions_lengths_and_weights(
    loss: Any, pred: Any, options: Any, error: type, match: str
) -> None:
    if pred.shape == PRED.shape:
        pred = pred[..., : pred_of(loss).shape[-1]]
    with pytest.raises(error, match=match):
        loss(pred, targets(loss), **options)


@every_loss
def test_a_diverged_prediction_gives_a_value_that_says_so(loss: Any) -> None:
    pred = pred_of(loss).copy()
    pred[2] = np.nan
    value, _ = loss(pred, targets(loss))
    assert np.isnan(value)


@pytest.mark.parametrize(
    "loss", [SquaredError(), AbsoluteError(), Huber(1e300), Quantile([0.1, 0.5, 0.9])]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_predictions_beyond_all_bounds(loss: Any, dtype: str) -> None:
    # The sum of two numbers is out of range: the value says so, no warning does.
    largest = np.finfo(dtype).max
    target = np.full_like(targets(loss), -largest, dtype)
    value, _ = loss(np.full(PRED.shape, largest, dtype), target)
    assert value == np.inf


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("loss", "value", "slope"),
    [
        (AbsoluteError(), 1e30, 1.0),
        (Huber(0.5), 0.5e30, 0.5),
        (Quantile(0.25), 0.75e30, 0.75),
    ],
    ids=str,
)
def test_outliers_pull_no_harder_than_others(
    loss: Any, value: float, slope: float, dtype: str
) -> None:
    tolerance = LOSS[dtype]
    zero = np.zeros((1, 1), dtype)
    one, gradient = loss(np.full((1, 1), 1e30, dtype), zero)
    assert_close(np.array(one), np.array(value), tolerance)
    assert_close(gradient, np.full((1, 1), slope), tolerance)
    nothing, flat = loss(zero, zero)
    assert nothing == 0.0
    assert not flat.any()


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.8])
def test_pinball_loss_of_scikit_learn(quantile: float) -> None:
    target = targets(AbsoluteError())[:, 0]
    weight = np.array([1.0, 2.0, 0.0, 0.5, 1.0])
    value, _ = Quantile(quantile)(PRED[:, 0], target, sample_weight=weight)
    expected = mean_pinball_loss(
        target, PRED[:, 0], sample_weight=weight, alpha=quantile
    )
    assert_close(np.array(value), np.array(expected), LOSS["float64"])


def test_quantiles_lie_side_by_side() -> None:
    # Two targets, three quantiles each: the loss is the mean of six of one quantile.
    quantiles = [0.1, 0.5, 0.9]
    rng = np.random.default_rng(2)
    pred, target = rng.standard_normal((N, 6)), rng.standard_normal((N, 2))
    value, gradient = Quantile(quantiles)(pred, target)
    parts = [
        Quantile(q)(np.ascontiguousarray(pred[:, [j, 3 + j]]), target)
        for j, q in enumerate(quantiles)
    ]
    expected = np.mean([part[0] for part in parts])
    assert_close(np.array(value), expected, LOSS["float64"])
    for j, (_, slopes) in enumerate(parts):
        assert_close(gradient[:, [j, 3 + j]], slopes / 3, LOSS["float64"])
    ordered = np.sort(pred.reshape(N, 2, 3)).reshape(N, 6)
    assert Quantile(quantiles)(ordered, target)[0] < value
    same = Quantile([0.3])(pred[:, :2], target), Quantile(0.3)(pred[:, :2], target)
    assert same[0][0] == same[1][0]


def test_representations() -> None:
    shown = [repr(cls()) for cls in LOSSES.values()]
    assert shown == [
        "SquaredError()",
        "AbsoluteError()",
        "Huber(delta=1.0)",
        "Quantile(quantile=0.5)",
        "GaussianLikelihood()",
        "StudentTLikelihood()",
        "NegativeBinomialLikelihood()",
        "PoissonLikelihood()",
        "SoftmaxCrossEntropy()",
    ]
    assert repr(SoftmaxCrossEntropy([1, 2], ignore_index=-1)) == (
        "SoftmaxCrossEntropy(class_weight=[1.0, 2.0], ignore_index=-1)"
    )
    assert repr(Quantile((0.1, 0.9))) == "Quantile(quantile=[0.1, 0.9])"


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: Huber(0.0), ValueError, r"delta must be finite and in \(0, inf\)"),
        (lambda: Huber(np.inf), ValueError, "got inf"),
        (lambda: Huber("1"), TypeError, "delta must be a real number, got '1'"),
        (lambda: Quantile(1.0), ValueError, r"in \(0, 1\), got 1\.0"),
        (lambda: Quantile([0.1, 0.0]), ValueError, r"in \(0, 1\), got 0\.0"),
        (lambda: Quantile([0.9, 0.1]), ValueError, r"increase, got \[0\.9, 0\.1\]"),
        (lambda: Quantile([0.5, 0.5]), ValueError, "quantiles must increase"),
        (lambda: Quantile([]), ValueError, "at least one quantile"),
        (lambda: Quantile("0.5"), TypeError, "quantile must be a real number"),
        (lambda: SoftmaxCrossEntropy([1, -1]), ValueError, r"-1\.0 for label 1"),
        (lambda: SoftmaxCrossEntropy([1, np.nan]), ValueError, "nan for label 1"),
        (lambda: SoftmaxCrossEntropy([0, 0]), ValueError, "zero for every label"),
        (lambda: SoftmaxCrossEntropy([[1]]), ValueError, r"shape \(K,\), .* \(1, 1\)"),
        (lambda: SoftmaxCrossEntropy(["a"]), TypeError, "must hold real numbers"),
        (lambda: SoftmaxCrossEntropy(ignore_index=0.5), TypeError, "an integer"),
    ],
)
def test_bad_settings(make: Any, error: type, match: str) -> None:
    with pytest.raises(error, match=match):
        make()
