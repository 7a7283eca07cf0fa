"""Copies and files of an encoder-decoder: the same bits."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import fastlstm
import numpy as np
import pytest
from fastlstm.data import SequenceScaler
from fastlstm.models import EncoderDecoder
from safetensors import safe_open

from ..compare import assert_same_bits
from .test_encoder_decoder import CONFIGURATIONS, ROWS, K, make, make_pair
from .test_save import edit


def dressed(rng: np.random.Generator, name: str = "plain") -> EncoderDecoder:
    model = make(name)
    model.forward(make_pair(rng), mask_seed=1, row_ids=ROWS)  # statistics
    model.input_scaler = SequenceScaler().fit(rng.standard_normal((9, 3)) + 4)
    model.decoder_scaler = SequenceScaler().fit(rng.standard_normal((9, 2)) - 1)
    model.target_scaler = SequenceScaler().fit(rng.standard_normal((9, K)) * 7)
    return model


def through_pickle(model: EncoderDecoder) -> EncoderDecoder:
    copied: EncoderDecoder = pickle.loads(pickle.dumps(model))
    return copied


def through_state(model: EncoderDecoder) -> EncoderDecoder:
    other = EncoderDecoder(**model.config, random_state=1)
    other.load_state_dict(model.state_dict())
    return other


@pytest.mark.parametrize("duplicate", [copy.deepcopy, through_pickle, through_state])
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_copies(rng: np.random.Generator, name: str, duplicate: Any) -> None:
    model, pair = dressed(rng, name), make_pair(rng)
    other = duplicate(model)
    assert type(other) is EncoderDecoder
    assert other.config == model.config
    assert_same_bits(other.state_dict(), model.state_dict())
    assert_same_bits({"y": other.predict(pair)}, {"y": model.predict(pair)})
    with other.params.update() as flat:
        flat[:] = 0.0
    assert model.params.flat.any()


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_files(rng: np.random.Generator, tmp_path: Path, name: str) -> None:
    model, pair = dressed(rng, name), make_pair(rng)
    model.classes = None if name == "plain" else np.array(list("abcd"))
    model.save(tmp_path / "a.safetensors")
    same = fastlstm.load(tmp_path / "a.safetensors")
    assert type(same) is EncoderDecoder
    assert repr(same.config) == repr(model.config)
    assert_same_bits(same.state_dict(), model.state_dict())
    assert_same_bits({"y": same.predict(pair)}, {"y": model.predict(pair)})
    with safe_open(tmp_path / "a.safetensors", "numpy") as file:
        weight = file.get_tensor("model.state.decoder.weight_ih_l0")
    np.testing.assert_array_equal(weight, model.params["decoder.weight_ih_l0"])


@pytest.mark.parametrize(
    "config",
    [{"hidden_size": 2**40}, {"num_layers": 10**12}, {"target_size": 10**9}, {"a": 1}],
    ids=repr,
)
def test_made_up_configurations(tmp_path: Path, config: dict[str, Any]) -> None:
    make().save(tmp_path / "a")
    edit(tmp_path / "a", **config)
    with pytest.raises(ValueError, match="a cannot be read: "):
        fastlstm.load(tmp_path / "a")


def test_weights_lie_in_one_buffer() -> None:
    model = make("deep")
    assert model.params.size == sum(view.size for view in model.params.values())
    assert {n.split(".")[0] for n in model.params} == {"encoder", "decoder", "head"}
    model.memory = "checkpoint"
    assert copy.deepcopy(model).memory == "checkpoint"
    assert [lstm.memory for lstm in model._network.lstms] == ["checkpoint"] * 2
