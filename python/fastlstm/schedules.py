"""Schedules of the learning rate: a factor for each step of an optimizer.

Design: a schedule is a function of the step, of the steps an epoch has and of all the
steps that a fit may take, and gives what the initial rate is multiplied by. It counts
nothing, so a fit that is resumed anywhere goes on where it was; only
`ReduceOnPlateau` knows more, what it saw after each epoch, and that is its state.
`fastlstm.training.Trainer` asks before each step.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from ._validate import check_float, check_int
from .files import storable

__all__ = [
    "SCHEDULES",
    "Constant",
    "Cosine",
    "Exponential",
    "InverseSquareRoot",
    "OneCycle",
    "ReduceOnPlateau",
    "Schedule",
    "Step",
    "WarmUp",
]


class Schedule(ABC):
    """What all have in common; a schedule of your own needs ``__call__`` alone.

    Examples
    --------
    >>> from fastlstm.schedules import Schedule
    >>> class Halves(Schedule):
    ...     def __call__(self, step, steps_per_epoch, total_steps):
    ...         return 1.0 if step < total_steps / 2 else 0.5
    >>> Halves()(9, 5, 10)
    0.5
    """

    @abstractmethod
    def __call__(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        """Give the factor of the initial learning rate for a step.

        Parameters
        ----------
        step : int
            Steps taken before, from 0.
        steps_per_epoch : int
        total_steps : int
            That the fit takes if nothing stops it.
        """

    def end_epoch(self, cost: float) -> None:  # noqa: B027 - most need none
        """Take note of an epoch's result, lower is better; most schedules do not."""

    def state_dict(self) -> dict[str, Any]:
        """Give what has been seen: plain scalars; with the kind of schedule."""
        return {"schedule": type(self).__name__}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take what ``state_dict`` of a schedule with the same settings gave.

        Raises
        ------
        ValueError
            If that was of another kind.
        """
        if state.get("schedule") != type(self).__name__:
            raise ValueError(
                f"the state is of schedule {state.get('schedule')!r}, this is "
                f"{type(self).__name__!r}"
            )


@dataclass
class Constant(Schedule):
    """The initial rate at every step."""

    def __call__(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        """1, see `Schedule`."""
        return 1.0


@dataclass
class Step(Schedule):
    """The rate is multiplied by ``factor`` every so many epochs.

    Parameters
    ----------
    epochs : int, default=30
    factor : float in (0, 1], default=0.1
    """

    epochs: int = 30
    factor: float = 0.1

    def __post_init__(self) -> None:
        self.epochs = check_int("epochs", self.epochs, 1)
        self.factor = check_float("factor", self.factor, "(0, 1]")

    def __call__(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        """``factor^floor(epoch / epochs)``, see `Schedule`."""
        return self.factor ** (step // steps_per_epoch // self.epochs)


@dataclass
class Exponential(Schedule):
    """The rate falls by ``factor`` an epoch, a little at every step.

    Parameters
    ----------
    factor : float in (0, 1], default=0.98
    """

    factor: float = 0.98

    def __post_init__(self) -> None:
        self.factor = check_float("factor", self.factor, "(0, 1]")

    def __call__(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        """``factor^(step / steps_per_epoch)``, see `Schedule`."""
        return float(self.factor ** (step / steps_per_epoch))


@dataclass
class Cosine(Schedule):
    """Half a cosine from 1 to ``minimum`` at the end (Loshchilov & Hutter 2017, eq. 5).

    Parameters
    ----------
    minimum : float in [0, 1], default=0.0
    """

    minimum: float = 0.0

    def __post_init__(self) -> None:
        self.minimum = check_float("minimum", self.minimum, "[0, 1]")

    def __call__(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        """``minimum + (1 - minimum) (1 + cos(pi step / total)) / 2``."""
        return _cosine(1.0, self.minimum, step / max(total_steps, 1))


@dataclass
class OneCycle(Schedule):
    """Up to the initial rate and far down again (Smith & Topin 2019).

    The initial rate is the highest here. As torch's ``OneCycleLR`` with two phases of
    cosines; momentum stays as it is.

    Parameters
    ----------
    rise : float in (0, 1), default=0.3
        Share of the steps until the highest rate.
    start : float in (0, 1], default=0.04
        Factor of the first step.
    end : float in [0, 1], default=4e-6
        Factor of the last step.
    """

    rise: float = 0.3
    start: float = 0.04
    end: float = 4e-6

    def __post_init__(self) -> None:
        self.rise = check_float("rise", self.rise, "(0, 1)")
        self.start = check_float("start", self.start, "(0, 1]")
        self.end = check_float("end", self.end, "[0, 1]")

    def __call__(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        """Cosines between start, 1 and end, see `Schedule`."""
        # A fit of so few steps that none is on the way up starts at the top.
        top = max(self.rise * total_steps - 1.0, 0.0)
        if step < top:
            return _cosine(self.start, 1.0, step / top)
        return _cosine(1.0, self.end, (step - top) / max(total_steps - 1 - top, 1.0))


@dataclass
class InverseSquareRoot(Schedule):
    """Falls with one over the root of the steps (Vaswani et al. 2017, section 5.3).

    Behind ``WarmUp(epochs)`` with the same ``epochs`` it is the schedule of that paper.

    Parameters
    ----------
    epochs : float, default=5.0
        Above 0; after three times as many the rate is half of the first.
    """

    epochs: float = 5.0

    def __post_init__(self) -> None:
        self.epochs = check_float("epochs", self.epochs, "(0, inf)")

    def __call__(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        """``1 / sqrt(1 + step / (epochs steps_per_epoch))``, see `Schedule`."""
        scale = _steps(self.epochs, steps_per_epoch)
        return math.sqrt(scale / (scale + step))


@dataclass
class ReduceOnPlateau(Schedule):
    """The rate is multiplied by ``factor`` where epochs bring no gain any more.

    What is watched is the validation score where there is one, else the training loss.
    As torch's ``ReduceLROnPlateau`` with an absolute threshold. A fit with the
    estimators' ``n_iter_no_change`` should have less ``patience`` here than there.

    Parameters
    ----------
    factor : float in (0, 1), default=0.1
    patience : int, default=5
        Epochs in a row without a gain that are borne; one more reduces the rate.
    tol : float, default=1e-4
        A gain has to be larger than this.
    minimum : float in [0, 1], default=0.0
        The rate never falls below this share of the initial one.
    """

    factor: float = 0.1
    patience: int = 5
    tol: float = 1e-4
    minimum: float = 0.0
    # What has been seen; settings alone make two schedules equal.
    _now: float = field(default=1.0, init=False, repr=False, compare=False)
    _best: float | None = field(default=None, init=False, repr=False, compare=False)
    _without_gain: int = field(default=0, init=False, repr=False, compare=False)

    _seen: ClassVar[tuple[str, ...]] = ("now", "best", "without_gain")

    def __post_init__(self) -> None:
        self.factor = check_float("factor", self.factor, "(0, 1)")
        self.patience = check_int("patience", self.patience, 0)
        self.tol = check_float("tol", self.tol, "[0, inf)")
        self.minimum = check_float("minimum", self.minimum, "[0, 1]")

    def __call__(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        """Give the factor of now, whatever the step."""
        return self._now

    def end_epoch(self, cost: float) -> None:
        """Reduce the rate after too many epochs without a gain."""
        if math.isfinite(cost) and (self._best is None or cost < self._best - self.tol):
            self._best, self._without_gain = cost, 0
            return
        self._without_gain += 1
        if self._without_gain > self.patience:
            self._now = max(self._now * self.factor, self.minimum)
            self._without_gain = 0

    def state_dict(self) -> dict[str, Any]:
        """Give factor, best cost and epochs without a gain."""
        seen = {name: getattr(self, f"_{name}") for name in self._seen}
        return {**super().state_dict(), **seen}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take what ``state_dict`` gave, see `Schedule`."""
        super().load_state_dict(state)
        for name in self._seen:
            setattr(self, f"_{name}", state[name])


@dataclass
class WarmUp(Schedule):
    """From a small rate straight up to another schedule (Goyal et al. 2017, 2.2).

    Step s of W has the factor ``(s + 1) / W``, and the last of them is the first step
    of the other schedule, which knows nothing of those before.

    Parameters
    ----------
    epochs : float, default=5.0
        How long, above 0; rounded to at least one step.
    then : Schedule, default=Constant()
    """

    epochs: float = 5.0
    then: Schedule = field(default_factory=Constant)

    def __post_init__(self) -> None:
        self.epochs = check_float("epochs", self.epochs, "(0, inf)")
        if not isinstance(self.then, Schedule):
            raise TypeError(f"then must be a Schedule, got {self.then!r}")

    def __call__(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        """Give the other schedule's factor, at first a share of it, see `Schedule`."""
        steps = _steps(self.epochs, steps_per_epoch)
        before = steps - 1
        later = self.then(
            max(step - before, 0), steps_per_epoch, max(total_steps - before, 1)
        )
        return min((step + 1) / steps, 1.0) * later

    def end_epoch(self, cost: float) -> None:
        """Tell the other schedule."""
        self.then.end_epoch(cost)

    def state_dict(self) -> dict[str, Any]:
        """Give what the other schedule has seen."""
        return {**super().state_dict(), "then": self.then.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take what ``state_dict`` gave, see `Schedule`."""
        super().load_state_dict(state)
        self.then.load_state_dict(state["then"])


SCHEDULES: Final[dict[str, type[Schedule]]] = {
    "constant": Constant,
    "step": Step,
    "exponential": Exponential,
    "cosine": Cosine,
    "one_cycle": OneCycle,
    "warm_up": WarmUp,
    "inverse_square_root": InverseSquareRoot,
    "reduce_on_plateau": ReduceOnPlateau,
}
for _kind in SCHEDULES.values():
    storable(_kind)


def _cosine(begin: float, end: float, share: float) -> float:
    """Go from ``begin`` to ``end`` along half a cosine; stay there beyond it."""
    return end + (begin - end) / 2.0 * (1.0 + math.cos(math.pi * min(share, 1.0)))


def _steps(epochs: float, steps_per_epoch: int) -> int:
    return max(1, round(epochs * steps_per_epoch))
