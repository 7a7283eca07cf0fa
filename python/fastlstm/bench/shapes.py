"""What is timed: modes, shapes, the tables of them and how a user names them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

__all__ = ["MODES", "TABLES", "Job", "Selection", "Shape", "jobs", "parse_shapes"]

MODES = {
    "infer": "outputs and final states, nothing kept",
    "train": "forward and backward with dx, from weights that just changed",
    "stream": "one step called from Python, the state is kept",
    "ragged": "training on sequences of unequal lengths",
}


class Shape(NamedTuple):
    """One layer in one direction."""

    batch: int
    steps: int
    inputs: int
    hidden: int

    def __str__(self) -> str:
        return f"{self.batch}x{self.steps}, {self.inputs}->{self.hidden}"


class Job(NamedTuple):
    """A shape in a mode."""

    mode: str
    shape: Shape

    @property
    def numbers(self) -> float:
        """About how many a contestant has in memory: arrays, weights, what it keeps.

        Examples
        --------
        >>> Job("infer", Shape(2, 3, 4, 5)).numbers
        414.0
        """
        batch, steps, inputs, hidden = self.shape
        kept = 8 * hidden + inputs if self.mode in ("train", "ragged") else 0
        a_step = inputs + hidden + kept
        return 1.0 * batch * steps * a_step + 8.0 * hidden * (inputs + hidden)


# What a name or a literal of ``--shapes`` stands for: shapes by mode.
Selection: TypeAlias = Mapping[str, Sequence[Shape]]

# From a small forecaster to a language model: Zaremba medium (20 x 35, 650), AWD-LSTM
# (64 x 70, 1150), row-wise MNIST (128 x 28), speech features (16 x 500).
INFERENCE = [
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
TRAINING = list(INFERENCE)
# What users have and no kernel author chooses.
ODD = [
    Shape(7, 61, 5, 97),
    Shape(32, 50, 3, 20),
    Shape(64, 24, 1, 48),
    Shape(3, 200, 12, 48),
]
STREAM = [Shape(1, 1, 1, 32), Shape(1, 1, 64, 128), Shape(1, 1, 128, 256)]
# Lengths are uniform in [T/10, T].
RAGGED = [
    Shape(32, 100, 32, 64),
    Shape(32, 100, 64, 256),
    Shape(64, 400, 40, 128),
]

TABLES: dict[str, Selection] = {
    "quick": {
        "infer": [INFERENCE[i] for i in (1, 4, 5, 10)] + ODD[:1],
        "train": [TRAINING[i] for i in (1, 4, 5, 8)] + ODD[:1],
        "stream": STREAM,
        "ragged": RAGGED[:1],
    },
    "inference": {"infer": INFERENCE},
    "training": {"train": TRAINING},
    "odd": {"infer": ODD, "train": ODD},
    "stream": {"stream": STREAM},
    "ragged": {"ragged": RAGGED},
    "all": {
        "infer": INFERENCE + ODD,
        "train": TRAINING + ODD,
        "stream": STREAM,
        "ragged": RAGGED,
    },
}


def parse_shapes(text: str) -> list[Selection]:
    """Read names of tables and literals BxTxIxH, separated by commas.

    A literal is run in every mode; its step, in the mode "stream".

    Raises
    ------
    ValueError
        A part that is neither.

    Examples
    --------
    >>> [selection] = parse_shapes("32x50x8x128")
    >>> selection["train"], selection["stream"]
    ([Shape(batch=32, steps=50, inputs=8, hidden=128)], \
[Shape(batch=32, steps=1, inputs=8, hidden=128)])
    """
    return [_selection(part.strip()) for part in text.split(",")]


def _selection(part: str) -> Selection:
    if part in TABLES:
        return TABLES[part]
    if not re.fullmatch(r"[1-9]\d*(x[1-9]\d*){3}", part):
        raise ValueError(
            f"expected BATCHxSTEPSxINPUTSxHIDDEN such as 32x50x8x128, or one of "
            f"{', '.join(TABLES)}; got {part!r}"
        )
    shape = Shape(*map(int, part.split("x")))
    steps = {"stream": 1}
    return {
        mode: [shape._replace(steps=steps.get(mode, shape.steps))] for mode in MODES
    }


def jobs(selections: Iterable[Selection], modes: Iterable[str]) -> list[Job]:
    """Return what is selected, mode by mode, each once.

    Examples
    --------
    >>> [str(job.shape) for job in jobs(parse_shapes("stream,odd"), ["stream"])]
    ['1x1, 1->32', '1x1, 64->128', '1x1, 128->256']
    """
    chosen = list(selections)
    found = [
        Job(mode, shape)
        for mode in modes
        for selection in chosen
        for shape in selection.get(mode, ())
    ]
    return list(dict.fromkeys(found))
