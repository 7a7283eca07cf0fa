"""Missing targets in losses of numbers: NaN is as good as absent, in every mean."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastlstm import _core
from fastlstm.data import SequenceBatch
from fastlstm.losses import SoftmaxCrossEntropy, SquaredError
from fastlstm.models import SequenceModel
from fastlstm.optim import SGD
from fastlstm.training import Trainer, TrainingSet

from .cases import DTYPES
from .compare import Arrays, assert_close, assert_gradients, assert_same_bits
from .loss_cases import LOSSES, LossCase
from .tolerances import LOSS, VALUE

SHAPES = [(7, 3), (301, 1), (5, 13, 4)]
CASES = [case for case in LOSSES if case.has_numbers]
every_case = pytest.mark.parametrize("case", CASES, ids=str)
every_dtype = pytest.mark.parametrize("dtype", DTYPES)


def draw(
    case: LossCase, shape: tuple[int, ...], rng: np.random.Generator, dtype: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """pred, target with gaps, and which targets are observed; one row has none."""
    pred = 3.0 * rng.standard_normal((*shape[:-1], shape[-1] * case.predictions))
    target = case.target(rng, shape).astype(dtype)
    observed = rng.random(shape) < 0.6
    observed[2] = False
    target[~observed] = np.nan
    return pred.astype(dtype), target, observed


@every_case
@every_dtype
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_as_if_the_missing_were_dropped(
    case: LossCase,
    shape: tuple[int, ...],
    weighted: bool,
    dtype: str,
    rng: np.random.Generator,
) -> None:
    pred, target, observed = draw(case, shape, rng, dtype)
    weights, options = np.ones(shape[:-1]), {}
    if weighted:
        options["sample_weight"] = rng.random(shape[0])
        options["sample_weight"][1] = 0.0
        weights = (weights.T * options["sample_weight"]).T
    if weighted and len(shape) == 3:
        options["lengths"] = rng.integers(1, shape[1] + 1, shape[0])
        weights = weights * (np.arange(shape[1]) < options["lengths"][:, None])
    loss = case.make(1, missing="ignore")
    # Predictions of what is missing are not looked at either.
    spoilt = pred.reshape(*shape, -1).copy()
    spoilt[~observed] = np.nan
    value, gradient = loss(spoilt.reshape(pred.shape), target, **options)
    each = np.broadcast_to(weights[..., None], shape)
    counts = observed & (each != 0.0)
    # Every target that counts as a row of its own, none of them missing.
    expected, slopes = case.make(1)(
        pred.reshape(*shape, -1)[counts],
        target[counts][:, None],
        sample_weight=each[counts],
    )
    assert_close(np.array(value), np.array(expected), case.tolerances[dtype])
    assert gradient.dtype == pred.dtype
    parts = gradient.reshape(*shape, -1)
    assert_close(parts[counts], slopes, case.tolerances[dtype])
    assert not parts[~counts].any()


@every_case
def test_gradient_against_differences(case: LossCase, rng: np.random.Generator) -> None:
    pred, target, _ = draw(case, (5, 7, 3), rng, "float64")
    loss = case.make(3, missing="ignore")
    options = {"lengths": [7, 1, 3, 7, 2], "sample_weight": [1.0, 2.0, 3.0, 0.0, 0.5]}

    def value(arrays: Arrays) -> float:
        return float(loss(arrays["pred"], target, **options)[0])

    _, gradient = loss(pred, target, **options)
    assert_gradients(value, {"pred": pred}, {"pred": gradient}, rng)


@every_case
def test_mean_of_what_is_not_nan_by_torch(
    case: LossCase, rng: np.random.Generator
) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    shape = (7, 3)
    pred, target, observed = draw(case, shape, rng, "float64")
    each = case.peer(
        torch.nn.functional,
        torch.tensor(pred.reshape(21, -1)),
        torch.tensor(np.where(observed, target, 0.0).reshape(21, 1)),
    )
    each[torch.tensor(~observed.reshape(-1))] = torch.nan
    value, _ = case.make(3, missing="ignore")(pred, target)
    expected = np.array(torch.nanmean(each).item())
    assert_close(np.array(value), expected, case.peer_tolerance)


@every_case
@every_dtype
def test_with_nothing_missing_nothing_changes(
    case: LossCase, dtype: str, rng: np.random.Generator
) -> None:
    pred, _, _ = draw(case, (5, 7, 3), rng, dtype)
    target = case.target(rng, (5, 7, 3)).astype(dtype)
    loss = case.make(3, missing="ignore")
    value, gradient = loss(pred, target)
    expected, slopes = case.make(3)(pred, target)
    assert value == expected
    assert_same_bits({"g": gradient}, {"g": slopes})
    assert loss.total_weight(target) == case.make(3).total_weight(target) == 35.0


@every_case
@every_dtype
def test_nothing_observed(case: LossCase, dtype: str) -> None:
    pred = np.ones((4, 3 * case.predictions), dtype)
    target = np.full((4, 3), np.nan, dtype)
    loss = case.make(3, missing="ignore")
    weight = np.array([0.0, 1.0, 0.0, 0.0])
    for observed in (False, True):  # nothing at all, or only what has no weight
        target[0] = 1.0 if observed else np.nan
        value, gradient = loss(pred, target, sample_weight=weight)
        assert value == 0.0
        assert not gradient.any()


@every_case
def test_what_is_refused(case: LossCase) -> None:
    pred = np.ones((4, 5, 3 * case.predictions))
    target = np.ones((4, 5, 3))
    target[2, 3, 1] = np.nan
    place = "at sample 2, step 3, output 1"
    with pytest.raises(ValueError, match=f"target holds nan {place}"):
        case.make(3)(pred, target)
    target[3, 0, 2] = np.inf
    ignoring = case.make(3, missing="ignore")
    with pytest.raises(ValueError, match="holds inf at sample 3, step 0, output 2"):
        ignoring(pred, target)
    ignoring(pred, target, sample_weight=[1, 1, 1, 0])
    pred[:] = np.nan
    assert np.isnan(ignoring(pred, target, sample_weight=[1, 1, 1, 0])[0])
    with pytest.raises(ValueError, match=r"'raise', 'ignore'.*got 'drop'"):
        case.make(3, missing="drop")


@every_case
def test_representation_says_so(case: LossCase) -> None:
    shown, plain = repr(case.make(3, missing="ignore")), repr(case.make(3))
    assert shown.replace(", ", "").replace("missing='ignore'", "") == plain.replace(
        ", ", ""
    )


def test_squared_error_is_one_pass_where_nothing_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = []
    core = _core.squared_error

    def counted(*args: Any) -> float:
        calls.append(len(args))
        return core(*args)

    monkeypatch.setattr(_core, "squared_error", counted)
    target = np.ones((4, 3))
    SquaredError(missing="ignore")(np.zeros((4, 3)), target)
    assert len(calls) == 1
    target[0, 0] = np.nan
    SquaredError(missing="ignore")(np.zeros((4, 3)), target)
    assert len(calls) == 3


def test_only_light_samples_are_observed() -> None:
    # All weight that is left is that of a sample with hardly any.
    target = np.full((2, 1), np.nan, "float32")
    target[1] = 3.0
    for case in CASES:
        loss = case.make(1, missing="ignore")
        pred = np.ones((2, case.predictions), "float32")
        value, gradient = loss(pred, target, sample_weight=[1.0, 1e-30])
        expected, slopes = loss(pred[1:], target[1:])
        assert_close(np.array(value), np.array(expected), LOSS["float32"])
        assert_close(gradient[1:], slopes, LOSS["float32"])


def gappy_set(loss: Any, per_step: bool, dtype: str = "float64") -> TrainingSet:
    """Ragged, weighted sequences; what stands in padding would be noticed."""
    rng = np.random.default_rng(3)
    n, t, k = 50, 8, 3
    lengths = rng.integers(3, t + 1, n)
    batch = SequenceBatch(rng.standard_normal((n, t, 2)).astype(dtype), lengths)
    weights = rng.random(n) + 0.1
    shape = (n, t) if per_step else (n,)
    targets: np.ndarray
    if isinstance(loss, SoftmaxCrossEntropy):
        targets = rng.integers(0, k, shape)
        absent = -100
    else:
        targets = rng.standard_normal((*shape, k)).astype(dtype)
        targets[rng.random(targets.shape) < 0.4] = np.nan
        targets[rng.random(shape) < 0.3] = np.nan  # whole rows as well
        absent = 7
    if per_step:
        targets[np.arange(t) >= lengths[:, None]] = absent
    return TrainingSet(batch, targets, weights, per_step)


@pytest.mark.parametrize("per_step", [False, True])
@pytest.mark.parametrize(
    "loss",
    [
        SquaredError(missing="ignore"),
        CASES[4].make(3, missing="ignore"),
        SoftmaxCrossEntropy([0.1, 1.0, 5.0]),
        SoftmaxCrossEntropy([0.1, 0.0, 5.0], ignore_index=2),
        SoftmaxCrossEntropy(ignore_index=0),
    ],
    ids=str,
)
def test_mean_of_an_epoch_is_that_of_one_batch(loss: Any, per_step: bool) -> None:
    data = gappy_set(loss, per_step)
    outputs = 3 * getattr(loss, "_predictions", 1)
    model = SequenceModel(
        2,
        outputs,
        hidden_size=4,
        output="sequence" if per_step else "last",
        dtype="float64",
        random_state=0,
    )
    expected, _ = loss(model.infer(data.inputs), data.targets, **data.loss_options)
    optimizer = SGD(model.params, learning_rate=0.0)
    for batch_size in (1, 7, 50):
        # Batches without any target have no gradient whose norm could be bounded.
        settings = {"batch_size": batch_size, "max_epochs": 1, "max_grad_norm": 1.0}
        trainer = Trainer(model, loss, optimizer, **settings).fit(data)
        assert_close(np.array(trainer.loss_curve[0]), expected, VALUE["float64"])


def test_an_epoch_without_any_target() -> None:
    loss = SquaredError(missing="ignore")
    data = gappy_set(loss, per_step=False)
    data.targets[:] = np.nan
    model = SequenceModel(2, 3, hidden_size=4, dtype="float64", random_state=0)
    before = model.params.flat.copy()
    optimizer = SGD(model.params, learning_rate=0.1)
    trainer = Trainer(model, loss, optimizer, batch_size=16, max_epochs=2).fit(data)
    assert trainer.loss_curve == [0.0, 0.0]
    np.testing.assert_array_equal(model.params.flat, before)
