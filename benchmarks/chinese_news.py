"""Titles of Chinese financial news: the preset `chinese-headlines` beside TF-IDF, and a monitored stream by month.

    python -m benchmarks.chinese_news compare NEWS.csv [--draws 5] [--from 2018-05-01] [--models KIND ...]
    python -m benchmarks.chinese_news months --data-root ROOT --monitor NAME [--truth NEWS.csv] [--page FILE.html]

NEWS.csv has the columns 日期, 公司, 标题 and 正/负面, in GB18030. `compare` trains on random splits, each by another salt,
and on one by time, whose test rows are those of --from or later. The peer, in the same run and on the same rows, is TF-IDF
of 1 to 3 characters and logistic regression with balanced weights, fitted to the train and the validation rows. `in use`
counts both classes alike. Of random splits: mean and 95% interval by Student's t, differences paired by split; by time: 95%
of a paired bootstrap of the test rows. CPU seconds are of training and predicting.

`months` reads a monitor that `textmill refresh` has filled: documents and mean probability of the negative label by month
and by name of the watch-list, the worst months first; with --truth the shares of negative labels beside them. Titles are
written to --page alone.
"""

from __future__ import annotations

import argparse
import csv
import html
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from flows.commands.settings import check_paths, resolve
from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tasks.config import PipelineConfig

COLUMNS = {"--ingest.encoding": "gb18030", "--ingest.text": "标题", "--ingest.label": "正/负面", "--ingest.keep": "日期,公司"}
NEGATIVE = "0"
PEER = "TF-IDF of characters + logistic regression, balanced"
RESAMPLES = 2000
SEED = 13
FEWEST = 3  # titles of a name in a month, below which the month is not ranked


class Scored(NamedTuple):
    """What one way gave the test rows: whether each is bad and was called bad (bool [N]), and CPU seconds."""

    bad: np.ndarray
    called: np.ndarray
    cpu_seconds: float

    def figures(self, rows: np.ndarray | None = None) -> dict[str, float]:
        """Accuracy, macro-F1 and accuracy in use (both classes alike), of some rows."""
        bad, called = (self.bad, self.called) if rows is None else (self.bad[rows], self.called[rows])
        right = bad == called
        f1 = [2 * (each & other).sum() / max(1, each.sum() + other.sum()) for each, other in ((bad, called), (~bad, ~called))]
        in_use = (right[bad].mean() + right[~bad].mean()) / 2
        return {"accuracy": float(right.mean()), "macro-F1": float(np.mean(f1)), "in use": float(in_use)}


def ways(config: PipelineConfig, models: Sequence[str], tokenizers: Sequence[str]) -> Iterator[tuple[str, PipelineConfig]]:
    """The recipes: each model by each tokenizer, with balanced weights, without weights, and with the prior of the use."""
    prior = {"class_weights": "none", "class_prior": ("0=0.5", "1=0.5")}
    weights: dict[str, dict[str, Any]] = {
        "balanced": {"class_weights": "balanced", "class_prior": ()},
        "none": {"class_weights": "none", "class_prior": ()},
        "none, prior": prior,
        "balanced, prior": {**prior, "class_weights": "balanced"},
    }
    for tokenizer in tokenizers:
        for model in models:
            for name, update in weights.items():
                finetune = config.finetune.with_model(model).model_copy(update=update).only_read()
                prepare = config.prepare.model_copy(update={"tokenizer": tokenizer})
                yield f"`{model}`, {tokenizer}, {name}", config.model_copy(update={"finetune": finetune, "prepare": prepare})


def split_by(config: PipelineConfig, salt: int | None, since: str) -> dict[str, Any]:
    """The settings of a split: random by a salt, or by time without one."""
    if salt is not None:
        return {"split_rule": 2, "salt": salt}
    return {"split_rule": 2, "salt": 0, "split": "time", "split_column": "日期", "test_from": since}


def measure(config: PipelineConfig, corpus: Path, split: Mapping[str, Any], recipes: Any) -> Iterator[tuple[str, Scored]]:
    """Train and score every recipe, and the peer, on one split."""
    from tasks.evaluate.evaluation import predict
    from tasks.evaluate.predictions import read_test
    from tasks.prepare.dataset import write_dataset
    from tasks.prepare.read import iter_with_texts
    from tasks.register.folds import train_recipe

    with tempfile.TemporaryDirectory(prefix="news-") as name:
        prepared: dict[str, Path] = {}
        for place, (way, recipe) in enumerate(recipes):
            tokenizer = recipe.prepare.tokenizer
            if tokenizer not in prepared:
                prepared[tokenizer] = Path(name) / tokenizer
                prepared[tokenizer].mkdir()
                write_dataset(recipe.prepare.model_copy(update=split), corpus, prepared[tokenizer])
            folder, own = prepared[tokenizer], Path(name) / f"{place}"
            own.mkdir()
            start = time.process_time()
            classifier = train_recipe(recipe, folder, own)
            test = read_test(folder / "holdout", dictionary=True)
            given_N = predict(classifier, test.tokens, folder / "holdout_texts").argmax(1)
            called = np.array([classifier.labels[given] == NEGATIVE for given in given_N])
            bad = np.array([label == NEGATIVE for label in test.labels.to_pylist()])
            yield way, Scored(bad, called, time.process_time() - start)
        folder = next(iter(prepared.values()))
        sides = []
        for part, splits in (("dataset", ("train", "valid")), ("holdout", ("test",))):
            texts = folder / ("texts" if part == "dataset" else "holdout_texts")
            batches = list(iter_with_texts(folder / part, texts, splits, ["label"]))
            sides.append([(row["text"], row["label"] == NEGATIVE) for batch in batches for row in batch.to_pylist()])
        yield PEER, peer(*sides)


def peer(train: list[tuple[str, bool]], test: list[tuple[str, bool]]) -> Scored:
    """The peer, as scikit-learn's tutorials set it; C as in benchmarks/peers/tfidf.py."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    start = time.process_time()
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=2, sublinear_tf=True)
    model = LogisticRegression(C=30.0, max_iter=1000, class_weight="balanced")
    model.fit(vectorizer.fit_transform([text for text, _ in train]), [bad for _, bad in train])
    called = model.predict(vectorizer.transform([text for text, _ in test]))
    return Scored(np.array([bad for _, bad in test]), np.asarray(called, dtype=bool), time.process_time() - start)


def interval(values: Sequence[float], *, signed: bool = False) -> str:
    """Mean in per cent and half of its 95% interval over draws, by Student's t."""
    from scipy.stats import t

    half = t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{100 * np.mean(values):{'+' if signed else ''}.1f} ± {100 * half:.1f}"


def random_table(draws: list[dict[str, Scored]]) -> str:
    """Figures of each way over random splits, and how much more than the peer's they are."""
    lines = [
        "| random splits | accuracy | macro-F1 | in use | macro-F1, more than TF-IDF | in use, more | CPU s |",
        "|---|---|---|---|---|---|---|",
    ]
    figures = [{way: scored.figures() for way, scored in draw.items()} for draw in draws]
    for way in draws[0]:
        cells = [interval([draw[way][name] for draw in figures]) for name in ("accuracy", "macro-F1", "in use")]
        for name in ("macro-F1", "in use"):
            more = [draw[way][name] - draw[PEER][name] for draw in figures]
            cells.append("" if way == PEER else interval(more, signed=True))
        cells.append(f"{np.mean([draw[way].cpu_seconds for draw in draws]):.1f}")
        lines.append(f"| {way} | {' | '.join(cells)} |")
    return "\n".join(lines)


def time_table(found: dict[str, Scored], since: str) -> str:
    """The same on the rows of `since` or later, by a paired bootstrap of these rows."""
    head = f"| rows of {since} or later | accuracy | macro-F1 | in use | macro-F1, more than TF-IDF | in use, more |"
    lines = [head, "|---|---|---|---|---|---|"]
    number = len(found[PEER].bad)
    source = np.random.default_rng(SEED)
    drawn = [source.integers(0, number, number) for _ in range(RESAMPLES)]
    resampled = {way: [scored.figures(rows) for rows in drawn] for way, scored in found.items()}
    for way, scored in found.items():
        value, cells = scored.figures(), []
        for name in ("accuracy", "macro-F1", "in use"):
            low, high = np.percentile([each[name] for each in resampled[way]], [2.5, 97.5])
            cells.append(f"{100 * value[name]:.1f} ({100 * low:.1f} to {100 * high:.1f})")
        for name in ("macro-F1", "in use"):
            pairs = zip(resampled[way], resampled[PEER], strict=True)
            low, high = np.percentile([each[name] - other[name] for each, other in pairs], [2.5, 97.5])
            more = value[name] - found[PEER].figures()[name]
            cells.append("" if way == PEER else f"{100 * more:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})")
        lines.append(f"| {way} | {' | '.join(cells)} |")
    return "\n".join(lines)


def compare(own: argparse.Namespace, options: Sequence[str]) -> None:
    """Measure on random splits and by time, and print both tables."""
    from tasks.ingest.corpus import write_corpus

    words = [word for pair in COLUMNS.items() for word in pair]
    config = resolve(["--ingest.path", str(own.news), *words, *options], preset="chinese-headlines")
    check_paths(config)
    recipes = list(ways(config, own.models, own.tokenizers))
    with tempfile.TemporaryDirectory(prefix="news-") as name:
        write_corpus(config.ingest, Path(name))
        draws = []
        for salt in range(own.first_salt, own.first_salt + own.draws):
            draws.append(dict(measure(config, Path(name), split_by(config, salt, own.since), recipes)))
            print(f"salt {salt}", {way: scored.figures() for way, scored in draws[-1].items()}, file=sys.stderr, flush=True)
        print(random_table(draws), end="\n\n", flush=True)
        if own.since == "never":
            return
        by_time = dict(measure(config, Path(name), split_by(config, None, own.since), recipes))
        print(f"{len(by_time[PEER].bad):,} test rows, {by_time[PEER].bad.mean():.1%} of them negative\n")
        print(time_table(by_time, own.since))


class Month(NamedTuple):
    """A month of a name, or of the whole stream (`name` empty): documents and the sum of their negative probabilities."""

    name: str
    month: str
    documents: int
    mass: float

    @property
    def share(self) -> float:
        """Mean probability of the negative label."""
        return self.mass / self.documents


def read_months(root: Path, monitor: str) -> tuple[list[Month], dict[tuple[str, str], list[tuple[float, str, str]]]]:
    """The months of a monitor, and the titles behind each as (probability, day, title)."""
    from tasks.monitor.state import MonitorState

    sums: defaultdict[tuple[str, str], list[float]] = defaultdict(lambda: [0, 0.0])
    titles: defaultdict[tuple[str, str], list[tuple[float, str, str]]] = defaultdict(list)
    with MonitorState.read(root, monitor) as state:
        for batch in state.documents(columns=["day", "text", "negative", "names"]):
            for row in batch.to_pylist():
                for name in ("", *(row["names"] or ())):
                    key = (name, row["day"].strftime("%Y-%m"))
                    sums[key][0] += 1
                    sums[key][1] += row["negative"]
                    titles[key].append((row["negative"], row["day"].isoformat(), row["text"]))
    return [Month(*key, int(number), mass) for key, (number, mass) in sums.items()], titles


def true_shares(news: Path, since: str) -> dict[tuple[str, str], float]:
    """Share of negative labels by company (empty: all) and month, of titles of `since` (YYYY-MM-DD) or later, each once."""
    labels: defaultdict[tuple[str, str], list[bool]] = defaultdict(list)
    with news.open(encoding="gb18030", newline="") as file:
        rows = {tuple(row.values()): row for row in csv.DictReader(file)}.values()
    for row in rows:
        year, month, day = (int(part) for part in row["日期"].replace("年", "-").replace("月", "-").rstrip("日").split("-"))
        if f"{year}-{month:02}-{day:02}" >= since:
            for name in ("", row["公司"]):
                labels[name, f"{year}-{month:02}"].append(row["正/负面"] == NEGATIVE)
    return {key: float(np.mean(values)) for key, values in labels.items()}


def months(own: argparse.Namespace) -> None:
    """Print the months of the whole stream and the worst ones of names; write their titles to --page."""
    found, titles = read_months(own.data_root, own.monitor)
    first = min(day for rows in titles.values() for _, day, _ in rows)
    truth = true_shares(own.truth, first) if own.truth else {}
    stream = sorted((each for each in found if not each.name), key=lambda each: each.month)
    named = [each for each in found if each.name and each.documents >= FEWEST]
    named = sorted(named, key=lambda each: (-each.share, -each.documents, each.month))
    for heading, rows in (("stream", stream), ("name", named[: own.worst])):
        print(f"| {heading} | month | titles | negative | labelled negative |\n|---|---|---|---|---|")
        for each in rows:
            labelled = f"{truth[each.name, each.month]:.1%}" if (each.name, each.month) in truth else ""
            print(f"| {each.name or 'all'} | {each.month} | {each.documents} | {each.share:.1%} | {labelled} |")
        print()
    both = [(each.share, truth["", each.month]) for each in stream if ("", each.month) in truth]
    if len(both) > 2:
        from scipy.stats import spearmanr

        print(f"rank correlation of predicted and labelled shares over {len(both)} months: {spearmanr(both)[0]:.2f}")
    if own.page:
        worst = [*sorted(stream, key=lambda each: -each.share)[: own.worst], *named[: own.worst]]
        own.page.write_text(page(worst, titles), encoding="utf-8")


def page(worst: Sequence[Month], titles: Mapping[tuple[str, str], list[tuple[float, str, str]]]) -> str:
    """The worst months with their worst titles, as HTML in Chinese."""
    parts = ['<!DOCTYPE html><html lang="zh-Hans"><meta charset="utf-8"><title>最差的月份</title><h1>最差的月份</h1>']
    for each in worst:
        year, month = each.month.split("-")
        heading = f"{each.name or '全部'}，{year}年{int(month)}月：{each.documents} 条，负面 {each.share:.1%}"
        rows = sorted(titles[each.name, each.month], reverse=True)[:10]
        shown = "".join(f"<li>{day} {probability:.0%} <bdi>{html.escape(text)}</bdi></li>" for probability, day, text in rows)
        parts.append(f"<h2>{html.escape(heading)}</h2><ol>{shown}</ol>")
    return "\n".join(parts)


def main(arguments: list[str] | None = None) -> int:
    """Read the command line; 2 with one line if the request or its input is wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chinese_news", description=__doc__.partition("\n")[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    comparing = verbs.add_parser("compare", help="further options are those of textmill train")
    comparing.add_argument("news", type=Path)
    comparing.add_argument("--draws", type=int, default=5, help="random splits")
    comparing.add_argument("--first-salt", type=int, default=0, help="of the random splits: others to choose settings on")
    comparing.add_argument("--from", dest="since", default="2018-05-01", help="first day of the test rows by time, or never")
    comparing.add_argument("--models", nargs="+", default=["tfidf"])
    comparing.add_argument("--tokenizers", nargs="+", default=["char"], choices=["char", "jieba"])
    reading = verbs.add_parser("months")
    reading.add_argument("--data-root", type=Path, required=True)
    reading.add_argument("--monitor", required=True)
    reading.add_argument("--truth", type=Path)
    reading.add_argument("--page", type=Path)
    reading.add_argument("--worst", type=int, default=5)
    own, options = parser.parse_known_args(arguments)
    try:
        if own.verb == "compare":
            compare(own, options)
        else:
            months(own)
    except RequestError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
