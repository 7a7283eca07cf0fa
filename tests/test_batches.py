"""Batches of similar lengths: what they hold, and that chance leaves nobody out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastlstm.data import SequenceBatch
from fastlstm.losses import SquaredError
from fastlstm.models import SequenceModel
from fastlstm.optim import OPTIMIZERS
from fastlstm.training import Callback, Trainer, TrainingSet
from fastlstm.training.batches import draw_order
from hypothesis import given
from hypothesis import strategies as st

from .compare import assert_same_bits


def padded_steps(order: np.ndarray, lengths: np.ndarray, size: int) -> int:
    batches = [lengths[order[i : i + size]] for i in range(0, len(order), size)]
    return int(sum(batch.max() * len(batch) - batch.sum() for batch in batches))


@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=60),
    size=st.integers(1, 20),
    seed=st.integers(0, 2**32),
)
def test_every_sequence_once(lengths: list[int], size: int, seed: int) -> None:
    drawn = [
        draw_order(
            np.array(lengths), len(lengths), size, np.random.default_rng(seed)
        ).tolist()
        for _ in range(2)
    ]
    assert sorted(drawn[0]) == list(range(len(lengths)))
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("size", [7, 50, 80])
@pytest.mark.parametrize("kind", ["none", "equal", "one batch"])
def test_without_lengths_to_sort_chance_alone_rules(kind: str, size: int) -> None:
    n = 50
    lengths = {
        "none": None,
        "equal": np.full(n, 4),
        "one batch": np.arange(1, n + 1) if size >= n else None,
    }[kind]
    order = draw_order(lengths, n, size, np.random.default_rng(3))
    expected = np.random.default_rng(3).permutation(n)
    np.testing.assert_array_equal(order, expected)


@pytest.mark.parametrize(("n", "size", "share"), [(270, 32, 0.6), (2000, 62, 0.2)])
def test_hardly_any_padding(
    rng: np.random.Generator, n: int, size: int, share: float
) -> None:
    lengths = rng.integers(7, 30, n)
    drawn = padded_steps(draw_order(lengths, n, size, rng), lengths, size)
    assert drawn < share * padded_steps(rng.permutation(n), lengths, size)


def test_chance_treats_all_lengths_alike(rng: np.random.Generator) -> None:
    """Each is equally often in each batch, the short last one too."""
    n, size, epochs = 22, 4, 4000
    lengths = np.arange(1, n + 1)
    batches = np.array(
        [np.argsort(draw_order(lengths, n, size, rng)) // size for _ in range(epochs)]
    )
    for batch in range(-(-n // size)):
        share = min(size, n - batch * size) / n
        often = (batches == batch).mean(axis=0)
        # Five standard deviations of what chance would count in so many epochs.
        assert np.abs(often - share).max() < 5 * np.sqrt(share * (1 - share) / epochs)


def test_partners_and_order_change(rng: np.random.Generator) -> None:
    n, size = 320, 32
    lengths = np.sort(rng.integers(7, 30, n))
    one, two = (draw_order(lengths, n, size, rng).reshape(-1, size) for _ in range(2))
    sets = [{frozenset(batch) for batch in order.tolist()} for order in (one, two)]
    assert not sets[0] & sets[1]
    means = lengths[one].mean(axis=1)
    assert (np.diff(means) > 0).any()
    assert (np.diff(means) < 0).any()


# ------------------------------------------------------------------- in the fit loop


class Shapes(Callback):
    """Notes the sequences and the padded shape of every batch."""

    def __init__(self) -> None:
        self.seen: list[tuple[tuple[int, ...], int, int]] = []

    def watch(self, model: SequenceModel) -> None:
        forward = model.forward

        def watched(batch: SequenceBatch, **options: Any) -> Any:
            rows = tuple(options["row_ids"].tolist())
            longest = int(batch.row_lengths.max())
            self.seen.append((rows, batch.n_steps, longest))
            return forward(batch, **options)

        model.forward = watched  # type: ignore[method-assign]


def watched_fit(data: TrainingSet, epochs: int, **options: Any) -> Shapes:
    model = SequenceModel(2, 1, hidden_size=3, random_state=0)
    shapes = Shapes()
    shapes.watch(model)
    optimizer = OPTIMIZERS["adam"](model.params)
    settings: dict[str, Any] = {"batch_size": 16, "max_epochs": epochs, **options}
    Trainer(model, SquaredError(), optimizer, **settings).fit(data)
    return shapes


def ragged(rng: np.random.Generator, n: int = 150) -> TrainingSet:
    x = rng.standard_normal((n, 40, 2)).astype(np.float32)
    batch = SequenceBatch(x, rng.integers(1, 41, n))
    return TrainingSet(batch, x[:, 0, :1].copy())


def test_a_fit_pads_less_and_sees_all(rng: np.random.Generator) -> None:
    data, epochs = ragged(rng), 3
    drawn = watched_fit(data, epochs).seen
    given_order = watched_fit(data, epochs, shuffle=False).seen
    for seen in (drawn, given_order):
        assert all(steps == longest for _, steps, longest in seen)
        for epoch in np.array_split(np.arange(len(seen)), epochs):
            rows = [row for i in epoch for row in seen[i][0]]
            assert sorted(rows) == list(range(len(data)))
    work = [sum(len(rows) * t for rows, t, _ in seen) for seen in (drawn, given_order)]
    steps = epochs * int(data.inputs.row_lengths.sum())
    assert work[0] - steps < 0.6 * (work[1] - steps)
    assert [rows for rows, *_ in given_order[:2]] == [
        tuple(range(16)),
        tuple(range(16, 32)),
    ]


def test_inference_sorts_its_parts_too(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for output in ("last", "sequence"):
        model = SequenceModel(2, 3, hidden_size=5, output=output, random_state=0)
        batch = ragged(rng).inputs
        whole, network, steps = model.infer(batch), model._network, []
        infer = network.infer

        def watched(
            x: np.ndarray, lengths: Any, infer: Any = infer, steps: Any = steps
        ) -> np.ndarray:
            steps.append(x.shape[0] * x.shape[1])
            return infer(x, lengths)

        network.infer = watched  # type: ignore[method-assign]
        # Parts of 15 sequences.
        monkeypatch.setattr("fastlstm.models.parts._NUMBERS_AT_WORK", 15 * 40 * 5)
        assert_same_bits({"y": model.infer(batch)}, {"y": whole})
        assert len(steps) == 10
        assert sum(steps) < 1.2 * batch.row_lengths.sum()
        monkeypatch.undo()
