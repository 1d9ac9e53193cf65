"""How soon planted surges are found, and how often nothing is taken for one: ours against two common rules, in simulation.

    python benchmarks/monitoring.py [--seed 1] [--series 1000] [--write docs/MONITORING.md]

Series of four sizes, the largest with 10,000 documents a day, run for half a year and a month. Each series' rate of negative
documents has a level of its own (2 to 20%), a weekly season, a correlation from day to day and bunches (overdispersion); each
document gets a probability as an imperfect classifier gives it. In the month the rate is raised by a known factor for a known
number of days, or left alone. All rules read the same figures: each day's documents and the sum of their probabilities.

* ours: tasks.detect.surges with its default settings.
* fixed: the mean probability of the last 7 days is above one constant for all series, 1.5 times their average level.
* z-score: the last day's mean probability is 3 standard deviations above the mean of the 180 days before it.

The two others get our silence after an alarm and our minimum of documents. Shapes: S series, D days.
"""

from __future__ import annotations

import argparse
import datetime
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.marked_part import write_between
from tasks.detect.judged import threshold
from tasks.detect.settings import DetectConfig
from tasks.detect.surges import find_surges, judge
from tasks.monitor.tables import COUNTS_SCHEMA

SIZES = (10, 100, 1_000, 10_000)  # documents a day
FACTORS = (1.25, 1.5, 2.0, 3.0)  # of the rate while a surge lasts
DURATIONS = (3, 7, 14)
HISTORY, MONTH, START = 187, 30, 8  # days before the month, days in it, day of it on which a surge begins
GRACE = 3  # days after a surge in which an alarm still counts for it
CONFIG = DetectConfig()
MARK = "<!-- simulation -->"


class Streams(NamedTuple):
    """Documents and sums of probabilities by series and day, [S, D]."""

    documents: np.ndarray
    negative: np.ndarray


def simulate(source: np.random.Generator, num_series: int, size: int, factor: float = 1.0, days: int = 0) -> Streams:
    """Streams of one size, their rate multiplied by `factor` for `days` days."""
    num_days = HISTORY + MONTH
    level_S = np.exp(source.uniform(np.log(0.02), np.log(0.2), num_series))
    season_SD = 1 + source.uniform(0, 0.3, (num_series, 1)) * np.sin(2 * np.pi * np.arange(num_days) / 7)
    walk_SD = np.zeros((num_series, num_days))
    for day in range(1, num_days):
        walk_SD[:, day] = 0.5 * walk_SD[:, day - 1] + source.normal(0, 0.1, num_series)
    bunches_SD = source.gamma(20, 1 / 20, walk_SD.shape)
    rate_SD = level_S[:, None] * season_SD * np.exp(walk_SD) * bunches_SD
    rate_SD[:, HISTORY + START : HISTORY + START + days] *= factor
    documents_SD = source.poisson(size * (1 + 0.3 * np.cos(2 * np.pi * np.arange(num_days) / 7)), walk_SD.shape)
    bad_SD = source.binomial(documents_SD, np.minimum(rate_SD, 0.95))
    return Streams(documents_SD, beta_sum(source, bad_SD, 0.6, 2.0) + beta_sum(source, documents_SD - bad_SD, 0.05, 2.0))


def beta_sum(source: np.random.Generator, number_SD: np.ndarray, mean: float, strength: float) -> np.ndarray:
    """The sum of so many beta variables of a mean and a strength (a + b), as a gamma variable of the same two moments."""
    ratio = (1 - mean) / (strength + 1)  # variance over mean
    return np.minimum(source.gamma(number_SD * mean / ratio + 1e-9) * ratio, number_SD)


def above_ours(streams: Streams) -> np.ndarray:
    """Days above our threshold for `high`: bool [S, D]."""
    return np.nan_to_num(judge(*streams, CONFIG).deviate, nan=-9) > threshold(CONFIG.false_alarms_high, CONFIG.window_days)


def above_fixed(streams: Streams) -> np.ndarray:
    """Days whose window's mean probability is above the same constant for every series."""
    documents_SD, negative_SD = (np.cumsum(np.pad(each, ((0, 0), (7, 0))), axis=1) for each in streams)
    in_window_SD = documents_SD[:, 7:] - documents_SD[:, :-7]
    share_SD = (negative_SD[:, 7:] - negative_SD[:, :-7]) / np.maximum(in_window_SD, 1)
    limit = 1.5 * streams.negative[:, :HISTORY].sum() / streams.documents[:, :HISTORY].sum()
    return (share_SD > limit) & (in_window_SD >= CONFIG.min_documents)


def above_z(streams: Streams) -> np.ndarray:
    """Days whose own mean probability is three deviations above the 180 days before."""
    share_SD = streams.negative / np.maximum(streams.documents, 1)
    above_SD = np.zeros(share_SD.shape, bool)
    for day in range(CONFIG.min_baseline_days, share_SD.shape[1]):
        before = share_SD[:, max(0, day - 180) : day]
        above_SD[:, day] = share_SD[:, day] > before.mean(axis=1) + 3 * before.std(axis=1)
    return above_SD


def alarms(above_SD: np.ndarray) -> np.ndarray:
    """The days on which an alarm is raised: above after `cooldown_days` that were not."""
    total_SD = np.cumsum(np.pad(above_SD.astype(int), ((0, 0), (CONFIG.cooldown_days + 1, 0))), axis=1)
    return above_SD & (total_SD[:, CONFIG.cooldown_days : -1] == total_SD[:, : -CONFIG.cooldown_days - 1])


RULES = {"ours": above_ours, "fixed": above_fixed, "z-score": above_z}


def false_alarms(streams: Streams) -> dict[str, float]:
    """Alarms in 1,000 series-days of a month without a surge, by rule."""
    return {name: 1000 * alarms(rule(streams))[:, HISTORY:].mean() for name, rule in RULES.items()}


def detections(streams: Streams, days: int) -> dict[str, tuple[float, float]]:
    """Share of surges found and the median delay in days (1: on the first day of the surge), by rule."""
    first, last = HISTORY + START, min(HISTORY + MONTH, HISTORY + START + days + GRACE)
    found = {}
    for name, rule in RULES.items():
        raised_SD = alarms(rule(streams))[:, first:last]
        caught_S = raised_SD.any(axis=1)
        delay = float(np.median(raised_SD[caught_S].argmax(axis=1) + 1)) if caught_S.any() else np.nan
        found[name] = (float(caught_S.mean()), delay)
    return found


def throughput(source: np.random.Generator) -> str:
    """A sentence on the time that judging three years of 2,000 series takes."""
    num_series, num_days = 2000, 1095
    documents = source.poisson(20, num_series * num_days)
    first = datetime.date(2020, 1, 1)
    days = [(first + datetime.timedelta(days=day)).isoformat() for day in range(num_days)]
    table = pa.table(
        {
            "series": pa.DictionaryArray.from_arrays(
                np.repeat(np.arange(num_series), num_days), [f"name:{n}" for n in range(num_series)]
            ).dictionary_decode(),
            "day": pa.DictionaryArray.from_arrays(np.tile(np.arange(num_days), num_series), days).dictionary_decode(),
            "documents": documents,
            "negative": source.binomial(documents, 0.1),
            "negative_millionths": source.binomial(documents, 0.1) * 1_000_000,
        },
        schema=COUNTS_SCHEMA,
    )
    started = time.process_time()
    num_found = len(find_surges(table, CONFIG))
    seconds = time.process_time() - started
    return f"{num_series:,} series of {num_days:,} days are judged in {seconds:.1f} s of one core ({num_found:,} alarms)."


def report(seed: int, num_series: int) -> str:
    """The tables, as markdown."""
    source = np.random.default_rng(seed)
    lines = [f"Seed {seed}, {num_series:,} series for each figure.", "", "False alarms in 1,000 series-days:", ""]
    lines += [f"| documents a day | {' | '.join(RULES)} |", f"|---:|{'---:|' * len(RULES)}"]
    for size in SIZES:
        rates = false_alarms(simulate(source, 4 * num_series, size))
        lines.append(f"| {size:,} | {' | '.join(f'{rates[name]:.1f}' for name in RULES)} |")
    lines += ["", f"Surges found by {GRACE} days after their end, and the median day of the surge on which they are:", ""]
    lines += [f"| documents a day | rate | days | {' | '.join(RULES)} |", f"|---:|---:|---:|{'---:|' * len(RULES)}"]
    for size in SIZES:
        for factor in FACTORS:
            for days in DURATIONS:
                found = detections(simulate(source, num_series, size, factor, days), days)
                cells = [f"{share:.0%}, day {delay:.0f}" if share else "none" for share, delay in found.values()]
                lines.append(f"| {size:,} | x {factor} | {days} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", throughput(source)])


def main() -> None:
    """Print the report, or write it between the two marks of a page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    text = report(options.seed, options.series)
    print(text)
    if options.write:
        write_between(options.write, MARK, text)


if __name__ == "__main__":
    main()
