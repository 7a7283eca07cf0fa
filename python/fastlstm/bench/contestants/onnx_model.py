"""The ONNX model that onnxruntime and OpenVINO read."""

from __future__ import annotations

import numpy as np

from ..problem import Array, Problem

__all__ = ["STATE", "build_model"]

# Names of the states that come in, and of those that go out.
STATE = {"h0": "h", "c0": "c"}
# Old enough for any runtime, new enough for LSTM as it is now.
_OPSET, _IR_VERSION = 14, 8
_GATES = [0, 3, 1, 2]  # i, o, f, c of ONNX in our order i, f, g, o


def build_model(problem: Problem) -> bytes:
    """Serialise an LSTM of fixed shape, time-major as ONNX has it by default.

    Input x (T, N, I); in the mode "stream" also h0 and c0 (1, N, H), elsewhere zero.
    Outputs y (T, 1, N, H), h and c (1, N, H).
    """
    from onnx import TensorProto, helper, numpy_helper

    batch, steps, inputs, hidden = problem.job.shape
    kind = TensorProto.DOUBLE if problem.dtype == "float64" else TensorProto.FLOAT
    weights = {
        "W": _onnx_order(problem.weight_ih)[None],
        "R": _onnx_order(problem.weight_hh)[None],
        "B": np.concatenate([_onnx_order(problem.bias), 0 * problem.bias])[None],
    }
    state_shape = [1, batch, hidden]
    states = dict.fromkeys(STATE, state_shape) if problem.job.mode == "stream" else {}
    taken = {"x": [steps, batch, inputs], **states}
    given = {"y": [steps, 1, batch, hidden], "h": state_shape, "c": state_shape}
    node = helper.make_node(
        "LSTM",
        ["x", *weights, *(["", *STATE] if states else [])],  # "": no lengths
        list(given),
        hidden_size=hidden,
    )
    graph = helper.make_graph(
        [node],
        "lstm",
        [helper.make_tensor_value_info(n, kind, s) for n, s in taken.items()],
        [helper.make_tensor_value_info(n, kind, s) for n, s in given.items()],
        [numpy_helper.from_array(w, n) for n, w in weights.items()],
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
    )
    serialised: bytes = model.SerializeToString()
    return serialised


def _onnx_order(weights: Array) -> Array:
    """Reorder the gates, the first axis."""
    gates = weights.reshape(4, -1, *weights.shape[1:])
    return gates[_GATES].reshape(weights.shape)
