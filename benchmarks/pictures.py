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
LINE = 16.0  # points between the middles of two lines of letters
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
    _name(axes, [(max(run.seconds for run in row.runs), row.figures["accuracy"], row.name) for row in shown])
    axes.margins(y=0.1)  # room for a name under the lowest point
    axes.set_xscale("log")
    axes.set_xlabel("seconds of the whole command")
    axes.set_ylabel("accuracy on the test rows")
    _plain_ticks(axes.xaxis, (1, 3))
    low, high = axes.get_xlim()
    axes.set_xlim(low, high * 2.5)  # room for the names on the right


def few_labels(axes: Axes, rows: Sequence[Result]) -> None:
    """A line a contender over labelled rows a class, with the deviation of the draws; dots for one that needs none.

    Each line stands a little to the right of the one before, so that their deviations do not lie on each other.
    """
    found = [(row.name, _by_size(row)) for row in rows]
    sizes = sorted({size for _, of_sizes in found for size in of_sizes if size})
    ends: list[tuple[float, float, str, str]] = []
    for place, ((name, of_sizes), colour) in enumerate(zip(found, COLOURS, strict=False)):
        none = of_sizes.pop(0, None)
        if of_sizes:
            labelled = sorted(of_sizes)
            means = [of_sizes[size]["accuracy"] for size in labelled]
            spread = [of_sizes[size].get("accuracy_deviation", 0.0) for size in labelled]
            at = [size * 1.02**place for size in labelled]
            axes.errorbar(at, means, yerr=spread, color=colour, marker="o", capsize=3, linewidth=1.5)
            ends.append((at[-1], means[-1], name, colour))
        elif none:
            axes.plot([sizes[0], sizes[-1]], [none["accuracy"]] * 2, ":", color=colour, linewidth=1.5)
            ends.append((sizes[-1], none["accuracy"], name, colour))
    axes.set_xscale("log", base=2)
    axes.set_xlabel("labelled rows a class")
    axes.set_ylabel("accuracy on the test rows")
    _plain_ticks(axes.xaxis, ())
    axes.set_xticks(sizes)
    low, high = axes.get_xlim()
    axes.set_xlim(low, high * 1.6)
    _name_ends(axes, ends)


def _by_size(row: Result) -> dict[int, dict[str, float]]:
    found: dict[int, dict[str, float]] = {}
    for name, value in row.figures.items():
        _, size, figure = name.rsplit(".", 2)
        found.setdefault(0 if size == "none" else int(size), {})[figure] = value
    return found


def cost_of_size(axes: Axes, rows: Sequence[Result]) -> None:
    """Seconds of each stage over the number of documents, both logarithmic, with what would be linear as dots."""
    ends: list[tuple[float, float, str, str]] = []
    for stage, colour in zip(STAGES, COLOURS, strict=False):
        points = sorted(
            (row.figures["corpus"], row.figures[f"{stage}.seconds"]) for row in rows if f"{stage}.seconds" in row.figures
        )
        documents, seconds = zip(*points, strict=True)
        axes.plot(documents, seconds, "o-", color=colour, linewidth=1.5)
        linear = [seconds[0] * number / documents[0] for number in documents]
        axes.plot(documents, linear, ":", color=colour, linewidth=1)
        ends.append((documents[-1], seconds[-1], stage, colour))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("documents")
    axes.set_ylabel("seconds")
    _plain_ticks(axes.xaxis, ())
    axes.set_xticks(sorted(row.figures["corpus"] for row in rows))
    _plain_ticks(axes.yaxis, (1, 3))
    low, high = axes.get_xlim()
    axes.set_xlim(low, high * 1.4)
    _name_ends(axes, ends)


def _plain_ticks(axis: Any, at: Sequence[int]) -> None:
    """Numbers with commas, at these multiples of powers of ten, and no small ticks."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    if at:
        axis.set_major_locator(LogLocator(subs=at))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axis.set_minor_formatter(NullFormatter())


def _name(axes: Axes, points: Sequence[tuple[float, float, str]]) -> None:
    """Write a name on the right of each point, or under it where another point is near on the right."""
    for x, y, name in points:
        crowded = any(other != name and 1 < at / x < 3 and abs(height - y) < 0.004 for at, height, other in points)
        place, side = ((0, -13), "center") if crowded else ((8, 0), "left")
        colour = OURS if name.startswith("textmill") else THEIRS
        axes.annotate(name, (x, y), place, textcoords="offset points", va="center", ha=side, color=colour, fontsize=10)


def _name_ends(axes: Axes, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Write each line's name at the right of the last points, from the lowest up, moved up where two would touch.

    `ends` has of each line its last point, its name and its colour. The limits of the axes must stand.
    """
    axes.get_ylim()  # sets the limits that matplotlib puts off
    points = 72 / axes.get_figure(root=True).dpi  # type: ignore[union-attr]  # an axes without a figure draws nothing
    floor, right = float("-inf"), max((x for x, *_ in ends), default=0.0)
    for _, y, name, colour in sorted(ends, key=lambda end: end[1]):
        height = float(axes.transData.transform((right, y))[1]) * points
        floor = max(height, floor + LINE)
        axes.annotate(name, (right, y), (8, floor - height), textcoords="offset points", va="center", color=colour)


PICTURES: dict[str, tuple[Callable[[Axes, Sequence[Result]], None], str]] = {
    "imdb": (accuracy_against_seconds, "Accuracy against seconds: textmill's presets and their peers"),
    "few_labels": (few_labels, "Accuracy by labelled rows a class, with the deviation over five draws"),
    "scaling": (cost_of_size, "Seconds by size of the corpus; dots are what would be linear"),
}
