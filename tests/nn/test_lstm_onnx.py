"""Cell variants against onnxruntime's LSTM, which nobody here wrote: values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastlstm.nn import LSTM

from ..compare import assert_close
from ..tolerances import PAIR_VALUE

onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
onnx = pytest.importorskip("onnx", reason="onnxruntime is not installed")

N, T, I, H = 3, 13, 5, 19  # noqa: E741
HARD = {"activation_alpha": [1 / 6], "activation_beta": [0.5]}

CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "peephole": ({"peephole": True}, {}),
    "coupled": ({"coupled_gates": True}, {"input_forget": 1}),
    "coupled-peephole": (
        {"coupled_gates": True, "peephole": True},
        {"input_forget": 1},
    ),
    "relu": (
        {"cell_activation": "relu"},
        {"activations": ["Sigmoid", "Relu", "Relu"]},
    ),
    "hard-sigmoid": (
        {"gate_activation": "hard_sigmoid"},
        {"activations": ["HardSigmoid", "Tanh", "Tanh"], **HARD},
    ),
}


def iofc(rows: np.ndarray, coupled: bool, fill: float = 0.0) -> np.ndarray:
    """Our blocks i, (f), g, o in ONNX's order i, o, f, c; f is not used if coupled."""
    blocks = np.split(rows, 3 if coupled else 4)
    i, g, o = blocks[0], blocks[-2], blocks[-1]
    f = np.full_like(i, fill) if coupled else blocks[1]
    return np.concatenate([i, o, f, g])


def run_onnx(lstm: LSTM, x: np.ndarray, attributes: dict[str, Any]) -> np.ndarray:
    coupled = lstm.cell.coupled_gates
    params = lstm.params
    bias = iofc(params["bias_l0"], coupled)
    weights = {
        "W": iofc(params["weight_ih_l0"], coupled)[None],
        "R": iofc(params["weight_hh_l0"], coupled)[None],
        "B": np.concatenate([bias, np.zeros_like(bias)])[None],
    }
    inputs = ["X", "W", "R", "B", "", "", ""]
    if lstm.cell.peephole:
        p = np.split(params["weight_ch_l0"], 2 if coupled else 3)
        f = np.zeros_like(p[0]) if coupled else p[1]
        weights["P"] = np.concatenate([p[0], p[-1], f])[None]
        inputs.append("P")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    node = helper.make_node("LSTM", inputs, ["Y"], hidden_size=H, **attributes)
    graph = helper.make_graph(
        [node],
        "lstm",
        [helper.make_tensor_value_info("X", kind, [T, N, I])],
        [helper.make_tensor_value_info("Y", kind, [T, 1, N, H])],
        [onnx.numpy_helper.from_array(w, n) for n, w in weights.items()],
    )
    opsets = [helper.make_opsetid("", 14)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    [y] = session.run(["Y"], {"X": x.transpose(1, 0, 2)})
    return y[:, 0].transpose(1, 0, 2)


@pytest.mark.parametrize(("options", "attributes"), CASES.values(), ids=list(CASES))
def test_against_onnxruntime(
    options: dict[str, Any], attributes: dict[str, Any], rng: np.random.Generator
) -> None:
    lstm = LSTM(I, H, initializer="uniform", random_state=0, **options)
    x = rng.standard_normal((N, T, I)).astype(np.float32)
    y, _ = lstm(x)
    assert_close(y, run_onnx(lstm, x, attributes), PAIR_VALUE["float32"])
