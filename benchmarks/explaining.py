"""Whether the words that an explanation names matter: how far the label's probability falls when the heaviest are taken out.

    python -m benchmarks.explaining MODEL TEXTS [--text COLUMN] [--texts 500] [--data-root FOLDER] [--samples 5000]

Of each text the ten words with the largest shares are taken out wherever they are, and the model is asked again; then the ten
words that are each alone missed most, the ten that LIME (Ribeiro, Singh & Guestrin 2016) names, and ten drawn at random. One
JSON object goes to stdout: means of the fall with a standard error, and CPU seconds a text.

LIME is no requirement of this project: without it the figure says so. `pip install lime` adds it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flows.commands.registry import load
from tasks.errors import RequestError
from tasks.ingest.settings import IngestConfig
from tasks.score.texts import layout_of, read_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tasks.model.explain import Explanation
    from tasks.model.serving import TextClassifier

WORDS, SEED = 10, 17
FEATURES = 100  # of LIME's, the ten of which with the largest positive weights are taken: it ranks by size, whatever the sign


def heaviest(explanation: Explanation) -> list[str]:
    """The ten words with the largest shares, their places added up."""
    shares: dict[str, float] = {}
    for word in explanation.words:
        shares[word.word] = shares.get(word.word, 0.0) + word.share
    return sorted(shares, key=lambda word: -shares[word])[:WORDS]


def without(text: str, explanation: Explanation, words: Sequence[str]) -> str:
    """The text without those words."""
    left, at = [], 0
    for word in explanation.words:
        if word.word in words:
            left.append(text[at : max(word.start, at)])
            at = max(word.end, at)
    return "".join([*left, text[at:]])


def by_effect(model: TextClassifier, text: str, explanation: Explanation, label: int) -> list[str]:
    """The ten words without which, each alone, the label's probability is lowest."""
    words = sorted({word.word for word in explanation.words})
    left_N = model.probabilities([without(text, explanation, [word]) for word in words])[:, label]
    return [words[row] for row in np.argsort(left_N, kind="stable")[:WORDS]]


def limes(model: TextClassifier, samples: int) -> Callable[[str, int], str] | None:
    """A function that takes LIME's ten words for a label out of a text; None where it is not installed."""
    try:
        from lime.lime_text import IndexedString, LimeTextExplainer
    except ImportError:
        return None
    explainer = LimeTextExplainer(class_names=model.labels, random_state=SEED)

    def taken_out(text: str, label: int) -> str:
        found = explainer.explain_instance(
            text, model.probabilities, labels=[label], num_features=FEATURES, num_samples=samples
        )
        weights = sorted(found.as_map()[label], key=lambda pair: -pair[1])
        left: str = IndexedString(text).inverse_removing([word for word, _ in weights[:WORDS]])
        return left

    return taken_out


def measure(model: TextClassifier, texts: Sequence[str], samples: int) -> dict[str, Any]:
    """The fall of the label's probability by each way, and the CPU seconds of a text."""
    before_NC = model.probabilities(texts)
    labels_N = before_NC.argmax(1)
    start = time.process_time()
    explained = model.explain(texts)
    cpu = {"shares": time.process_time() - start}
    start = time.process_time()
    effects = [
        by_effect(model, text, why, int(label)) if why else []
        for text, why, label in zip(texts, explained, labels_N, strict=True)
    ]
    cpu["one by one"] = time.process_time() - start
    generator = np.random.default_rng(SEED)
    left: dict[str, list[str]] = {"shares": [], "one by one": [], "at random": []}
    for text, why, missed in zip(texts, explained, effects, strict=True):
        known = sorted({word.word for word in why.words}) if why else []
        drawn = generator.choice(known, min(WORDS, len(known)), replace=False).tolist() if known else []
        left["shares"].append(without(text, why, heaviest(why)) if why else text)
        left["one by one"].append(without(text, why, missed) if why else text)
        left["at random"].append(without(text, why, drawn) if why else text)
    take_out = limes(model, samples)
    if take_out is not None:
        start = time.process_time()
        left["lime"] = [take_out(text, int(label)) for text, label in zip(texts, labels_N, strict=True)]
        cpu["lime"] = time.process_time() - start
    rows = np.arange(len(texts))
    falls = {name: (before_NC - model.probabilities(texts_left))[rows, labels_N] for name, texts_left in left.items()}
    return {
        "texts": len(texts),
        "fall": {name: [round(float(fall_N.mean()), 4), round(_error(fall_N), 4)] for name, fall_N in falls.items()},
        "cpu_seconds_a_text": {name: round(spent / len(texts), 6) for name, spent in cpu.items()},
        "shares_less_lime": _paired(falls["shares"], falls["lime"]) if "lime" in falls else "lime is not installed",
    }


def _paired(ours_N: np.ndarray, theirs_N: np.ndarray) -> list[float]:
    return [round(float((ours_N - theirs_N).mean()), 4), round(_error(ours_N - theirs_N), 4)]


def _error(values_N: np.ndarray) -> float:
    return float(values_N.std(ddof=1) / np.sqrt(len(values_N)))


def read(path: Path, column: str, number: int) -> list[str]:
    """Texts of a table, drawn at random; all of them if there are fewer."""
    layout = layout_of(path.absolute(), IngestConfig(path=path.absolute(), text=column), keep=False)
    found = [record.text for record in read_texts(layout, []) if record.text]
    chosen = np.random.default_rng(SEED).permutation(len(found))[:number]
    return [found[row] for row in np.sort(chosen)]


def main() -> int:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model", help="NAME@ALIAS or NAME/VERSION")
    parser.add_argument("path", type=Path, metavar="TEXTS", help="a table of texts that the model was not trained on")
    parser.add_argument("--text", default="text", help="the column")
    parser.add_argument("--texts", type=int, default=500, help="how many are drawn")
    parser.add_argument("--samples", type=int, default=5000, help="texts that LIME makes of each, 5000 as it does by default")
    parser.add_argument("--data-root", type=Path)
    asked = parser.parse_args()
    try:
        loaded = load(asked.model, asked.data_root)
        print(json.dumps(measure(loaded.model, read(asked.path, asked.text, asked.texts), asked.samples)))
    except RequestError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
