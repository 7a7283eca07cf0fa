"""``n_jobs`` of an estimator: a number of threads for as long as a call lasts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from joblib import effective_n_jobs

from .._core import requested_threads, set_num_threads

__all__ = ["limit_threads"]

# The number of threads is one for the process. Calls that overlap in time would restore
# one another's numbers; so the first to begin notes it and the last to end restores it.
# What is noted is the request (0 for none), not the number in effect: that may be the
# limit of some threadpoolctl block, which must not outlive the block.
_lock = threading.Lock()
_calls = 0
_before = 0
_NO_LIMIT = nullcontext()


def limit_threads(n_jobs: int | None) -> AbstractContextManager[None]:
    """Use ``n_jobs`` threads, -1 for one a core, or with None whatever is set.

    Results never depend on the number of threads. Where calls overlap, the newest
    number holds.

    Raises
    ------
    ValueError
        ``n_jobs`` is 0.
    """
    return _NO_LIMIT if n_jobs is None else _limit(n_jobs)


@contextmanager
def _limit(n_jobs: int) -> Iterator[None]:
    global _calls, _before
    if n_jobs == 0:
        raise ValueError("n_jobs must be None, -1 (one a core) or at least 1, got 0")
    threads = effective_n_jobs(n_jobs)
    with _lock:
        if _calls == 0:
            _before = requested_threads()
        set_num_threads(threads)
        _calls += 1
    try:
        yield
    finally:
        with _lock:
            _calls -= 1
            if _calls == 0:
                set_num_threads(_before)
