import html
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tasks.evaluate.evaluation import evaluate_classifier
from tasks.evaluate.report import render_report
from tasks.evaluate.settings import EvaluateConfig
from tests.evaluate.conftest import Corpus

SCRIPT = "<script>parent.attacked=1;document.title='attacked'</script>"
HOSTILE = [
    SCRIPT,
    '"\'><img src=x onerror="parent.attacked=1">',
    "</style></bdi></table></main><h1 onclick=alert(1)>",
    "\u202e\u2067reversed\x00\x1b[2J\ufeff",
    "w" * 5000,
    "财经 $x_1$ 🙂",
]
# The page in a frame as wide as a phone, of the same origin, so that its tree and its widths can be asked for.
FRAME = """<!DOCTYPE html><body><iframe style="width:390px;height:800px;border:0" srcdoc="%s"></iframe><pre id="seen"></pre>
<script>
window.onload = () => {
  const page = document.querySelector("iframe").contentDocument, root = page.documentElement;
  const all = [...page.querySelectorAll("*")];
  document.getElementById("seen").textContent = JSON.stringify({
    attacked: window.attacked === 1 || page.title.startsWith("attacked"),
    active: all.filter(e => ["SCRIPT", "IFRAME", "OBJECT", "EMBED", "FORM", "LINK"].includes(e.tagName)
      || (e.tagName === "A" && !/^#[a-z0-9-]+$/.test(e.getAttribute("href")))).length,
    handlers: all.filter(e => [...e.attributes].some(a => a.name.startsWith("on"))).length,
    images: [...page.images].map(i => i.src.startsWith("data:image/png") && i.naturalWidth > 0),
    headings: page.querySelectorAll("h1").length,
    overflow: root.scrollWidth - root.clientWidth,
    shown: page.querySelector(".errors").textContent,
    policy: page.querySelector("meta[http-equiv]").content,
  });
};
</script>"""


def look(chromium: list[str], page: str, folder: Path) -> dict[str, Any]:
    """What a browser sees of a page on a phone."""
    outer = folder / "frame.html"
    outer.write_text(FRAME % html.escape(page, quote=True), encoding="utf-8")
    command = [*chromium, "--virtual-time-budget=4000", f"--user-data-dir={folder / 'profile'}", "--dump-dom", outer.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True)
    return json.loads(html.unescape(done.stdout.rsplit('<pre id="seen">', 1)[1].split("</pre>")[0]))


class Mistaken:
    """Sure of the next label, so that every label and text is among the errors."""

    reads_text = False

    def __init__(self, labels: Any) -> None:
        self.labels = sorted(labels)

    def probabilities(self, tokens: Any, texts: object = None) -> np.ndarray:
        truth = [self.labels.index(document[0]) for document in tokens.to_pylist()]
        wrong = np.eye(len(self.labels), dtype=np.float32)[[(label + 1) % len(self.labels) for label in truth]]
        return wrong * 0.9 + 0.1 / len(self.labels)


def test_hostile_labels_and_texts_are_inert_and_fit_a_phone(
    make_corpus: Callable[..., Corpus], tmp_path: Path, chromium: list[str]
) -> None:
    rows = [
        (f"{split}{number}", split, text, [text, *HOSTILE])
        for split in ("train", "test")
        for number, text in enumerate(HOSTILE)
    ]
    corpus = make_corpus(rows)
    folder = tmp_path / "evaluate"
    folder.mkdir()
    history = {"bag": [{"epoch": 1, "train_loss": 0.5, "valid_accuracy": 0.5}]}
    evaluate_classifier(corpus.evaluation(EvaluateConfig(bootstrap=200)), Mistaken(HOSTILE), history, folder)
    context = {
        "name": HOSTILE[0],
        "command": HOSTILE[4],
        "steps": [{"name": HOSTILE[1], "seconds": 1, "cached": True, "key": HOSTILE[4], "note": HOSTILE[4]}],
        "splits": {HOSTILE[4]: 3},
        "config": {HOSTILE[4]: HOSTILE[4], HOSTILE[2]: HOSTILE[1]},
    }
    page = render_report(folder, context, tmp_path / "report.html").read_text(encoding="utf-8")
    seen = look(chromium, page, tmp_path)
    assert not seen["attacked"]
    assert (seen["active"], seen["handlers"], seen["headings"]) == (0, 0, 1)
    assert seen["images"] == [True, True, True, True]
    assert seen["overflow"] == 0
    assert SCRIPT in seen["shown"]
    assert "[U+202E]" in seen["shown"]
    assert "\u202e" not in page
    assert seen["policy"].startswith("default-src 'none'")


def test_the_browser_test_would_see_an_attack(tmp_path: Path, chromium: list[str]) -> None:
    page = f"<meta http-equiv=x content=y><div class=errors style='width:900px'>{SCRIPT}<img src=x onerror=1></div>"
    seen = look(chromium, page, tmp_path)
    assert seen["attacked"]
    assert seen["active"] == 1
    assert seen["handlers"] == 1
    assert seen["overflow"] > 0
