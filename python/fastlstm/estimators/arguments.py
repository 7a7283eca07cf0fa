"""The constructor that all estimators share: scikit-learn reads its signature."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from types import FunctionType
from typing import Any, ClassVar, ParamSpec, cast

from sklearn.base import BaseEstimator

from ..schedules import Schedule
from .parameters import CONSTRAINTS

__all__ = ["Arguments", "with_defaults"]

P = ParamSpec("P")


class Arguments(BaseEstimator):  # type: ignore[misc]
    """Keeps what it is given, as scikit-learn wants it; `fit` judges it."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = CONSTRAINTS

    def __init__(
        self,
        hidden_size: int | Sequence[int] = 64,
        num_layers: int = 1,
        *,
        bidirectional: bool = False,
        projection_size: int = 0,
        pooling: str = "last",
        vocabulary_size: int | None = None,
        embedding_dim: int = 64,
        embedding_dropout: float = 0.0,
        peephole: bool = False,
        coupled_gates: bool = False,
        gate_activation: str = "sigmoid",
        cell_activation: str = "tanh",
        cell_clip: float | None = None,
        normalization: str | None = None,
        normalization_steps: int = 100,
        normalization_momentum: float = 0.1,
        initializer: str | Mapping[str, str] = "glorot_orthogonal",
        forget_bias: float = 1.0,
        chrono_steps: int | None = None,
        dropout: float = 0.0,
        variational_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        recurrent_dropout_kind: str = "candidate",
        weight_dropout: float = 0.0,
        zoneout_h: float = 0.0,
        zoneout_c: float = 0.0,
        activation_penalty: float = 0.0,
        temporal_activation_penalty: float = 0.0,
        solver: str = "adam",
        alpha: float = 0.0,
        l1: float = 0.0,
        batch_size: int | str = "auto",
        learning_rate_init: float = 1e-3,
        learning_rate: str | Schedule = "constant",
        max_iter: int = 200,
        max_grad_norm: float | None = 1.0,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        validation_split: str = "random",
        n_iter_no_change: int = 10,
        scoring: str | Callable[..., float] | None = None,
        standardize: bool = True,
        layout: str = "ntf",
        memory: str = "store",
        dtype: str = "float32",
        n_jobs: int | None = None,
        callbacks: Sequence[object] | None = None,
    ) -> None:
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.projection_size = projection_size
        self.pooling = pooling
        self.vocabulary_size = vocabulary_size
        self.embedding_dim = embedding_dim
        self.embedding_dropout = embedding_dropout
        self.peephole = peephole
        self.coupled_gates = coupled_gates
        self.gate_activation = gate_activation
        self.cell_activation = cell_activation
        self.cell_clip = cell_clip
        self.normalization = normalization
        self.normalization_steps = normalization_steps
        self.normalization_momentum = normalization_momentum
        self.initializer = initializer
        self.forget_bias = forget_bias
        self.chrono_steps = chrono_steps
        self.dropout = dropout
        self.variational_dropout = variational_dropout
        self.recurrent_dropout = recurrent_dropout
        self.recurrent_dropout_kind = recurrent_dropout_kind
        self.weight_dropout = weight_dropout
        self.zoneout_h = zoneout_h
        self.zoneout_c = zoneout_c
        self.activation_penalty = activation_penalty
        self.temporal_activation_penalty = temporal_activation_penalty
        self.solver = solver
        self.alpha = alpha
        self.l1 = l1
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.max_grad_norm = max_grad_norm
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.validation_split = validation_split
        self.n_iter_no_change = n_iter_no_change
        self.scoring = scoring
        self.standardize = standardize
        self.layout = layout
        self.memory = memory
        self.dtype = dtype
        self.n_jobs = n_jobs
        self.callbacks = callbacks

    def __setstate__(self, state: dict[str, Any]) -> None:
        # The pickle of an older version lacks the arguments that have come since.
        parameters = signature(type(self)).parameters.values()
        defaults = {p.name: p.default for p in parameters}
        super().__setstate__({**defaults, **state})


def with_defaults(init: Callable[P, None], **defaults: Any) -> Callable[P, None]:
    """Copy ``init`` with other defaults of keyword-only arguments.

    scikit-learn reads the signature of an estimator's own constructor; so one that
    differs in a default need not spell all arguments out again.
    """
    assert isinstance(init, FunctionType)
    before = init.__kwdefaults__ or {}
    assert defaults.keys() <= before.keys(), f"{sorted(before)} have no {defaults}"
    copied = FunctionType(
        init.__code__, init.__globals__, init.__name__, init.__defaults__
    )
    copied.__kwdefaults__ = {**before, **defaults}
    copied.__annotations__ = dict(init.__annotations__)
    copied.__qualname__ = init.__qualname__
    return cast(Callable[P, None], copied)
