from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from fastlstm.data import SequenceBatch, SequenceScaler
from fastlstm.models import SequenceModel

from ..compare import assert_close, assert_same_bits, gradient_error
from ..tolerances import FINITE_DIFFERENCE, VALUE

CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "bidirectional": {"bidirectional": True},
    "deep": {"num_layers": 3, "bidirectional": True},
    "projected": {"projection_size": 3, "num_layers": 2},
    "unequal": {"hidden_size": (5, 3), "bidirectional": True},
    "dropout": {"dropout": 0.4, "num_layers": 2},
    "cell": {"peephole": True, "coupled_gates": True, "cell_clip": 0.7},
    "kept": {"zoneout_h": 0.3, "zoneout_c": 0.2, "weight_dropout": 0.3},
    "locked": {"variational_dropout": 0.4, "num_layers": 2, "bidirectional": True},
    "layer": {"normalization": "layer", "recurrent_dropout": 0.3},
    "batch": {"normalization": "batch", "normalization_steps": 4, "num_layers": 2},
}


def make(
    rng: np.random.Generator,
    name: str,
    output: Any = "last",
    dtype: str = "float64",
    lengths: tuple[int, ...] | None = (6, 2, 9, 1, 7),
) -> tuple[SequenceModel, SequenceBatch]:
    options = {"hidden_size": 5, **CONFIGURATIONS[name]}
    model = SequenceModel(3, 2, output=output, dtype=dtype, random_state=0, **options)
    x = rng.standard_normal((5, 9, 3)).astype(dtype)
    batch = SequenceBatch(x, None if lengths is None else np.array(lengths))
    return model, batch


@pytest.mark.parametrize("output", ["last", "sequence"])
@pytest.mark.parametrize("name", CONFIGURATIONS)
@pytest.mark.parametrize("ragged", [True, False])
def test_gradients(
    rng: np.random.Generator, name: str, output: str, ragged: bool
) -> None:
    # Normalised over two or three rows, outputs bend within the step of a difference.
    lengths = (9, 9, 6, 9, 9) if name == "batch" else (6, 2, 9, 1, 7)
    model, batch = make(rng, name, output, lengths=lengths if ragged else None)
    rows = np.array([4, 0, 9, 7, 2])
    outputs, cache = model.forward(batch, mask_seed=11, row_ids=rows)
    upstream = rng.standard_normal(outputs.shape)
    if output == "sequence":
        upstream[~batch.mask] = 0.0
    grads = model.params.new_grads()
    model.backward(upstream, cache, grads)
    assert not model.grads.flat.any()  # they went where they were sent

    def loss(arrays: Any) -> float:
        model.params.load_state_dict(arrays)
        values, _ = model.forward(batch, mask_seed=11, row_ids=rows)
        return float(np.sum(values * upstream))

    worst, where = gradient_error(loss, model.params.state_dict(), grads, rng)
    assert worst <= FINITE_DIFFERENCE.limit, where


@pytest.mark.parametrize("output", ["last", "sequence"])
@pytest.mark.parametrize("name", CONFIGURATIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_sequence_alone_has_the_same_bits(
    rng: np.random.Generator, name: str, output: str, dtype: str
) -> None:
    model, batch = make(rng, name, output, dtype)
    model.classes = np.array(["a", "b"])
    together, probabilities = model.infer(batch), model.predict(batch)
    for row, steps in enumerate(batch.row_lengths):
        alone = SequenceBatch(batch.x[row : row + 1, :steps])
        for whole, part in (
            (together, model.infer(alone)),
            (probabilities, model.predict(alone)),
        ):
            expected = whole[row] if output == "last" else whole[row, :steps]
            assert_same_bits({"y": part[0]}, {"y": expected})


def test_large_batches_are_read_in_parts(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for output in ("last", "sequence"):
        model, batch = make(rng, "bidirectional", output)
        whole = model.infer(batch)
        monkeypatch.setattr("fastlstm.models.parts._NUMBERS_AT_WORK", 200)
        assert_same_bits({"y": model.infer(batch)}, {"y": whole})
        monkeypatch.undo()


SPOILT: list[tuple[Any, type[Exception], str]] = [
    (lambda x: x[:, :, :2], ValueError, r"\(samples, steps, 3\), got \(5, 9, 2\)"),
    (lambda x: x.astype("f4"), TypeError, "x must be float64 .* got float32"),
    (lambda x: np.where(x == x[1, 1, 2], np.nan, x), ValueError, "nan at sample 1, st"),
    (lambda x: np.where(x == x[2, 8, 0], np.inf, x), ValueError, "sample 2, step 8, f"),
]


@pytest.mark.parametrize(("spoil", "error", "message"), SPOILT)
@pytest.mark.parametrize("method", ["check", "infer", "forward"])
def test_inputs_are_checked(
    rng: np.random.Generator,
    method: str,
    spoil: Any,
    error: type[Exception],
    message: str,
) -> None:
    model, batch = make(rng, "plain")
    options = {"mask_seed": 0, "row_ids": np.arange(5)} if method == "forward" else {}
    with pytest.raises(error, match=message):
        getattr(model, method)(batch.with_x(spoil(batch.x)), **options)


def test_padding_is_not_checked(rng: np.random.Generator) -> None:
    model, batch = make(rng, "plain")
    expected = model.infer(batch)
    batch.x[~batch.mask] = np.nan
    model.check(batch)
    assert_same_bits({"y": model.infer(batch)}, {"y": expected})


def test_seed_and_rows_are_checked(rng: np.random.Generator) -> None:
    model, batch = make(rng, "dropout")
    with pytest.raises(ValueError, match=r"mask_seed must be at least 0 .* got -1"):
        model.forward(batch, mask_seed=-1, row_ids=np.arange(5))
    with pytest.raises(ValueError, match=r"row_ids must be \(5,\) integers"):
        model.forward(batch, mask_seed=0, row_ids=np.arange(4))


@pytest.mark.parametrize("output", ["last", "sequence"])
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_what_was_checked_gives_the_same(
    rng: np.random.Generator, name: str, output: str
) -> None:
    model, whole = make(rng, name, output)
    rows = np.array([4, 0, 2])
    batch = whole.take(rows)
    results = []
    for checked in (False, True):
        outputs, cache = model.forward(
            batch, mask_seed=3, row_ids=rows, checked=checked
        )
        grads = model.params.new_grads()
        model.backward(np.ones_like(outputs), cache, grads)
        results.append({"y": outputs, "grads": grads.flat})
    assert_same_bits(*results)


def test_backward_refuses(rng: np.random.Generator) -> None:
    model, batch = make(rng, "plain")
    other, _ = make(rng, "deep")

    def forward() -> Any:
        return model.forward(batch, mask_seed=0, row_ids=np.arange(5))

    outputs, cache = forward()
    with pytest.raises(ValueError, match="cache is of another layer"):
        other.backward(outputs, cache)
    with pytest.raises(ValueError, match=r"doutputs must have shape \(5, 2\), as outp"):
        model.backward(outputs[:, :1], cache)
    with pytest.raises(TypeError, match=r"doutputs must be float64 .* got float32"):
        model.backward(outputs.astype(np.float32), cache)
    with pytest.raises(ValueError, match="grads must have the names and shapes"):
        model.backward(outputs, cache, other.params.new_grads())
    assert not model.grads.flat.any()
    model.backward(outputs, cache)
    with pytest.raises(ValueError, match="cache was used already"):
        model.backward(outputs, cache)
    _, cache = forward()
    with model.params.update():
        pass
    with pytest.raises(ValueError, match="cache is outdated"):
        model.backward(outputs, cache)


def test_memory_can_be_changed(rng: np.random.Generator) -> None:
    model = SequenceModel(3, 2, hidden_size=20, random_state=0)
    batch = SequenceBatch(rng.standard_normal((8, 900, 3)).astype(np.float32))
    held = {}
    for memory in ("store", "recompute", "checkpoint"):
        model.memory = memory
        held[memory] = model.forward(batch, mask_seed=1, row_ids=np.arange(8))[1].nbytes
        assert copy.deepcopy(model).memory == memory
    assert held["store"] > held["recompute"] > held["checkpoint"]
    with pytest.raises(ValueError, match="memory"):
        model.memory = "none"


def test_last_is_the_state_after_the_last_valid_step(rng: np.random.Generator) -> None:
    last, batch = make(rng, "plain", "last")
    each, _ = make(rng, "plain", "sequence")
    for model in (last, each):
        with model.params.writable() as values:
            values["head.bias"][:] = 1.0, -2.0
    steps = each.infer(batch)
    ends = steps[np.arange(5), batch.row_lengths - 1]
    assert_same_bits({"y": last.infer(batch)}, {"y": ends})
    each.target_scaler = SequenceScaler().fit(rng.normal(1000, 50, (30, 2)))
    for outputs in (steps, each.predict(batch)):
        assert not outputs[~batch.mask].any()


def test_dropout_follows_the_row(rng: np.random.Generator) -> None:
    model, batch = make(rng, "dropout")
    rows = np.array([3, 8, 1, 5, 0])
    outputs, _ = model.forward(batch, mask_seed=5, row_ids=rows)
    order = np.array([4, 2, 0, 1, 3])
    again, _ = model.forward(batch.take(order), mask_seed=5, row_ids=rows[order])
    assert_same_bits({"y": again}, {"y": outputs[order]})
    other, _ = model.forward(batch, mask_seed=6, row_ids=rows)
    assert (other != outputs).all()
    assert (model.infer(batch) != outputs).any()


def test_predict_is_in_the_users_units(rng: np.random.Generator) -> None:
    model, batch = make(rng, "plain", dtype="float32", lengths=None)
    users = SequenceBatch(50.0 + 9.0 * batch.x.astype(np.float64))
    model.input_scaler = SequenceScaler().fit(users.x)
    model.target_scaler = SequenceScaler().fit(rng.normal(1000, 50, (30, 2)))
    outputs = model.infer(model.scale_inputs(users))
    assert outputs.dtype == np.float32
    predicted = model.predict(users)
    assert predicted.dtype == np.float64
    assert_same_bits(
        {"y": predicted}, {"y": model.target_scaler.inverse_transform(outputs)}
    )


def test_predict_gives_probabilities(rng: np.random.Generator) -> None:
    model, batch = make(rng, "plain")
    model.classes = np.array([1, 2])
    probabilities = model.predict(batch)
    logits = model.infer(batch)
    assert_close(probabilities.sum(axis=1), np.ones(5), VALUE["float64"])
    odds = np.log(probabilities[:, 0] / probabilities[:, 1])
    assert_close(odds, logits[:, 0] - logits[:, 1], VALUE["float64"])


def test_padded_steps_have_no_prediction(rng: np.random.Generator) -> None:
    classifying, batch = make(rng, "plain", "sequence")
    classifying.classes = np.array([1, 2])
    scaled, _ = make(rng, "plain", "sequence")
    scaled.target_scaler = SequenceScaler().fit(5.0 + rng.standard_normal((9, 2)))
    plain, _ = make(rng, "plain", "sequence")
    for model in (classifying, scaled, plain):
        predicted = model.predict(batch)
        assert (predicted[batch.mask] != 0.0).all()
        assert (predicted[~batch.mask] == 0.0).all()
    sums = classifying.predict(batch)[batch.mask].sum(axis=1)
    assert_close(sums, np.ones_like(sums), VALUE["float64"])


def test_weights_lie_in_one_buffer(rng: np.random.Generator) -> None:
    model, _ = make(rng, "deep")
    assert model.params.size == sum(view.size for view in model.params.values())
    assert {name.split(".")[0] for name in model.params} == {"lstm", "head"}
    for view in model.params.values():
        assert np.shares_memory(view, model.params.flat)


def through_pickle(model: SequenceModel) -> SequenceModel:
    copied: SequenceModel = pickle.loads(pickle.dumps(model))
    return copied


@pytest.mark.parametrize("duplicate", [copy.deepcopy, through_pickle])
def test_copies_predict_the_same(rng: np.random.Generator, duplicate: Any) -> None:
    model, batch = make(rng, "unequal", dtype="float32")
    model.input_scaler = SequenceScaler().fit(batch.x)
    model.classes = np.array(["no", "yes"])
    other = duplicate(model)
    assert_same_bits({"y": other.predict(batch)}, {"y": model.predict(batch)})
    with other.params.update() as flat:
        flat[:] = 0.0
    assert model.params.flat.any()


def test_state_dict(rng: np.random.Generator) -> None:
    model, batch = make(rng, "projected")
    model.target_scaler = SequenceScaler().fit(rng.standard_normal((9, 2)))
    other = SequenceModel(**model.config, random_state=1)
    assert (other.infer(batch) != model.infer(batch)).any()
    other.load_state_dict(model.state_dict())
    assert_same_bits({"y": other.predict(batch)}, {"y": model.predict(batch)})


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"hidden_size": 0}, ValueError, "hidden_size must be at least 1, got 0"),
        ({"output_size": 0}, ValueError, "output_size must be at least 1, got 0"),
        (
            {"dropout": 1.0},
            ValueError,
            r"dropout must be .* \[0, 1\), got 1",
        ),
        (
            {"dropout": 0.2, "variational_dropout": 0.1},
            ValueError,
            "dropout=0.2 does not go with variational_dropout=0.1: both mask",
        ),
        (
            {"normalization": "layer", "memory": "recompute"},
            ValueError,
            "normalization='layer' does not go with memory='recompute'",
        ),
        (
            {"activation_penalty": -1.0},
            ValueError,
            r"activation_penalty must be .* \[0, inf\), got -1",
        ),
        (
            {"temporal_activation_penalty": "much"},
            TypeError,
            "temporal_activation_penalty must be a real number, got 'much'",
        ),
        ({"output": "first"}, ValueError, "output must be one of .* got 'first'"),
        ({"dtype": "float16"}, ValueError, "dtype must be 'float32' or 'float64'"),
        ({"num_layers": 1.5}, TypeError, "num_layers must be an integer, got 1.5"),
    ],
)
def test_bad_configurations(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        SequenceModel(**{"input_size": 3, "output_size": 2, **options})
