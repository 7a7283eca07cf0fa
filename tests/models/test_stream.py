"""A model's stream: the bits of the whole sequence, however it is cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastlstm.data import SequenceBatch
from fastlstm.models import ModelStream, SequenceModel
from fastlstm.models.states import take_state

from ..cases import BATCH_NORM, CELLS, DTYPES, REGULARIZERS, CellCase
from ..compare import assert_same_bits

N, T, F, K, V = 5, 9, 3, 2, 11
LENGTHS = np.array([6, 2, 9, 1, 7])
STEPS = 4  # with statistics of their own, so that some beyond them are seen


def options_of(options: dict[str, Any], cell: CellCase) -> dict[str, Any]:
    return options | ({"projection_size": 3} if cell.projection else {})


# A model's LSTM always has a bias.
CASES = {
    str(cell): options_of(cell.options, cell)
    for cell in CELLS + BATCH_NORM
    if "bias" not in cell.options
}
CASES |= {str(case): options_of(case.options, case.cell) for case in REGULARIZERS}
SIZES: list[dict[str, Any]] = [
    {"hidden_size": 7},
    {"hidden_size": 7, "num_layers": 2},
    {"hidden_size": (7, 5)},
]


def make(
    rng: np.random.Generator,
    *,
    tokens: bool = False,
    dtype: str = "float64",
    output: Any = "sequence",
    **options: Any,
) -> SequenceModel:
    words = {"vocabulary_size": V, "embedding_dim": 4} if tokens else {}
    model = SequenceModel(
        None if tokens else F,
        K,
        dtype=dtype,
        output=output,
        random_state=0,
        normalization_steps=STEPS,
        **{"hidden_size": 7, **words, **options},
    )
    with model.params.writable() as values:
        for name in values:
            if "running" not in name:
                values[name] += rng.normal(0, 0.3, values[name].shape).astype(dtype)
    if options.get("normalization") == "batch":  # else every step has the same ones
        batch = SequenceBatch(rng.standard_normal((20, T, F)).astype(dtype))
        model.forward(batch, mask_seed=0, row_ids=np.arange(20))
    return model


def make_x(
    rng: np.random.Generator, model: SequenceModel, steps: int = T
) -> np.ndarray[Any, Any]:
    if model.config["input_size"] is None:
        return rng.integers(0, V, (N, steps))
    return rng.standard_normal((N, steps, F)).astype(model.dtype)


def check_splits(model: SequenceModel, x: np.ndarray[Any, Any]) -> None:
    """Steps, reads of the last and of every step, in this order, and all steps."""
    whole = model.infer(SequenceBatch(x))
    stream = model.stream(N)
    for t in range(T):
        assert_same_bits({"y": stream.step(x[:, t])}, {"y": whole[:, t].copy()})
    stream.reset()
    first = stream.read(SequenceBatch(x[:, :3]))
    assert_same_bits({"y": first}, {"y": whole[:, 2].copy()})
    assert_same_bits({"y": stream.step(x[:, 3])}, {"y": whole[:, 3].copy()})
    every = stream.read(SequenceBatch(x[:, 4:8]), output="sequence")
    assert_same_bits({"y": every}, {"y": whole[:, 4:8].copy()})
    assert_same_bits({"y": stream.step(x[:, 8])}, {"y": whole[:, 8].copy()})


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("name", CASES)
def test_any_split_has_the_bits_of_the_whole(
    rng: np.random.Generator, name: str, sizes: Any, dtype: str
) -> None:
    model = make(rng, dtype=dtype, **{**CASES[name], **sizes})
    check_splits(model, make_x(rng, model))


@pytest.mark.parametrize("dtype", DTYPES)
def test_tokens(rng: np.random.Generator, dtype: str) -> None:
    model = make(rng, tokens=True, dtype=dtype, num_layers=2)
    check_splits(model, make_x(rng, model))


@pytest.mark.parametrize("tokens", [False, True])
def test_a_model_of_one_output(rng: np.random.Generator, tokens: bool) -> None:
    model = make(rng, output="last", tokens=tokens)
    x = make_x(rng, model)
    stream = model.stream(N)
    y = stream.read(SequenceBatch(x[:, :8]))
    assert_same_bits({"y": y}, {"y": model.infer(SequenceBatch(x[:, :8]))})
    assert_same_bits({"y": stream.step(x[:, 8])}, {"y": model.infer(SequenceBatch(x))})


@pytest.mark.parametrize("parts", [False, True])
@pytest.mark.parametrize("tokens", [False, True])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_ragged_reads(
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
    sizes: Any,
    tokens: bool,
    parts: bool,
) -> None:
    if parts:
        monkeypatch.setattr("fastlstm.models.parts._NUMBERS_AT_WORK", 200)
    model = make(rng, tokens=tokens, **sizes)
    x, more = make_x(rng, model), make_x(rng, model, 4)
    batch = SequenceBatch(x.copy(), LENGTHS)
    batch.x[~batch.mask] = -1 if tokens else np.nan
    stream = model.stream(N)
    begun = stream.take(range(N))
    y = stream.read(batch)
    every = begun.read(batch, output="sequence")
    assert_same_bits({"y": every}, {"y": model.infer(batch)})
    for row, length in enumerate(LENGTHS):
        assert_same_bits({"y": y[row]}, {"y": every[row, length - 1]})
    # On from where each sequence has ended: another ragged read, then a step.
    ends = np.array([1, 3, 2, 1, 3])
    stream.read(SequenceBatch(more[:, :3], ends))
    y = stream.step(more[:, 3])
    for row, (length, end) in enumerate(zip(LENGTHS, ends, strict=True)):
        alone = np.concatenate([x[row, :length], more[row, :end], more[row, 3:]])
        expected = model.infer(SequenceBatch(alone[None]))[0, -1]
        assert_same_bits({"y": y[row]}, {"y": expected})


@pytest.mark.parametrize("cell", BATCH_NORM, ids=str)
def test_batch_normalisation_reads_equal_lengths(
    rng: np.random.Generator, cell: CellCase
) -> None:
    model = make(rng, **CASES[str(cell)])
    x = make_x(rng, model)
    stream = model.stream(N)
    with pytest.raises(ValueError, match="at the same one: got lengths from 1 to 9"):
        stream.read(SequenceBatch(x, LENGTHS))
    x[:, 6:] = np.nan
    shorter = SequenceBatch(x, np.full(N, 6))
    whole = model.infer(shorter)
    every = stream.take(range(N)).read(shorter, output="sequence")
    assert_same_bits({"y": every}, {"y": whole})
    assert_same_bits({"y": stream.read(shorter)}, {"y": whole[:, 5].copy()})


@pytest.mark.parametrize("steps", [2, 7])
@pytest.mark.parametrize("name", ["plain", "batch-norm", "projection"])
def test_taken_rows_go_on(rng: np.random.Generator, name: str, steps: int) -> None:
    model = make(rng, **CASES[name], num_layers=2)
    x = make_x(rng, model)
    whole = model.infer(SequenceBatch(x))
    stream = model.stream(N)
    stream.read(SequenceBatch(x))
    stream.reset()
    stream.read(SequenceBatch(x[:, : steps - 1]))
    stream.step(x[:, steps - 1])
    rows = np.array([3, 0, 3, 3, 1, 4, 2])
    paths = stream.take(rows)
    assert (paths.batch_size, stream.batch_size) == (7, 5)
    other = rng.standard_normal((7, F))
    taken = paths.take([0, 6])  # and moves by itself
    y = taken.step(x[rows[[0, 6]], steps])
    assert_same_bits({"y": y}, {"y": whole[rows[[0, 6]], steps]})
    y = paths.step(x[rows, steps])
    assert_same_bits({"y": y}, {"y": whole[rows, steps]})
    paths.step(other)
    y = stream.step(x[:, steps])
    assert_same_bits({"y": y}, {"y": whole[:, steps].copy()})


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_state_is_the_lstms(rng: np.random.Generator, sizes: Any) -> None:
    model = make(rng, **sizes)
    x = make_x(rng, model)
    stream = model.stream(N)
    assert not any(np.any(block) for part in stream.state for block in part)
    stream.read(SequenceBatch(x[:, :4]))
    _, state = model._network.lstm(x[:, :4])
    for ours, theirs in zip(stream.state, state, strict=True):
        assert type(ours) is type(theirs)
        for a, b in zip(ours, theirs, strict=True):
            assert_same_bits({"state": a}, {"state": b})
    other = model.stream(2)
    other.state = take_state(stream.state, np.array([4, 1]))
    y = other.step(x[[4, 1], 4])
    assert_same_bits({"y": y}, {"y": stream.step(x[:, 4])[[4, 1]]})


def test_large_streams_have_the_same_bits_on_any_number_of_threads(
    rng: np.random.Generator, threads: Any
) -> None:
    model = SequenceModel(F, K, hidden_size=130, num_layers=2, random_state=0)
    x = rng.standard_normal((40, T, F)).astype(np.float32)
    found = []
    for n in (1, 2, 3):
        threads(n)
        stream = model.stream(40)
        y = stream.read(SequenceBatch(x[:, :5]))
        more = [stream.step(x[:, t]) for t in range(5, T)]
        h, c = stream.state
        found.append({"read": y, "steps": np.stack(more), "h": h, "c": c})
    assert_same_bits(found[1], found[0])
    assert_same_bits(found[2], found[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bidirectional": True}, "a bidirectional LSTM cannot stream: it reads"),
        ({"output": "last", "pooling": "mean"}, "a model with pooling='mean' cannot"),
        ({"output": "last", "pooling": "attention"}, "pooling='attention' cannot st"),
    ],
)
def test_models_that_cannot_stream(
    rng: np.random.Generator, options: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make(rng, **options).stream()


def test_batch_size_is_checked(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        make(rng).stream(0)
    assert make(rng).stream().batch_size == 1


def spoilt(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    x = x.copy()
    x[2, 1] = np.nan
    return x


BAD_STEPS: list[tuple[Any, type[Exception], str]] = [
    (lambda x: x[:4], ValueError, r"x_t must have shape \(5, 3\) \(seq.* got \(4, 3\)"),
    (lambda x: x[:, :2], ValueError, r"x_t must have shape \(5, 3\).* got \(5, 2\)"),
    (lambda x: x[0], ValueError, r"x_t must have shape \(5, 3\).* got \(3,\)"),
    (lambda x: x[:, None], ValueError, r"x_t must have shape .* got \(5, 1, 3\)"),
    (lambda x: x.astype("f4"), TypeError, "float64 of shape .* got float32"),
    (lambda x: x.tolist(), TypeError, "x_t must be an array .* got list"),
    (spoilt, ValueError, "x_t holds nan at row 2, feature 1"),
]


@pytest.mark.parametrize(("spoil", "error", "message"), BAD_STEPS)
def test_bad_steps_change_nothing(
    rng: np.random.Generator, spoil: Any, error: type[Exception], message: str
) -> None:
    model = make(rng)
    x = make_x(rng, model)
    stream = model.stream(N)
    stream.step(x[:, 0])
    with pytest.raises(error, match=message):
        stream.step(spoil(x[:, 1]))
    whole = model.infer(SequenceBatch(x))
    assert_same_bits({"y": stream.step(x[:, 1])}, {"y": whole[:, 1].copy()})


def test_one_row_has_two_axes(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match=r"shape \(1, 3\) \(seq.*got \(3,\)"):
        make(rng).stream().step(np.zeros(3))


BAD_READS: list[tuple[Any, type[Exception], str]] = [
    (lambda x: x[:4], ValueError, "batch has 4 sequences, .* batch_size=5"),
    (lambda x: x[:, :, :2], ValueError, r"\(samples, steps, 3\), got \(5, 9, 2\)"),
    (lambda x: x.astype("f4"), TypeError, "x must be float64 .* got float32"),
    (lambda x: np.where(x == x[2, 8, 0], np.inf, x), ValueError, "inf at sample 2, "),
]


@pytest.mark.parametrize(("spoil", "error", "message"), BAD_READS)
def test_bad_reads_change_nothing(
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Any,
    error: type[Exception],
    message: str,
) -> None:
    monkeypatch.setattr("fastlstm.models.parts._NUMBERS_AT_WORK", 50)
    model = make(rng)
    x = make_x(rng, model)
    stream = model.stream(N)
    with pytest.raises(error, match=message):
        stream.read(SequenceBatch(spoil(x)))
    with pytest.raises(ValueError, match=r"output must be one of .* got 'all'"):
        stream.read(SequenceBatch(x), output="all")
    whole = model.infer(SequenceBatch(x))
    assert_same_bits({"y": stream.read(SequenceBatch(x))}, {"y": whole[:, -1].copy()})


def test_bad_tokens(rng: np.random.Generator) -> None:
    stream = make(rng, tokens=True).stream(2)
    with pytest.raises(ValueError, match=r"shape \(2,\), one token .* got \(3,\)"):
        stream.step(np.array([1, 2, 3]))
    with pytest.raises(ValueError, match="tokens from 0 to 10, got 11 at sample 1"):
        stream.step(np.array([1, V]))
    with pytest.raises(TypeError, match="x must hold integer tokens, got float64"):
        stream.step(np.array([1.0, 2.0]))
    with pytest.raises(ValueError, match="tokens from 0 to 10, got -1 at sample 0"):
        stream.read(SequenceBatch(np.array([[-1], [2]])))


def test_bad_rows(rng: np.random.Generator) -> None:
    stream = make(rng).stream(3)
    with pytest.raises(ValueError, match="rows must be at least 0 and at most 2, got "):
        stream.take([0, 3])
    with pytest.raises(ValueError, match=r"rows must be at least 0 .* got -1"):
        stream.take([-1])
    with pytest.raises(TypeError, match="rows must be integers, got float64"):
        stream.take([0.0])
    with pytest.raises(ValueError, match="rows must be a list of at least one"):
        stream.take(np.zeros(0, np.int64))
    with pytest.raises(ValueError, match="rows must be a list of at least one"):
        stream.take([[0]])


def test_bad_states_change_nothing(rng: np.random.Generator) -> None:
    stream = make(rng).stream(3)
    stream.step(rng.standard_normal((3, F)))
    h, c = stream.state
    bad: list[tuple[Any, str]] = [
        ((h[:, :2], c), "h has shape"),
        ((h, np.full_like(c, np.nan)), "c holds NaN or inf"),
        ((h,), "state has 1 parts"),
    ]
    for state, message in bad:
        with pytest.raises(ValueError, match=message):
            stream.state = state
    after = stream.state
    assert_same_bits({"h": after[0], "c": after[1]}, {"h": h, "c": c})


@pytest.mark.parametrize("tokens", [False, True])
def test_new_weights_end_a_stream(rng: np.random.Generator, tokens: bool) -> None:
    model = make(rng, tokens=tokens)
    x = make_x(rng, model)
    stream = model.stream(N)
    stream.step(x[:, 0])
    state = stream.state
    with model.params.update() as flat:
        flat *= 0.5
    calls: list[Any] = [
        lambda: stream.step(x[:, 1]),
        lambda: stream.read(SequenceBatch(x)),
        lambda: stream.take([0]),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="weights have changed since this stream"):
            call()
    assert_same_bits({"h": stream.state[0]}, {"h": state[0]})
    again = model.stream(N)
    again.state = state
    assert np.isfinite(again.step(x[:, 1])).all()


def test_outputs_are_the_callers(rng: np.random.Generator) -> None:
    """No step writes what an earlier one has returned; also without a head."""
    model = make(rng)
    x = make_x(rng, model)
    bare = ModelStream(model._network.reader, None, model.params, batch_size=N)
    for stream in (model.stream(N), bare):
        first = stream.step(x[:, 0])
        kept = first.copy()
        stream.step(x[:, 1])
        assert_same_bits({"y": first}, {"y": kept})


def test_without_a_head_the_hidden_states_are_the_outputs(
    rng: np.random.Generator,
) -> None:
    model = make(rng)
    x = make_x(rng, model)
    y, _ = model._network.lstm(x)
    stream = ModelStream(model._network.reader, None, model.params, batch_size=N)
    assert_same_bits({"y": stream.step(x[:, 0])}, {"y": y[:, 0].copy()})
    every = stream.read(SequenceBatch(x[:, 1:5]), output="sequence")
    assert_same_bits({"y": every}, {"y": y[:, 1:5].copy()})
    last = stream.take(range(N)).read(SequenceBatch(x[:, 5:]))
    assert_same_bits({"y": last}, {"y": y[:, -1].copy()})
    assert repr(stream) == "ModelStream(batch_size=5)"
