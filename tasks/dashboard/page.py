"""The dashboard: one HTML file with its library and its data inside, for a screen or a phone, online or not.

Headlines, labels, names and model versions come from outside. In the page's text they go through Jinja's autoescape and
`visible`; in its data they are JSON in which no character can end the script element; in charts the script escapes what Plotly
would read as markup. The page's content security policy lets exactly the two scripts that are written here run, and nothing be
fetched.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.crash import crash_point
from tasks.dashboard.content import Content, gather_content
from tasks.dashboard.drifting import make_history
from tasks.durable import PRIVATE, replaced
from tasks.marked import STYLE as MARKS
from tasks.marked import Why, as_html, marked_excerpt
from tasks.monitor.alert_words import KINDS, SEVERITIES, copies_in_words
from tasks.shown import shortened, visible
from tasks.today.change import cause_in_words, verdict
from tasks.today.standing import doubt_of
from tasks.wording.found import in_script
from tasks.wording.page import with_wording
from tasks.wording.sentence import joined
from tasks.wording.wording import wording_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.config import RefreshConfig
    from tasks.marked import Explainer
    from tasks.monitor.state import MonitorState
    from tasks.register.profile import Profile
    from tasks.wording.wording import Wording

TEMPLATE = Path(__file__).with_name("page.html.j2")
NAMES = Path(__file__).with_name("names.html.j2")
HEADLINE_CHARS = 400
MAX_EXPLAINED = 1000  # headlines: each takes a fifth of a millisecond or so
NO_REASON = Why()
SCRIPT = Path(__file__).with_name("page.js")


def write_dashboard(
    state: MonitorState,
    config: RefreshConfig,
    path: Path,
    reference: Profile | None = None,
    model: str | None = None,
    explain: Explainer | None = None,
    unexplained: str = "",
) -> Path:
    """Write the page to `path`, in one step and readable by its owner only; returns `path`.

    Drift compares with `reference`, the profile of the training data, or without it with the stream's own beginning. If
    `model` (NAME/VERSION) is given, only the days count that it has scored alone. `explain` says what decided about headlines,
    or `unexplained` why nothing does.
    """
    own_days = None if model is None else state.days_of(model)
    drift = make_history(state.histograms(), reference, config.detect, own_days)
    page = render_page(gather_content(state, config, drift, now=time.time()), explain, unexplained)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced(path, mode=PRIVATE) as partial:
        partial.write_text(page, encoding="utf-8", newline="\n")
        crash_point("dashboard.written")
    crash_point("dashboard.named")
    return path


def render_page(content: Content, explain: Explainer | None = None, unexplained: str = "") -> str:
    """The page as HTML; `explain` says what decided about its headlines, MAX_EXPLAINED of them, or `unexplained` why not."""
    import jinja2
    from markupsafe import Markup

    wording = wording_in(content.language)
    environment = with_wording(
        jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True), wording
    )
    reasons = reasons_of(content, explain) if explain else {}
    environment.filters |= {
        "headline": lambda text: as_html(*marked_excerpt(text, reasons.get(text, NO_REASON).marks, HEADLINE_CHARS)),
        "why": lambda text: reasons.get(text, NO_REASON),
        "copies": copies_in_words,
        "doubt": doubt_of,
        "visible": lambda text: visible(wording(text)),
        "short": shortened,
        "rows": lambda number: f"{number:,}",
        "cause": cause_in_words,
        "percent": lambda share: f"{100 * share:.1f}%",
        "share": lambda share: f"{share:+.2f}".replace("-", "\u2212"),
    }
    scripts = [plotly(), SCRIPT.read_text(encoding="utf-8")]
    groups = grouped(content)
    names = environment.from_string(NAMES.read_text(encoding="utf-8")).render(c=content)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        c=content,
        groups=groups,
        names=Markup(names) if content.changed_names else "",  # noqa: S704 a template of ours, escaped
        bars=[group for group, _ in groups if group],
        drifted=joined(", ", [row.title for row in content.drift.features if row.drifted]) if content.drift else "",
        kinds=KINDS,
        severities={severity: wording(word) for severity, word in SEVERITIES.items()},
        lang=wording.tag,
        data=Markup(embedded_json(page_data(content, wording))),  # noqa: S704 it holds no character that means anything to HTML
        plotly=Markup(scripts[0]),  # noqa: S704 the library itself
        script=Markup(scripts[1]),  # noqa: S704 our own file
        mark_style=Markup(MARKS.read_text(encoding="utf-8")),  # noqa: S704 our own file
        is_explained=bool(reasons),
        unexplained=unexplained,
        verdict=verdict(content.changed) if content.changed else "",
        script_hashes=Markup(" ".join(map(script_hash, scripts))),  # noqa: S704 base64 in quotes
    )


def reasons_of(content: Content, explain: Explainer) -> Mapping[str, Why]:
    """What decided about the headlines on the page, by their text: the latest ones, and those of the newest alerts."""
    shown = [headline.text for headline in content.headlines]
    shown += [str(headline["text"]) for alert in content.alerts for headline in alert.headlines]
    texts = list(dict.fromkeys(shown))[:MAX_EXPLAINED]
    return dict(zip(texts, explain(texts), strict=True))


def page_data(content: Content, wording: Wording) -> dict[str, Any]:
    """The data of the page's script; curves are in thousandths, null where there is no value."""
    groups = [group for group, _ in grouped(content) if group]
    return {
        "language": wording.language,
        "words": {english: wording.pattern(english) for english in script_sentences() if wording.pattern(english) != english},
        "step": content.axis.step if content.axis else 1,
        "days": content.axis.days() if content.axis else [],
        "series": [
            {
                "title": visible(wording(shown.title)),
                "group": groups.index(shown.group) if shown.group else -1,
                "documents": shown.curve.documents.tolist(),
                "mass": _numbers(shown.curve.mass, 1),
                "index": _thousandths(shown.curve.index),
                "lower": _thousandths(shown.curve.lower),
                "upper": _thousandths(shown.curve.upper),
            }
            for shown in content.series
        ],
        "models": [{"day": mark.day, "title": visible(mark.title)} for mark in content.models[1:]],
        "alerts": [
            {
                "series": shown.number,
                "kind": shown.alert.kind,
                "severity": shown.alert.severity,
                "day": shown.alert.window_end,
                "share": shown.alert.figures["negative_share"],
                "baseline": shown.alert.figures["baseline"],
            }
            for shown in content.alerts
        ],
        "drift": content.drift
        and {
            "days": content.drift.days,
            "features": [
                {"title": wording(row.title), "values": _numbers(np.asarray(row.ratios), 3)} for row in content.drift.features
            ],
        },
    }


def script_sentences() -> list[str]:
    """The sentences of the page's script, in English."""
    return list(in_script(SCRIPT))


def grouped(content: Content) -> list[tuple[str, list[tuple[int, str]]]]:
    """Places and titles of the series by group, in the order of the list: the whole stream, topics, names."""
    groups: dict[str, list[tuple[int, str]]] = {}
    for number, shown in enumerate(content.series):
        groups.setdefault(shown.group, []).append((number, shown.title))
    return [(group, sorted(members, key=lambda member: member[1]) if group else members) for group, members in groups.items()]


def embedded_json(value: Any) -> str:
    """JSON for a script element: nothing in it can end the element or begin a comment."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)  # ASCII, so U+2028 is escaped already
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def script_hash(script: str) -> str:
    """The source expression of a content security policy for this one script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


@functools.cache
def plotly() -> str:
    """The library as its package brings it."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def _numbers(values_P: np.ndarray, digits: int) -> list[float | None]:
    return [None if np.isnan(value) else round(value, digits) for value in values_P.tolist()]


def _thousandths(shares_P: np.ndarray) -> list[int | None]:
    """Shares as whole numbers: a third of the bytes of a decimal fraction, and as fine as a screen."""
    return [None if np.isnan(share) else round(1000 * share) for share in shares_P.tolist()]
