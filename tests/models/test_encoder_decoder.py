"""The encoder-decoder in training: gradients, masks, bits, a fit."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from fastlstm.data import SequenceBatch, SequencePair
from fastlstm.losses import SquaredError
from fastlstm.models import EncoderDecoder
from fastlstm.nn import LSTM
from fastlstm.optim import Adam
from fastlstm.training import Trainer, TrainingSet

from ..compare import assert_same_bits, gradient_error
from ..tolerances import FINITE_DIFFERENCE

N, S, T, F, D, K = 5, 9, 7, 3, 2, 4
SOURCES = np.array([6, 2, 9, 1, 7])
TARGETS = np.array([3, 7, 1, 6, 5])
ROWS = np.array([4, 0, 9, 7, 2])
SEED = 17
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "deep": {"num_layers": 3},
    "projected": {"projection_size": 3, "num_layers": 2},
    "unequal": {"hidden_size": (5, 3)},
    "dropout": {"dropout": 0.4, "num_layers": 2},
    "cell": {"peephole": True, "coupled_gates": True, "cell_clip": 0.7},
    "kept": {"zoneout_h": 0.3, "zoneout_c": 0.2, "weight_dropout": 0.3},
    "locked": {"variational_dropout": 0.4, "num_layers": 2},
    "layer": {"normalization": "layer", "recurrent_dropout": 0.3},
    "batch": {"normalization": "batch", "normalization_steps": 4},
    "recompute": {"memory": "recompute", "num_layers": 2},
}


def make(name: str = "plain", dtype: str = "float64", **more: Any) -> EncoderDecoder:
    options = {"hidden_size": 5, **CONFIGURATIONS[name], **more}
    model = EncoderDecoder(F, D, K, dtype=dtype, random_state=0, **options)
    with model.params.writable() as values:
        values["head.bias"][:] = 0.1, -0.2, 0.3, 0.05  # by itself zero, as padding is
    return model


def make_pair(
    rng: np.random.Generator, dtype: str = "float64", ragged: bool = True
) -> SequencePair:
    return SequencePair(
        SequenceBatch(
            rng.standard_normal((N, S, F)).astype(dtype), SOURCES if ragged else None
        ),
        SequenceBatch(
            rng.standard_normal((N, T, D)).astype(dtype), TARGETS if ragged else None
        ),
    )


def test_every_option_of_the_lstm_is_one_of_the_model() -> None:
    own = inspect.signature(LSTM).parameters
    models = inspect.signature(EncoderDecoder).parameters
    assert set(own) - set(models) == {"bias", "bidirectional", "input_size"}
    for name in set(own) & set(models) - {"hidden_size", "random_state"}:
        assert models[name].default == own[name].default, name
    options = CONFIGURATIONS["cell"] | {"num_layers": 2, "dtype": "float64"}
    rng = np.random.default_rng(0)
    model = make(**options)
    for part, size in (("encoder", F), ("decoder", D)):
        lstm = LSTM(size, 5, **options, random_state=rng)
        for key, value in lstm.params.items():
            np.testing.assert_array_equal(model.params[f"{part}.{key}"], value)


# ----------------------------------------------------------------------- training


@pytest.mark.parametrize("ragged", [True, False])
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_gradients(rng: np.random.Generator, name: str, ragged: bool) -> None:
    model, pair = make(name), make_pair(rng, ragged=ragged)
    if name == "batch" and ragged:
        # Normalised over two or three rows, outputs bend within a difference's step.
        pair = SequencePair(
            SequenceBatch(pair.source.x, np.array([9, 9, 6, 9, 9])),
            SequenceBatch(pair.target.x, np.array([7, 5, 7, 7, 7])),
        )
    outputs, cache = model.forward(pair, mask_seed=SEED, row_ids=ROWS)
    assert outputs.shape == (N, T, K)
    assert not outputs[~pair.target.mask].any()
    upstream = rng.standard_normal(outputs.shape)
    upstream[~pair.target.mask] = 0.0
    grads = model.params.new_grads()
    model.backward(upstream, cache, grads)
    assert not model.grads.flat.any()  # they went where they were sent

    def loss(arrays: Any) -> float:
        model.params.load_state_dict(arrays)
        values, _ = model.forward(pair, mask_seed=SEED, row_ids=ROWS)
        # From where it is: beside the biases little is left of what the source does.
        return float(np.sum((values - outputs) * upstream))

    worst, where = gradient_error(loss, model.params.state_dict(), grads, rng)
    assert worst <= FINITE_DIFFERENCE.limit, where


def test_penalties_are_of_the_decoders_outputs(rng: np.random.Generator) -> None:
    """Beside `test_options.py`: the gradients of a penalty alone, from its value."""
    model = make(activation_penalty=2.0, temporal_activation_penalty=3.0)
    pair = make_pair(rng)
    outputs, cache = model.forward(pair, mask_seed=SEED, row_ids=ROWS)
    grads = model.params.new_grads()
    model.backward(np.zeros_like(outputs), cache, grads)
    assert grads["encoder.weight_hh_l0"].any()

    def loss(arrays: Any) -> float:
        model.params.load_state_dict(arrays)
        decoder = model._network.decoder
        y, _ = decoder.lstm(pair.target.x, model.encode(pair.source), TARGETS)
        values = [p(y, lengths=TARGETS)[0] for p in decoder.penalties]
        return float(sum(values))

    worst, where = gradient_error(loss, model.params.state_dict(), grads, rng)
    assert worst <= FINITE_DIFFERENCE.limit, where


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_what_was_checked_gives_the_same(rng: np.random.Generator, name: str) -> None:
    rows = np.array([4, 0, 2])
    model, pair = make(name), make_pair(rng).take(rows)
    results = []
    for checked in (False, True):
        outputs, cache = model.forward(pair, mask_seed=3, row_ids=rows, checked=checked)
        assert cache.nbytes > 0
        grads = model.params.new_grads()
        model.backward(np.ones_like(outputs), cache, grads)
        results.append({"y": outputs, "grads": grads.flat})
    assert_same_bits(*results)


def test_encoder_and_decoder_draw_other_masks(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    p, rows = 0.4, np.arange(200)
    model = EncoderDecoder(
        F, F, K, hidden_size=5, variational_dropout=p, dtype="float64", random_state=0
    )
    readers = model._network.encoder, model._network.decoder.reader
    seen: list[np.ndarray] = []
    for reader in readers:

        def forward(*args: Any, call: Any = reader.forward, **options: Any) -> Any:
            result = call(*args, **options)
            seen.append(result[0][:, 0] == 0.0)
            return result

        monkeypatch.setattr(reader, "forward", forward)
    batch = SequenceBatch(rng.standard_normal((200, S, F)))
    model.forward(SequencePair(batch, batch), mask_seed=SEED, row_ids=rows)
    # 1000 draws each: four standard deviations are 0.06.
    for zero in seen:
        assert abs(zero.mean() - p) < 0.06
    assert abs((seen[0] == seen[1]).mean() - (p**2 + (1 - p) ** 2)) < 0.07


@pytest.mark.parametrize("option", ["dropout", "variational_dropout"])
def test_the_head_reads_masked_states(rng: np.random.Generator, option: str) -> None:
    model = EncoderDecoder(F, D, 5, hidden_size=5, random_state=0, **{option: 0.4})
    with model.params.writable() as values:
        values["head.weight"][:] = np.eye(5)
    x = rng.standard_normal((200, S, F)).astype("f")
    pair = SequencePair(SequenceBatch(x), SequenceBatch(x[:, :T, :D].copy()))
    zero = model.forward(pair, mask_seed=SEED, row_ids=np.arange(200))[0] == 0.0
    assert abs(zero.mean() - 0.4) < 0.06
    same = (zero == zero[:, :1]).all()
    assert same == (option == "variational_dropout")


@pytest.mark.parametrize("name", ["dropout", "kept", "locked"])
def test_masks_follow_the_row(rng: np.random.Generator, name: str) -> None:
    model, pair = make(name), make_pair(rng)
    outputs, _ = model.forward(pair, mask_seed=5, row_ids=ROWS)
    order = np.array([4, 2, 0, 1, 3])
    again, _ = model.forward(pair.take(order), mask_seed=5, row_ids=ROWS[order])
    assert_same_bits({"y": again}, {"y": outputs[order]})
    other, _ = model.forward(pair, mask_seed=6, row_ids=ROWS)
    assert (other != outputs)[pair.target.mask].all()


def task(n: int, rng: np.random.Generator) -> tuple[SequencePair, np.ndarray]:
    """Go on along a line whose slope only the source tells, from its last value."""
    lengths, steps = rng.integers(3, 12, n), rng.integers(1, 5, n)
    slope, time = rng.uniform(-0.1, 0.1, (n, 1, 1)), np.arange(16.0)[:, None]
    lines = slope * (time - lengths[:, None, None] + 1)
    source = SequenceBatch(lines[:, :11].astype(np.float32), lengths)
    ahead = np.broadcast_to(time[1:5] / 4, (n, 4, 1))
    target = SequenceBatch(ahead.astype(np.float32), steps)
    return SequencePair(source, target), (slope * time[1:5]).astype(np.float32)


def fit(pair: SequencePair, values: np.ndarray, epochs: int = 40) -> EncoderDecoder:
    model = EncoderDecoder(1, 1, 1, hidden_size=12, random_state=0)
    trainer = Trainer(
        model,
        SquaredError(),
        Adam(model.params, learning_rate=0.01),
        batch_size=32,
        max_epochs=epochs,
    )
    trainer.fit(TrainingSet(pair, values, per_step=True))
    assert trainer.loss_curve[-1] < trainer.loss_curve[0]
    return model


def test_it_learns_from_both_sides(rng: np.random.Generator) -> None:
    model = fit(*task(400, rng))
    pair, values = task(100, rng)
    outputs, valid = model.infer(pair), pair.target.mask
    error = np.sqrt(np.mean((outputs - values)[valid] ** 2))
    spread = np.sqrt(np.mean(values[valid] ** 2))
    assert error < 0.3 * spread  # 1 is what zero would have


def test_padding_is_never_read(rng: np.random.Generator) -> None:
    pair, values = task(60, rng)
    clean = fit(pair, values, epochs=2)
    dirty = SequencePair(
        SequenceBatch(pair.source.x.copy(), pair.source.lengths),
        SequenceBatch(pair.target.x.copy(), pair.target.lengths),
    )
    for side in (dirty.source, dirty.target):
        side.x[~side.mask] = np.nan
    values = np.where(pair.target.mask[:, :, None], values, np.nan)
    assert_same_bits(fit(dirty, values, epochs=2).state_dict(), clean.state_dict())
    assert_same_bits({"y": clean.infer(dirty)}, {"y": clean.infer(pair)})
    assert_same_bits({"y": clean.predict(dirty)}, {"y": clean.predict(pair)})


def test_any_number_of_threads_gives_the_same(
    rng: np.random.Generator, threads: Any
) -> None:
    model = EncoderDecoder(
        F, D, K, hidden_size=60, num_layers=2, dropout=0.2, random_state=0
    )
    lengths = rng.integers(1, 60, (2, 70))
    pair = SequencePair(
        SequenceBatch(rng.standard_normal((70, 60, F)).astype("f"), lengths[0]),
        SequenceBatch(rng.standard_normal((70, 60, D)).astype("f"), lengths[1]),
    )
    upstream = rng.standard_normal((70, 60, K)).astype("f")
    upstream[~pair.target.mask] = 0.0
    found = []
    for n in (1, 2, 3):
        threads(n)
        outputs, cache = model.forward(pair, mask_seed=1, row_ids=np.arange(70))
        grads = model.params.new_grads()
        model.backward(upstream, cache, grads)
        found.append({"y": outputs, "grads": grads.flat, "infer": model.infer(pair)})
    assert_same_bits(found[1], found[0])
    assert_same_bits(found[2], found[0])
