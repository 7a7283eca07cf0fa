"""Our own layer."""

from __future__ import annotations

from functools import partial

import numpy as np

from ... import _core
from ...nn import LSTM
from ..problem import Problem
from .base import Call, Contestant


class FastLSTM(Contestant):
    """The layer as a user calls it."""

    name = "fastlstm"

    def __init__(self, threads: int, dtype: str) -> None:
        _core.set_num_threads(threads)
        self.version = _core.__version__
        self.ways = {
            "infer": {"layer": self._infer},
            "train": {"layer": self._train},
            "ragged": {"lengths": self._train},
            "stream": {"stream": self._step},
        }

    def _infer(self, problem: Problem) -> Call:
        lstm, x = _layer(problem), problem.x

        def infer() -> object:
            y, (h, c) = lstm(x)
            return y, h, c

        return infer

    def _train(self, problem: Problem) -> Call:
        lstm, x, dy = _layer(problem), problem.x, problem.dy
        lengths = problem.lengths if problem.job.mode == "ragged" else None
        grads = [lstm.grads[name] for name in lstm.params]

        def train() -> object:
            with lstm.params.update():  # new weights: packed anew
                pass
            _, _, cache = lstm.forward(x, lengths=lengths)
            lstm.zero_grad()
            dx, _ = lstm.backward(dy, cache)
            return dx, *grads

        return train

    def _step(self, problem: Problem) -> Call:
        batch, _, _, hidden = problem.job.shape
        stream = _layer(problem).stream(batch)
        out = np.empty((batch, hidden), problem.dtype)
        return partial(stream.step, problem.x[:, 0], out)


def _layer(problem: Problem) -> LSTM:
    _, _, inputs, hidden = problem.job.shape
    lstm = LSTM(inputs, hidden, dtype=problem.dtype, random_state=0)
    lstm.load_state_dict(
        {
            "weight_ih_l0": problem.weight_ih,
            "weight_hh_l0": problem.weight_hh,
            "bias_l0": problem.bias,
        }
    )
    return lstm
