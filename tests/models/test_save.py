"""A model in a file, and back: the same bits, with NumPy alone."""

from __future__ import annotations

import json
import time
import tracemalloc
from pathlib import Path
from typing import Any

import fastlstm
import numpy as np
import pytest
from fastlstm.data import SequenceScaler
from fastlstm.files import read_tensors, write_tensors
from fastlstm.files.record import _digest
from fastlstm.models import SequenceModel
from safetensors import safe_open

from ..compare import assert_same_bits
from .test_options import make, make_batch

OPTIONS: list[dict[str, Any]] = [
    {},
    {"dtype": "float32", "hidden_size": (4, 3), "bidirectional": True},
    {"normalization": "batch", "normalization_steps": 4, "output": "sequence"},
    {"initializer": {"i": "uniform", **dict.fromkeys("fgo", "orthogonal")}},
    {"peephole": True, "cell_clip": 1.5, "projection_size": 2, "num_layers": 2},
    {"coupled_gates": True, "zoneout_h": 0.1, "chrono_steps": 6, "memory": "recompute"},
]


def dressed(rng: np.random.Generator, **options: Any) -> SequenceModel:
    model = make(**options)
    model.input_scaler = SequenceScaler().fit(rng.standard_normal((9, 3)) + 4)
    model.target_scaler = SequenceScaler().fit(rng.standard_normal((9, 2)) * 7)
    return model


@pytest.mark.parametrize("options", OPTIONS, ids=repr)
def test_the_same_model(
    rng: np.random.Generator, tmp_path: Path, options: dict[str, Any]
) -> None:
    model, batch = dressed(rng, **options), make_batch(rng)
    x = batch.x.astype(model.dtype)
    model.forward(batch.with_x(x), mask_seed=1, row_ids=np.arange(5))  # statistics
    model.save(tmp_path / "a.safetensors")
    same = fastlstm.load(tmp_path / "a.safetensors")
    assert type(same) is SequenceModel
    assert repr(same.config) == repr(model.config)
    assert_same_bits(same.state_dict(), model.state_dict())
    assert_same_bits({"y": same.predict(batch)}, {"y": model.predict(batch)})
    # Weights have their names, for whom else may read them.
    with safe_open(tmp_path / "a.safetensors", "numpy") as file:
        weight = file.get_tensor("model.state.lstm.weight_ih_l0")
    np.testing.assert_array_equal(weight, model.params["lstm.weight_ih_l0"])


def test_classes_and_a_path_as_text(rng: np.random.Generator, tmp_path: Path) -> None:
    model, batch = make(), make_batch(rng)
    model.classes = np.array(["down", "up"])
    model.save(f"{tmp_path}/a")
    same = fastlstm.load(f"{tmp_path}/a")
    assert_same_bits({"classes": same.classes}, {"classes": model.classes})
    assert_same_bits({"p": same.predict(batch)}, {"p": model.predict(batch)})
    np.testing.assert_allclose(same.predict(batch).sum(axis=1), 1.0, rtol=1e-12)


def edit(path: Path, **config: Any) -> None:
    """Change the configuration, and the sum with it, as an attacker would."""
    tensors, metadata = read_tensors(path)
    record = json.loads(metadata["fastlstm"])
    record["content"]["model"]["state"]["config"].update(config)
    text = json.dumps(record)
    write_tensors(path, tensors, {"fastlstm": text, "sha256": _digest(text, tensors)})


@pytest.mark.parametrize(
    "config",
    [
        {"hidden_size": 20_000},
        {"hidden_size": 2**40},
        {"num_layers": 10**12},
        {"num_layers": None},
        {"hidden_size": [5] * 30},
        {"input_size": 10**9},
        {"output_size": 10**9},
        {"projection_size": 3},
        {"bidirectional": "yes"},
        {"normalization": "batch", "normalization_steps": 10**8},
        {"random_state": 1},
        {"unknown": 1},
        {"dtype": "float32"},
    ],
    ids=repr,
)
def test_made_up_configurations_cost_nothing(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    path = tmp_path / "a"
    make().save(path)
    edit(path, **config)
    began = time.monotonic()
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="a cannot be read: "):
            fastlstm.load(path)
        assert tracemalloc.get_traced_memory()[1] < 3e6
    finally:
        tracemalloc.stop()
    assert time.monotonic() - began < 20


def test_files_of_something_else(tmp_path: Path) -> None:
    write_tensors(tmp_path / "torch", {"weight": np.ones(3)}, {"format": "pt"})
    with pytest.raises(ValueError, match=r"torch is a safetensors file, but none of"):
        fastlstm.load(tmp_path / "torch")
    with pytest.raises(FileNotFoundError):
        fastlstm.load(tmp_path / "none")
    make().save(tmp_path / "a")
    before = (tmp_path / "a").read_bytes()
    model = make()
    model.classes = np.array([object(), object()])
    with pytest.raises(TypeError, match=r"model\.classes\.0 is a builtins\.obj"):
        model.save(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == before
