"""The constructor's parameters that all estimators share: what is allowed, and words.

Written once; an estimator's docstring takes them in where it says ``{parameters}``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from inspect import signature
from numbers import Integral, Real
from typing import Any, TypeVar

import numpy as np
from sklearn.metrics import get_scorer_names
from sklearn.utils._param_validation import Interval, StrOptions

from ..models.setup import POOLINGS
from ..nn.cell import ACTIVATIONS
from ..nn.initializers import LSTM_INITIALIZERS
from ..nn.normalization import NORMALIZATIONS
from ..nn.regularizers import RECURRENT_DROPOUT
from ..schedules import SCHEDULES, Schedule
from .layouts import LAYOUTS

__all__ = [
    "CONSTRAINTS",
    "document",
    "document_increments",
    "resolve_batch_size",
    "resolve_dtype",
]

Estimator = TypeVar("Estimator")
Method = TypeVar("Method", bound=Callable[..., Any])

_PROBABILITY: list[Any] = [Interval(Real, 0, 1, closed="left")]

CONSTRAINTS: dict[str, list[Any]] = {
    "hidden_size": [Interval(Integral, 1, None, closed="left"), list, tuple],
    "num_layers": [Interval(Integral, 1, None, closed="left")],
    "bidirectional": ["boolean"],
    "projection_size": [Interval(Integral, 0, None, closed="left")],
    "pooling": [StrOptions(set(POOLINGS))],
    "vocabulary_size": [None, Interval(Integral, 1, None, closed="left")],
    "embedding_dim": [Interval(Integral, 1, None, closed="left")],
    "embedding_dropout": _PROBABILITY,
    "peephole": ["boolean"],
    "coupled_gates": ["boolean"],
    "gate_activation": [StrOptions(set(ACTIVATIONS))],
    "cell_activation": [StrOptions(set(ACTIVATIONS))],
    "cell_clip": [None, Interval(Real, 0, None, closed="neither")],
    "normalization": [None, StrOptions(set(NORMALIZATIONS))],
    "normalization_steps": [Interval(Integral, 1, None, closed="left")],
    "normalization_momentum": [Interval(Real, 0, 1, closed="right")],
    "initializer": [StrOptions(set(LSTM_INITIALIZERS)), dict],
    "forget_bias": [Real],
    "chrono_steps": [None, Interval(Integral, 3, None, closed="left")],
    "dropout": _PROBABILITY,
    "variational_dropout": _PROBABILITY,
    "recurrent_dropout": _PROBABILITY,
    "recurrent_dropout_kind": [StrOptions(set(RECURRENT_DROPOUT))],
    "weight_dropout": _PROBABILITY,
    "zoneout_h": _PROBABILITY,
    "zoneout_c": _PROBABILITY,
    "activation_penalty": [Interval(Real, 0, None, closed="left")],
    "temporal_activation_penalty": [Interval(Real, 0, None, closed="left")],
    "solver": [StrOptions({"adam", "adamw", "sgd"})],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "l1": [Interval(Real, 0, None, closed="left")],
    "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
    "learning_rate": [StrOptions(set(SCHEDULES)), Schedule],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "max_grad_norm": [None, Interval(Real, 0, None, closed="neither")],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [Interval(Real, 0, None, closed="left")],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="left")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "validation_split": [StrOptions({"random", "last"})],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
    "scoring": [StrOptions({"loss", *get_scorer_names()}), callable, None],
    "standardize": ["boolean"],
    "layout": [StrOptions(set(LAYOUTS))],
    "memory": [StrOptions({"store", "recompute", "checkpoint"})],
    "dtype": [StrOptions({"float32", "float64", "auto"})],
    "n_jobs": [None, Integral],
    "callbacks": [None, list, tuple],
}

_PARAMETERS = """\
hidden_size : int or sequence of int, default=64
        Units of each LSTM layer; a sequence has one number a layer.
    num_layers : int, default=1
        LSTM layers, each reading the outputs of the one below. May be left out where
        ``hidden_size`` is a sequence.
    bidirectional : bool, default={default of bidirectional}
        Read every sequence in both directions.
    projection_size : int, default=0
        Project the hidden state to this size, below every hidden size; 0 for none.
    pooling : {"last", "mean", "max", "attention"}, default="last"
        What stands for a sequence: the final hidden state, or of those of all its steps
        the mean, the largest values, or a mean with learnt weights (Yang et al. 2016).
    vocabulary_size : int or None, default=None
        With a number X holds integer tokens, 0 to ``vocabulary_size`` - 1, each of
        which gets a learnt vector: an array (N, T), or a list of 1-D arrays.
    embedding_dim : int, default=64
        Size of that vector.
    embedding_dropout : float in [0, 1), default=0.0
        Share of the tokens of the vocabulary left out in training, others in every
        batch, each wherever it stands. Needs ``vocabulary_size``.
    peephole : bool, default=False
        Gates also see the cell of their own unit.
    coupled_gates : bool, default=False
        The cell forgets as much as it takes in: f = 1 - i, a quarter fewer weights.
    gate_activation : {"sigmoid", "hard_sigmoid", "tanh", "relu"}, default="sigmoid"
        Of the input, forget and output gate.
    cell_activation : {"sigmoid", "hard_sigmoid", "tanh", "relu"}, default="tanh"
        Of what enters the cell and of what leaves it.
    cell_clip : float or None, default=None
        Keep every cell between this and its negative.
    normalization : {"layer", "batch"} or None, default=None
        Normalise what the gates add up, and the cell: over the units of a step, which
        loses the scale of steps of few features (a constant feature beside them, with
        ``standardize=False``, keeps it), or each unit over the sequences of a training
        batch, with running averages afterwards. ``sample_weight`` does not
        count in these; a step that one sequence of a batch reaches alone has nothing to
        learn from, so batches should be large. Needs ``memory="store"``.
    normalization_steps : int, default=100
        With "batch", steps from the first that have running averages of their own.
    normalization_momentum : float in (0, 1], default=0.1
        With "batch", share of a new batch in the running averages.
    initializer : {"glorot_orthogonal", "uniform"} or dict, default="glorot_orthogonal"
        How the LSTM's weights start: as in Keras, or as in torch, or a name for each of
        the gates "i", "f", "g" and "o", see `fastlstm.nn.LSTM`.
    forget_bias : float, default=1.0
        Where the forget gate's bias starts; higher remembers longer.
    chrono_steps : int or None, default=None
        The longest lag to learn, in steps, at least 3: gates start with biases drawn
        for it, instead of ``forget_bias``.
    dropout : float in [0, 1), default=0.0
        Share of values set to zero in training, between layers and before the output,
        others at every step.
    variational_dropout : float in [0, 1), default=0.0
        The same with one mask for all steps of a sequence, and for the inputs too;
        instead of ``dropout``.
    recurrent_dropout : float in [0, 1), default=0.0
        Share of values set to zero in training from one step to the next.
    recurrent_dropout_kind : {"candidate", "hidden"}, default="candidate"
        Whether that is of what enters the cell, others at every step, or of the hidden
        state, with one mask a sequence.
    weight_dropout : float in [0, 1), default=0.0
        Share of the recurrent weights set to zero in training, others in every batch.
    zoneout_h : float in [0, 1), default=0.0
        Share of hidden units that keep their value of the step before in training.
    zoneout_c : float in [0, 1), default=0.0
        The same for cells.
    activation_penalty : float, default=0.0
        Strength alpha of the term ``alpha mean(h_t^2)`` over valid steps and units of
        the last layer. ``sample_weight`` does not count in it, and ``loss_curve_`` is
        without it.
    temporal_activation_penalty : float, default=0.0
        The same for ``mean((h_t - h_{t-1})^2)``.
    solver : {"adam", "adamw", "sgd"}, default="adam"
        The optimizer, of `fastlstm.optim`.
    alpha : float, default=0.0
        Strength of the L2 term: ``alpha * w`` is added to the gradient of each weight w
        (with "adamw" taken off the weight instead, decoupled); biases are spared.
    l1 : float, default=0.0
        Strength of the L1 term: ``l1 * sign(w)`` is added (with "adamw" taken off)
        likewise, which draws weights to zero.
    batch_size : int or "auto", default={default of batch_size}
        Sequences a step. "auto" is a thirty-second of the training sequences, at least
        32 and at most 200; never more than there are.
    learning_rate_init : float, default={default of learning_rate_init}
        The learning rate, or what a schedule starts from or rises to.
    learning_rate : str or schedule, default="constant"
        How the rate goes on: "constant", "step", "exponential", "cosine", "one_cycle",
        "warm_up", "inverse_square_root", "reduce_on_plateau", or an object of
        `fastlstm.schedules` with other settings than its own. "cosine" and "one_cycle"
        span ``max_iter`` epochs, those before a warm start included.
    max_iter : int, default=200
        Most epochs.
    max_grad_norm : float or None, default=1.0
        Longer gradients are scaled down to this norm; None leaves them as they are.
    shuffle : bool, default=True
        Draw new batches in each epoch, of sequences of similar length.
    random_state : int, RandomState or None, default=None
        Draws weights, validation split, batches and dropout. An int makes fits equal
        to the bit, whatever the number of threads.
    tol : float, default=1e-4
        What counts as getting better, see ``n_iter_no_change``.
    verbose : bool or int, default=False
        Show a progress bar with the time left, the loss and the validation score.
    warm_start : bool, default=False
        Go on from the last fit (weights, optimizer, epochs) with ``max_iter`` more
        epochs, instead of starting anew.
    momentum : float in [0, 1), default=0.9
        For "sgd".
    nesterovs_momentum : bool, default=True
        For "sgd" with ``momentum > 0``.
    early_stopping : bool, default=False
        Stop on the validation score instead of the training loss, and return to the
        weights of the best epoch.
    validation_fraction : float in (0, 1), default=0.1
        Share of the training sequences set aside to validate on, with
        ``early_stopping`` where no ``X_val`` is given.
    validation_split : {"random", "last"}, default="random"
        Which share: drawn (for a label a sequence with the shares of the classes kept),
        or the last in the order given, for sequences in the order of time. Where
        ``fit`` is given ``groups``, whole groups are drawn instead.
    n_iter_no_change : int, default=10
        Stop when this many epochs in a row did not get better by ``tol``.
    scoring : str, callable or None, default=None
        What validation data are judged by: None is what ``score`` gives, "loss" the
        negative of the loss in the units of ``loss_curve_``, and any scorer of
        scikit-learn (a name, or a callable with the signature ``scorer(estimator, X,
        y)``) sees the estimator predict in the units of y.
    standardize : bool, default=True
        {standardize}
    layout : {"ntf", "nft"}, default="ntf"
        Whether X of three dimensions, or each array of a list, has its features last,
        (samples, steps, features), or its steps, as (cases, channels, time) of sktime
        and aeon. Frames have features as columns in either, and y has no layout.
    memory : {"store", "recompute", "checkpoint"}, default="store"
        What a training step keeps. With long sequences "recompute" needs about a fifth
        of the memory of "store", "checkpoint" a thirtieth, for a third more time; the
        results are the same.
    dtype : {"float32", "float64", "auto"}, default="float32"
        Arithmetic of the network; "auto" is float64 for float64 X and else float32.
    n_jobs : int or None, default=None
        Threads; -1 is one a core, None what `fastlstm.set_num_threads` or the
        environment say, without cores that others keep busy: threads that have to wait
        for a core make a fit much slower. Results do not depend on it.
    callbacks : list of objects or None, default=None
        Objects with hooks of `fastlstm.training.Callback`, called in this order."""

_ATTRIBUTES = """\
model_ : fastlstm.models.SequenceModel
        The network with its scalers; predicts with NumPy alone.
    n_features_in_ : int
        Features of a step; for (N, T) input its T; for tokens 1.
    feature_names_in_ : (n_features_in_,) array of str
        Columns of a frame, or of all frames of a list, where they are strings.
    n_iter_ : int
        Epochs run.
    loss_curve_ : list of float
        Mean training loss of each epoch, in standardised units.
    learning_rates_ : list of float
        Learning rate at the end of each epoch.
    best_loss_ : float
        The lowest of ``loss_curve_``.
    validation_scores_ : list of float or None
        {score}, or what ``scoring`` asks for, on the validation data after each
        epoch.
    best_validation_score_ : float or None
        The highest of them.
    stop_reason_ : str
        Why the training ended: "converged" (see ``n_iter_no_change``), "max_epochs"
        (all of ``max_iter``), "interrupted" (by Ctrl-C), or the word that a callback
        has given to `fastlstm.training.Trainer.stop`."""


# For docstrings of ``partial_fit``.
_INCREMENTS = """\
For data that come in parts, or do not fit into memory. The first call, where
        there was no ``fit``, begins a model: its data give the scale of {scaled}. Later
        calls go on with weights, optimizer and the count of epochs; so does the first
        after a ``fit``, but with a new optimizer unless ``warm_start=True``.
        ``tol`` and ``n_iter_no_change`` play no role, and ``max_iter`` is only where a
        schedule of the learning rate ends. ``stop_reason_`` is "partial_fit"."""

_INCREMENT_ENDS = """\
FloatingPointError
            The training diverged: the loss or its gradient overflowed.

        Warns
        -----
        UserWarning
            If Ctrl-C ended the epoch; the model is usable."""


def document_increments(*, scaled: str) -> Callable[[Method], Method]:
    """Put what all ``partial_fit`` do into the docstring of one."""

    def decorate(method: Method) -> Method:
        text = method.__doc__ or ""
        text = text.replace("{increments}", _INCREMENTS)
        text = text.replace("{ends}", _INCREMENT_ENDS)
        method.__doc__ = text.replace("{scaled}", scaled)
        return method

    return decorate


def document(**words: str) -> Callable[[type[Estimator]], type[Estimator]]:
    """Put the shared sections, with these ``words`` in them, into a docstring.

    Those that the docstring itself tells about are left out, and those that the class
    is ``_without``.
    """

    def decorate(cls: type[Estimator]) -> type[Estimator]:
        text = cls.__doc__ or ""
        own = signature(cls).parameters
        told = {_name(entry) for entry in _entries(text)}
        entries = [
            entry
            for entry in _entries(_PARAMETERS)
            if _name(entry) in own and _name(entry) not in told
        ]
        text = text.replace("{parameters}", "\n    ".join(entries))
        told.update(getattr(cls, "_without", ()))
        entries = [entry for entry in _entries(_ATTRIBUTES) if _name(entry) not in told]
        text = text.replace("{attributes}", "\n    ".join(entries))
        for name, parameter in own.items():
            default = repr(parameter.default).replace("'", '"')
            text = text.replace(f"{{default of {name}}}", default)
        for name, word in words.items():
            text = text.replace("{" + name + "}", word)
        cls.__doc__ = text
        return cls

    return decorate


def _entries(section: str) -> list[str]:
    """Cut a section at its lines that are indented as an entry's first is."""
    return re.split(r"\n {4}(?=\w)", section)


def _name(entry: str) -> str:
    return entry.partition(" ")[0]


def resolve_batch_size(batch_size: int | str, n: int, least: int) -> int:
    """Count the sequences a step, of ``n``; of "auto" there are ``least`` or more."""
    if isinstance(batch_size, str):
        batch_size = min(max(least, n // 32), 200)
    return min(batch_size, n)


def resolve_dtype(dtype: str, data: np.dtype[Any]) -> str:
    """Name the dtype of the network for input of dtype ``data``."""
    if dtype == "auto":
        return "float64" if data == np.float64 else "float32"
    return dtype
