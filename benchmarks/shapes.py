"""The shapes that every benchmark runs: batch, steps, input size, hidden size."""

from __future__ import annotations

from typing import NamedTuple


class Shape(NamedTuple):
    """One layer in one direction on equal lengths."""

    batch: int
    steps: int
    inputs: int
    hidden: int

    @property
    def forward_flops(self) -> float:
        """Multiply-adds of the four gates, two operations each."""
        rows = self.batch * self.steps
        return 8.0 * rows * self.hidden * (self.inputs + self.hidden)

    def __str__(self) -> str:
        return f"{self.batch}x{self.steps}, {self.inputs}->{self.hidden}"


# From one streaming step to a language model: AWD-LSTM, Zaremba medium, row-wise MNIST,
# speech features, small forecasters.
_COMMON = [
    Shape(1, 100, 1, 32),
    Shape(1, 100, 64, 256),
    Shape(1, 100, 512, 512),
    Shape(32, 50, 1, 64),
    Shape(32, 50, 8, 128),
    Shape(20, 35, 200, 200),
    Shape(20, 35, 650, 650),
    Shape(64, 70, 400, 1150),
    Shape(128, 28, 28, 128),
    Shape(16, 500, 80, 256),
    Shape(256, 100, 16, 64),
]
INFERENCE = [Shape(1, 1, 1, 32), Shape(1, 1, 64, 128), Shape(1, 1, 128, 256), *_COMMON]
TRAINING = list(_COMMON)
# What users have and no kernel author chooses.
ODD = [Shape(7, 61, 5, 97), Shape(32, 50, 3, 20), Shape(3, 200, 12, 48)]
