"""Write invented market headlines whose sentiment is in words in one half and in a number's sign in the other.

    python -m benchmarks.signed_news ROWS FILE.csv [--seed 13]

They are like the headlines and messages of FiQA (WWW'18 Open Challenge): a company or a ticker, a figure, and little else.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

NAMES = (
    "Tesco",
    "$TSLA",
    "Barclays",
    "AstraZeneca",
    "$AAPL",
    "Shell",
    "Glencore",
    "$NFLX",
    "Sainsbury's",
    "BP",
    "Vodafone",
    "$AMZN",
)
OPEN = (
    "{name} {figure}% in early trading",
    "{name} shares {figure}% at the close",
    "{name} {figure}%, sector little changed",
    "{name} moves {figure} % after the update",
    "Like-for-like sales at {name} {figure}% in Q2-2015",
    "{name} ({figure}%) in focus, 10-20 times the usual volume",
)
WORDS = {
    "positive": (
        "{name} beats forecasts and lifts its dividend",
        "{name} wins a contract worth {plain} mn",
        "Upgrade for {name}, strong buy",
    ),
    "negative": (
        "{name} warns on profit after a weak quarter",
        "{name} to cut {plain} jobs",
        "{name} faces a probe, shares under pressure",
    ),
}
SIGNS = {"positive": ("+",), "negative": ("-", "-", "\u2212")}


def rows(num_rows: int, *, seed: int = 13) -> list[tuple[str, str]]:
    """(text, label) of so many headlines."""
    draw = np.random.default_rng(seed)

    def one(of: tuple[str, ...]) -> str:
        return of[int(draw.integers(len(of)))]

    found = []
    for number in range(num_rows):
        label = ("positive", "negative")[number % 2]
        plain = f"{draw.integers(1, 90) / 10:.1f}"
        text = one(OPEN) if draw.random() < 0.5 else one(WORDS[label])
        found.append((text.format(name=one(NAMES), figure=f"{one(SIGNS[label])}{plain}", plain=plain), label))
    return found


def main() -> None:
    """Read the command line and write the file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.signed_news", description=__doc__.partition("\n")[0])
    parser.add_argument("rows", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--seed", type=int, default=13)
    own = parser.parse_args()
    with own.file.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows(rows(own.rows, seed=own.seed))


if __name__ == "__main__":
    main()
