"""Models whose head reads the mean, the maximum or a weighted mean of all steps."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import numpy as np
import pytest
from fastlstm.data import SequenceBatch
from fastlstm.models import SequenceModel
from fastlstm.nn import MaxPooling, MeanPooling

from ..compare import assert_close, assert_same_bits, gradient_error
from ..tolerances import FINITE_DIFFERENCE, VALUE

SEED = 11
LENGTHS = np.array([6, 2, 9, 1, 7])
ROWS = np.array([4, 0, 9, 7, 2])
POOLINGS = ["mean", "max", "attention"]
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "deep": {"num_layers": 2, "bidirectional": True, "dropout": 0.4},
    "projected": {"projection_size": 3},
    "unequal": {"hidden_size": (5, 3), "bidirectional": True},
    "locked": {"variational_dropout": 0.4, "bidirectional": True},
    "layer": {"normalization": "layer", "recurrent_dropout": 0.3},
    "penalties": {"activation_penalty": 2.0, "temporal_activation_penalty": 3.0},
}
every_pooling = pytest.mark.parametrize("pooling", POOLINGS)
every_configuration = pytest.mark.parametrize("name", CONFIGURATIONS)


def make(
    rng: np.random.Generator,
    pooling: str,
    name: str = "plain",
    dtype: str = "float64",
    ragged: bool = True,
    **options: Any,
) -> tuple[SequenceModel, SequenceBatch]:
    settings = {"hidden_size": 5, **CONFIGURATIONS[name], **options}
    settings = {"output_size": 2, "dtype": dtype, "random_state": 0, **settings}
    model = SequenceModel(3, pooling=pooling, **settings)
    with model.params.writable() as values:
        for key, value in values.items():
            if key.startswith("pooling"):  # far from where the weights are all alike
                value += rng.standard_normal(value.shape)
    x = rng.standard_normal((5, 9, 3)).astype(dtype)
    return model, SequenceBatch(x, LENGTHS if ragged else None)


def train(model: SequenceModel, batch: SequenceBatch, **options: Any) -> Any:
    outputs, cache = model.forward(batch, mask_seed=SEED, row_ids=ROWS, **options)
    grads = model.params.new_grads()
    model.backward(np.ones_like(outputs), cache, grads)
    return {"y": outputs, "grads": grads.flat}


@every_configuration
@every_pooling
@pytest.mark.parametrize("ragged", [True, False])
def test_gradients(
    rng: np.random.Generator, pooling: str, name: str, ragged: bool
) -> None:
    model, batch = make(rng, pooling, name, ragged=ragged)
    outputs, cache = model.forward(batch, mask_seed=SEED, row_ids=ROWS)
    upstream = rng.standard_normal(outputs.shape)
    grads = model.params.new_grads()
    model.backward(upstream, cache, grads)
    assert not model.grads.flat.any()

    def loss(arrays: Any) -> float:
        model.params.load_state_dict(arrays)
        values, _ = model.forward(batch, mask_seed=SEED, row_ids=ROWS)
        terms = 0.0
        if model._network.penalties:
            y, _, _ = model._network.lstm.forward(batch.x, lengths=batch.lengths)
            terms = sum(
                penalty(y, lengths=batch.lengths)[0]
                for penalty in model._network.penalties
            )
        return float(np.sum(values * upstream) + terms)

    worst, where = gradient_error(loss, model.params.state_dict(), grads, rng)
    assert worst <= FINITE_DIFFERENCE.limit, where


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@every_configuration
@every_pooling
def test_a_sequence_alone_has_the_same_bits(
    rng: np.random.Generator, pooling: str, name: str, dtype: str
) -> None:
    model, batch = make(rng, pooling, name, dtype)
    together = model.predict(batch)
    for row, steps in enumerate(LENGTHS):
        alone = SequenceBatch(batch.x[row : row + 1, :steps])
        assert_same_bits({"y": model.predict(alone)[0]}, {"y": together[row]})


@every_pooling
def test_padding_is_not_read(rng: np.random.Generator, pooling: str) -> None:
    model, batch = make(rng, pooling, "deep")
    expected, trained = model.infer(batch), train(model, batch)
    batch.x[~batch.mask] = np.nan
    assert_same_bits({"y": model.infer(batch)}, {"y": expected})
    assert_same_bits(train(model, batch), trained)
    assert_same_bits(train(model, batch, checked=True), trained)


@every_pooling
def test_large_batches_are_read_in_parts(
    rng: np.random.Generator, pooling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, batch = make(rng, pooling, "unequal")
    whole = model.infer(batch)
    monkeypatch.setattr("fastlstm.models.parts._NUMBERS_AT_WORK", 200)
    assert_same_bits({"y": model.infer(batch)}, {"y": whole})


@every_pooling
def test_memory_does_not_matter(rng: np.random.Generator, pooling: str) -> None:
    model, batch = make(rng, pooling, "deep")
    expected = train(model, batch)
    for memory in ("recompute", "checkpoint"):
        model.memory = memory
        assert_same_bits(train(model, batch), expected)


def shown(
    rng: np.random.Generator, pooling: str, **options: Any
) -> tuple[SequenceModel, SequenceBatch]:
    """A model whose outputs are what its head reads, and a batch of many rows."""
    model, _ = make(rng, pooling, output_size=5, **options)
    with model.params.writable() as values:
        values["head.weight"][:] = np.eye(5)
        values["head.bias"][:] = 0.0
        # Or a sequence whose inputs are all masked would leave the cell at zero.
        values["lstm.bias_l0"][:] = rng.standard_normal(20)
    return model, SequenceBatch(rng.standard_normal((300, 9, 3)))


@every_pooling
def test_what_the_head_reads(rng: np.random.Generator, pooling: str) -> None:
    model, batch = shown(rng, pooling)
    steps = model._network.lstm(batch.x)[0]
    layers: dict[str, Any] = {"mean": MeanPooling(), "max": MaxPooling()}
    pool = layers.get(pooling, model._network.pooling)
    assert_close(model.infer(batch), pool(steps), VALUE["float64"])


@every_pooling
def test_dropout_is_between_pooling_and_head(
    rng: np.random.Generator, pooling: str
) -> None:
    p = 0.4
    model, batch = shown(rng, pooling, dropout=p)
    outputs, _ = model.forward(batch, mask_seed=SEED, row_ids=np.arange(300))
    zero = outputs == 0.0
    expected = np.where(zero, 0.0, model.infer(batch) / (1 - p))
    assert_close(outputs, expected, VALUE["float64"])
    assert abs(zero.mean() - p) < 0.05  # 1500 draws: four standard deviations


@every_pooling
def test_variational_dropout_masks_the_head_once(
    rng: np.random.Generator, pooling: str
) -> None:
    p = 0.4
    model, batch = shown(rng, pooling, variational_dropout=p)
    rows = np.arange(300)
    outputs, _ = model.forward(batch, mask_seed=SEED, row_ids=rows)
    y, _, _ = model._network.lstm.forward(batch.x, mask_seed=SEED, row_ids=rows)
    assert model._network.pooling is not None
    assert_close(outputs, model._network.pooling(y), VALUE["float64"])
    # A unit that is dropped is so at every step; two masks would drop 0.64.
    assert abs((outputs == 0.0).mean() - p) < 0.05


@every_pooling
def test_infinite_gradients_pass_through(
    rng: np.random.Generator, pooling: str
) -> None:
    model, batch = make(rng, pooling)
    outputs, cache = model.forward(batch, mask_seed=SEED, row_ids=ROWS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.backward(np.full_like(outputs, np.inf), cache)
    assert not np.isfinite(model.grads.flat).all()


def through_pickle(model: SequenceModel) -> SequenceModel:
    copied: SequenceModel = pickle.loads(pickle.dumps(model))
    return copied


def through_state(model: SequenceModel) -> SequenceModel:
    other = SequenceModel(**model.config, random_state=1)
    other.load_state_dict(model.state_dict())
    return other


@pytest.mark.parametrize("duplicate", [copy.deepcopy, through_pickle, through_state])
@every_pooling
def test_copies(rng: np.random.Generator, pooling: str, duplicate: Any) -> None:
    model, batch = make(rng, pooling, "unequal", "float32")
    other = duplicate(model)
    assert other.config == model.config
    assert_same_bits(train(other, batch), train(model, batch))
    own = {name for name in model.params if name.startswith("pooling.")}
    assert len(own) == (3 if pooling == "attention" else 0)
    for view in model.params.values():
        assert np.shares_memory(view, model.params.flat)


def test_last_is_as_it_was(rng: np.random.Generator) -> None:
    _, batch = make(rng, "mean")
    options: dict[str, Any] = {"dtype": "float64", "random_state": 0}
    model = SequenceModel(3, 2, pooling="last", **options)
    plain = SequenceModel(3, 2, **options)
    assert_same_bits({"y": model.infer(batch)}, {"y": plain.infer(batch)})


def test_refuses() -> None:
    with pytest.raises(ValueError, match="pooling='mean' does not go with output='seq"):
        SequenceModel(3, 2, pooling="mean", output="sequence")
    with pytest.raises(ValueError, match=r"pooling must be one of .* got 'sum'"):
        SequenceModel(3, 2, pooling="sum")
