"""Public data sets that `real_data.py` learns from, read from a folder of them.

``FASTLSTM_DATA`` names the folder; docs/real_data.md says where each file comes from.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

UNKNOWN = 0  # the token of words that training has not


@dataclass
class Split:
    """Inputs and targets of training, validation and test."""

    train: tuple[Any, Any]
    validation: tuple[Any, Any]
    test: tuple[Any, Any]
    vocabulary_size: int | None = None


def folder(name: str) -> Path:
    root = os.environ.get("FASTLSTM_DATA")
    if root is None:
        raise SystemExit("set FASTLSTM_DATA to the folder that the data sets lie in")
    path = Path(root) / name
    if not path.is_dir():
        raise SystemExit(f"there is no folder {name} in FASTLSTM_DATA={root}")
    return path


def parts(n: int, share: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Indices that stay for training, and the share that validates."""
    order = np.random.default_rng(seed).permutation(n)
    cut = round(n * share)
    return np.sort(order[cut:]), np.sort(order[:cut])


def take(sequences: Any, rows: np.ndarray) -> Any:
    if isinstance(sequences, np.ndarray):
        return sequences[rows]
    return [sequences[row] for row in rows]


def hold_out(x: Any, y: Any, test: tuple[Any, Any], share: float = 0.2) -> Split:
    stay, leave = parts(len(y), share)
    return Split((take(x, stay), y[stay]), (take(x, leave), y[leave]), test)


def joined(split: Split) -> tuple[Any, Any]:
    """Training and validation data together."""

    def both(a: Any, b: Any) -> Any:
        return np.concatenate([a, b]) if isinstance(a, np.ndarray) else [*a, *b]

    (x, y), (xv, yv) = split.train, split.validation
    return both(x, xv), both(y, yv)


def japanese_vowels() -> Split:
    """Who of nine speakers said a vowel: 270 and 370 sequences (7 to 29 steps, 12)."""

    def read(name: str) -> tuple[list[np.ndarray], np.ndarray]:
        sequences, labels = [], []
        path = folder("japanese_vowels") / f"JapaneseVowels_{name}.ts"
        lines = path.read_text(encoding="utf-8").splitlines()
        for line in lines[lines.index("@data") + 1 :]:
            *channels, label = line.split(":")
            rows = [
                [float(v) for v in channel.split(",") if v not in {"", "?", "NaN"}]
                for channel in channels
            ]
            sequences.append(np.array(rows).T)
            labels.append(label)
        return sequences, np.array(labels)

    x, y = read("TRAIN")
    return hold_out(x, y, read("TEST"))


def digits(seed: int = 0) -> Split:
    """scikit-learn's 1,797 digits, 8 rows of 8 pixels read one after the other.

    They have no split of their own: a fifth of them tests, others for each seed.
    """
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    x = x.reshape(-1, 8, 8)
    rest, test = parts(len(y), 0.2, seed)
    return hold_out(x[rest], y[rest], (x[test], y[test]))


class Vocabulary:
    """Words of training that come at least twice; others are one token."""

    def __init__(self, sentences: list[list[str]]) -> None:
        counts = Counter(word for words in sentences for word in words)
        known = sorted(word for word, n in counts.items() if n > 1)
        self.tokens = {word: n + 1 for n, word in enumerate(known)}

    def __len__(self) -> int:
        return len(self.tokens) + 1

    def encode(self, sentences: list[list[str]]) -> list[np.ndarray]:
        return [
            np.array([self.tokens.get(word, UNKNOWN) for word in words])
            for words in sentences
        ]


def snips() -> Split:
    """Intents of 13,084 / 700 / 700 utterances, seven kinds, as words."""

    def read(name: str) -> tuple[list[list[str]], np.ndarray]:
        path = folder("snips") / name
        words = (path / "seq.in").read_text(encoding="utf-8").splitlines()
        labels = (path / "label").read_text(encoding="utf-8").split()
        return [line.split() for line in words], np.array(labels)

    sets = [read(name) for name in ("train", "valid", "test")]
    words = Vocabulary(sets[0][0])
    return Split(*((words.encode(x), y) for x, y in sets), len(words))


def danish_tags() -> Split:
    """Universal part-of-speech tags of 4,868 / 322 / 322 Danish sentences."""

    def read(name: str) -> tuple[list[list[str]], list[np.ndarray]]:
        path = folder("ud_danish_13") / f"da-ud-{name}.conllu"
        sentences, tags = [], []
        for block in path.read_text(encoding="utf-8").strip().split("\n\n"):
            pairs = [line.split("\t") for line in block.splitlines()]
            sentences.append([word.lower() for word, _ in pairs])
            tags.append(np.array([tag for _, tag in pairs]))
        return sentences, tags

    sets = [read(name) for name in ("train", "dev", "test")]
    words = Vocabulary(sets[0][0])
    return Split(*((words.encode(x), y) for x, y in sets), len(words))


def oil_temperature(window: int = 96, ahead: int = 24) -> Split:
    """ETTh1: by how much the oil temperature changes in 24 hours.

    From the last ``window`` hours of all seven columns, each less its last value, since
    levels drift away from those of training. Rows up to 8,640 train, to 11,520
    validate, to 14,400 test, in units of training's standard deviation.
    """
    path = folder("etth1") / "ETTh1.csv"
    with path.open(encoding="utf-8") as file:
        table = np.array([row[1:] for row in csv.reader(file)][1:], np.float64)
    table = (table - table[:8640].mean(axis=0)) / table[:8640].std(axis=0)
    edges = (0, 8640, 11520, 14400)

    def windows(begin: int, end: int) -> tuple[np.ndarray, np.ndarray]:
        # The first window of a later part may look back into the one before.
        ends = np.arange(max(begin - ahead, window - 1), end - ahead)
        at = ends[:, None] + np.arange(1 - window, 1)
        x, y = table[at], table[ends + ahead, -1]
        return x - x[:, -1:], y - x[:, -1, -1]

    return Split(*(windows(a, b) for a, b in pairwise(edges)))
