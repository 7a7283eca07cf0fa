"""What a model makes of the options of its LSTM: masks, penalties, statistics."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import numpy as np
import pytest
from fastlstm.data import SequenceBatch
from fastlstm.models import SequenceModel
from fastlstm.nn import LSTM

from ..compare import assert_close, assert_same_bits, gradient_error
from ..reference import losses
from ..tolerances import FINITE_DIFFERENCE, VALUE

SEED = 17
LENGTHS = np.array([6, 2, 9, 1, 7])
ROWS = np.array([4, 0, 9, 7, 2])


def make_batch(rng: np.random.Generator, n: int = 5) -> SequenceBatch:
    lengths = LENGTHS if n == 5 else None
    return SequenceBatch(rng.standard_normal((n, 9, 3)), lengths)


def make(**options: Any) -> SequenceModel:
    settings = {"hidden_size": 5, "dtype": "float64", "random_state": 0, **options}
    return SequenceModel(3, **{"output_size": 2, **settings})


def shown(rng: np.random.Generator, **options: Any) -> tuple[SequenceModel, Any]:
    """A model whose outputs are what its head reads, and a batch of many rows."""
    model = make(output_size=5, **options)
    with model.params.writable() as values:
        values["head.weight"][:] = np.eye(5)
        values["head.bias"][:] = 0.0
        # Or a sequence whose inputs are all masked would leave the cell at zero.
        values["lstm.bias_l0"][:] = rng.standard_normal(20)
    return model, make_batch(rng, 300)


def test_every_option_of_the_lstm_is_one_of_the_model() -> None:
    own = inspect.signature(LSTM).parameters
    models = inspect.signature(SequenceModel).parameters
    assert set(own) - set(models) == {"bias"}
    # hidden_size has a default here; the other defaults are the same.
    for name in set(own) - {"bias", "hidden_size", "random_state"}:
        assert models[name].default == own[name].default, name


OPTIONS: list[dict[str, Any]] = [
    {
        "peephole": True,
        "coupled_gates": True,
        "gate_activation": "hard_sigmoid",
        "cell_activation": "relu",
        "cell_clip": 3.0,
        "initializer": "uniform",
        "forget_bias": 2.5,
        "recurrent_dropout": 0.1,
        "recurrent_dropout_kind": "hidden",
        "variational_dropout": 0.15,
        "weight_dropout": 0.2,
        "bidirectional": True,
        "num_layers": 2,
    },
    {"zoneout_h": 0.1},
    {"zoneout_c": 0.2, "projection_size": 3},
    {"normalization": "batch", "normalization_steps": 7, "normalization_momentum": 0.3},
    {"memory": "recompute", "chrono_steps": 50},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_options_reach_the_lstm(options: dict[str, Any]) -> None:
    options = {**options, "dtype": "float64"}
    lstm = LSTM(3, 5, **options, random_state=0)
    model = make(**options)
    assert repr(model._network.lstm) == repr(lstm)
    assert model._network.lstm.normalization == lstm.normalization
    for name, value in lstm.params.items():
        np.testing.assert_array_equal(model.params[f"lstm.{name}"], value)


@pytest.mark.parametrize("output", ["last", "sequence"])
def test_variational_dropout_masks_the_head_once(
    rng: np.random.Generator, output: Any
) -> None:
    p = 0.4
    model, batch = shown(rng, variational_dropout=p, output=output)
    rows = np.arange(300)
    outputs, _ = model.forward(batch, mask_seed=SEED, row_ids=rows)
    y, (h, _), _ = model._network.lstm.forward(batch.x, mask_seed=SEED, row_ids=rows)
    if output == "sequence":
        # Inside the LSTM, with one mask for all steps; nothing else comes after.
        assert_close(outputs, y, VALUE["float64"])
        zero = outputs == 0.0
        np.testing.assert_array_equal(zero, np.repeat(zero[:, :1], 9, axis=1))
        zero = zero[:, 0]
    else:
        zero = outputs == 0.0
        assert_close(outputs, np.where(zero, 0.0, h[0] / (1 - p)), VALUE["float64"])
        # A mask of its own: not that of the outputs of the steps.
        assert (zero != (y[:, -1] == 0.0)).any()
    # 1500 draws: four standard deviations are 0.05; two masks would give 0.64.
    assert abs(zero.mean() - p) < 0.05


def test_dropout_is_drawn_anew_at_every_step(rng: np.random.Generator) -> None:
    model, batch = shown(rng, dropout=0.4, output="sequence")
    outputs, _ = model.forward(batch, mask_seed=SEED, row_ids=np.arange(300))
    assert abs((outputs == 0.0).mean() - 0.4) < 0.05
    assert len(np.unique((outputs == 0.0)[0], axis=0)) > 1


def test_each_batch_of_an_epoch_drops_other_weights(rng: np.random.Generator) -> None:
    model, batch = make(weight_dropout=0.5), make_batch(rng)

    def outputs(rows: np.ndarray, order: slice = slice(None)) -> np.ndarray:
        numbers = np.arange(5)[order]
        part = batch.take(numbers)
        return model.forward(part, mask_seed=SEED, row_ids=rows[order])[0]

    first = outputs(np.arange(5))
    assert_same_bits({"y": outputs(np.arange(5))}, {"y": first})
    backwards = slice(None, None, -1)
    assert_same_bits({"y": outputs(np.arange(5), backwards)}, {"y": first[::-1]})
    # One epoch has one seed: rows tell its batches apart.
    assert (outputs(np.arange(5, 10)) != first)[batch.row_lengths > 1].all()


@pytest.mark.parametrize("output", ["last", "sequence"])
@pytest.mark.parametrize(
    ("activation", "temporal"), [(2.0, 0.0), (0.0, 3.0), (2.0, 3.0)]
)
@pytest.mark.parametrize("variational", [0.0, 0.4])
def test_penalties_are_in_the_gradient(
    rng: np.random.Generator,
    output: Any,
    activation: float,
    temporal: float,
    variational: float,
) -> None:
    model = make(
        activation_penalty=activation,
        temporal_activation_penalty=temporal,
        variational_dropout=variational,
        output=output,
        bidirectional=True,
    )
    batch = make_batch(rng)
    outputs, cache = model.forward(batch, mask_seed=SEED, row_ids=ROWS)
    upstream = rng.standard_normal(outputs.shape)
    if output == "sequence":
        upstream[~batch.mask] = 0.0
    grads = model.params.new_grads()
    model.backward(upstream, cache, grads)

    def loss(arrays: Any) -> float:
        model.params.load_state_dict(arrays)
        values, _ = model.forward(batch, mask_seed=SEED, row_ids=ROWS)
        y, _, _ = model._network.lstm.forward(
            batch.x, lengths=LENGTHS, mask_seed=SEED, row_ids=ROWS
        )
        return float(
            np.sum(values * upstream)
            + losses.activation_penalty(y, activation, LENGTHS)[0]
            + losses.temporal_penalty(y, temporal, LENGTHS)[0]
        )

    worst, where = gradient_error(loss, model.params.state_dict(), grads, rng)
    assert worst <= FINITE_DIFFERENCE.limit, where


def statistics(model: SequenceModel) -> dict[str, np.ndarray]:
    found = {n: v.copy() for n, v in model.params.items() if ".running" in n}
    assert found
    return found


def test_only_training_changes_the_statistics(rng: np.random.Generator) -> None:
    model, batch = make(normalization="batch"), make_batch(rng)
    start, before = statistics(model), model.infer(batch)
    model.check(batch)
    model.predict(batch)
    assert_same_bits(statistics(model), start)
    outputs, cache = model.forward(batch, mask_seed=SEED, row_ids=ROWS)
    learnt = statistics(model)
    assert all((learnt[name] != start[name]).any() for name in start)
    assert (model.infer(batch) != before).all()  # at once, and with the same weights
    model.backward(np.ones_like(outputs), cache)
    model.infer(batch)
    assert_same_bits(statistics(model), learnt)
    assert not any(model.grads[name].any() for name in learnt)


def through_pickle(model: SequenceModel) -> SequenceModel:
    copied: SequenceModel = pickle.loads(pickle.dumps(model))
    return copied


def through_state(model: SequenceModel) -> SequenceModel:
    other = SequenceModel(**model.config, random_state=1)
    other.load_state_dict(model.state_dict())
    return other


@pytest.mark.parametrize("duplicate", [copy.deepcopy, through_pickle, through_state])
def test_copies_have_the_statistics(rng: np.random.Generator, duplicate: Any) -> None:
    model, batch = make(normalization="batch", zoneout_h=0.2), make_batch(rng)
    fresh = model.infer(batch)
    model.forward(batch, mask_seed=SEED, row_ids=ROWS)
    other = duplicate(model)
    assert other.config == model.config
    assert_same_bits(statistics(other), statistics(model))
    assert_same_bits({"y": other.infer(batch)}, {"y": model.infer(batch)})
    assert (other.infer(batch) != fresh).all()
    for one in (model, other):
        one.forward(batch, mask_seed=SEED, row_ids=ROWS)
    assert_same_bits(statistics(other), statistics(model))


def test_outputs_are_whole_targets_of_quantiles() -> None:
    assert make(output_size=6, quantiles=3).config["quantiles"] == 3
    with pytest.raises(ValueError, match="multiple of quantiles=3, got 5"):
        make(output_size=5, quantiles=3)
    with pytest.raises(ValueError, match="quantiles must be at least 1, got 0"):
        make(quantiles=0)
