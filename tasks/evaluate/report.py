"""The HTML report: one file without scripts or links to anything outside it, for a screen, a phone, or print.

All text from outside goes through Jinja's autoescape and `visible`, is wrapped in <bdi>, and may break anywhere; the page's
content security policy allows inline styles and embedded images, nothing else.
"""

from __future__ import annotations

import base64
import json
import logging
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, SkipValidation, model_validator

from tasks.durable import replaced
from tasks.evaluate.contents import CONTENTS, with_contents
from tasks.evaluate.figures import DPI, IN_ENGLISH, MAX_NAMED, draw_figures, draw_learning, drawable_words, png
from tasks.evaluate.robustness.page import Robustness
from tasks.evaluate.slices.page import Slices
from tasks.marked import STYLE as MARKS
from tasks.marked import as_html
from tasks.prepare.label_rows import rows_by_label
from tasks.shown import shortened, visible
from tasks.wording.page import with_wording
from tasks.wording.sentence import said
from tasks.wording.wording import ENGLISH, wording_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import jinja2

    from tasks.wording.wording import Language

log = logging.getLogger(__name__)

METRICS = "metrics.json"
SIDE = "side"
REPORT = "side/report.html"
FIGURES = ("yardstick", "confusion", "reliability", "risk_coverage", "history")  # each a PNG of that name under side/
TEMPLATE = Path(__file__).parent / "report.html.j2"
PARTS = (
    "prior.html.j2",
    "beside.html.j2",
    "earlier.html.j2",
    "certainty.html.j2",
    "answers.html.j2",
    "wrong_labels.html.j2",
    "slices/slices.html.j2",
    "robustness/robustness.html.j2",
    "what_ran.html.j2",
    "reproduce.html.j2",
)  # of pages, each a file of its own here
STYLE = Path(__file__).parent / "report.css"  # of the page of a language model too
CATALOGUE = Path(__file__).parent / "report_zh.toml"
SIDES = {"train": said("train"), "valid": said("valid"), "test": said("test"), "unlabelled": said("unlabelled")}
DECISIONS = (
    said("first"),
    said("promoted"),
    said("refused"),
    said("unchanged"),
    said("unmeasured"),
)  # of the gate, which `said_of` reads in another language


Told = SkipValidation[str]  # validation would turn a Sentence into a plain str, which can be shown in English alone


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StepRun(_Part):
    """One step of the run: its seconds, and whether the store had its artifact already."""

    name: str
    seconds: float
    cached: bool
    key: str = ""
    note: Told = ""


class Equation(_Part):
    """The records by outcome: found = kept + duplicates + quarantined."""

    found: int
    kept: int
    duplicates: int
    quarantined: int


class SplitRule(_Part):
    """The rule by which rows were split."""

    rule: int
    salt: int | None = None
    by: str | None = None  # time, group or given, where a column decides
    column: str | None = None
    from_: str | None = Field(None, alias="from")
    seed: int


class Contradiction(_Part):
    """The start of a text, and its rows by label."""

    text: str
    labels: dict[str, int]


class Contradictions(_Part):
    """Texts with several labels; see tasks.prepare.contradictions."""

    rule: str
    texts: int
    rows: int
    left_out: int
    texts_of_test: int
    near_rows: int
    near_groups: int
    examples: tuple[Contradiction, ...] = ()
    file: str | None = None


class ModelVersion(_Part):
    """The version that the model was registered as, and the decision about it."""

    name: str
    version: str
    alias: str = ""
    decision: str = ""
    reason: Told = ""


class WordSimilarity(_Part):
    """Spearman's rank correlation with people's judgements, over pairs with two vectors; None if there are too few."""

    spearman: float | None
    pairs: int
    of: int


class AnalogyScore(_Part):
    """Correct analogies among the questions whose words all have a vector; the accuracy is None if there are too few."""

    accuracy: float | None
    correct: int
    questions: int
    of: int


class Analogies(AnalogyScore):
    """The same for each kind of question."""

    sections: dict[str, AnalogyScore]


class Intrinsic(_Part):
    """Tests of the vectors on English words; see tasks.pretrain.intrinsic."""

    wordsim353: WordSimilarity
    simlex999: WordSimilarity
    analogies: Analogies


class Vectors(_Part):
    """A look at the pretrained vectors.

    The nearest neighbours, with their cosine similarity, of frequent words and of words typical of each class.
    """

    neighbours: dict[str, list[tuple[str, float]]] = {}
    class_neighbours: dict[str, dict[str, list[tuple[str, float]]]] = {}
    intrinsic: Intrinsic | None = None


class Scores(_Part):
    """A score at one size of a learning curve: mean, standard deviation and 95% interval of the draws, and each of them."""

    mean: float
    deviation: float | None
    interval: tuple[float, float] | None
    draws: tuple[float, ...]


class CurvePoint(_Part):
    """One size of a learning curve."""

    per_class: int
    rows: int
    accuracy: Scores
    macro_f1: Scores


class Gain(_Part):
    """What twice as many rows are expected to add to a score, and the exponent of the power law behind it."""

    gain: float
    interval: tuple[float, float] | None
    exponent: float


class NextSize(_Part):
    """The next size of a learning curve, and what it may bring."""

    per_class: int
    sizes: tuple[int, ...]
    accuracy: Gain
    macro_f1: Gain


class NotMeasured(_Part):
    """A size of a learning curve that could not be measured, and why."""

    per_class: int
    reason: str


class LearningCurve(_Part):
    """The learning curve of a recipe; see tasks.evaluate.curve. `figure` is a PNG, in base64."""

    points: tuple[CurvePoint, ...] = ()
    draws: int = 0
    test_rows: int = 0
    whole: dict[str, float] = {}
    failed: tuple[NotMeasured, ...] = ()
    next: NextSize | None = None
    figure: str = ""


class Context(_Part):
    """The facts about the run that the report shows beside the evaluation; a part left empty is left out of the page.

    `command` reproduces the run. `warnings` are lines for a person. `skipped` maps a step that did not run to the reason,
    `splits` a split to its rows, `labels` a split to its rows by label, `dropped` a reason to the rows it cost. `coverage` has
    any of tokens and types (shares 0..1), vocabulary and missing (numbers of types). `config` is the resolved configuration,
    nested as it is. `history` has the figures of each member's epochs. `more` are parts that steps bring and that have no place
    of their own: a table under each name.
    """

    more: dict[str, Any] = {}
    name: str = ""
    run_id: str = ""
    created: str = ""
    command: str = ""
    seconds: float | None = None
    steps: tuple[StepRun, ...] = ()
    skipped: dict[str, Told] = {}
    data: Equation | None = None
    splits: dict[str, int] = {}
    dropped: dict[str, int] = {}
    split: SplitRule | None = None
    labels: dict[str, dict[str, int]] = {}
    contradictions: Contradictions | None = None
    warnings: tuple[Told, ...] = ()
    coverage: dict[str, float] = {}
    vectors: Vectors = Vectors()
    model: ModelVersion | None = None
    learning_curve: LearningCurve | None = None
    history: dict[str, tuple[dict[str, Any], ...]] = {}
    beside: dict[str, Any] | None = None
    earlier: dict[str, Any] | None = None
    certainty: dict[str, Any] | None = None
    answers: dict[str, Any] | None = None
    wrong_labels: dict[str, Any] | None = None
    slices: Slices | None = None
    robustness: Robustness | None = None
    config: dict[str, Any] = {}

    @property
    def language(self) -> Language:
        """The language of the page, as `evaluate.language` says."""
        return "zh" if self.config.get("evaluate", {}).get("language") == "zh" else ENGLISH

    @model_validator(mode="before")
    @classmethod
    def _parts_without_a_place(cls, values: Any) -> Any:
        """Show what a step brings under a name that the page does not know; the run is over, and nothing may fail it now."""
        if not isinstance(values, dict):
            return values
        more = {name: value for name, value in values.items() if name not in cls.model_fields}
        known = {name: value for name, value in values.items() if name in cls.model_fields}
        return {**known, "more": {**known.get("more", {}), **more}}


def render_report(folder: Path, context: Context | Mapping[str, Any], out_file: Path) -> Path:
    """Write the report of the evaluation in `folder` (metrics.json and side/*.png) to `out_file`; returns it.

    Raises pydantic's ValidationError if `context` has a key that `Context` has not.
    """
    metrics = json.loads((folder / METRICS).read_text(encoding="utf-8"))
    files = {name: folder / SIDE / f"{name}.png" for name in FIGURES}
    shown = Context.model_validate(context)
    figures = {name: file.read_bytes() for name, file in files.items() if file.is_file()}
    if shown.language != ENGLISH:
        figures |= _redrawn(metrics, shown)
    page = report_page(metrics, figures, shown)
    out_file.parent.mkdir(parents=True, exist_ok=True)
    with replaced(out_file) as partial:
        partial.write_text(page, encoding="utf-8")
    return out_file


def _redrawn(metrics: Mapping[str, Any], context: Context) -> dict[str, bytes]:
    """The figures anew in the language of the page: the evaluation, which is one for all languages, has English ones.

    Nothing where that fails: the run is over, and the English ones will do.
    """
    words = drawable_words(wording_in(context.language, CATALOGUE))
    if words is IN_ENGLISH:
        return {}
    try:
        drawn = draw_figures(metrics, context.history, words)
        if context.learning_curve and context.learning_curve.figure:
            drawn["learning_curve"] = draw_learning(context.learning_curve.model_dump(), words)
        return {name: png(figure) for name, figure in drawn.items()}
    except (RuntimeError, OSError, ValueError) as error:  # matplotlib's, of a font
        log.warning("the figures cannot be drawn in the language of the page, so they are in English: %s", error)
        return {}


def render_unmeasured(labels: Sequence[str], context: Context | Mapping[str, Any], out_file: Path) -> Path:
    """Write the report of a model of which nothing was measured; `labels` are those it knows."""
    page = unmeasured_page(labels, Context.model_validate(context))
    out_file.parent.mkdir(parents=True, exist_ok=True)
    with replaced(out_file) as partial:
        partial.write_text(page, encoding="utf-8")
    return out_file


def unmeasured_page(labels: Sequence[str], context: Context) -> str:
    """The report without an evaluation, as HTML: it says that there is none."""
    template = page_template(TEMPLATE, 1, context.language)
    page = template.render(
        m=None,
        c=context,
        labels=labels,
        figures={},
        config=sorted(flattened(context.config)),
        label_rows=rows_by_label(context.labels),
    )
    return with_contents(page, wording_in(context.language, CATALOGUE)(CONTENTS))


def report_page(metrics: Mapping[str, Any], figures: Mapping[str, bytes], context: Context) -> str:
    """The report as HTML, from the values of metrics.json and PNG figures by name."""
    curve = context.learning_curve
    drawn = {"learning_curve": base64.b64decode(curve.figure)} if curve and curve.figure else {}
    template = page_template(TEMPLATE, 2 if metrics["test_rows"] >= 10_000 else 1, context.language)
    page = template.render(
        m=metrics,
        c=context,
        figures={name: embedded(data) for name, data in {**drawn, **figures}.items()},
        config=sorted(flattened(context.config)),
        label_rows=rows_by_label(context.labels),
        largest=max(metrics["per_class"].items(), key=lambda item: item[1]["support"]),
        numbered=len(metrics["labels"]) > MAX_NAMED or not "".join(metrics["labels"]).isascii(),
        untrained=[name for name, scores in metrics["per_class"].items() if not scores["trained"]],
    )
    return with_contents(page, wording_in(context.language, CATALOGUE)(CONTENTS))


@cache
def page_template(template: Path, decimals: int, language: Language = ENGLISH) -> jinja2.Template:
    """The compiled template, which a run needs twice; shares have so many decimals."""
    import jinja2
    from markupsafe import Markup

    # Autoescaping does not depend on the name of the template, and a name that the template misspells is an error.
    parts = jinja2.DictLoader({name: (Path(__file__).parent / name).read_text(encoding="utf-8") for name in PARTS})
    wording = wording_in(language, CATALOGUE)
    environment = with_wording(
        jinja2.Environment(
            autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, loader=parts
        ),
        wording,
    )
    environment.filters |= {
        "visible": lambda text: visible(wording(text)),
        "percent": lambda share: f"{100 * share:.{decimals}f}%",
        "range": lambda pair: f"{100 * pair[0]:.{decimals}f}\N{EN DASH}{100 * pair[1]:.{decimals}f}%",
        "points": lambda share: f"{100 * share:+.{decimals}f}".replace("-", "\N{MINUS SIGN}"),
        "score": lambda value: f"{value:.3f}",
        "signed": lambda value: f"{value:+.3f}".replace("-", "\N{MINUS SIGN}"),
        "figure": lambda value: f"{value:,.1f}" if value < 1000 else f"{value:,.0f}" if value < 1e7 else f"{value:.1e}",
        "rows": lambda number: f"{number:,}",
        "seconds": lambda seconds: wording(_duration(seconds)),
        "p_value": lambda p: "p < 0.001" if p < 0.001 else f"p = {p:.3f}",
        "short": shortened,
        "quoted": lambda row: as_html(row["text"] or wording.pattern("(empty)"), row.get("marks", [])),
        "value": lambda value: json.dumps(value, ensure_ascii=False, default=str) if not isinstance(value, str) else value,
    }
    environment.globals |= {"lang": wording.tag, "said_of": wording.pattern, "sides": SIDES}
    environment.globals["style"] = Markup(STYLE.read_text(encoding="utf-8") + MARKS.read_text(encoding="utf-8"))  # noqa: S704 a file of ours
    return environment.from_string(template.read_text(encoding="utf-8"))


def flattened(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names and values of a nested mapping."""
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from flattened(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def embedded(png: bytes) -> dict[str, str | int]:
    """A PNG as an image element shows it, at the size it was drawn for: a CSS inch has 96 pixels."""
    width, height = (int.from_bytes(png[start : start + 4]) * 96 // DPI for start in (16, 20))  # of its first chunk, IHDR
    return {"source": "data:image/png;base64," + base64.b64encode(png).decode(), "width": width, "height": height}


def _duration(seconds: float) -> str:
    if seconds < 10:
        return said("{seconds:.1f} s", seconds=seconds)
    if seconds < 120:
        return said("{seconds:.0f} s", seconds=seconds)
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 120:
        return said("{minutes} min {seconds} s", minutes=minutes, seconds=rest)
    return said("{hours} h {minutes} min", hours=minutes // 60, minutes=minutes % 60)
