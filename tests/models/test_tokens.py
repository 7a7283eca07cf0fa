"""Models that read tokens: an embedding below the LSTM."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from fastlstm.data import SequenceBatch
from fastlstm.losses import SoftmaxCrossEntropy
from fastlstm.models import SequenceModel
from fastlstm.optim import Adam
from fastlstm.training import Trainer, TrainingSet

from ..compare import assert_close, assert_same_bits, gradient_error
from ..tolerances import FINITE_DIFFERENCE, PAIR_GRADIENT, PAIR_VALUE

SEED = 11
V, E = 13, 4
LENGTHS = np.array([6, 2, 9, 1, 7])
ROWS = np.array([4, 0, 9, 7, 2])
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "sequence": {"output": "sequence"},
    "attention": {"pooling": "attention", "dropout": 0.3},
    "dropped": {"embedding_dropout": 0.4, "dropout": 0.2, "num_layers": 2},
    "deep": {"num_layers": 3, "bidirectional": True, "output": "sequence"},
    "locked": {"variational_dropout": 0.4, "bidirectional": True},
    "kept": {"zoneout_h": 0.3, "weight_dropout": 0.3, "embedding_dropout": 0.4},
    "layer": {"normalization": "layer"},
    "penalties": {"activation_penalty": 2.0},
}
every_configuration = pytest.mark.parametrize("name", CONFIGURATIONS)


def make(
    rng: np.random.Generator, name: str, dtype: str = "float64", ragged: bool = True
) -> tuple[SequenceModel, SequenceBatch]:
    options = {"hidden_size": 5, "embedding_dim": E, **CONFIGURATIONS[name]}
    model = SequenceModel(
        None, 2, vocabulary_size=V, dtype=dtype, random_state=0, **options
    )
    return model, SequenceBatch(rng.integers(0, V, (5, 9)), LENGTHS if ragged else None)


def train(model: SequenceModel, batch: SequenceBatch, **options: Any) -> Any:
    outputs, cache = model.forward(batch, mask_seed=SEED, row_ids=ROWS, **options)
    upstream = np.ones_like(outputs)
    if outputs.ndim == 3:
        upstream[~batch.mask] = 0.0
    grads = model.params.new_grads()
    model.backward(upstream, cache, grads)
    return {"y": outputs, "grads": grads.flat}


@every_configuration
@pytest.mark.parametrize("ragged", [True, False])
def test_gradients(rng: np.random.Generator, name: str, ragged: bool) -> None:
    model, batch = make(rng, name, ragged=ragged)
    outputs, cache = model.forward(batch, mask_seed=SEED, row_ids=ROWS)
    upstream = rng.standard_normal(outputs.shape)
    if outputs.ndim == 3:
        upstream[~batch.mask] = 0.0
    grads = model.params.new_grads()
    model.backward(upstream, cache, grads)

    def loss(arrays: Any) -> float:
        model.params.load_state_dict(arrays)
        values, _ = model.forward(batch, mask_seed=SEED, row_ids=ROWS)
        terms = 0.0
        for penalty in model._network.penalties:
            x = model.params["embedding.weight"][batch.x]
            y, _, _ = model._network.lstm.forward(x, lengths=batch.lengths)
            terms += penalty(y, lengths=batch.lengths)[0]
        return float(np.sum(values * upstream) + terms)

    arrays = model.params.state_dict()
    assert "embedding.weight" in arrays
    worst, where = gradient_error(loss, arrays, grads, rng)
    assert worst <= FINITE_DIFFERENCE.limit, where


@pytest.mark.parametrize("name", ["plain", "sequence", "attention", "locked"])
def test_the_lstm_reads_rows_of_the_table(rng: np.random.Generator, name: str) -> None:
    model, tokens = make(rng, name)
    options = {**model.config, "input_size": E, "vocabulary_size": None}
    features = SequenceModel(**options)
    rest = model.params.state_dict()
    table = rest.pop("embedding.weight")
    features.load_state_dict(rest)
    vectors = tokens.with_x(table[tokens.x])
    assert_same_bits({"y": model.infer(tokens)}, {"y": features.infer(vectors)})
    own, other = train(model, tokens), train(features, vectors)
    assert_same_bits({"y": own["y"]}, {"y": other["y"]})
    assert_same_bits({"grads": own["grads"][table.size :]}, {"grads": other["grads"]})


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@every_configuration
def test_a_sequence_alone_has_the_same_bits(
    rng: np.random.Generator, name: str, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, batch = make(rng, name, dtype)
    together = model.predict(batch)
    for row, steps in enumerate(LENGTHS):
        alone = model.predict(SequenceBatch(batch.x[row : row + 1, :steps]))[0]
        expected = together[row, :steps] if together.ndim == 3 else together[row]
        assert_same_bits({"y": alone}, {"y": expected})
    # Two rows at a time, where 9 steps have 4 numbers of a vector and 5 of h or more.
    monkeypatch.setattr("fastlstm.models.parts._NUMBERS_AT_WORK", 9 * 2 * 9)
    infer, sizes = model._network.infer, []
    monkeypatch.setattr(
        model._network, "infer", lambda x, _: sizes.append(len(x)) or infer(x, _)
    )
    assert_same_bits({"y": model.predict(batch)}, {"y": together})
    bidirectional = CONFIGURATIONS[name].get("bidirectional", False)
    assert sizes == ([1] * 5 if bidirectional else [2, 2, 1])


@pytest.mark.parametrize("spoilt", [-1, V, 10**12])
@every_configuration
def test_padding_is_not_read(rng: np.random.Generator, name: str, spoilt: int) -> None:
    model, batch = make(rng, name)
    expected, trained = model.infer(batch), train(model, batch)
    batch.x[~batch.mask] = spoilt
    model.check(batch)
    assert_same_bits({"y": model.infer(batch)}, {"y": expected})
    for checked in (False, True):
        assert_same_bits(train(model, batch, checked=checked), trained)


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.uint64])
def test_integers_of_any_size(rng: np.random.Generator, dtype: type) -> None:
    model, batch = make(rng, "plain")
    other = batch.with_x(np.asfortranarray(batch.x.astype(dtype)))
    assert_same_bits({"y": model.predict(other)}, {"y": model.predict(batch)})
    assert_same_bits(train(model, other), train(model, batch))


def test_each_batch_of_an_epoch_drops_other_words(rng: np.random.Generator) -> None:
    model, batch = make(rng, "dropped")
    network = model._network
    assert network.embedding is not None

    def dropped(rows: np.ndarray) -> list[int]:
        _, ((*_, vectors), *_) = network.forward(batch.x, None, SEED, rows)
        words = {
            int(w): bool(v.any())
            for w, v in zip(batch.x.flat, vectors.reshape(-1, E), strict=True)
        }
        return sorted(word for word, kept in words.items() if not kept)

    first = dropped(np.arange(5))
    assert 0 < len(first) < V
    assert dropped(np.array([4, 3, 2, 1, 0])) == first
    assert dropped(np.arange(5, 10)) != first


def test_fit_with_anything_in_the_padding(rng: np.random.Generator) -> None:
    curves = []
    for padding in (0, -7):
        model = SequenceModel(
            None, 2, vocabulary_size=V, embedding_dropout=0.2, random_state=0
        )
        draws = np.random.default_rng(0)
        lengths = draws.integers(1, 10, 40)
        x = draws.integers(0, V, (40, 9))
        batch = SequenceBatch(x, lengths)
        labels = (x[np.arange(40), lengths - 1] > V // 2).astype(int)
        x[~batch.mask] = padding
        trainer = Trainer(
            model,
            SoftmaxCrossEntropy(),
            Adam(model.params, learning_rate=0.03),
            batch_size=8,
            max_epochs=8,
        )
        trainer.fit(TrainingSet(batch, labels))
        curves.append(trainer.loss_curve)
    assert curves[0] == curves[1]
    assert curves[0][-1] < 0.5 * curves[0][0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_against_torch(rng: np.random.Generator, dtype: str) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    H = 5
    model = SequenceModel(
        None,
        2,
        vocabulary_size=V,
        embedding_dim=E,
        hidden_size=H,
        pooling="attention",
        dtype=dtype,
        random_state=0,
    )
    _, batch = make(rng, "plain")
    weights = {
        name: torch.tensor(value.copy(), requires_grad=True)
        for name, value in model.params.items()
    }
    x = torch.nn.functional.embedding(
        torch.tensor(batch.x), weights["embedding.weight"]
    )
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        x, torch.tensor(LENGTHS), batch_first=True, enforce_sorted=False
    )
    lstm = torch.nn.LSTM(E, H, batch_first=True, dtype=x.dtype)
    zero = torch.zeros(4 * H, dtype=x.dtype)
    own = {
        "weight_ih_l0": weights["lstm.weight_ih_l0"],
        "weight_hh_l0": weights["lstm.weight_hh_l0"],
        "bias_ih_l0": weights["lstm.bias_l0"],
        "bias_hh_l0": zero,
    }
    y, _ = torch.func.functional_call(lstm, own, (packed,))
    y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, batch_first=True)
    linear = torch.nn.functional.linear
    u = torch.tanh(
        linear(
            y, weights["pooling.projection.weight"], weights["pooling.projection.bias"]
        )
    )
    scores = linear(u, weights["pooling.context.weight"])[:, :, 0]
    a = torch.softmax(scores.masked_fill(torch.tensor(~batch.mask), -torch.inf), dim=1)
    z = (a[:, :, None] * y).sum(1)
    outputs = linear(z, weights["head.weight"], weights["head.bias"])
    outputs.backward(torch.ones_like(outputs))
    result = train(model, batch)
    assert_close(result["y"], outputs.detach().numpy(), PAIR_VALUE[dtype])
    flat = np.concatenate([w.grad.numpy().ravel() for w in weights.values()])
    assert_close(result["grads"], flat, PAIR_GRADIENT[dtype])


def through_pickle(model: SequenceModel) -> SequenceModel:
    copied: SequenceModel = pickle.loads(pickle.dumps(model))
    return copied


def through_state(model: SequenceModel) -> SequenceModel:
    other = SequenceModel(**model.config, random_state=1)
    other.load_state_dict(model.state_dict())
    return other


@pytest.mark.parametrize("duplicate", [copy.deepcopy, through_pickle, through_state])
def test_copies(rng: np.random.Generator, duplicate: Any) -> None:
    model, batch = make(rng, "dropped", "float32")
    other = duplicate(model)
    assert other.config == model.config
    assert_same_bits(train(other, batch), train(model, batch))
    assert_same_bits({"y": other.predict(batch)}, {"y": model.predict(batch)})


def test_weights_lie_in_one_buffer(rng: np.random.Generator) -> None:
    model, _ = make(rng, "attention")
    parts = {name.split(".")[0]: None for name in model.params}
    assert list(parts) == ["embedding", "lstm", "pooling", "head"]
    for view in model.params.values():
        assert np.shares_memory(view, model.params.flat)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (np.full((2, 3), V), ValueError, "tokens from 0 to 12, got 13 at sample 0, st"),
        (np.array([[1, 2], [3, -1]]), ValueError, "got -1 at sample 1, step 1"),
        (np.zeros((2, 3, 4)), TypeError, "x must hold integer tokens, got float64"),
        (np.zeros((2, 3, 4), int), ValueError, r"x must have shape .* got \(2, 3, 4\)"),
        (np.zeros((0, 3), int), ValueError, r"no axis empty, got \(0, 3\)"),
    ],
)
@pytest.mark.parametrize("method", ["check", "infer", "predict", "forward"])
def test_inputs_are_checked(
    rng: np.random.Generator,
    method: str,
    x: np.ndarray,
    error: type[Exception],
    message: str,
) -> None:
    model, _ = make(rng, "plain")
    options = {"mask_seed": 0, "row_ids": np.arange(2)} if method == "forward" else {}
    with pytest.raises(error, match=message):
        getattr(model, method)(SequenceBatch(x), **options)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"input_size": None}, ValueError, "input_size=None needs vocabulary_size"),
        (
            {"input_size": 3, "vocabulary_size": 9},
            ValueError,
            "input_size=3 does not go with vocabulary_size=9",
        ),
        (
            {"input_size": 3, "embedding_dropout": 0.2},
            ValueError,
            "embedding_dropout=0.2 needs vocabulary_size, got None",
        ),
        (
            {"input_size": None, "vocabulary_size": 0},
            ValueError,
            "vocabulary_size must be at least 1, got 0",
        ),
        (
            {"input_size": None, "vocabulary_size": 9.0},
            TypeError,
            "vocabulary_size must be an integer, got 9.0",
        ),
        ({"embedding_dim": 0}, ValueError, "embedding_dim must be at least 1, got 0"),
        (
            {"input_size": None, "vocabulary_size": 9, "embedding_dropout": 1.0},
            ValueError,
            r"embedding_dropout must be .* \[0, 1\), got 1",
        ),
    ],
)
def test_bad_configurations(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        SequenceModel(**{"input_size": 3, "output_size": 2, **options})
