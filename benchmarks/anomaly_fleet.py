"""One network for all channels of a spacecraft beside one for each of them.

``python benchmarks/anomaly_fleet.py --out fleet.json`` trains the paper's network,
without dropout, on windows of all channels of a spacecraft together, and, as
`anomaly_updates` does, on each channel by itself; then it averages the errors of the
two. Thresholds are each channel's own. ``--ends`` trains the networks of one channel at
the ends of windows. docs/anomalies.md has what came of it; `anomalies.py report` prints
the files.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from anomalies import mean_errors
from anomaly_updates import BATCH, UPDATES, snapshots
from nasa import Channel, Errors, channels, distinct, judge, records, report, write

# Updates of 32 windows for all channels; those of a network for one, and their windows.
TOGETHER = (1000, 2000, 4000, 8000, 14000)
ALONE = UPDATES, BATCH
ENDS = (125, 250, 350, 470), 64


def together(
    group: Sequence[Channel], seed: int, updates: Sequence[int]
) -> dict[str, list[Errors]]:
    """Train a network for each spacecraft."""
    errors: dict[str, list[Errors]] = {}
    for craft in dict.fromkeys(channel.spacecraft for channel in group):
        same = [channel for channel in group if channel.spacecraft == craft]
        errors |= snapshots(same, seed, updates, 32, dropout=0.0)
    return errors


def alone(channel: Channel, seed: int, ends: bool) -> Errors:
    """Train a network for a channel, and average its errors over its snapshots."""
    updates, batch = ENDS if ends else ALONE
    [errors] = snapshots([channel], seed, updates, batch, ends=ends).values()
    return mean_errors(errors)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--channels", nargs="*", default=[])
    parser.add_argument("--updates", type=int, nargs="+", default=TOGETHER)
    parser.add_argument("--ends", action="store_true", help="a loss at the last step")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    every = list(channels(args.channels))
    group = distinct(every)
    updates = sorted(args.updates)
    single = "one channel" + ", ends of windows" * args.ends
    made = []
    for seed in args.seeds:
        begin = time.perf_counter()
        common = together(group, seed, updates)
        middle = time.perf_counter()
        own = {channel.name: alone(channel, seed, args.ends) for channel in group}
        end = time.perf_counter()
        last = {name: errors[-1] for name, errors in common.items()}
        mean = {name: mean_errors(errors) for name, errors in common.items()}
        methods = {
            f"all channels, {number} updates": (
                {name: errors[place] for name, errors in common.items()},
                0.0,
            )
            for place, number in enumerate(updates[:-1])
        }
        methods |= {
            f"all channels, {updates[-1]} updates": (last, middle - begin),
            "all channels, mean of these": (mean, middle - begin),
            single: (own, end - middle),
        }
        for words, errors in (("last", last), ("mean", mean)):
            both = {name: mean_errors([errors[name], own[name]]) for name in own}
            methods[f"{words} of all channels + {single}"] = both, end - begin
        for method, (errors, seconds) in methods.items():
            results = [judge(errors[channel.name], channel) for channel in every]
            made += records(method, seed, every, results, seconds)
        report(made)
        if args.out is not None:
            write(made, args.out)


if __name__ == "__main__":
    main()
