"""Intervals that hold what they promise, around any forecaster's forecasts.

Forecasts of a calibration period, which the forecaster was not fitted on, are compared
with what was then observed; how far they were off says how wide intervals have to be.

What that rests on: split-conformal intervals cover with at least the promised
probability if the calibration errors and the one to come are exchangeable, that is, if
any order of them is as likely as any other. Errors of a time series are so only as far
as the forecaster leaves nothing that drifts, swells or calms down with time; errors of
neighbouring origins are also alike, so that N of them say less than N independent ones
would. The guarantee is then a good approximation, not a theorem. `AdaptiveConformal`
assumes nothing of the kind: it watches how often it was wrong and corrects itself, and
its share of misses over a long time is right for any series whatsoever. Neither says
that the intervals are right at each single time.
"""

from .adaptive import AdaptiveConformal
from .split import SplitConformal

__all__ = ["AdaptiveConformal", "SplitConformal"]
