"""Losses: a weighted mean over the valid rows or steps, and its gradient.

value = sum(w l) / sum(w), where l is the loss of one row (or valid step) and w the
sample's weight, one where none is given, zero at padded steps.

Shapes: ``pred`` (N, K) or (N, T, K); ``sample_weight`` (N,); ``lengths`` (N,), only
with (N, T, K).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Array = np.ndarray


def row_weights(
    shape: tuple[int, ...], lengths: Array | None, sample_weight: Array | None
) -> Array:
    """w / sum(w), of shape (N,) or (N, T)."""
    w = np.ones(shape[:-1])
    if sample_weight is not None:
        w = (w.T * np.asarray(sample_weight, np.float64)).T
    if lengths is not None:
        w = np.where(np.arange(shape[1]) < np.asarray(lengths)[:, None], w, 0.0)
    return w / w.sum()


def squared_error(
    pred: Array,
    target: Array,
    lengths: Array | None = None,
    sample_weight: Array | None = None,
) -> tuple[float, Array]:
    """l = mean over k of (pred_k - target_k)^2; target as pred."""
    w = row_weights(pred.shape, lengths, sample_weight)
    valid = np.broadcast_to((w != 0.0)[..., None], pred.shape)
    residual = np.where(valid, pred - target, 0.0)
    value = np.sum(w * np.mean(residual**2, axis=-1))
    gradient = w[..., None] * 2.0 * residual / pred.shape[-1]
    return float(value), gradient


def _residual_loss(
    function: Callable[[Array], tuple[Array, Array]],
    pred: Array,
    target: Array,
    lengths: Array | None,
    sample_weight: Array | None,
) -> tuple[float, Array]:
    """l = mean over k and q of term(pred_kq - target_k); pred (..., K Q)."""
    w = row_weights(pred.shape, lengths, sample_weight)[..., None, None]
    r = pred.reshape(*target.shape, -1) - target[..., None]
    term, slope = function(np.where(w != 0.0, r, 0.0))
    n = pred.shape[-1]
    gradient = np.where(w != 0.0, w * slope / n, 0.0)
    return float(np.sum(w * term) / n), gradient.reshape(pred.shape)


def absolute_error(
    pred: Array,
    target: Array,
    lengths: Array | None = None,
    sample_weight: Array | None = None,
) -> tuple[float, Array]:
    """l = mean over k of |pred_k - target_k|."""

    def term(r: Array) -> tuple[Array, Array]:
        return np.abs(r), np.sign(r)

    return _residual_loss(term, pred, target, lengths, sample_weight)


def huber(
    pred: Array,
    target: Array,
    lengths: Array | None = None,
    sample_weight: Array | None = None,
    *,
    delta: float,
) -> tuple[float, Array]:
    """Huber 1964: l = mean over k of r^2 / 2 or delta (|r| - delta / 2)."""

    def term(r: Array) -> tuple[Array, Array]:
        inside = np.abs(r) <= delta
        line = delta * (np.abs(r) - delta / 2)
        return np.where(inside, r**2 / 2, line), np.where(inside, r, delta * np.sign(r))

    return _residual_loss(term, pred, target, lengths, sample_weight)


def quantile(
    pred: Array,
    target: Array,
    lengths: Array | None = None,
    sample_weight: Array | None = None,
    *,
    quantiles: Array,
) -> tuple[float, Array]:
    """Koenker & Bassett 1978: u (q - [u < 0]) with u = target - pred; zero at u = 0."""

    def term(r: Array) -> tuple[Array, Array]:
        u = -r
        slope = np.where(u == 0.0, 0.0, (u < 0.0) - np.asarray(quantiles))
        return u * (quantiles - (u < 0.0)), slope

    return _residual_loss(term, pred, target, lengths, sample_weight)


def likelihood(
    pred: Array,
    target: Array,
    lengths: Array | None = None,
    sample_weight: Array | None = None,
    *,
    term: Callable[..., tuple[Array, list[Array]]],
) -> tuple[float, Array]:
    """l = mean over k of -log p(target_k; outputs of target k); pred (..., K P).

    ``term(outputs (..., P), target)`` gives -log p and its slopes by each output; see
    likelihoods.py.
    """
    w = row_weights(pred.shape, lengths, sample_weight)[..., None]
    counts = np.broadcast_to(w != 0.0, target.shape)
    outputs = pred.reshape(*target.shape, -1)[counts]
    value, slopes = term(outputs, target[counts])
    each = np.broadcast_to(w / target.shape[-1], target.shape)[counts]
    gradient = np.zeros((*target.shape, outputs.shape[-1]))
    gradient[counts] = each[:, None] * np.stack(slopes, axis=-1)
    return float(np.sum(each * value)), gradient.reshape(pred.shape)


def softmax(logits: Array) -> Array:
    """exp(logits) / sum over k, shifted by the maximum so that no exp overflows."""
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_cross_entropy(
    logits: Array,
    labels: Array,
    lengths: Array | None = None,
    sample_weight: Array | None = None,
    *,
    class_weight: Array | None = None,
) -> tuple[float, Array]:
    """l = log(sum over k of exp(logit_k)) - logit_label; labels (N,) or (N, T).

    With ``class_weight`` (K,), w is the sample's weight times that of its label.
    """
    w = row_weights(logits.shape, lengths, sample_weight)
    if class_weight is not None:
        w = np.where(w != 0.0, w * class_weight[labels], 0.0)
        w = w / w.sum()
    logits = np.where((w != 0.0)[..., None], logits, 0.0)
    one_hot = np.arange(logits.shape[-1]) == np.asarray(labels)[..., None]
    top = logits.max(axis=-1)
    log_sum = top + np.log(np.exp(logits - top[..., None]).sum(axis=-1))
    value = np.sum(w * (log_sum - np.sum(one_hot * logits, axis=-1)))
    gradient = w[..., None] * (softmax(logits) - one_hot)
    return float(value), gradient


def activation_penalty(
    y: Array,
    alpha: float,
    lengths: Array | None = None,
    sample_weight: Array | None = None,
) -> tuple[float, Array]:
    """Merity et al. 2017, AR: alpha sum(w mean over k of y_k^2) / sum(w)."""
    w = row_weights(y.shape, lengths, sample_weight)
    y = np.where((w != 0.0)[..., None], y, 0.0)
    value = alpha * np.sum(w * np.mean(y**2, axis=-1))
    return float(value), alpha * w[..., None] * 2.0 * y / y.shape[-1]


def temporal_penalty(
    y: Array,
    beta: float,
    lengths: Array | None = None,
    sample_weight: Array | None = None,
) -> tuple[float, Array]:
    """Merity et al. 2017, TAR: y (N, T, F); as AR of y_t - y_{t-1}, t = 1 .. T - 1."""
    shape = y.shape
    w = row_weights(shape, lengths, sample_weight)[:, 1:]
    change = np.where((w != 0.0)[..., None], y[:, 1:] - y[:, :-1], 0.0)
    value = beta * np.sum(w * np.mean(change**2, axis=-1)) / w.sum()
    slope = beta * (w / w.sum())[..., None] * 2.0 * change / shape[-1]
    gradient = np.zeros(shape)
    gradient[:, 1:] += slope
    gradient[:, :-1] -= slope
    return float(value), gradient
