"""Draw what the rows measured: accuracy against seconds, few labels, and the cost of a larger corpus.

SVG, since it is text that grows and shrinks with the page; with nothing in it that differs from one drawing to the next.
Letters stay letters, in the reader's own font. On a dark page the picture keeps its own white ground.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.results import MEASURED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from benchmarks.results import Result, Results

FOLDER = "pictures"
OURS, THEIRS, THIRD, FOURTH = "#0b6e4f", "#6c757d", "#c8553d", "#3d5a80"
COLOURS = (OURS, THIRD, FOURTH, THEIRS, "#8f6ab4")
STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "textmill",
    "font.family": "sans-serif",
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
WIDTH, HEIGHT = 8.0, 4.4  # inches
STAGES = ("prepare", "finetune", "score")


def draw_pictures(results: Results, folder: Path) -> dict[str, tuple[str, str]]:
    """Write a picture for each group that has enough rows to show; by the group's name, the file and what it shows.

    Pictures of groups that were not measured are left as they are.
    """
    drawn = {}
    for group, (draw, shown) in PICTURES.items():
        rows = [row for row in results.rows if row.group == group and row.status == MEASURED]
        if enough(group, rows):
            folder.mkdir(exist_ok=True)
            _save(folder / f"{group}.svg", draw, rows)
            drawn[group] = (f"{folder.name}/{group}.svg", shown)
    return drawn


def enough(group: str, rows: Sequence[Result]) -> bool:
    """Whether there is something to compare."""
    return len(rows) >= (1 if group == "few_labels" else 3)


def _save(path: Path, draw: Callable[[Axes, Sequence[Result]], None], rows: Sequence[Result]) -> None:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        draw(figure.add_subplot(), rows)
        figure.savefig(path, format="svg", facecolor="white", metadata={"Date": None})


def accuracy_against_seconds(axes: Axes, rows: Sequence[Result]) -> None:
    """A point a row, named; seconds on a logarithmic scale, with the range over the runs where there are several."""
    shown = [row for row in rows if "accuracy" in row.figures and row.seconds]
    for row in shown:
        ours = row.name.startswith("textmill")
        seconds = sorted(run.seconds for run in row.runs)
        axes.plot(seconds, [row.figures["accuracy"]] * len(seconds), color=OURS if ours else THEIRS, linewidth=1.5)
        axes.plot(row.seconds or 0, row.figures["accuracy"], "o" if ours else "s", color=OURS if ours else THEIRS)
    _name(axes, [(row.seconds or 0, row.figures["accuracy"], row.name) for row in shown])
    axes.set_xscale("log")
    axes.set_xlabel("seconds of the whole command")
    axes.set_ylabel("accuracy on the test rows")
    _plain_ticks(axes.xaxis, (1, 3))
    low, high = axes.get_xlim()
    axes.set_xlim(low, high * 2.5)  # room for the names on the right


def few_labels(axes: Axes, rows: Sequence[Result]) -> None:
    """A line a contender over labelled rows a class, with the deviation of the draws."""
    for row, colour in zip(rows, COLOURS, strict=False):
        of_sizes = {size: found for size, found in _by_size(row).items() if size}
        if of_sizes:
            sizes = sorted(of_sizes)
            means = [of_sizes[size]["accuracy"] for size in sizes]
            spread = [of_sizes[size].get("accuracy_deviation", 0.0) for size in sizes]
            axes.errorbar(sizes, means, yerr=spread, color=colour, marker="o", capsize=3, linewidth=1.5)
            axes.annotate(row.name, (sizes[-1], means[-1]), (8, 0), textcoords="offset points", va="center", color=colour)
        elif none := _by_size(row).get(0):
            axes.axhline(none["accuracy"], color=colour, linestyle=":", linewidth=1.5)
            axes.annotate(row.name, (8, none["accuracy"]), (0, 4), textcoords="offset points", color=colour)
    axes.set_xscale("log", base=2)
    axes.set_xlabel("labelled rows a class")
    axes.set_ylabel("accuracy on the test rows")
    _plain_ticks(axes.xaxis, ())
    axes.set_xticks(sorted({size for row in rows for size in _by_size(row) if size}))
    low, high = axes.get_xlim()
    axes.set_xlim(low, high * 1.6)


def _by_size(row: Result) -> dict[int, dict[str, float]]:
    found: dict[int, dict[str, float]] = {}
    for name, value in row.figures.items():
        _, size, figure = name.rsplit(".", 2)
        found.setdefault(0 if size == "none" else int(size), {})[figure] = value
    return found


def cost_of_size(axes: Axes, rows: Sequence[Result]) -> None:
    """Seconds of each stage over the number of documents, both logarithmic, with what would be linear as dots."""
    for stage, colour in zip(STAGES, COLOURS, strict=False):
        points = sorted(
            (row.figures["corpus"], row.figures[f"{stage}.seconds"]) for row in rows if f"{stage}.seconds" in row.figures
        )
        documents, seconds = zip(*points, strict=True)
        axes.plot(documents, seconds, "o-", color=colour, linewidth=1.5)
        linear = [seconds[0] * number / documents[0] for number in documents]
        axes.plot(documents, linear, ":", color=colour, linewidth=1)
        axes.annotate(stage, (documents[-1], seconds[-1]), (8, 0), textcoords="offset points", va="center", color=colour)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("documents")
    axes.set_ylabel("seconds")
    _plain_ticks(axes.xaxis, ())
    axes.set_xticks(sorted(row.figures["corpus"] for row in rows))
    _plain_ticks(axes.yaxis, (1, 3))
    low, high = axes.get_xlim()
    axes.set_xlim(low, high * 1.4)


def _plain_ticks(axis: Any, at: Sequence[int]) -> None:
    """Numbers with commas, at these multiples of powers of ten, and no small ticks."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    if at:
        axis.set_major_locator(LogLocator(subs=at))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axis.set_minor_formatter(NullFormatter())


def _name(axes: Axes, points: Sequence[tuple[float, float, str]]) -> None:
    """Write names beside points, on the side where no other point is near."""
    for x, y, name in points:
        crowded = any(other != name and 1 < at / x < 3 and abs(height - y) < 0.004 for at, height, other in points)
        place, side = ((0, -13), "center") if crowded else ((8, 0), "left")
        colour = OURS if name.startswith("textmill") else THEIRS
        axes.annotate(name, (x, y), place, textcoords="offset points", va="center", ha=side, color=colour, fontsize=10)


PICTURES: dict[str, tuple[Callable[[Axes, Sequence[Result]], None], str]] = {
    "imdb": (accuracy_against_seconds, "Accuracy against seconds: textmill's presets and their peers"),
    "few_labels": (few_labels, "Accuracy by labelled rows a class, with the deviation over five draws"),
    "scaling": (cost_of_size, "Seconds by size of the corpus; dots are what would be linear"),
}
