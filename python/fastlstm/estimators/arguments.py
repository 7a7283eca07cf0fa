"""Constructors of estimators: scikit-learn reads their signatures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, fields, make_dataclass
from inspect import get_annotations
from typing import Any, ClassVar, TypeVar, dataclass_transform

from ..schedules import Schedule
from .parameters import CONSTRAINTS
from .sklearn_types import BaseEstimator

__all__ = ["Arguments", "takes_arguments"]

Estimator = TypeVar("Estimator", bound=type[Any])


@dataclass_transform(kw_only_default=True, eq_default=False, field_specifiers=(field,))
def takes_arguments(cls: Estimator) -> Estimator:
    """Give ``cls`` a constructor that keeps its arguments and does nothing else.

    They are those of its base but for the names in ``_without``, and what the body of
    ``cls`` annotates without an underscore: arguments of its own, and defaults that
    differ.

    Design: the constructor is that of a dataclass, but ``cls`` is none. Of a dataclass
    others believe that its fields are all it has: dask, which names results by them,
    would take an estimator for the same before and after a fit. Defaults stay in the
    class: there the pickle of an older version finds those of arguments that have come
    since.
    """
    own = {
        name: (words, cls.__dict__[name])
        for name, words in get_annotations(cls, eval_str=True).items()
        if not name.startswith("_")
    }
    inherited = {
        old.name: (old.type, field(default=old.default, kw_only=old.kw_only))
        for old in (fields(cls._shape) if hasattr(cls, "_shape") else ())
        if old.name not in getattr(cls, "_without", ())
    }
    shape = make_dataclass(
        cls.__name__,
        [(name, *rest) for name, rest in {**inherited, **own}.items()],
        eq=False,
        repr=False,
        match_args=False,
        kw_only=True,
    )
    for name in own:
        setattr(cls, name, getattr(shape, name))  # where there was a field
    init = vars(shape)["__init__"]
    init.__module__ = cls.__module__
    cls._shape, cls.__init__ = shape, init
    return cls


@takes_arguments
class Arguments(BaseEstimator):
    """Keeps what it is given, as scikit-learn wants it; `fit` judges it."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = CONSTRAINTS

    hidden_size: int | Sequence[int] = field(default=64, kw_only=False)
    num_layers: int = field(default=1, kw_only=False)
    bidirectional: bool = False
    projection_size: int = 0
    pooling: str = "last"
    vocabulary_size: int | None = None
    embedding_dim: int = 64
    embedding_dropout: float = 0.0
    peephole: bool = False
    coupled_gates: bool = False
    gate_activation: str = "sigmoid"
    cell_activation: str = "tanh"
    cell_clip: float | None = None
    normalization: str | None = None
    normalization_steps: int = 100
    normalization_momentum: float = 0.1
    initializer: str | Mapping[str, str] = "glorot_orthogonal"
    forget_bias: float = 1.0
    chrono_steps: int | None = None
    dropout: float = 0.0
    variational_dropout: float = 0.0
    recurrent_dropout: float = 0.0
    recurrent_dropout_kind: str = "candidate"
    weight_dropout: float = 0.0
    zoneout_h: float = 0.0
    zoneout_c: float = 0.0
    activation_penalty: float = 0.0
    temporal_activation_penalty: float = 0.0
    solver: str = "adam"
    alpha: float = 0.0
    l1: float = 0.0
    batch_size: int | str = "auto"
    learning_rate_init: float = 1e-3
    learning_rate: str | Schedule = "constant"
    max_iter: int = 200
    max_grad_norm: float | None = 1.0
    shuffle: bool = True
    random_state: Any = None
    tol: float = 1e-4
    verbose: bool | int = False
    warm_start: bool = False
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    early_stopping: bool = False
    validation_fraction: float = 0.1
    validation_split: str = "random"
    n_iter_no_change: int = 10
    scoring: str | Callable[..., float] | None = None
    standardize: bool = True
    layout: str = "ntf"
    memory: str = "store"
    dtype: str = "float32"
    n_jobs: int | None = None
    callbacks: Sequence[object] | None = None
