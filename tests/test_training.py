"""The fit loop: what it computes, when it stops, and that it resumes to the bit."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from fastlstm.data import SequenceBatch
from fastlstm.losses import SquaredError
from fastlstm.models import SequenceModel
from fastlstm.optim import OPTIMIZERS
from fastlstm.training import Callback, EarlyStopping, Trainer, TrainingSet
from fastlstm.training.protocols import Loss, Model

from .compare import assert_close, assert_same_bits
from .tolerances import VALUE


def make_data(
    seed: int = 0, n: int = 50, per_step: bool = False, dtype: str = "float32"
) -> TrainingSet:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(3, 9, n)
    x = rng.standard_normal((n, 8, 2)).astype(dtype)
    sums = np.cumsum(x[..., :1], axis=1)
    targets = sums if per_step else sums[np.arange(n), lengths - 1]
    return TrainingSet(SequenceBatch(x, lengths), targets, per_step=per_step)


def make_trainer(
    solver: str = "adam",
    *,
    max_epochs: int = 7,
    early_stopping: bool = True,
    dtype: str = "float32",
    output: Any = "last",
    network: dict[str, Any] | None = None,
    **options: Any,
) -> Trainer:
    model = SequenceModel(
        2,
        1,
        hidden_size=5,
        num_layers=2,
        output=output,
        dtype=dtype,
        random_state=3,
        **({"dropout": 0.2} if network is None else network),
    )
    held_out = make_data(1, per_step=output == "sequence", dtype=dtype)

    def score() -> float:
        difference = model.infer(held_out.inputs) - held_out.targets
        return -float(np.mean(difference**2))

    settings: dict[str, Any] = {
        "batch_size": 16,
        "seed": 5,
        "max_grad_norm": 1.0,
        "score": score if early_stopping else None,
        "stopping": EarlyStopping(patience=100) if early_stopping else None,
        **options,
    }
    optimizer = OPTIMIZERS[solver](model.params, learning_rate=0.02)
    return Trainer(model, SquaredError(), optimizer, max_epochs=max_epochs, **settings)


def outcome(trainer: Trainer) -> dict[str, np.ndarray]:
    return {
        "weights": trainer.model.params.flat,
        "loss": np.array(trainer.loss_curve),
        "score": np.array(trainer.score_curve),
        "rate": np.array(trainer.rate_curve),
    }


def test_learns() -> None:
    trainer = make_trainer(max_epochs=60)
    trainer.fit(make_data(n=200))
    assert trainer.stop_reason == "max_epochs"
    assert trainer.epoch == len(trainer.loss_curve) == len(trainer.score_curve) == 60
    assert trainer.loss_curve[-1] < 0.2 * trainer.loss_curve[0]
    assert trainer.score_curve[-1] > 0.3 * trainer.score_curve[0]  # both are negative


def test_order_depends_on_the_seed_alone() -> None:
    data = make_data()
    one, same, other = (make_trainer(seed=s).fit(data) for s in (5, 5, 6))
    assert_same_bits(outcome(one), outcome(same))
    assert one.loss_curve != other.loss_curve


def test_bits_do_not_depend_on_threads(threads: Any) -> None:
    data = make_data(per_step=True)
    results = []
    for count in (1, 2, 3, 5):
        threads(count)
        trainer = make_trainer(output="sequence", max_epochs=3).fit(data)
        results.append(outcome(trainer))
    for result in results[1:]:
        assert_same_bits(result, results[0])


def test_two_fits_in_two_threads() -> None:
    data = [make_data(seed) for seed in (0, 1)]
    alone = [make_trainer().fit(part) for part in data]
    together = [make_trainer(), make_trainer()]
    workers = [
        threading.Thread(target=trainer.fit, args=(part,))
        for trainer, part in zip(together, data, strict=True)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for one, other in zip(alone, together, strict=True):
        assert_same_bits(outcome(one), outcome(other))


def test_padding_is_never_read() -> None:
    clean = make_data(per_step=True)
    dirty = TrainingSet(
        SequenceBatch(clean.inputs.x.copy(), clean.inputs.lengths),
        clean.targets.copy(),
        per_step=True,
    )
    dirty.inputs.x[~dirty.inputs.mask] = np.nan
    dirty.targets[~dirty.inputs.mask] = np.nan
    results = [
        outcome(make_trainer(output="sequence", early_stopping=False).fit(data))
        for data in (clean, dirty)
    ]
    assert_same_bits(*results)


def test_loss_curve_is_the_weighted_mean() -> None:
    data = make_data(dtype="float64")
    weights = np.linspace(0.5, 3.0, len(data))
    weighted = TrainingSet(data.inputs, data.targets, weights)
    trainer = make_trainer(dtype="float64", max_epochs=1, early_stopping=False)
    model = trainer.model
    assert isinstance(model, SequenceModel)
    trainer.optimizer.learning_rate = 0.0  # so that all batches see the same weights
    squares = []
    forward = model.forward

    def watched(batch: SequenceBatch, *, row_ids: Any, **options: Any) -> Any:
        outputs, cache = forward(batch, row_ids=row_ids, **options)
        difference = outputs[:, 0] - data.targets[row_ids, 0]
        squares.append((weights[row_ids] * difference**2).sum())
        return outputs, cache

    model.forward = watched  # type: ignore[method-assign]
    trainer.fit(weighted)
    expected = np.array(sum(squares) / weights.sum())
    assert len(squares) == 4
    assert_close(np.array(trainer.loss_curve[0]), expected, VALUE["float64"])


def test_every_row_once_an_epoch() -> None:
    seen: list[int] = []

    class Rows(Callback):
        def on_batch_end(self, trainer: Trainer) -> None:
            seen.append(trainer._position)

    trainer = make_trainer(max_epochs=2, callbacks=[Rows()])
    trainer.fit(make_data())
    assert seen == [16, 32, 48, 50] * 2


def test_early_stopping_restores_the_best_weights() -> None:
    weights = []
    scores = iter([0.1, 0.5, 0.3, 0.5, 0.50001, 0.2])

    class Keep(Callback):
        def on_epoch_end(self, trainer: Trainer) -> None:
            weights.append(trainer.model.params.flat.copy())

    trainer = make_trainer(
        max_epochs=100,
        score=lambda: next(scores),
        stopping=EarlyStopping(patience=2, tol=1e-3),
        callbacks=[Keep()],
    )
    trainer.fit(make_data())
    # Epochs 3, 4 and 5 are no better by tol than epoch 2; yet 5 has the best score.
    assert trainer.epoch == 5
    assert trainer.stop_reason == "converged"
    np.testing.assert_array_equal(trainer.model.params.flat, weights[4])
    assert trainer.stopping is not None
    assert trainer.stopping.best == 0.50001


def test_stops_on_the_loss() -> None:
    stopping = EarlyStopping(monitor="loss", patience=3, tol=1.0, restore_best=False)
    trainer = make_trainer(max_epochs=50, stopping=stopping, score=None)
    trainer.fit(make_data())
    assert trainer.stop_reason == "converged"
    assert trainer.epoch < 50
    assert stopping.best_weights is None


def test_zero_tolerance_needs_a_gain() -> None:
    trainer = make_trainer(
        max_epochs=50, score=lambda: 1.0, stopping=EarlyStopping(patience=3, tol=0.0)
    )
    trainer.fit(make_data())
    assert trainer.epoch == 5  # the first, three without a gain, one too many


def test_hooks_are_called_in_order() -> None:
    calls: list[str] = []

    class Note(Callback):
        def on_fit_begin(self, trainer: Trainer) -> None:
            calls.append("begin")

        def on_batch_end(self, trainer: Trainer) -> None:
            calls.append("batch")

        def on_epoch_end(self, trainer: Trainer) -> None:
            calls.append("epoch")

        def on_fit_end(self, trainer: Trainer) -> None:
            calls.append("end")

    class OneHook:  # need not inherit
        def on_epoch_end(self, trainer: Trainer) -> None:
            trainer.stop("seen one")

    trainer = make_trainer(callbacks=[Note(), OneHook()], batch_size=25)
    trainer.fit(make_data())
    assert calls == ["begin", "batch", "batch", "epoch", "end"]
    assert trainer.stop_reason == "seen one"


def test_the_end_is_told_after_an_error() -> None:
    class Fail(Callback):
        ended = False

        def on_batch_end(self, trainer: Trainer) -> None:
            raise RuntimeError("mine")

        def on_fit_end(self, trainer: Trainer) -> None:
            self.ended = True

    callback = Fail()
    with pytest.raises(RuntimeError, match="mine"):
        make_trainer(callbacks=[callback]).fit(make_data())
    assert callback.ended


def test_divergence_changes_nothing() -> None:
    trainer = make_trainer(batch_size=50, early_stopping=False)
    with trainer.model.params.update() as flat:
        flat[-1] = 3e38  # the head's bias
    before = trainer.model.params.flat.copy()
    with pytest.raises(FloatingPointError, match="training loss is inf in epoch 1"):
        trainer.fit(TrainingSet(make_data().inputs, np.full((50, 1), -3e38, "f")))
    np.testing.assert_array_equal(trainer.model.params.flat, before)


def test_an_overflow_of_the_gradient_changes_nothing() -> None:
    # Zero weights give h = 0, so outputs and loss are finite; dh is not.
    trainer = make_trainer(batch_size=25, early_stopping=False)
    model = trainer.model
    with model.params.update() as flat:
        flat[:] = 0.0
        flat[model.params.size - 6 : -1] = 3e38  # the head's weights
    before, state = model.params.flat.copy(), trainer.state_dict()
    with pytest.raises(
        FloatingPointError, match=r"gradient overflowed in epoch 1.*smaller learning"
    ):
        trainer.fit(TrainingSet(make_data().inputs, np.full((50, 1), 1e3, "f")))
    np.testing.assert_array_equal(model.params.flat, before)
    assert trainer.state_dict()["optimizer"]["steps"] == state["optimizer"]["steps"]


def test_inputs_are_checked_once_and_first() -> None:
    calls: list[str] = []

    class Note(Callback):
        def on_fit_begin(self, trainer: Trainer) -> None:
            calls.append("begin")

    trainer = make_trainer(callbacks=[Note()], max_epochs=3)
    data = make_data()
    row = int(data.inputs.row_lengths.argmax())
    data.inputs.x[row, 2, 1] = np.nan
    with pytest.raises(ValueError, match=f"nan at sample {row}, step 2, feature 1"):
        trainer.fit(data)
    assert calls == []
    data.inputs.x[row, 2, 1] = 0.0
    check, forward = trainer.model.check, trainer.model.forward

    def counted_check(batch: SequenceBatch) -> None:
        calls.append(f"check {len(batch)}")
        check(batch)

    def counted_forward(batch: SequenceBatch, **options: Any) -> Any:
        calls.append(f"{len(batch)} checked: {options['checked']}")
        return forward(batch, **options)

    trainer.model.check = counted_check  # type: ignore[method-assign]
    trainer.model.forward = counted_forward  # type: ignore[method-assign]
    trainer.fit(data)
    epoch = ["16 checked: True"] * 3 + ["2 checked: True"]
    assert calls == ["check 50", "begin", *epoch * 3]


class Made:
    """Data whose batches are made when they are asked for."""

    def __init__(self, whole: TrainingSet) -> None:
        self.whole = whole
        self.checked = 0

    def __len__(self) -> int:
        return len(self.whole)

    @property
    def lengths(self) -> Any:
        return self.whole.inputs.lengths

    def check(self, model: Model) -> None:
        self.checked += 1

    def mean_weight(self, loss: Loss) -> float:
        return self.whole.mean_weight(loss)

    def take(self, rows: Any) -> TrainingSet:
        return self.whole.take(rows)


def test_data_that_is_no_training_set() -> None:
    inputs, targets = make_data().inputs, make_data().targets
    data = TrainingSet(inputs, targets, np.linspace(0.5, 3.0, 50))
    trainers, made = [make_trainer(), make_trainer()], Made(data)
    trainers[0].fit(data)
    trainers[1].fit(made)
    assert_same_bits(outcome(trainers[0]), outcome(trainers[1]))
    assert made.checked == 1


@pytest.mark.parametrize("per_step", [False, True])
@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_batches_are_what_indexing_gives(
    per_step: bool, ragged: bool, weighted: bool
) -> None:
    data = make_data(per_step=per_step)
    weights = np.linspace(0.5, 3.0, 50) if weighted else None
    inputs = data.inputs if ragged else SequenceBatch(data.inputs.x)
    whole = TrainingSet(inputs, data.targets, weights, per_step)
    rows = np.array([31, 2, 44, 2, 17])
    lengths = inputs.row_lengths[rows]
    steps = lengths.max()
    batch = whole.take(rows)
    expected = TrainingSet(
        SequenceBatch(inputs.x[rows, :steps], lengths if ragged else None),
        data.targets[rows, :steps] if per_step else data.targets[rows],
        None if weights is None else weights[rows],
        per_step,
    )
    for name in ("x", "row_lengths"):
        np.testing.assert_array_equal(
            getattr(batch.inputs, name), getattr(expected.inputs, name)
        )
    np.testing.assert_array_equal(batch.targets, expected.targets)
    assert batch.targets.flags.c_contiguous
    flat = expected.flat_targets
    assert len(flat) == (lengths.sum() if per_step else 5)
    np.testing.assert_array_equal(batch.flat_targets, flat)
    if weighted:
        times = lengths if per_step else 1
        np.testing.assert_array_equal(
            batch.flat_weights, np.repeat(weights[rows], times)
        )
    else:
        assert batch.flat_weights is None
    assert (batch.loss_lengths is not None) == (per_step and ragged)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
        ({"max_epochs": 0}, ValueError, "max_epochs must be at least 1, got 0"),
        ({"max_grad_norm": 0.0}, ValueError, "max_grad_norm must be .* got 0.0"),
        ({"callbacks": [print]}, TypeError, "print> has none of the hooks"),
        ({"score": None}, ValueError, "stopping monitors the score"),
    ],
)
def test_bad_settings(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make_trainer(**options)


def test_targets_have_to_fit() -> None:
    inputs = make_data().inputs
    with pytest.raises(ValueError, match=r"shape \(49, 1\), expected \(50,\)"):
        TrainingSet(inputs, np.zeros((49, 1)))
    with pytest.raises(ValueError, match=r"shape \(50, 7, 1\), expected \(50, 8\)"):
        TrainingSet(inputs, np.zeros((50, 7, 1)), per_step=True)
