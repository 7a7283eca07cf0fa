"""Sequential: one buffer, gradients through all layers, masks, copies, bad input."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from fastlstm.nn import LSTM, Dropout, Embedding, Linear, Sequential

from ..compare import Arrays, assert_gradients, assert_same_bits

LENGTHS = np.array([5, 2, 3])


def make(dtype: str = "float64") -> Sequential:
    return Sequential(
        {
            "inner": Sequential(
                LSTM(7, [11, 9], bidirectional=True, dtype=dtype, random_state=0),
                Dropout(0.4, random_state=1),
            ),
            "drop": Dropout(0.4, random_state=2),
            "out": Linear(18, 3, dtype=dtype, random_state=3),
        }
    )


def tagger(dtype: str = "float32") -> Sequential:
    return Sequential(
        Embedding(13, 7, dtype=dtype, random_state=0),
        LSTM(7, 11, dtype=dtype, random_state=1),
        Linear(11, 3, dtype=dtype, random_state=2),
    )


def test_one_buffer_with_prefixed_names() -> None:
    model = make()
    assert "inner.0.weight_ih_l1_reverse" in model.params
    assert list(model.params)[-2:] == ["out.weight", "out.bias"]
    out = model["out"]
    assert out is model[2]
    assert len(model) == len(list(model)) == 3
    assert np.shares_memory(out.params["bias"], model.params.flat)
    assert "Dropout(0.4)" in repr(model)
    assert repr(Dropout(0.4, locked=True)) == "Dropout(0.4, locked=True)"
    version = out.params.version
    with model.writable() as params:
        params["inner.0.bias_l0"] += 1.0
    assert out.params.version != version


def test_gradients_against_differences(rng: np.random.Generator) -> None:
    model = make()
    x = rng.standard_normal((3, 5, 7))
    dy = rng.standard_normal((3, 5, 3))
    ids = np.array([4, 0, 9])
    options = {"lengths": LENGTHS, "mask_seed": 7, "row_ids": ids}
    arrays = {"dx": x, **model.state_dict()}

    def loss(moved: Arrays) -> float:
        model.load_state_dict({k: v for k, v in moved.items() if k != "dx"})
        return float(np.sum(dy * model.forward(moved["dx"], **options)[0]))

    _, cache = model.forward(x, **options)
    dx = model.backward(dy, cache)
    gradients = {"dx": dx, **{name: np.array(g) for name, g in model.grads.items()}}
    assert_gradients(loss, arrays, gradients, rng)


def test_layers_draw_different_masks_from_one_seed() -> None:
    model = Sequential(*(Dropout(0.5) for _ in range(3)))
    layers: list[Any] = list(model)
    x = np.ones((3, 5, 33))
    y, _ = model.forward(x, mask_seed=3)
    assert_same_bits({"y": model.forward(x, mask_seed=3)[0]}, {"y": y})
    assert (model.forward(x, mask_seed=4)[0] != y).any()
    # Equal masks would keep one half and independent ones an eighth.
    assert 0.05 < np.mean(y != 0) < 0.2
    assert len(layers) == 3


def test_an_lstm_and_a_dropout_of_one_seed_draw_different_masks() -> None:
    lstm = LSTM(1, 33, 2, dropout=0.5, dtype="float64", random_state=0)
    x = np.ones((3, 5, 1))
    with lstm.writable() as params:
        params["weight_hh_l1"][:] = 0.0
        params["weight_ih_l1"][:] = np.tile(np.eye(33), (4, 1))
        params["bias_l1"][:] = 0.0
        params["bias_l0"][:] = 1.0
    # Unit for unit, layer 1 gives zero where what it reads was dropped.
    kept_between = lstm.forward(x, mask_seed=3)[0][:, 0] != 0
    kept_after = Dropout(0.5).forward(np.ones((3, 5, 33)), mask_seed=3)[0][:, 0] != 0
    assert 0.2 < np.mean(kept_between) < 0.8
    assert 0.2 < np.mean(kept_between == kept_after) < 0.8


def test_tokens_to_labels(rng: np.random.Generator) -> None:
    model = tagger()
    tokens = rng.integers(0, 13, (3, 5))
    tokens[np.arange(5) >= LENGTHS[:, None]] = -1
    y, cache = model.forward(tokens, lengths=LENGTHS)
    assert_same_bits({"y": model(tokens, lengths=LENGTHS)}, {"y": y})
    assert model.backward(np.ones_like(y), cache) is None
    assert all(model.grads[name].any() for name in model.grads)
    assert np.shares_memory(model[1].grads.flat, model.grads.flat)


def test_padding_takes_no_part(rng: np.random.Generator) -> None:
    model = Sequential(
        Linear(7, 9, dtype="float64", random_state=0),
        LSTM(9, 11, dtype="float64", random_state=1),
        Linear(11, 3, dtype="float64", random_state=2),
    )
    padded = np.arange(5) >= LENGTHS[:, None]
    x, dy = rng.standard_normal((3, 5, 7)), rng.standard_normal((3, 5, 3))
    results = []
    for in_x, in_dy in ((0.0, 0.0), (np.nan, 5.0), (np.inf, np.nan)):
        x[padded], dy[padded] = in_x, in_dy
        model.zero_grad()
        y, cache = model.forward(x, lengths=LENGTHS)
        dx = model.backward(dy, cache)
        assert dx is not None
        results.append({"y": y, "dx": dx, "grads": model.grads.flat.copy()})
        assert_same_bits({"y": model(x, lengths=LENGTHS)}, {"y": y})
        assert not y[padded].any()
        assert not dx[padded].any()
    assert results[0]["grads"].all()
    for other in results[1:]:
        assert_same_bits(other, results[0])


def test_own_gradients(rng: np.random.Generator) -> None:
    model = tagger()
    tokens = rng.integers(0, 13, (3, 5))
    y, cache = model.forward(tokens)
    own = model.params.new_grads()
    model.backward(y, cache, grads=own)
    assert own.flat.any()
    assert not model.grads.flat.any()
    _, cache = model.forward(tokens)
    model.backward(y, cache)
    assert_same_bits({"grads": model.grads.flat}, {"grads": own.flat})
    model.zero_grad()
    assert not model.grads.flat.any()


def test_copies(rng: np.random.Generator) -> None:
    model = tagger()
    tokens = rng.integers(0, 13, (3, 5))
    expected = model(tokens)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert_same_bits({"y": other(tokens)}, {"y": expected})
        with other.writable() as params:
            params["1.bias_l0"] += 1.0
        assert (other(tokens) != expected).any()
    assert_same_bits({"y": model(tokens)}, {"y": expected})


def test_a_copied_layer_can_be_part_of_another_model(rng: np.random.Generator) -> None:
    model = tagger()
    head = model[2]
    for other in (copy.deepcopy(head), pickle.loads(pickle.dumps(head))):
        x = rng.standard_normal((2, 11)).astype(np.float32)
        y = Sequential(other)(x)
        assert isinstance(head, Linear)
        assert_same_bits({"y": y}, {"y": head(x)})
    assert len(pickle.dumps(head)) < model.params.flat.nbytes


def test_caches() -> None:
    model, other = tagger(), tagger()
    tokens = np.ones((3, 5), int)
    y, cache = model.forward(tokens)
    with pytest.raises(ValueError, match="another layer"):
        other.backward(y, cache)
    with pytest.raises(ValueError, match="dy must have shape"):
        model.backward(y[:1], cache)
    assert not model.grads.flat.any()
    model.backward(y, cache)
    with pytest.raises(ValueError, match="used already"):
        model.backward(y, cache)
    _, cache = model.forward(tokens)
    with model[2].writable() as params:
        params["bias"] += 1.0
    with pytest.raises(ValueError, match="outdated"):
        model.backward(y, cache)


def test_bad_layers() -> None:
    layer = Linear(3, 3)
    for layers, error, match in (
        ((), ValueError, "at least one layer"),
        (({},), ValueError, "at least one layer"),
        ((layer, layer), ValueError, "stand twice"),
        ((layer, "relu"), TypeError, "layer '1' is not a layer: 'relu'"),
        ((layer, Linear(3, 3, dtype="float64")), ValueError, "one dtype"),
        (({"a.b": layer},), ValueError, "no dot"),
    ):
        with pytest.raises(error, match=match):
            Sequential(*layers)  # type: ignore[arg-type]
    Sequential(layer)
    with pytest.raises(ValueError, match="already is part"):
        Sequential(layer)
