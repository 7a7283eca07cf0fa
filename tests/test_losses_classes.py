"""Class weights and labels to ignore, beside torch and scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastlstm.losses import SoftmaxCrossEntropy
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_sample_weight

from .compare import assert_close
from .tolerances import LOSS

N, T, K = 5, 7, 3
PRED = np.random.default_rng(0).standard_normal((N, T, K))
CLASS_WEIGHT = np.array([0.3, 2.0, 1.0])


def labels_of() -> np.ndarray:
    return np.random.default_rng(1).integers(0, K, (N, T))


@pytest.mark.parametrize("ignore", [None, -100, 1])
@pytest.mark.parametrize("weight", [None, CLASS_WEIGHT, np.array([0.0, 0.0, 4.0])])
def test_class_weights_of_torch(weight: Any, ignore: int | None) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    loss = SoftmaxCrossEntropy(weight, ignore_index=ignore)
    labels = labels_of()
    if ignore is not None:
        labels[1, 2] = labels[3, 3] = ignore
    pred = torch.tensor(PRED.reshape(-1, K), requires_grad=True)
    peer = torch.nn.CrossEntropyLoss(
        None if weight is None else torch.tensor(weight),
        ignore_index=-1 if ignore is None else ignore,
    )(pred, torch.tensor(labels.reshape(-1)))
    peer.backward()
    value, gradient = loss(PRED, labels)
    assert_close(np.array(value), np.array(peer.item()), LOSS["float64"])
    expected = pred.grad.numpy().reshape(PRED.shape)
    assert_close(gradient, expected, LOSS["float64"])


def test_class_weights_of_scikit_learn() -> None:
    # There they multiply the weights of samples.
    labels = labels_of()[:, 0]
    sample = np.array([1.0, 2.0, 0.0, 0.5, 1.0])
    value, _ = SoftmaxCrossEntropy(CLASS_WEIGHT)(
        PRED[:, 0], labels, sample_weight=sample
    )
    e = np.exp(PRED[:, 0])
    expected = log_loss(
        labels,
        e / e.sum(axis=1, keepdims=True),
        sample_weight=sample
        * compute_sample_weight(dict(enumerate(CLASS_WEIGHT)), labels),
        labels=range(K),
    )
    assert_close(np.array(value), np.array(expected), LOSS["float64"])


@pytest.mark.parametrize("scale", [1e-300, 1e300])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_only_the_ratios_of_class_weights_matter(scale: float, dtype: str) -> None:
    pred, labels = PRED.astype(dtype), labels_of()
    value, gradient = SoftmaxCrossEntropy(CLASS_WEIGHT)(pred, labels)
    scaled, same = SoftmaxCrossEntropy(scale * CLASS_WEIGHT)(pred, labels)
    assert_close(np.array(scaled), np.array(value), LOSS[dtype])
    assert_close(same, gradient, LOSS[dtype])
    # The only label at hand may be the lightest of all.
    tiny = SoftmaxCrossEntropy([1e300, 1e-300, 1.0])
    one = np.ones_like(labels)
    assert tiny(pred, one)[0] == SoftmaxCrossEntropy()(pred, one)[0]


@pytest.mark.parametrize(
    ("loss", "label"),
    [(SoftmaxCrossEntropy([1, 0, 2]), 1), (SoftmaxCrossEntropy(ignore_index=7), 7)],
    ids=str,
)
def test_labels_that_all_are_absent(loss: Any, label: int) -> None:
    value, gradient = loss(PRED, np.full((N, T), label))
    assert value == 0.0
    assert not gradient.any()
