"""OpenVINO's CPU plugin on the ONNX model, one infer request that is used again."""

from __future__ import annotations

from itertools import cycle
from typing import Any

from ..problem import Problem
from .base import Call, Contestant, UnsupportedError
from .onnx_model import STATE, build_model


class OpenVino(Contestant):
    """Inputs are set once; results are views of the request's own tensors."""

    name = "openvino"
    requires = ("openvino", "onnx")
    time_major = True

    def __init__(self, threads: int, dtype: str) -> None:
        if dtype != "float32":
            raise UnsupportedError(f"its CPU plugin has no LSTM in {dtype}")
        import openvino

        self.core = openvino.Core()
        self.settings = {
            "INFERENCE_PRECISION_HINT": "f32",
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
        }
        self.version = openvino.__version__.split("-")[0]
        self.ways = {
            "infer": {"request": self._infer},
            "stream": {"two requests": self._step},
        }

    def _infer(self, problem: Problem) -> Call:
        request = self._requests(problem, 1)[0]
        arrays = tuple(request.get_tensor(name).data for name in ("y", "h", "c"))

        def infer() -> object:
            request.infer(share_outputs=True)
            return arrays

        return infer

    def _step(self, problem: Problem) -> Call:
        """Two requests take turns: what one has written the other reads."""
        even, odd = self._requests(problem, 2)
        for before, after in ((even, odd), (odd, even)):
            for taken, given in STATE.items():
                state = before.get_tensor(given)
                state.data[:] = 0
                after.set_tensor(taken, state)
        turn = cycle((request, request.get_tensor("h").data) for request in (even, odd))

        def step() -> object:
            request, h = next(turn)
            request.infer(share_outputs=True)
            return h

        return step

    def _requests(self, problem: Problem, count: int) -> list[Any]:
        """Return requests whose own input holds x.

        Tensors over arrays of ours would have to be kept alive: a request does not.
        """
        model = self.core.read_model(build_model(problem))
        compiled = self.core.compile_model(model, "CPU", self.settings)
        requests = [compiled.create_infer_request() for _ in range(count)]
        for request in requests:
            request.get_tensor("x").data[:] = problem.x.swapaxes(0, 1)
        return requests
