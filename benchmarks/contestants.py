"""What is timed: one object a framework, each in a process of its own.

A contestant's ``prepare(mode, shape)`` returns a function without arguments that runs
one call of ``mode``:

- ``infer``: outputs and final states, nothing kept;
- ``train``: forward and backward with the gradient of x, from weights that have just
  changed, as they have in every step of a fit.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from shapes import Shape

Call = Callable[[], object]


class FastLSTM:
    """This package."""

    def __init__(self, threads: int, dtype: str) -> None:
        import fastlstm

        fastlstm.set_num_threads(threads)
        self.dtype = dtype

    def prepare(self, mode: str, shape: Shape) -> Call:
        from fastlstm.nn import LSTM

        batch, steps, inputs, hidden = shape
        lstm = LSTM(inputs, hidden, dtype=self.dtype, random_state=0)
        rng = np.random.default_rng(0)
        x = rng.standard_normal((batch, steps, inputs)).astype(self.dtype)
        dy = rng.standard_normal((batch, steps, hidden)).astype(self.dtype)
        if mode == "infer":
            return lambda: lstm(x)

        def train() -> object:
            with lstm.params.update():  # new weights: packed anew
                pass
            _, _, cache = lstm.forward(x)
            lstm.zero_grad()
            return lstm.backward(dy, cache)

        return train


class Torch:
    """torch.nn.LSTM, eager; inference under inference_mode."""

    def __init__(self, threads: int, dtype: str) -> None:
        import torch

        torch.set_num_threads(threads)
        self.torch = torch
        self.dtype = getattr(torch, dtype)

    def prepare(self, mode: str, shape: Shape) -> Call:
        torch = self.torch
        batch, steps, inputs, hidden = shape
        lstm = torch.nn.LSTM(inputs, hidden, batch_first=True, dtype=self.dtype)
        x = torch.randn(batch, steps, inputs, dtype=self.dtype)
        dy = torch.randn(batch, steps, hidden, dtype=self.dtype)
        if mode == "infer":

            def infer() -> object:
                with torch.inference_mode():
                    return lstm(x)

            return infer
        x.requires_grad_()

        def train() -> object:
            lstm.zero_grad()
            x.grad = None
            y, _ = lstm(x)
            return y.backward(dy)

        return train


CONTESTANTS = {"fastlstm": FastLSTM, "torch": Torch}
