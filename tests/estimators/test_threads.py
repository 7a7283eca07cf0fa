"""``n_jobs``: threads for as long as a call lasts, and what was set before after it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import fastlstm
import numpy as np
import pytest
from fastlstm import _core
from fastlstm.estimators.threads import limit_threads
from fastlstm.training import Callback, Trainer

from ..compare import assert_same_bits
from .test_fit import problem, quiet, regressor


@pytest.fixture
def requested() -> Iterator[None]:
    """What was asked for before, asked for again after the test."""
    before = _core.requested_threads()
    yield
    _core.set_num_threads(before)


@quiet
def test_two_fits_in_two_threads(rng: np.random.Generator) -> None:
    X, y = problem(rng)
    alone = [regressor(random_state=k).fit(X, y).predict(X) for k in range(2)]
    together: dict[int, np.ndarray] = {}

    def work(k: int) -> None:
        model = regressor(random_state=k, n_jobs=1 + k)
        together[k] = model.fit(X, y).predict(X)

    before = fastlstm.get_num_threads()
    workers = [threading.Thread(target=work, args=(k,)) for k in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for k in range(2):
        assert_same_bits({"y": together[k]}, {"y": alone[k]})
    assert fastlstm.get_num_threads() == before


@quiet
def test_n_jobs_holds_while_fitting(rng: np.random.Generator, threads: Any) -> None:
    threads(2)
    seen = []

    class Look(Callback):
        def on_epoch_end(self, trainer: Trainer) -> None:
            seen.append(fastlstm.get_num_threads())

    model = regressor(max_iter=1, callbacks=[Look()])
    for jobs in (None, 1, 3):
        model.set_params(n_jobs=jobs).fit(*problem(rng))
    assert seen == [2, 1, 3]
    assert fastlstm.get_num_threads() == 2
    with pytest.raises(ValueError, match=r"n_jobs must be None, -1 .* got 0"):
        model.set_params(n_jobs=0).fit(*problem(rng))
    assert fastlstm.get_num_threads() == 2


@pytest.mark.usefixtures("requested")
@pytest.mark.parametrize("before", [0, 2])
def test_what_was_requested_is_restored(before: int) -> None:
    _core.set_num_threads(before)
    with limit_threads(3):
        assert fastlstm.get_num_threads() == 3
        with limit_threads(1):
            assert fastlstm.get_num_threads() == 1
        assert _core.requested_threads() != before
    assert _core.requested_threads() == before


@pytest.mark.usefixtures("requested")
def test_a_refused_number_changes_nothing() -> None:
    _core.set_num_threads(2)
    for _ in range(2):
        with (
            pytest.raises(ValueError, match=r"n_jobs must be None, -1 .* got 0"),
            limit_threads(0),
        ):
            pass
    assert _core.requested_threads() == 2
    with limit_threads(3):
        pass
    assert _core.requested_threads() == 2


@pytest.mark.usefixtures("requested")
def test_a_limit_of_threadpoolctl_ends_with_it() -> None:
    from threadpoolctl import threadpool_limits

    _core.set_num_threads(0)
    usual = fastlstm.get_num_threads()
    with threadpool_limits(1), limit_threads(2):
        pass
    assert fastlstm.get_num_threads() == usual
