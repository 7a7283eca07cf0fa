"""Schedules of the learning rate: beside torch's, in the loop, and resumed."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np
import pytest
from fastlstm.schedules import (
    SCHEDULES,
    Constant,
    Cosine,
    Exponential,
    InverseSquareRoot,
    OneCycle,
    ReduceOnPlateau,
    Schedule,
    Step,
    WarmUp,
)
from fastlstm.training import Callback, Trainer

from .compare import assert_close, assert_same_bits
from .test_training import make_data, make_trainer, outcome
from .test_training_resume import KeepState, check_serialisable
from .tolerances import VALUE

PER_EPOCH, TOTAL = 4, 28  # of make_trainer: 4 batches in each of 7 epochs


def factors(schedule: Schedule, total: int = TOTAL) -> np.ndarray:
    return np.array([schedule(step, PER_EPOCH, total) for step in range(total)])


def of_torch(make: Callable[[Any, Any], Any], every: int = 1) -> np.ndarray:
    """The rates of a scheduler of torch that is stepped after so many steps."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    rates = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about its own innards
        scheduler = make(torch.optim.lr_scheduler, optimizer)
        for step in range(1, TOTAL + 1):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if step % every == 0 and step < TOTAL:
                scheduler.step()
    return np.array(rates)


@pytest.mark.parametrize(
    ("schedule", "peer", "every"),
    [
        (Constant(), lambda lr, o: lr.ConstantLR(o, factor=1.0), 1),
        (Step(2, 0.3), lambda lr, o: lr.StepLR(o, 2, gamma=0.3), PER_EPOCH),
        (
            Exponential(0.8),
            lambda lr, o: lr.ExponentialLR(o, gamma=0.8 ** (1 / PER_EPOCH)),
            1,
        ),
        (
            Cosine(0.1),
            lambda lr, o: lr.CosineAnnealingLR(o, T_max=TOTAL, eta_min=0.1),
            1,
        ),
        (
            OneCycle(),
            lambda lr, o: lr.OneCycleLR(
                o, max_lr=1.0, total_steps=TOTAL, cycle_momentum=False
            ),
            1,
        ),
        (
            OneCycle(0.6, 0.5, 0.01),
            lambda lr, o: lr.OneCycleLR(
                o,
                max_lr=1.0,
                total_steps=TOTAL,
                pct_start=0.6,
                div_factor=2.0,
                final_div_factor=50.0,
                cycle_momentum=False,
            ),
            1,
        ),
        (
            WarmUp(1.5),
            lambda lr, o: lr.LinearLR(o, start_factor=1 / 6, total_iters=5),
            1,
        ),
        (
            WarmUp(1.5, Cosine()),
            lambda lr, o: lr.SequentialLR(
                o,
                [
                    lr.LinearLR(o, start_factor=1 / 6, total_iters=5),
                    lr.CosineAnnealingLR(o, T_max=TOTAL - 5),
                ],
                milestones=[5],
            ),
            1,
        ),
    ],
    ids=lambda value: "torch" if isinstance(value, FunctionType) else str(value),
)
def test_beside_torch(schedule: Schedule, peer: Any, every: int) -> None:
    assert_close(factors(schedule), of_torch(peer, every), VALUE["float64"])


def test_exponential_meets_that_of_epochs() -> None:
    expected = of_torch(lambda lr, o: lr.ExponentialLR(o, gamma=0.8), PER_EPOCH)
    actual = factors(Exponential(0.8))
    assert_close(actual[::PER_EPOCH], expected[::PER_EPOCH], VALUE["float64"])


def test_inverse_square_root_of_the_transformer() -> None:
    # Vaswani et al. 2017, eq. 3, step from 1, scaled to 1 at the end of the warm-up.
    warm = 6
    step = np.arange(1, TOTAL + 1)
    expected = math.sqrt(warm) * np.minimum(step**-0.5, step * warm**-1.5)
    schedule = WarmUp(1.5, InverseSquareRoot(1.5))
    assert_close(factors(schedule), expected, VALUE["float64"])
    assert InverseSquareRoot(2.0)(0, PER_EPOCH, TOTAL) == 1.0
    assert InverseSquareRoot(2.0)(24, PER_EPOCH, TOTAL) == 0.5


@pytest.mark.parametrize("minimum", [0.0, 0.02])
@pytest.mark.parametrize("patience", [0, 2])
def test_plateau_beside_torch(
    rng: np.random.Generator, patience: int, minimum: float
) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    costs = [1.0, -0.5, -0.505, *np.cumsum(rng.standard_normal(40)) / 10, np.nan, -9.0]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    peer = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer,
        factor=0.5,
        patience=patience,
        threshold=0.01,
        threshold_mode="abs",
        min_lr=minimum,
        eps=0.0,
    )
    schedule = ReduceOnPlateau(0.5, patience, 0.01, minimum)
    for cost in costs:
        peer.step(cost)
        schedule.end_epoch(cost)
        assert schedule(0, 1, 1) == optimizer.param_groups[0]["lr"]
    assert schedule(0, 1, 1) < 0.5


def test_a_first_epoch_that_says_nothing_is_no_best_one() -> None:
    schedule = ReduceOnPlateau(0.5, patience=1)
    for cost in (np.nan, 2.0, 1.0, 0.5, 0.4):
        schedule.end_epoch(cost)
    check_serialisable(schedule.state_dict())
    assert schedule(0, 1, 1) == 1.0


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("total", [1, 2, 3, 5, 400])
def test_factors_of_any_fit_are_shares(name: str, total: int) -> None:
    values = factors(SCHEDULES[name](), total)
    assert (values > 0.0).all()
    assert (values <= 1.0).all()
    # One step more than was announced, as after a warm start.
    assert 0.0 <= SCHEDULES[name]()(total, PER_EPOCH, total) <= 1.0


# ------------------------------------------------------------------------- in the loop

EVERY: list[Callable[[], Schedule]] = [
    *SCHEDULES.values(),
    lambda: WarmUp(0.7, ReduceOnPlateau(0.5, 1, 100.0)),  # nothing is a gain
]


class Rates(Callback):
    def __init__(self) -> None:
        self.rates: list[float] = []

    def on_batch_end(self, trainer: Trainer) -> None:
        self.rates.append(trainer.optimizer.learning_rate)


def test_every_step_has_its_rate() -> None:
    rates = Rates()
    schedule = WarmUp(1.5, Cosine())
    make_trainer(schedule=schedule, callbacks=[rates]).fit(make_data())
    assert_same_bits(
        {"rates": np.array(rates.rates)}, {"rates": 0.02 * factors(schedule)}
    )


def test_the_rate_of_a_step_is_the_one_that_it_is_made_with() -> None:
    class Set(Callback):
        def on_batch_end(self, trainer: Trainer) -> None:
            self.step = getattr(self, "step", 0) + 1
            trainer.optimizer.learning_rate = 0.02 * schedule(self.step, 4, 28)

    schedule = Cosine(0.1)  # starts from 1
    trainers = make_trainer(schedule=schedule), make_trainer(callbacks=[Set()])
    scheduled, by_hand = (outcome(trainer.fit(make_data())) for trainer in trainers)
    # At the end of an epoch the callback has set the rate of the next step already.
    del scheduled["rate"], by_hand["rate"]
    assert_same_bits(scheduled, by_hand)


@pytest.mark.parametrize("scored", [True, False])
def test_plateaus_are_of_the_score_or_the_loss(scored: bool) -> None:
    numbers = iter([0.5, 0.6, 0.6, 0.6, 0.9, 0.9, 0.9])
    rates = Rates()
    make_trainer(
        early_stopping=False,
        score=(lambda: next(numbers)) if scored else None,
        schedule=ReduceOnPlateau(0.5, 1, 1e-3 if scored else 100.0),
        callbacks=[rates],
    ).fit(make_data())
    by_score, by_loss = [1, 1, 1, 1, 0.5, 0.5, 0.5], [1, 1, 1, 0.5, 0.5, 0.25, 0.25]
    expected = [0.02 * factor for factor in (by_score if scored else by_loss)]
    assert rates.rates[::PER_EPOCH] == expected


@pytest.mark.parametrize("make", EVERY)
@pytest.mark.parametrize("batches", [1, 4, 6, 17])
def test_resumes_to_the_bit(make: Callable[[], Schedule], batches: int) -> None:
    data = make_data()
    rates = Rates()
    whole = make_trainer(schedule=make(), callbacks=[rates]).fit(data)
    keep = KeepState(batches)
    make_trainer(schedule=make(), callbacks=[keep]).fit(data)
    check_serialisable(keep.state)
    again = Rates()
    second = make_trainer(schedule=make(), callbacks=[again])
    second.load_state_dict(keep.state)
    second.fit(data)
    assert again.rates == rates.rates[batches:]
    assert_same_bits(outcome(second), outcome(whole))


def test_states_of_other_schedules_are_refused() -> None:
    state = make_trainer(schedule=Cosine(), max_epochs=1).fit(make_data()).state_dict()
    with pytest.raises(ValueError, match="of schedule 'Cosine', this is 'Step'"):
        make_trainer(schedule=Step()).load_state_dict(state)
    with pytest.raises(ValueError, match=r"only one of .* has a schedule"):
        make_trainer().load_state_dict(state)
    trainer = make_trainer(schedule=Step())
    before = trainer.model.params.flat.copy()
    with pytest.raises(ValueError, match=r"only one of .* has a schedule"):
        trainer.load_state_dict(make_trainer().state_dict())
    np.testing.assert_array_equal(trainer.model.params.flat, before)
    warm = WarmUp(2, Cosine()).state_dict()
    with pytest.raises(ValueError, match="of schedule 'Cosine', this is 'Constant'"):
        WarmUp(2).load_state_dict(warm)


def test_a_schedule_out_of_range() -> None:
    class Wrong(Schedule):
        def __call__(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
            return 1.0 - step

    with pytest.raises(ValueError, match=r"learning_rate must be .* got -0\.02"):
        make_trainer(schedule=Wrong()).fit(make_data())


def test_settings_make_schedules_equal() -> None:
    one, other = ReduceOnPlateau(0.5, 1), ReduceOnPlateau(0.5, 1)
    for _ in range(4):
        one.end_epoch(1.0)
    first = other.state_dict().items()
    assert all(one.state_dict()[name] != seen for name, seen in list(first)[1:])
    assert one == other
    assert one != ReduceOnPlateau(0.4)
    assert repr(WarmUp(2, one)) == (
        "WarmUp(epochs=2.0, then=ReduceOnPlateau(factor=0.5, patience=1, tol=0.0001, "
        "minimum=0.0))"
    )


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: Step(0), ValueError, "epochs must be at least 1, got 0"),
        (lambda: Step(2, 1.5), ValueError, r"factor must be .* \(0, 1\], got 1\.5"),
        (lambda: Exponential(0.0), ValueError, r"\(0, 1\], got 0\.0"),
        (lambda: Cosine(-0.1), ValueError, r"minimum must be .* got -0\.1"),
        (lambda: OneCycle(1.0), ValueError, r"rise must be .* got 1\.0"),
        (lambda: OneCycle(start=0.0), ValueError, r"start must be .* got 0\.0"),
        (lambda: OneCycle(end=2.0), ValueError, r"end must be .* got 2\.0"),
        (lambda: InverseSquareRoot(0), ValueError, "epochs must be .* got 0"),
        (lambda: ReduceOnPlateau(1.0), ValueError, r"factor must be .* got 1\.0"),
        (lambda: ReduceOnPlateau(patience=-1), ValueError, "patience must be"),
        (lambda: ReduceOnPlateau(tol=np.nan), ValueError, "tol must be"),
        (lambda: ReduceOnPlateau(minimum=2), ValueError, "minimum must be"),
        (lambda: WarmUp(np.inf), ValueError, "epochs must be finite"),
        (lambda: WarmUp(1, "cosine"), TypeError, "a Schedule, got 'cosine'"),
    ],
)
def test_bad_settings(make: Any, error: type, match: str) -> None:
    with pytest.raises(error, match=match):
        make()
