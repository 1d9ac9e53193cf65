"""How soon surges about companies with 1 to 10 documents a week are found, and how often nothing is taken for one.

    python -m benchmarks.small_series [--seed 1] [--names 500] [--repeat 8] [--write docs/MONITORING.md]

Each draw is a monitor of `--names` companies, half a year, two months to get used to, and a month. A company's rate of negative
stories has a level of its own (2 to 20%), correlated from day to day; stories come in one document or several, which mostly
agree; each document gets a probability as an imperfect classifier gives it, and at weekends there are fewer. In the month the
rate is raised by a known factor for a known number of days, with as many documents as ever or three times as many, or left
alone.

* ours: tasks.detect with its default settings, severity `high`.
* before: the same without small series (`small_window_days = 0`), as it was.
* fixed: the mean probability of the last 14 days is above 1.5 times the average of all companies.
* z-score: the day's mean probability is 3 standard deviations above that of the 180 days before, of days with documents.

The others get our silence after an alarm and our smallest window of 2 documents. Shapes: S series, D days.
"""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.marked_part import write_between
from benchmarks.monitoring import Streams, beta_sum
from tasks.detect.settings import DetectConfig
from tasks.detect.small import MIN_IN_WINDOW, Small
from tasks.detect.surges import judge
from tasks.detect.tails import delayed, trailing

RATES = (1, 3, 10)  # documents a week
HISTORY, MONTH, START = 240, 30, 4  # days before the month, days in it, day of it on which a surge begins
GRACE = 7  # days after a surge in which an alarm still counts for it
CONFIG = DetectConfig()
BEFORE = DetectConfig(small_window_days=0)
AGREE = 0.8  # share of a story's further documents that say what its first one says
FURTHER = 0.4  # further documents of a story, on average
MARK = "<!-- small series -->"


class Planted(NamedTuple):
    """A surge: the factor of the rate of negative stories, that of the number of stories, and its days."""

    rate: float = 1.0
    volume: float = 1.0
    days: int = 0


SURGES = tuple(Planted(rate, volume, days) for rate in (3.0, 5.0) for volume in (1.0, 3.0) for days in (7, 14, 28))


def simulate(source: np.random.Generator, num_series: int, a_week: float, surge: Planted) -> Streams:
    """Streams of companies with so many documents a week on average."""
    num_days = HISTORY + MONTH
    level_S = np.exp(source.uniform(np.log(0.02), np.log(0.2), num_series))
    walk_SD = np.zeros((num_series, num_days))
    for day in range(1, num_days):
        walk_SD[:, day] = 0.5 * walk_SD[:, day - 1] + source.normal(0, 0.1, num_series)
    rate_SD = level_S[:, None] * np.exp(walk_SD)
    during = slice(HISTORY + START, HISTORY + START + surge.days)
    rate_SD[:, during] *= surge.rate
    rate_SD = np.minimum(rate_SD, 0.9)
    week_D = np.where(np.arange(num_days) % 7 < 5, 1.2, 0.5)
    stories_SD = np.full((num_series, num_days), a_week / 7 / (1 + FURTHER)) * week_D
    stories_SD[:, during] *= surge.volume
    stories_SD = source.poisson(stories_SD)
    bad_SD = source.binomial(stories_SD, rate_SD)
    documents_SD, negative_SD = stories_SD.astype(np.int64), bad_SD.astype(np.int64)
    for of_SD, agreeing in ((bad_SD, AGREE), (stories_SD - bad_SD, 0.0)):
        further_SD = source.poisson(FURTHER * of_SD)
        chance_SD = agreeing + (1 - AGREE) * rate_SD
        documents_SD += further_SD
        negative_SD += source.binomial(further_SD, chance_SD)
    return Streams(
        documents_SD, beta_sum(source, negative_SD, 0.6, 2.0) + beta_sum(source, documents_SD - negative_SD, 0.05, 2.0)
    )


def above_ours(streams: Streams, config: DetectConfig = CONFIG, severity: str = "high") -> np.ndarray:
    """Days above our threshold: bool [S, D]."""
    names, first = [str(number) for number in range(len(streams.documents))], datetime.date(2020, 1, 1)
    small = Small.learnt(lambda: [(names, first, *streams)], config)
    judged = judge(*streams, config)
    judged = small.replaced(judged, *streams) if small else judged
    return judged.above(config.false_alarms_high if severity == "high" else config.false_alarms_low, config)


def above_fixed(streams: Streams) -> np.ndarray:
    """Days whose window's mean probability is above the same constant for every series."""
    in_window_SD, negative_SD = (trailing(each, CONFIG.small_window) for each in streams)
    limit = 1.5 * streams.negative[:, :HISTORY].sum() / streams.documents[:, :HISTORY].sum()
    share_SD = negative_SD / np.maximum(in_window_SD, 1)
    return (share_SD > limit) & (in_window_SD >= MIN_IN_WINDOW) & (streams.documents > 0)


def above_z(streams: Streams) -> np.ndarray:
    """Days whose own mean probability is three deviations above the days with documents of the 180 days before."""
    has_SD = (streams.documents > 0).astype(float)
    share_SD = streams.negative / np.maximum(streams.documents, 1)
    number, total, squares = (delayed(trailing(each, 180), 1) for each in (has_SD, share_SD, share_SD**2))
    mean_SD = total / np.maximum(number, 1)
    deviation_SD = np.sqrt(np.maximum(squares / np.maximum(number, 1) - mean_SD**2, 0))
    return (has_SD > 0) & (number >= 5) & (share_SD > mean_SD + 3 * deviation_SD)


def alarms(above_SD: np.ndarray) -> np.ndarray:
    """The days on which an alarm is raised: above after `cooldown_days` that were not."""
    recently_SD = delayed(trailing(above_SD.astype(int), CONFIG.cooldown_days), 1)
    return above_SD & (recently_SD == 0)


RULES = {
    "ours": above_ours,
    "before": lambda streams: above_ours(streams, BEFORE),
    "fixed": above_fixed,
    "z-score": above_z,
}


def false_alarms(streams: Streams) -> dict[str, float]:
    """Alarms in 1,000 series-days of a month without a surge, by rule; of ours those of `low` too."""
    rates = {name: 1000 * alarms(rule(streams))[:, HISTORY:].mean() for name, rule in RULES.items()}
    return rates | {"low": 1000 * alarms(above_ours(streams, severity="low"))[:, HISTORY:].mean()}


def detections(streams: Streams, days: int) -> dict[str, np.ndarray]:
    """The day of the surge, from 1 on, on which it was found; 0 where it was not: int [S], by rule."""
    first, last = HISTORY + START, min(HISTORY + MONTH, HISTORY + START + days + GRACE)
    found = {}
    for name, rule in RULES.items():
        raised_SD = alarms(rule(streams))[:, first:last]
        found[name] = np.where(raised_SD.any(axis=1), raised_SD.argmax(axis=1) + 1, 0)
    return found


def report(seed: int, num_names: int, repeat: int) -> str:
    """The tables, as markdown."""
    source = np.random.default_rng(seed)
    days = num_names * repeat * MONTH
    lines = [f"Seed {seed}, {repeat} monitors of {num_names:,} names for each figure ({days:,} series-days).", ""]
    promised = f"{CONFIG.false_alarms_high:g} are promised for `high`, {CONFIG.false_alarms_low:g} for `low`"
    lines += [f"False alarms in 1,000 series-days ({promised}):", ""]
    lines += [f"| documents a week | {' | '.join(RULES)} | ours, `low` |", f"|---:|{'---:|' * (len(RULES) + 1)}"]
    for a_week in RATES:
        drawn = [false_alarms(simulate(source, num_names, a_week, Planted())) for _ in range(repeat)]
        means = {name: np.mean([each[name] for each in drawn]) for name in drawn[0]}
        lines.append(f"| {a_week} | {' | '.join(f'{mean:.2f}' for mean in means.values())} |")
    lines += ["", f"Surges found by {GRACE} days after their end, and the median day of the surge on which they are:", ""]
    lines += [
        f"| documents a week | rate | documents | days | {' | '.join(RULES)} |",
        f"|---:|---:|---:|---:|{'---:|' * len(RULES)}",
    ]
    for a_week in RATES:
        for surge in SURGES:
            found = [detections(simulate(source, num_names, a_week, surge), surge.days) for _ in range(repeat)]
            cells = []
            for name in RULES:
                days_S = np.concatenate([each[name] for each in found])
                cells.append(f"{(days_S > 0).mean():.0%}, day {np.median(days_S[days_S > 0]):.0f}" if days_S.any() else "none")
            lines.append(f"| {a_week} | x {surge.rate:g} | x {surge.volume:g} | {surge.days} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Print the report, or write it between the two marks of a page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--names", type=int, default=500)
    parser.add_argument("--repeat", type=int, default=8)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    text = report(options.seed, options.names, options.repeat)
    print(text)
    if options.write:
        write_between(options.write, MARK, text)


if __name__ == "__main__":
    main()
