"""torch.nn.LSTM, eager, which runs oneDNN where that has a kernel."""

from __future__ import annotations

from typing import Any

from ..problem import Problem
from .base import Call, Contestant


class Torch(Contestant):
    """Ragged batches are padded or packed; a step is an LSTM's or an LSTMCell's."""

    name = "torch"
    requires = ("torch",)
    install = "pip install torch"

    def __init__(self, threads: int, dtype: str) -> None:
        import torch

        torch.set_num_threads(threads)
        self.torch = torch
        self.version = torch.__version__
        self.ways = {
            "infer": {"LSTM": self._infer},
            "train": {"LSTM": self._train},
            # The upstream gradient is zero at padded steps, so both are right.
            "ragged": {"padded": self._train, "packed": self._train_packed},
            "stream": {"LSTM": self._step, "LSTMCell": self._step_cell},
        }

    def _infer(self, problem: Problem) -> Call:
        torch = self.torch
        lstm, x = self._layer(problem), torch.from_numpy(problem.x)

        def infer() -> object:
            with torch.inference_mode():
                y, (h, c) = lstm(x)
            return y, h, c

        return infer

    def _train(self, problem: Problem) -> Call:
        lstm = self._layer(problem)
        x = self.torch.from_numpy(problem.x).requires_grad_()
        dy = self.torch.from_numpy(problem.dy)

        def train() -> object:
            lstm.zero_grad()
            x.grad = None
            y, _ = lstm(x)
            y.backward(dy)
            return _gradients(lstm, x)

        return train

    def _train_packed(self, problem: Problem) -> Call:
        from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

        lstm = self._layer(problem)
        x = self.torch.from_numpy(problem.x).requires_grad_()
        dy = self.torch.from_numpy(problem.dy)
        lengths = self.torch.from_numpy(problem.lengths)

        def train() -> object:
            lstm.zero_grad()
            x.grad = None
            packed = pack_padded_sequence(
                x, lengths, batch_first=True, enforce_sorted=False
            )
            y, _ = pad_packed_sequence(lstm(packed)[0], batch_first=True)
            y.backward(dy)
            return _gradients(lstm, x)

        return train

    def _step(self, problem: Problem) -> Call:
        torch = self.torch
        lstm, x = self._layer(problem), torch.from_numpy(problem.x)
        state = None

        def step() -> object:
            nonlocal state
            with torch.inference_mode():
                y, state = lstm(x, state)
            return y

        return step

    def _step_cell(self, problem: Problem) -> Call:
        torch = self.torch
        _, _, inputs, hidden = problem.job.shape
        cell = torch.nn.LSTMCell(inputs, hidden, dtype=getattr(torch, problem.dtype))
        self._load(cell, "", problem)
        x = torch.from_numpy(problem.x[:, 0])
        state = None

        def step() -> object:
            nonlocal state
            with torch.inference_mode():
                state = cell(x, state)
            return state[0]

        return step

    def _layer(self, problem: Problem) -> Any:
        torch = self.torch
        _, _, inputs, hidden = problem.job.shape
        lstm = torch.nn.LSTM(
            inputs, hidden, batch_first=True, dtype=getattr(torch, problem.dtype)
        )
        self._load(lstm, "_l0", problem)
        return lstm

    def _load(self, module: Any, suffix: str, problem: Problem) -> None:
        weights = {
            "weight_ih": problem.weight_ih,
            "weight_hh": problem.weight_hh,
            "bias_ih": problem.bias,
            "bias_hh": 0 * problem.bias,
        }
        module.load_state_dict(
            {name + suffix: self.torch.from_numpy(w) for name, w in weights.items()}
        )


def _gradients(lstm: Any, x: Any) -> tuple[Any, ...]:
    return x.grad, lstm.weight_ih_l0.grad, lstm.weight_hh_l0.grad, lstm.bias_ih_l0.grad
