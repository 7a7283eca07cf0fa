"""Checkpoints of a trainer: when they are written, which are kept, which are used."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastlstm import training
from fastlstm.files import write_record, write_tensors
from fastlstm.optim import OPTIMIZERS
from fastlstm.training import Callback, Checkpoint, EarlyStopping, Trainer

from .compare import assert_same_bits
from .test_training import make_data, make_trainer, outcome
from .test_training_resume import stops_after_five

BATCH_NORM = {"normalization": "batch", "zoneout_h": 0.1, "weight_dropout": 0.2}


class Die(Callback):
    """Ends a fit in the middle, as a killed process ends: nothing is written."""

    def __init__(self, batches: int) -> None:
        self.batches = batches

    def on_batch_end(self, trainer: Trainer) -> None:
        self.batches -= 1
        if self.batches == 0:
            raise RuntimeError("killed")


def killed_after(batches: int, checkpoint: Checkpoint, **options: Any) -> None:
    trainer = make_trainer(callbacks=[checkpoint, Die(batches)], **options)
    checkpoint.resume(trainer)
    with pytest.raises(RuntimeError, match="killed"):
        trainer.fit(make_data())


def resumed(folder: Path, **options: Any) -> Trainer:
    checkpoint = Checkpoint(folder, every_steps=1)
    trainer = make_trainer(callbacks=[checkpoint], **options)
    with trainer.model.params.update() as flat:
        flat[:] = 0.5  # nothing of the new object's own may matter
    assert checkpoint.resume(trainer)
    return trainer.fit(make_data())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def files(*steps: int) -> list[str]:
    return [f"step-{step:012}.safetensors" for step in steps]


@pytest.mark.parametrize("solver", OPTIMIZERS)
@pytest.mark.parametrize("network", [None, BATCH_NORM], ids=["dropout", "batch_norm"])
@pytest.mark.parametrize("batches", [1, 4, 6, 27])
def test_resumes_to_the_bit(
    tmp_path: Path, solver: str, network: dict[str, Any] | None, batches: int
) -> None:
    options: dict[str, Any] = {"solver": solver, "network": network}
    whole = make_trainer(**options).fit(make_data())
    killed_after(batches, Checkpoint(tmp_path, every_steps=3), **options)
    trainer = resumed(tmp_path, **options)
    assert trainer.optimizer.steps == 28
    assert_same_bits(outcome(trainer), outcome(whole))


def test_when_and_how_many(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    checkpoint = Checkpoint(folder, every_steps=3, every_seconds=None)
    killed_after(2, checkpoint)
    assert names(folder) == files(0)
    killed_after(4, checkpoint)  # again from the beginning
    assert names(folder) == files(0, 3)
    killed_after(8, checkpoint)  # from 3 on
    assert names(folder) == files(6, 9)
    resumed(folder)
    assert names(folder) == files(27, 28)


def test_by_the_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(training.checkpoint.time, "monotonic", lambda: now)
    written = []

    class Clock(Callback):
        def on_batch_end(self, trainer: Trainer) -> None:
            nonlocal now
            now += 25.0

    class Watch(Callback):
        def on_batch_end(self, trainer: Trainer) -> None:
            written.append(max(names(tmp_path)))

    checkpoint = Checkpoint(tmp_path)
    make_trainer(callbacks=[Clock(), checkpoint, Watch()]).fit(make_data())
    steps = [int(name[5:17]) for name in written[:10]]
    assert steps == [0, 0, 3, 3, 3, 6, 6, 6, 9, 9]  # every 75 of 60 seconds
    never = Checkpoint(tmp_path / "never", every_seconds=None)
    make_trainer(callbacks=[never]).fit(make_data())
    assert names(tmp_path / "never") == files(0, 28)


def test_bad_arguments(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="every_steps must be at least 1, got 0"):
        Checkpoint(tmp_path, every_steps=0)
    with pytest.raises(ValueError, match="every_seconds must be finite and in"):
        Checkpoint(tmp_path, every_seconds=-1.0)


# ------------------------------------------------------------------ the end of a fit


def test_a_finished_fit_is_over_at_once(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path, every_steps=1)
    whole = stops_after_five(callbacks=[checkpoint]).fit(make_data())
    assert whole.epoch == 5
    before = {p: p.stat().st_mtime_ns for p in tmp_path.iterdir()}
    again = make_trainer(
        max_epochs=50,
        stopping=EarlyStopping(patience=2),
        callbacks=[checkpoint, Die(1)],
    )
    assert checkpoint.resume(again)
    again.fit(make_data())
    assert again.stop_reason == "converged"
    assert_same_bits(outcome(again), outcome(whole))
    assert {p: p.stat().st_mtime_ns for p in tmp_path.iterdir()} == before


def test_more_epochs_than_before(tmp_path: Path) -> None:
    options: dict[str, Any] = {"callbacks": [Checkpoint(tmp_path)], "max_epochs": 4}
    # Scores that get worse: the best weights, which come back, are not the last.
    scores = {"score": iter([0.9, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0]).__next__}
    make_trainer(**options, **scores).fit(make_data())
    assert resumed(tmp_path, max_epochs=4).stop_reason == "max_epochs"
    scores = {"score": iter([0.2, 0.1, 0.0]).__next__}
    longer = resumed(tmp_path, max_epochs=7, **scores)
    scores = {"score": iter([0.9, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0]).__next__}
    whole = make_trainer(max_epochs=7, **scores).fit(make_data())
    assert_same_bits(outcome(longer), outcome(whole))
    state, expected = (t.optimizer.state_dict() for t in (longer, whole))
    assert_same_bits({"m": state["m"]}, {"m": expected["m"]})
    with pytest.raises(ValueError, match="is of another fit: it is in epoch 7, after"):
        resumed(tmp_path, max_epochs=6)


class StopAt(Callback):
    def __init__(self, batches: int) -> None:
        self.batches = batches

    def on_batch_end(self, trainer: Trainer) -> None:
        self.batches -= 1
        if self.batches == 0:
            trainer.stop("enough")


def test_what_a_callback_ended_stays_so(tmp_path: Path) -> None:
    first = make_trainer(callbacks=[StopAt(6), Checkpoint(tmp_path)]).fit(make_data())
    again = resumed(tmp_path)
    assert again.stop_reason == "enough"
    assert_same_bits(outcome(again), outcome(first))


@pytest.mark.parametrize("network", [None, BATCH_NORM], ids=["dropout", "batch_norm"])
@pytest.mark.parametrize("where", ["forward", "loss", "step", "score", "callback"])
def test_ctrl_c_loses_nothing(
    tmp_path: Path, where: str, network: dict[str, Any] | None
) -> None:
    """Ctrl-C between the forward, which writes running statistics, and the step."""
    whole = make_trainer(network=network).fit(make_data())
    trainer = make_trainer(callbacks=[Checkpoint(tmp_path)], network=network)
    calls = 0

    def interrupting(function: Any) -> Any:
        def wrapper(*args: Any, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            result = function(*args, **options)
            if calls == 3:
                signal.raise_signal(signal.SIGINT)
            return result

        wrapper.total_weight = getattr(function, "total_weight", None)
        return wrapper

    if where == "forward":
        trainer.model.forward = interrupting(trainer.model.forward)
    elif where == "loss":
        trainer.loss = interrupting(trainer.loss)
    elif where == "step":
        trainer.optimizer.step = interrupting(trainer.optimizer.step)
    elif where == "score":
        trainer.score = interrupting(trainer.score)
    else:
        callback = Callback()
        callback.on_batch_end = interrupting(callback.on_batch_end)
        trainer.callbacks.append(callback)
    trainer.fit(make_data())
    assert trainer.stop_reason == "interrupted"
    done = {"forward": 2, "loss": 2, "score": 12}.get(where, 3)
    assert names(tmp_path) == files(0, done)
    assert_same_bits(outcome(resumed(tmp_path, network=network)), outcome(whole))


# ----------------------------------------------------------------- damage and others


@pytest.mark.parametrize("size", [0, 5, 300, 4000, -1])
def test_a_torn_file_is_named_and_the_older_one_used(tmp_path: Path, size: int) -> None:
    whole = make_trainer().fit(make_data())
    killed_after(10, Checkpoint(tmp_path, every_steps=3))
    newest = tmp_path / files(9)[0]
    os.truncate(newest, size if size >= 0 else newest.stat().st_size - 1)
    with pytest.warns(
        UserWarning, match=r"009\.safetensors is not .*006\.saf.* instead"
    ):
        trainer = resumed(tmp_path)
    assert_same_bits(outcome(trainer), outcome(whole))


def test_a_torn_file_is_no_second_one(tmp_path: Path) -> None:
    killed_after(10, Checkpoint(tmp_path, every_steps=3))
    os.truncate(tmp_path / files(9)[0], 99)
    with pytest.warns(UserWarning, match="is used instead"):
        killed_after(3, Checkpoint(tmp_path, every_steps=2))
    assert names(tmp_path) == files(6, 8, 9)  # both good ones
    with pytest.warns(UserWarning, match="is used instead"):
        killed_after(2, Checkpoint(tmp_path, every_steps=1))
    assert names(tmp_path) == files(9, 10)


def test_flipped_bits_and_foreign_files(tmp_path: Path) -> None:
    killed_after(10, Checkpoint(tmp_path, every_steps=3))
    newest, older = (tmp_path / name for name in files(9, 6))
    data = bytearray(newest.read_bytes())
    data[-100] ^= 4
    newest.write_bytes(data)
    with pytest.warns(UserWarning, match="it is damaged: its content does not have"):
        assert Checkpoint(tmp_path).read().path == older
    write_tensors(newest, {"weight": np.ones(3)}, {"format": "pt"})
    with pytest.warns(UserWarning, match="but none of fastlstm's"):
        assert Checkpoint(tmp_path).read().path == older
    make_trainer().model.save(newest)
    with pytest.warns(UserWarning, match="it holds a model, expected a checkpoint"):
        assert Checkpoint(tmp_path).read().path == older
    write_record(newest, "checkpoint", {"trainer": {}})
    with pytest.warns(UserWarning, match="does not hold"):
        assert Checkpoint(tmp_path).read().path == older
    older.write_bytes(b"nothing")
    with pytest.raises(
        ValueError, match=r"no checkpoint can be read: .*009\.safe.*; .*006\.safe"
    ):
        Checkpoint(tmp_path).read()
    content = {
        "trainer": {"epoch": 1},
        "stop_reason": None,
        "extra": {},
        "max_epochs": 7,
    }
    write_record(newest, "checkpoint", content)
    with pytest.raises(ValueError, match=r"009\.safetensors is of another fit"):
        resumed(tmp_path)


def test_another_trainer_is_refused(tmp_path: Path) -> None:
    killed_after(6, Checkpoint(tmp_path, every_steps=3))
    for options in ({"solver": "sgd"}, {"dtype": "float64"}, {"batch_size": 10}):
        with pytest.raises(ValueError, match=r"006\.safetensors is of another fit: "):
            resumed(tmp_path, **options)


def test_a_folder_in_use_is_not_taken(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path)
    assert checkpoint.read() is None
    trainer = make_trainer(callbacks=[checkpoint], max_epochs=2)
    assert not checkpoint.resume(trainer)
    trainer.fit(make_data())
    for another in (checkpoint, Checkpoint(tmp_path)):
        trainer = make_trainer(callbacks=[another])
        with pytest.raises(FileExistsError, match=r"008\.safe.*: pass resume=True"):
            trainer.fit(make_data())
    assert names(tmp_path) == files(0, 8)


def test_leftovers_of_killed_processes_go(tmp_path: Path) -> None:
    killed_after(4, Checkpoint(tmp_path, every_steps=3))
    (tmp_path / f".{files(4)[0]}.123-456.tmp").write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("mine")
    resumed(tmp_path)
    assert names(tmp_path) == ["notes.txt", *files(27, 28)]


def test_a_full_disk_ends_no_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = make_trainer().fit(make_data())
    fsync = os.fsync
    full = False

    def flush(descriptor: int) -> None:
        if full:
            raise OSError(28, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", flush)

    class Fill(Callback):
        def on_fit_begin(self, trainer: Trainer) -> None:
            nonlocal full
            full = True

    checkpoint = Checkpoint(tmp_path, every_steps=5)
    trainer = make_trainer(callbacks=[checkpoint, Fill()])
    with pytest.warns(UserWarning, match=r"no checkpoint could be written: .*No space"):
        trainer.fit(make_data())
    assert_same_bits(outcome(trainer), outcome(whole))
    assert names(tmp_path) == files(0)
    # At the beginning it is an error: nothing is lost yet.
    with pytest.raises(OSError, match="No space left"):
        make_trainer(callbacks=[Checkpoint(tmp_path / "b")]).fit(make_data())
