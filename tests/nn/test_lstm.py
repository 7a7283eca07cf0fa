"""The LSTM layer's own behaviour: shapes, states, caches, copies, streams."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from fastlstm.nn import LSTM
from fastlstm.params import Parameters

from ..compare import assert_close, assert_same_bits
from ..tolerances import GRADIENT

N, T, I = 3, 5, 7  # noqa: E741


def draw(rng: np.random.Generator, dtype: str = "float32") -> np.ndarray:
    return rng.standard_normal((N, T, I)).astype(dtype)


def test_names_shapes_and_order() -> None:
    lstm = LSTM(I, [11, 9], bidirectional=True, projection_size=3)
    shapes = {name: view.shape for name, view in lstm.params.items()}
    assert shapes == {
        "weight_ih_l0": (44, 7),
        "weight_hh_l0": (44, 3),
        "bias_l0": (44,),
        "weight_hr_l0": (3, 11),
        "weight_ih_l0_reverse": (44, 7),
        "weight_hh_l0_reverse": (44, 3),
        "bias_l0_reverse": (44,),
        "weight_hr_l0_reverse": (3, 11),
        "weight_ih_l1": (36, 6),
        "weight_hh_l1": (36, 3),
        "bias_l1": (36,),
        "weight_hr_l1": (3, 9),
        "weight_ih_l1_reverse": (36, 6),
        "weight_hh_l1_reverse": (36, 3),
        "bias_l1_reverse": (36,),
        "weight_hr_l1_reverse": (3, 9),
    }
    assert [s.name for s in lstm.params.specs if not s.decay] == [
        "bias_l0",
        "bias_l0_reverse",
        "bias_l1",
        "bias_l1_reverse",
    ]
    assert list(lstm.grads) == list(lstm.params)


def test_directions_can_be_swapped_in_place() -> None:
    lstm = LSTM(I, 11, bidirectional=True, random_state=0)

    def swapped(name: str) -> str:
        forward = name.removesuffix("_reverse")
        return forward if name != forward else f"{name}_reverse"

    before = lstm.state_dict()
    lstm.load_state_dict({name: lstm.params[swapped(name)] for name in lstm.params})
    assert_same_bits(
        lstm.state_dict(), {name: before[swapped(name)] for name in before}
    )


def test_row_ids_may_be_overwritten_before_backward(rng: np.random.Generator) -> None:
    lstm = LSTM(I, 11, 2, dropout=0.5, random_state=0)
    x, ids = draw(rng), np.arange(N)
    gradients = {}
    for change in (0, 7):
        given = ids.copy()
        y, _, cache = lstm.forward(x, mask_seed=3, row_ids=given)
        given += change
        gradients[change] = {"dx": lstm.backward(np.ones_like(y), cache)[0]}
    assert_same_bits(gradients[7], gradients[0])


def test_layout_has_no_gaps() -> None:
    lstm = LSTM(I, [11, 9], bidirectional=True, projection_size=3)
    begin = 0
    for _, shape, offset in lstm._core.compiled.layout:
        assert offset == begin
        begin += int(np.prod(shape))
    assert lstm._core.compiled.parameter_count == lstm.params.size == begin


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("hidden", "options", "output", "h", "c"),
    [
        (11, {}, 11, (1, N, 11), (1, N, 11)),
        (11, {"num_layers": 2}, 11, (2, N, 11), (2, N, 11)),
        ([11, 11], {}, 11, (2, N, 11), (2, N, 11)),
        (11, {"bidirectional": True}, 22, (2, N, 11), (2, N, 11)),
        (11, {"projection_size": 3}, 3, (1, N, 3), (1, N, 11)),
        ([11, 9], {}, 9, [(1, N, 11), (1, N, 9)], [(1, N, 11), (1, N, 9)]),
        (
            (11, 9),
            {"bidirectional": True, "projection_size": 3, "num_layers": 2},
            6,
            [(2, N, 3), (2, N, 3)],
            [(2, N, 11), (2, N, 9)],
        ),
    ],
)
def test_shapes_of_outputs_states_and_gradients(
    hidden: Any,
    options: dict[str, Any],
    output: int,
    h: Any,
    c: Any,
    dtype: str,
    rng: np.random.Generator,
) -> None:
    def shapes(state: Any) -> Any:
        return [a.shape for a in state] if isinstance(state, list) else state.shape

    lstm = LSTM(I, hidden, dtype=dtype, random_state=0, **options)
    x = draw(rng, dtype)
    y, state, cache = lstm.forward(x)
    assert lstm.output_size == output
    assert y.shape == (N, T, output)
    assert y.dtype == dtype
    assert (shapes(state[0]), shapes(state[1])) == (h, c)
    # What came out goes in again, as states and as gradients.
    dx, dstate = lstm.backward(y, cache, dstate=state)
    assert dx.shape == x.shape
    assert dx.dtype == dtype
    assert (shapes(dstate[0]), shapes(dstate[1])) == (h, c)
    again, _ = lstm(x, state)
    assert again.shape == y.shape


def test_split_sequence_is_the_whole(rng: np.random.Generator) -> None:
    lstm = LSTM(I, [11, 9], random_state=0)
    x = draw(rng)
    whole, state = lstm(x)
    first, middle = lstm(x[:, :2])
    second, last = lstm(x[:, 2:], middle)
    halves = np.concatenate([first, second], axis=1)
    assert_same_bits({"y": halves}, {"y": whole})
    for block, expected in zip(last[0] + last[1], state[0] + state[1], strict=True):
        assert_same_bits({"state": block}, {"state": expected})


def test_inference_is_the_training_forward(rng: np.random.Generator) -> None:
    lstm = LSTM(I, 11, 2, bidirectional=True, random_state=0)
    x = draw(rng)
    y, (h, c) = lstm(x, lengths=[5, 1, 3])
    y2, (h2, c2), _ = lstm.forward(x, lengths=[5, 1, 3])
    assert_same_bits({"y": y, "h": h, "c": c}, {"y": y2, "h": h2, "c": c2})


def test_strided_inputs_are_as_good_as_contiguous_ones(
    rng: np.random.Generator,
) -> None:
    lstm = LSTM(I, 11, random_state=0, dtype="float64")
    wide = rng.standard_normal((T, 2 * N, I + 3))
    x = wide.transpose(1, 0, 2)[::2, ::-1, 1:-2]
    y, _, cache = lstm.forward(x)
    y2, _, cache2 = lstm.forward(np.ascontiguousarray(x))
    assert_same_bits({"y": y}, {"y": y2})
    dy = np.repeat(rng.standard_normal((N, T, 11)), 2, axis=2)[:, :, ::2]
    dx, _ = lstm.backward(dy, cache)
    dx2, _ = lstm.backward(dy.copy(), cache2)
    assert_same_bits({"dx": dx}, {"dx": dx2})


@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_is_never_read_and_gives_zeros(
    bidirectional: bool, rng: np.random.Generator
) -> None:
    lstm = LSTM(I, 11, 2, bidirectional=bidirectional, random_state=0)
    lengths = np.array([2, 5, 3])
    padded = np.arange(T) >= lengths[:, None]
    x, dy = draw(rng), rng.standard_normal((N, T, lstm.output_size)).astype("f4")
    results = []
    for fill in (0.0, np.nan):
        x[padded] = fill
        dy[padded] = fill
        y, (h, c), cache = lstm.forward(x, lengths=lengths)
        grads = lstm.params.new_grads()
        dx, (dh, dc) = lstm.backward(dy, cache, grads=grads)
        assert not y[padded].any()
        assert not dx[padded].any()
        out = {"y": y, "h": h, "c": c, "dx": dx, "dh": dh, "dc": dc, "dw": grads.flat}
        results.append(out)
    assert_same_bits(results[1], results[0])


def test_gradients_are_added_and_zero_grad_forgets(rng: np.random.Generator) -> None:
    lstm = LSTM(I, 11, random_state=0, dtype="float64")
    x = draw(rng, "float64")
    dy = rng.standard_normal((N, T, 11))
    for _ in range(2):
        _, _, cache = lstm.forward(x)
        lstm.backward(dy, cache)
    own = lstm.params.new_grads()
    _, _, cache = lstm.forward(x)
    dx, _ = lstm.backward(dy, cache, grads=own, need_dx=False)
    assert dx is None
    assert_close(lstm.grads.flat, 2.0 * own.flat, GRADIENT["float64"])
    lstm.zero_grad()
    assert not lstm.grads.flat.any()


def test_backward_from_the_final_state_alone(rng: np.random.Generator) -> None:
    lstm = LSTM(I, 11, random_state=0, dtype="float64")
    x = draw(rng, "float64")
    dh = rng.standard_normal((1, N, 11))
    y, _, cache = lstm.forward(x)
    dx, _ = lstm.backward(None, cache, dstate=(dh, None))
    dy = np.zeros_like(y)
    dy[:, -1] = dh[0]
    _, _, cache = lstm.forward(x)
    expected, _ = lstm.backward(dy, cache)
    assert_close(dx, expected, GRADIENT["float64"])


def test_many_threads_train_one_layer(rng: np.random.Generator) -> None:
    lstm = LSTM(I, 11, 2, bidirectional=True, random_state=0)
    xs = [draw(rng) for _ in range(8)]

    def run(x: np.ndarray) -> np.ndarray:
        grads = lstm.params.new_grads()
        y, _, cache = lstm.forward(x)
        lstm.backward(np.cos(y), cache, grads=grads)
        return grads.flat

    expected = [run(x) for x in xs]
    with ThreadPoolExecutor(4) as pool:
        actual = list(pool.map(run, xs))
    for a, e in zip(actual, expected, strict=True):
        assert_same_bits({"grads": a}, {"grads": e})


def test_new_weights_are_used_at_once(rng: np.random.Generator) -> None:
    lstm, other = LSTM(I, 11, random_state=0), LSTM(I, 11, random_state=1)
    x = draw(rng)
    old, expected = lstm(x)[0], other(x)[0]
    with lstm.writable() as params:
        params.update(other.state_dict())
    assert_same_bits({"y": lstm(x)[0]}, {"y": expected})
    assert (old != expected).any()
    Parameters.join({"lstm": lstm.params, "other": other.params})
    assert_same_bits({"y": lstm(x)[0]}, {"y": expected})


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))]
)
def test_copies_stand_alone(duplicate: Any, rng: np.random.Generator) -> None:
    lstm = LSTM(I, [11, 9], bidirectional=True, random_state=0)
    x = draw(rng)
    expected, _ = lstm(x)
    other = duplicate(lstm)
    assert_same_bits({"y": other(x)[0]}, {"y": expected})
    with other.writable() as params:
        params["bias_l0"] += 1.0
    assert (other(x)[0] != expected).any()
    assert_same_bits({"y": lstm(x)[0]}, {"y": expected})
    _, _, cache = lstm.forward(x)
    with pytest.raises(ValueError, match="another layer"):
        other.backward(expected, cache)


def test_mask_seeds_come_from_random_state(rng: np.random.Generator) -> None:
    x = draw(rng)
    runs = []
    for _ in range(2):
        lstm = LSTM(I, 11, 2, dropout=0.5, random_state=0)
        runs.append([lstm.forward(x)[0] for _ in range(2)])
    assert_same_bits(
        {"0": runs[0][0], "1": runs[0][1]}, {"0": runs[1][0], "1": runs[1][1]}
    )
    assert (runs[0][0] != runs[0][1]).any()


def test_masks_follow_row_ids(rng: np.random.Generator) -> None:
    lstm = LSTM(I, 11, 2, dropout=0.5, random_state=0)
    x = draw(rng)
    rows = np.array([2, 0, 1])
    y, _, _ = lstm.forward(x, mask_seed=5)
    moved, _, _ = lstm.forward(x[rows], mask_seed=5, row_ids=rows)
    assert_same_bits({"y": moved}, {"y": y[rows]})


def test_stream_steps_as_the_whole_sequence(rng: np.random.Generator) -> None:
    lstm = LSTM(I, 11, 2, random_state=0)
    x = draw(rng)
    y, _ = lstm(x)
    stream = lstm.stream(batch_size=N)
    out = np.empty((N, 11), np.float32)
    for _ in range(2):
        for t in range(T):
            result = stream.step(x[:, t], out=out if t % 2 else None)
            assert (result is out) == bool(t % 2)
            assert_same_bits({"y": result}, {"y": np.ascontiguousarray(y[:, t])})
        stream.reset()


def test_stream_keeps_the_weights_of_its_moment(rng: np.random.Generator) -> None:
    lstm = LSTM(I, 11, random_state=0)
    x = draw(rng)
    y, _ = lstm(x)
    stream = lstm.stream(batch_size=N)
    with lstm.writable() as params:
        params["bias_l0"] += 1.0
    assert (lstm(x)[0] != y).any()
    assert_same_bits({"y": stream.step(x[:, 0])}, {"y": y[:, 0].copy()})


def test_repr_and_attributes() -> None:
    lstm = LSTM(I, [11, 9], projection_size=3)
    assert repr(lstm).startswith("LSTM(7, [11, 9], num_layers=2,")
    assert lstm.dtype == np.float32
    assert isinstance(lstm.path, str)


def test_stream_state_has_the_layers_form() -> None:
    lstm = LSTM(3, [5, 7], projection_size=2, dtype="float64", random_state=0)
    x = np.random.default_rng(0).standard_normal((4, 6, 3))
    _, state = lstm(x[:, :3])
    stream = lstm.stream(4)
    stream.state = state
    for ours, theirs in zip(stream.state, state, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a, b)
    y = [stream.step(x[:, t].copy()).copy() for t in range(3, 6)]
    np.testing.assert_array_equal(np.stack(y, axis=1), lstm(x)[0][:, 3:])


def test_repr_shows_what_is_special() -> None:
    assert "normalization='layer'" in repr(LSTM(3, 5, normalization="layer"))
    options = {"bias": False, "initializer": "uniform", "zoneout_h": 0.25}
    text = repr(LSTM(3, 5, **options))
    assert all(f"{name}={value!r}" in text for name, value in options.items())
    assert "chrono_steps=9" in repr(LSTM(3, 5, chrono_steps=9))
    with pytest.raises(TypeError, match=r"LSTM\.__init__\(\).*'peephol'"):
        LSTM(3, 5, peephol=True)
    with pytest.raises(ValueError, match=r"each gate as .*'orthogonal' alone"):
        LSTM(3, 5, initializer="orthogonal")
