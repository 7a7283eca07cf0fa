"""How far a run is: tqdm's bar in a terminal where tqdm is, else a line a job."""

from __future__ import annotations

import sys
import time
from typing import Any

__all__ = ["Progress"]


class Progress:
    """Shows the part that is done and the time that is left, on the standard error."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._began = time.monotonic()
        self._total = 0.0
        self._done = 0.0

    def begin(self, total: float) -> None:
        """Start the clock: ``total`` is the work to do, in any unit."""
        self._began, self._total = time.monotonic(), total
        try:
            from tqdm.auto import tqdm
        except ImportError:
            return
        if not sys.stderr.isatty():
            return
        form = "{percentage:3.0f}%|{bar:30}| {elapsed}<{remaining} {desc}"
        self._bar = tqdm(total=total, bar_format=form, leave=False)

    def advance(self, amount: float, what: str) -> None:
        """Show that ``amount`` more is done, and what is running now."""
        self._done += amount
        if self._bar is not None:
            self._bar.set_description_str(what, refresh=False)
            self._bar.update(amount)
        elif not amount:
            print(self._line(what), file=sys.stderr, flush=True)

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()

    def _line(self, what: str) -> str:
        if not self._done:
            return what
        spent = time.monotonic() - self._began
        left = spent / self._done * (self._total - self._done)
        return f"{self._done / self._total:4.0%}, about {left:.0f} s left: {what}"
