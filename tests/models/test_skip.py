"""Models with a linear map of the last steps beside the LSTM."""

from __future__ import annotations

import copy
from typing import Any

import fastlstm
import numpy as np
import pytest
from fastlstm.data import SequenceBatch
from fastlstm.models import SequenceModel

from ..compare import assert_close, assert_same_bits, gradient_error
from ..tolerances import FINITE_DIFFERENCE, VALUE

SEED = 11
LENGTHS = np.array([6, 2, 9, 1, 7])
ROWS = np.array([4, 0, 9, 7, 2])


def make(
    rng: np.random.Generator,
    steps: int = 4,
    features: int | None = 2,
    dtype: str = "float64",
    ragged: bool = True,
    **options: Any,
) -> tuple[SequenceModel, SequenceBatch]:
    model = SequenceModel(
        3,
        2,
        hidden_size=5,
        skip_steps=steps,
        skip_features=features,
        dtype=dtype,
        random_state=0,
        **options,
    )
    with model.params.writable() as values:
        for name, value in values.items():
            if name.startswith("skip"):
                value += rng.standard_normal(value.shape)
    x = rng.standard_normal((5, 9, 3)).astype(dtype)
    return model, SequenceBatch(x, LENGTHS if ragged else None)


def same_bits(actual: np.ndarray, expected: np.ndarray) -> None:
    assert_same_bits({"y": actual}, {"y": expected})


def by_hand(model: SequenceModel, batch: SequenceBatch) -> np.ndarray:
    """What the map adds to each sequence, step by step."""
    p, f = model.config["skip_steps"], model.config["skip_features"] or 3
    weight, bias = model.params["skip.weight"], model.params["skip.bias"]
    weight = weight.reshape(2, p, f)
    added = np.zeros((len(batch), 2)) + bias
    for n, length in enumerate(batch.row_lengths):
        for back in range(1, min(p, length) + 1):
            added[n] += weight[:, p - back] @ batch.x[n, length - back, :f]
    return added


@pytest.mark.parametrize("ragged", [True, False])
@pytest.mark.parametrize(("steps", "features"), [(4, 2), (1, None), (9, 3), (12, 1)])
def test_it_adds_a_linear_map_of_the_last_steps(
    rng: np.random.Generator, steps: int, features: int | None, ragged: bool
) -> None:
    model, batch = make(rng, steps, features, ragged=ragged)
    plain = SequenceModel(3, 2, hidden_size=5, dtype="float64", random_state=0)
    shared = {k: v for k, v in model.state_dict().items() if not k.startswith("skip")}
    plain.load_state_dict(shared)
    expected = plain.infer(batch) + by_hand(model, batch)
    assert_close(model.infer(batch), expected, VALUE["float64"])


@pytest.mark.parametrize("options", [{}, {"dropout": 0.4, "pooling": "mean"}])
@pytest.mark.parametrize("ragged", [True, False])
def test_gradients(
    rng: np.random.Generator, ragged: bool, options: dict[str, Any]
) -> None:
    model, batch = make(rng, ragged=ragged, **options)
    outputs, cache = model.forward(batch, mask_seed=SEED, row_ids=ROWS)
    upstream = rng.standard_normal(outputs.shape)
    grads = model.params.new_grads()
    model.backward(upstream, cache, grads)

    def loss(arrays: Any) -> float:
        model.params.load_state_dict(arrays)
        values, _ = model.forward(batch, mask_seed=SEED, row_ids=ROWS)
        return float((upstream * values).sum())

    worst, where = gradient_error(loss, model.params.state_dict(), grads, rng)
    assert worst <= FINITE_DIFFERENCE.limit, where


def test_it_begins_as_if_it_were_not_there(rng: np.random.Generator) -> None:
    batch = make(rng, dtype="float32")[1]
    options: dict[str, Any] = {"hidden_size": 5, "random_state": 0}
    plain = SequenceModel(3, 2, **options)
    skipping = SequenceModel(3, 2, skip_steps=4, **options)
    same_bits(skipping.infer(batch), plain.infer(batch))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_sequence_alone_has_the_same_bits(
    rng: np.random.Generator, dtype: str
) -> None:
    model, batch = make(rng, dtype=dtype)
    batch.x[~batch.mask] = np.nan  # padding is not read
    together = model.infer(batch)
    for n, length in enumerate(LENGTHS):
        alone = SequenceBatch(batch.x[n : n + 1, :length].copy())
        same_bits(model.infer(alone)[0], together[n])
    trained = model.forward(batch, mask_seed=SEED, row_ids=ROWS)[0]
    same_bits(trained, together)


def test_copies_and_files(rng: np.random.Generator, tmp_path: Any) -> None:
    model, batch = make(rng)
    model.save(tmp_path / "model.safetensors")
    for other in (fastlstm.load(tmp_path / "model.safetensors"), copy.deepcopy(model)):
        same_bits(other.infer(batch), model.infer(batch))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"skip_steps": -1}, "skip_steps must be at least 0, got -1"),
        ({"skip_features": 2}, "skip_features=2 needs skip_steps, got 0"),
        (
            {"skip_steps": 2, "skip_features": 4},
            "skip_features must be at least 1 and at most 3",
        ),
        ({"skip_steps": 2, "output": "sequence"}, "skip_steps=2 reads the features"),
    ],
)
def test_bad_configurations(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SequenceModel(3, 2, **options)
    with pytest.raises(ValueError, match="cannot stream"):
        SequenceModel(3, 2, skip_steps=2).stream()
    with pytest.raises(ValueError, match="vocabulary_size"):
        SequenceModel(None, 2, vocabulary_size=9, skip_steps=2)
