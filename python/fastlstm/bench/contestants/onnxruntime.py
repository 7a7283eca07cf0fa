"""onnxruntime's CPU provider, on its own terms: time-major, outputs bound."""

from __future__ import annotations

from itertools import cycle
from typing import Any

import numpy as np

from ..problem import Problem
from .base import Call, Contestant, UnsupportedError
from .onnx_model import STATE, build_model


class OnnxRuntime(Contestant):
    """``run`` returns new arrays; bound inputs and outputs save their copies."""

    name = "onnxruntime"
    requires = ("onnxruntime", "onnx")
    time_major = True

    def __init__(self, threads: int, dtype: str) -> None:
        if dtype != "float32":
            raise UnsupportedError(f"its LSTM has no {dtype}")
        import onnxruntime

        self.runtime = onnxruntime
        self.threads = threads
        self.version = onnxruntime.__version__
        self.ways = {
            "infer": {"run": self._infer, "bound": self._infer_bound},
            "stream": {"run": self._step, "bound": self._step_bound},
        }

    def _infer(self, problem: Problem) -> Call:
        session, feed = self._session(problem), {"x": _time_major(problem)}
        return lambda: session.run(["y", "h", "c"], feed)

    def _infer_bound(self, problem: Problem) -> Call:
        session = self._session(problem)
        given = self._outputs(problem)
        binding = self._bind(session, {"x": self._value(_time_major(problem))}, given)
        arrays = tuple(value.numpy() for value in given.values())

        def infer() -> object:
            session.run_with_iobinding(binding)
            return arrays

        return infer

    def _step(self, problem: Problem) -> Call:
        session = self._session(problem)
        batch, _, _, hidden = problem.job.shape
        zeros = np.zeros((1, batch, hidden), problem.dtype)
        feed = {"x": _time_major(problem), **dict.fromkeys(STATE, zeros)}

        def step() -> object:
            feed["h0"], feed["c0"] = session.run(["h", "c"], feed)
            return feed["h0"]

        return step

    def _step_bound(self, problem: Problem) -> Call:
        """Two sets of states take turns at being input and output."""
        session = self._session(problem)
        x = self._value(_time_major(problem))
        even, odd = self._outputs(problem), self._outputs(problem)
        turns = []
        for before, after in ((even, odd), (odd, even)):
            taken = {"x": x, **{i: before[o] for i, o in STATE.items()}}
            given = {o: after[o] for o in STATE.values()}
            turns.append((self._bind(session, taken, given), after["h"].numpy()))
        turn = cycle(turns)

        def step() -> object:
            binding, h = next(turn)
            session.run_with_iobinding(binding)
            return h

        return step

    def _session(self, problem: Problem) -> Any:
        options = self.runtime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.graph_optimization_level = (
            self.runtime.GraphOptimizationLevel.ORT_ENABLE_ALL
        )
        return self.runtime.InferenceSession(
            build_model(problem), options, providers=["CPUExecutionProvider"]
        )

    def _value(self, array: Any) -> Any:
        return self.runtime.OrtValue.ortvalue_from_numpy(array)

    def _outputs(self, problem: Problem) -> dict[str, Any]:
        batch, steps, _, hidden = problem.job.shape
        shapes = {
            "y": (steps, 1, batch, hidden),
            "h": (1, batch, hidden),
            "c": (1, batch, hidden),
        }
        return {
            name: self._value(np.zeros(shape, problem.dtype))
            for name, shape in shapes.items()
        }

    def _bind(self, session: Any, taken: dict[str, Any], given: dict[str, Any]) -> Any:
        binding = session.io_binding()
        for name, value in taken.items():
            binding.bind_ortvalue_input(name, value)
        for name, value in given.items():
            binding.bind_ortvalue_output(name, value)
        return binding


def _time_major(problem: Problem) -> Any:
    return np.ascontiguousarray(problem.x.swapaxes(0, 1))
