"""A fit that was stopped, by Ctrl-C too, goes on to the bits of one that was not."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from fastlstm.models import SequenceModel
from fastlstm.optim import OPTIMIZERS
from fastlstm.training import Callback, EarlyStopping, Trainer

from .compare import assert_same_bits
from .test_training import make_data, make_trainer, outcome


def check_serialisable(state: Any) -> None:
    """Arrays, and what JSON can say without its NaN and infinities."""
    if isinstance(state, dict):
        for value in state.values():
            check_serialisable(value)
    elif not isinstance(state, np.ndarray):
        json.dumps(state, allow_nan=False)


class KeepState(Callback):
    """Keeps the state after a number of batches, as a checkpoint would."""

    def __init__(self, batches: int) -> None:
        self.batches = batches
        self.state: dict[str, Any] = {}

    def on_batch_end(self, trainer: Trainer) -> None:
        self.batches -= 1
        if self.batches == 0:
            self.state = trainer.state_dict()
            trainer.stop("enough")


class Raise(Callback):
    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_epoch_end(self, trainer: Trainer) -> None:
        if trainer.epoch == self.epoch:
            raise KeyboardInterrupt


@pytest.mark.parametrize("solver", OPTIMIZERS)
@pytest.mark.parametrize("epochs", [1, 4])
def test_resumes_to_the_bit_after_an_epoch(solver: str, epochs: int) -> None:
    data = make_data()
    whole = make_trainer(solver).fit(data)

    first = make_trainer(solver, max_epochs=epochs)
    state: dict[str, Any] = {}

    class Keep(Callback):
        def on_epoch_end(self, trainer: Trainer) -> None:
            state.update(trainer.state_dict())

    first.callbacks.append(Keep())
    first.fit(data)
    check_serialisable(state)
    second = make_trainer(solver)
    with second.model.params.update() as flat:
        flat[:] = 0.5  # nothing of the new object's own may matter
    second.load_state_dict(state)
    second.fit(data)
    assert_same_bits(outcome(second), outcome(whole))


@pytest.mark.parametrize("batches", [1, 4, 6, 28])
def test_resumes_to_the_bit_after_any_batch(batches: int) -> None:
    data = make_data()  # 4 batches an epoch
    whole = make_trainer().fit(data)
    keep = KeepState(batches)
    make_trainer(callbacks=[keep]).fit(data)
    check_serialisable(keep.state)
    second = make_trainer()
    second.load_state_dict(keep.state)
    second.fit(data)
    assert_same_bits(outcome(second), outcome(whole))


@pytest.mark.parametrize("batches", [6, 8])
def test_running_statistics_and_masks_are_part_of_the_state(batches: int) -> None:
    network = {"normalization": "batch", "zoneout_h": 0.1, "weight_dropout": 0.2}
    data = make_data()
    whole = make_trainer(network=network).fit(data)
    keep = KeepState(batches)
    make_trainer(network=network, callbacks=[keep]).fit(data)
    second = make_trainer(network=network)
    second.load_state_dict(keep.state)
    second.fit(data)
    assert_same_bits(outcome(second), outcome(whole))


def test_state_is_a_copy() -> None:
    trainer = make_trainer(max_epochs=2).fit(make_data())
    state = trainer.state_dict()
    before = state["weights"].copy()
    trainer.max_epochs = 4
    trainer.fit(make_data())
    np.testing.assert_array_equal(state["weights"], before)
    assert len(state["loss_curve"]) == 2


def test_state_of_another_model_is_refused() -> None:
    state = make_trainer(dtype="float64").state_dict()
    trainer = make_trainer()
    before = trainer.model.params.flat.copy()
    with pytest.raises(
        ValueError, match=r"weights of float64, the model .* of float32"
    ):
        trainer.load_state_dict(state)
    np.testing.assert_array_equal(trainer.model.params.flat, before)


def test_ctrl_c_leaves_a_usable_model() -> None:
    data = make_data()
    trainer = make_trainer(callbacks=[Raise(3)]).fit(data)
    assert trainer.stop_reason == "interrupted"
    assert trainer.epoch == 3
    model = trainer.model
    assert isinstance(model, SequenceModel)
    assert np.isfinite(model.infer(data.inputs)).all()


class Keep(Callback):
    """Keeps the state of each epoch."""

    def __init__(self) -> None:
        self.states: list[dict[str, Any]] = []

    def on_epoch_end(self, trainer: Trainer) -> None:
        self.states.append(trainer.state_dict())


def stops_after_five(**options: Any) -> Trainer:
    scores = iter([0.1, 0.5, 0.3, 0.4, 0.45, 0.2, 0.1])
    return make_trainer(
        max_epochs=50,
        score=lambda: next(scores),
        stopping=EarlyStopping(patience=2),
        **options,
    )


def test_a_converged_fit_stays_so() -> None:
    data, keep = make_data(), Keep()
    whole = stops_after_five(callbacks=[keep]).fit(data)
    assert whole.epoch == len(keep.states) == 5
    second = make_trainer(max_epochs=50, stopping=EarlyStopping(patience=2))
    second.load_state_dict(keep.states[-1])
    second.fit(data)
    assert second.stop_reason == "converged"
    assert_same_bits(outcome(second), outcome(whole))
    whole.fit(data)
    assert whole.epoch == 5


def test_a_converged_fit_goes_on_with_more_patience() -> None:
    trainer = stops_after_five().fit(make_data())
    assert trainer.stopping is not None
    trainer.stopping.patience = 3
    trainer.fit(make_data())
    assert trainer.epoch == 6


# ------------------------------------------------------------------------------ Ctrl-C


def ctrl_c_in(trainer: Trainer, call: int) -> None:
    """Let Ctrl-C come between the ranges of the optimizer's ``call``-th pass."""
    trainer.optimizer.weight_decay = 0.01  # so that a step is several passes
    apply, calls = trainer.optimizer._apply, 0

    def interrupted(*args: Any) -> None:
        nonlocal calls
        calls += 1
        apply(*args)
        if calls == call:
            signal.raise_signal(signal.SIGINT)

    trainer.optimizer._apply = interrupted  # type: ignore[method-assign]


@pytest.mark.parametrize("solver", OPTIMIZERS)
@pytest.mark.parametrize("call", [1, 2, 22])
def test_ctrl_c_in_a_step(solver: str, call: int) -> None:
    data = make_data()
    whole = make_trainer(solver, early_stopping=False)
    whole.optimizer.weight_decay = 0.01
    whole.fit(data)
    first = make_trainer(solver, early_stopping=False)
    ctrl_c_in(first, call)
    first.fit(data)
    assert first.stop_reason == "interrupted"
    second = make_trainer(solver, early_stopping=False)
    second.load_state_dict(first.state_dict())
    second.fit(data)
    assert_same_bits(outcome(second), outcome(whole))


@contextmanager
def handler(function: Callable[[int, Any], Any] | signal.Handlers) -> Iterator[None]:
    before = signal.signal(signal.SIGINT, function)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_handler_is_put_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    during: list[Any] = []

    class Look(Callback):
        def on_batch_end(self, trainer: Trainer) -> None:
            during.append(signal.getsignal(signal.SIGINT))
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        make_trainer(callbacks=[Look()]).fit(make_data())
    assert during != [before]
    assert signal.getsignal(signal.SIGINT) == before


def test_a_handler_of_the_users_own_is_asked() -> None:
    calls: list[int] = []
    trainer = make_trainer()
    ctrl_c_in(trainer, 1)
    with handler(lambda number, frame: calls.append(number)):
        trainer.fit(make_data())
    assert calls == [signal.SIGINT]
    assert trainer.stop_reason == "max_epochs"  # it had nothing against going on


def test_ignored_signals_stay_so() -> None:
    trainer = make_trainer()
    ctrl_c_in(trainer, 1)
    with handler(signal.SIG_IGN):
        trainer.fit(make_data())
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    assert trainer.stop_reason == "max_epochs"


def test_a_handler_set_during_the_fit_is_left() -> None:
    class Set(Callback):
        def on_fit_begin(self, trainer: Trainer) -> None:
            pass

        def on_batch_end(self, trainer: Trainer) -> None:
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    with handler(signal.default_int_handler):
        make_trainer(callbacks=[Set()], max_epochs=1).fit(make_data())
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_failed_scoring_loses_no_score(error: type[BaseException]) -> None:
    data = make_data()
    whole = make_trainer().fit(data)
    trainer = make_trainer()
    score, calls = trainer.score, 0
    assert score is not None

    def fails_once() -> float:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise error
        return score()

    trainer.score = fails_once
    if error is KeyboardInterrupt:
        trainer.fit(data)
        assert trainer.stop_reason == "interrupted"
    else:
        with pytest.raises(error):
            trainer.fit(data)
    assert trainer.epoch == len(trainer.loss_curve) == len(trainer.score_curve) == 2
    trainer.fit(data)
    assert len(trainer.loss_curve) == len(trainer.score_curve) == 7
    assert trainer.loss_curve[:3] == whole.loss_curve[:3]


# ----------------------------------------------------------------- inside an epoch


def inside_an_epoch() -> dict[str, Any]:
    keep = KeepState(2)
    make_trainer(callbacks=[keep]).fit(make_data())
    return keep.state


def test_batches_of_another_size_are_refused_inside_an_epoch() -> None:
    trainer = make_trainer(batch_size=10)
    before = trainer.model.params.flat.copy()
    with pytest.raises(ValueError, match=r"batch_size 16, .* has 10"):
        trainer.load_state_dict(inside_an_epoch())
    np.testing.assert_array_equal(trainer.model.params.flat, before)
    between = make_trainer(max_epochs=1).fit(make_data()).state_dict()
    trainer.load_state_dict(between)


def test_other_data_is_refused_inside_an_epoch() -> None:
    trainer = make_trainer()
    trainer.load_state_dict(inside_an_epoch())
    with pytest.raises(ValueError, match="32 of 50 sequences, got 20"):
        trainer.fit(make_data(n=20))
    assert trainer.fit(make_data()).epoch == 7
    assert make_trainer(max_epochs=1).fit(make_data()).fit(make_data(n=20)).epoch == 1
