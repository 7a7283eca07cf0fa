"""The encoder-decoder at work: bits, states, users' units, bad inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastlstm.data import SequenceBatch, SequencePair, SequenceScaler
from fastlstm.models import EncoderDecoder

from ..compare import assert_close, assert_same_bits
from ..tolerances import VALUE
from .test_encoder_decoder import (
    CONFIGURATIONS,
    ROWS,
    SEED,
    SOURCES,
    TARGETS,
    D,
    F,
    K,
    N,
    S,
    T,
    make,
    make_pair,
)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_pair_alone_has_the_same_bits(
    rng: np.random.Generator, name: str, dtype: str
) -> None:
    model, pair = make(name, dtype), make_pair(rng, dtype)
    model.forward(pair, mask_seed=1, row_ids=ROWS)  # statistics
    together = model.infer(pair)
    assert together.dtype == dtype
    assert not together[~pair.target.mask].any()
    for row, (source, steps) in enumerate(zip(SOURCES, TARGETS, strict=True)):
        alone = SequencePair(
            SequenceBatch(pair.source.x[row : row + 1, :source]),
            SequenceBatch(pair.target.x[row : row + 1, :steps]),
        )
        assert_same_bits({"y": model.infer(alone)[0]}, {"y": together[row, :steps]})


@pytest.mark.parametrize("name", ["deep", "projected", "unequal", "cell", "recompute"])
def test_training_and_inference_agree(rng: np.random.Generator, name: str) -> None:
    model, pair = make(name), make_pair(rng)
    outputs, _ = model.forward(pair, mask_seed=SEED, row_ids=ROWS)
    assert_same_bits({"y": outputs}, {"y": model.infer(pair)})


def test_it_is_two_lstms_and_a_head(rng: np.random.Generator) -> None:
    model, pair = make("unequal"), make_pair(rng)
    network = model._network
    _, state = network.encoder.lstm(pair.source.x, lengths=SOURCES)
    y, _ = network.decoder.lstm(pair.target.x, state, TARGETS)
    weight, bias = model.params["head.weight"], model.params["head.bias"]
    expected = np.where(pair.target.mask[:, :, None], y @ weight.T + bias, 0.0)
    assert_close(model.infer(pair), expected, VALUE["float64"])


@pytest.mark.parametrize("parts", [False, True])
@pytest.mark.parametrize("name", ["deep", "projected", "unequal", "kept", "batch"])
def test_streams_go_the_same_way(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, name: str, parts: bool
) -> None:
    if parts:
        monkeypatch.setattr("fastlstm.models.parts._NUMBERS_AT_WORK", 100)
    model, pair = make(name), make_pair(rng, ragged=False)
    model.forward(pair, mask_seed=1, row_ids=ROWS)  # statistics
    source, target = pair.source.x, pair.target.x
    whole, state = model.infer(pair), model.encode(pair.source)

    def flat(state: Any) -> dict[str, np.ndarray]:
        names = enumerate(state)
        return {f"{k}.{n}": b for k, part in names for n, b in enumerate(part)}

    encoder = model.encoder_stream(N)
    encoder.read(SequenceBatch(source[:, :6]))
    for step in range(6, S):
        hidden = encoder.step(source[:, step])
    assert hidden.shape == (N, model._network.encoder.width)
    assert_same_bits(flat(encoder.state), flat(state))
    decoder = model.decoder_stream(encoder.state)
    outputs = [decoder.step(target[:, step]) for step in range(T)]
    assert_same_bits({"y": np.stack(outputs, axis=1)}, {"y": whole})
    if name != "batch":  # whose statistics are those of a step
        first, middle = model.decode(state, SequenceBatch(target[:, :3]))
        second, _ = model.decode(middle, SequenceBatch(target[:, 3:]))
        assert_same_bits({"y": np.hstack([first, second])}, {"y": whole})
    paths = model.decoder_stream(state).take(np.repeat(np.arange(N), 3))
    y = paths.step(np.repeat(target[:, 0], 3, axis=0))
    assert_same_bits({"y": y}, {"y": np.repeat(whole[:, 0], 3, axis=0)})


@pytest.mark.parametrize("name", ["plain", "unequal"])
def test_large_batches_are_read_in_parts(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    model, pair = make(name), make_pair(rng)
    whole, state = model.infer(pair), model.encode(pair.source)
    monkeypatch.setattr("fastlstm.models.parts._NUMBERS_AT_WORK", 90)
    assert_same_bits({"y": model.infer(pair)}, {"y": whole})
    h, c = state
    bad = ([h[0][:, :3], *h[1:]] if name == "unequal" else h[:, :3]), c
    where = r"state\[0\]" + (r"\[0\]" if name == "unequal" else "")
    with pytest.raises(ValueError, match=where + r" must have shape \(1, 5, 5\)"):
        model.decode(bad, pair.target)


def test_predict_is_in_the_users_units(rng: np.random.Generator) -> None:
    model, pair = make(dtype="float32"), make_pair(rng)
    users = SequencePair(
        pair.source.with_x(40 + 3 * pair.source.x),
        pair.target.with_x(-7 + 2 * pair.target.x),
    )
    model.input_scaler = SequenceScaler().fit(users.source.x, lengths=SOURCES)
    model.decoder_scaler = SequenceScaler().fit(users.target.x, lengths=TARGETS)
    model.target_scaler = SequenceScaler().fit(rng.normal(1000, 50, (30, K)))
    scaled = model.scale_inputs(users)
    for ours, theirs, scaler in (
        (scaled.source, users.source, model.input_scaler),
        (scaled.target, users.target, model.decoder_scaler),
    ):
        assert ours.x.dtype == np.float32
        expected = scaler.transform(theirs.x).astype(np.float32)
        assert_same_bits({"x": ours.x}, {"x": expected})
    expected = model.target_scaler.inverse_transform(model.infer(scaled))
    expected[~pair.target.mask] = 0.0
    assert_same_bits({"y": model.predict(users)}, {"y": expected})


def test_predict_gives_probabilities_and_quantiles(rng: np.random.Generator) -> None:
    model, pair = make(), make_pair(rng, ragged=False)
    model.classes = np.arange(K)
    sums = model.predict(pair).sum(axis=-1)
    assert_close(sums, np.ones((N, T)), VALUE["float64"])
    quantiles = make(quantiles=2)
    by_target = quantiles.predict(pair).reshape(N, T, 2, 2)
    assert (by_target[..., 0] <= by_target[..., 1]).all()
    raw = quantiles.infer(pair).reshape(N, T, 2, 2)
    assert (raw[..., 0] > raw[..., 1]).any()


# --------------------------------------------------------------------- bad inputs

SPOILT: list[tuple[Any, Any, type[Exception], str]] = [
    ("source", lambda x: x[:, :, :2], ValueError, r"steps, 3\), got \(5, 9, 2\)"),
    ("target", lambda x: x[:, :, :1], ValueError, r"steps, 2\), got \(5, 7, 1\)"),
    ("source", lambda x: x.astype("f4"), TypeError, "float64 .* got float32"),
    ("target", lambda x: x.astype("f4"), TypeError, "float64 .* got float32"),
    ("source", lambda x: np.where(x == x[2, 8, 0], np.nan, x), ValueError, "sample 2"),
    ("target", lambda x: np.where(x == x[1, 6, 1], np.inf, x), ValueError, "step 6, f"),
]


@pytest.mark.parametrize(("name", "spoil", "error", "message"), SPOILT)
@pytest.mark.parametrize("method", ["check", "infer", "forward"])
def test_inputs_are_checked(
    rng: np.random.Generator,
    method: str,
    name: str,
    spoil: Any,
    error: type[Exception],
    message: str,
) -> None:
    model, pair = make(), make_pair(rng)
    sides = {"source": pair.source, "target": pair.target}
    sides[name] = sides[name].with_x(spoil(sides[name].x))
    options = {"mask_seed": 0, "row_ids": ROWS} if method == "forward" else {}
    with pytest.raises(error, match=f"^{name}: x .*{message}"):
        getattr(model, method)(SequencePair(**sides), **options)


def test_something_else_is_refused(rng: np.random.Generator) -> None:
    model, pair = make(), make_pair(rng)
    with pytest.raises(TypeError, match=r"reads a SequencePair .* got SequenceBatch"):
        model.check(pair.source)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"mask_seed must be at least 0 .* got -1"):
        model.forward(pair, mask_seed=-1, row_ids=ROWS)
    with pytest.raises(ValueError, match=r"row_ids must be \(5,\) integers"):
        model.forward(pair, mask_seed=0, row_ids=ROWS[:4])
    outputs, cache = model.forward(pair, mask_seed=0, row_ids=ROWS)
    with pytest.raises(ValueError, match="cache is of another layer"):
        make("deep").backward(outputs, cache)
    with pytest.raises(ValueError, match=r"doutputs must have shape \(5, 7, 4\), as o"):
        model.backward(outputs[:, :3], cache)
    state = model.encode(pair.source)
    with pytest.raises(ValueError, match=r"state\[0\] must have shape \(1, 2, 5\)"):
        model.decode(state, pair.target.take(slice(2)))
    with pytest.raises(ValueError, match=r"state must be a pair \(h, c\), got int"):
        model.decoder_stream(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="h has shape"):
        model.decoder_stream((state[0][:, :, :3], state[1]))
    with pytest.raises(ValueError, match="memory"):
        model.memory = "none"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"source_size": 0}, ValueError, "source_size must be at least 1, got 0"),
        ({"target_size": 1.5}, TypeError, "target_size must be an integer, got 1.5"),
        ({"output_size": 0}, ValueError, "output_size must be at least 1, got 0"),
        ({"quantiles": 3}, ValueError, "multiple of quantiles=3, got 4"),
        ({"dropout": 1.0}, ValueError, r"dropout must be .* \[0, 1\), got 1"),
        (
            {"dropout": 0.2, "variational_dropout": 0.1},
            ValueError,
            "dropout=0.2 does not go with variational_dropout=0.1",
        ),
        ({"activation_penalty": -1.0}, ValueError, "activation_penalty must be"),
        ({"dtype": "float16"}, ValueError, "dtype must be 'float32' or 'float64'"),
    ],
)
def test_bad_configurations(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        EncoderDecoder(
            **{"source_size": F, "target_size": D, "output_size": K, **options}
        )
