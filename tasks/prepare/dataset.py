"""A corpus in; the dataset, the holdout and a quarantine out.

Two passes over the partitions of the corpus, which an engine may spread over several processes. The first cleans and tokenizes;
tokens, fingerprints and min-hash signatures wait in scratch files, and a few bytes of each document in memory. Then
duplicates and splits are decided for all rows at once, and the second pass writes the rows that stay, in the corpus' order,
and their texts as a part of its own beside each side. No byte of the result depends on the engine.
"""

from __future__ import annotations

import contextlib
import json
import logging
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq

from tasks.errors import RequestError
from tasks.joined_parquet import JoinedParquet
from tasks.prepare.by_column import Asked, check_tested, joined, read_sides
from tasks.prepare.contradictions import refuse, write_contradictions
from tasks.prepare.elsewhere import tokenize_elsewhere, write_elsewhere
from tasks.prepare.minhash import NUM_HASHES
from tasks.prepare.partitions import (
    PARTS,
    Partition,
    TokenizedPiece,
    partitions_of,
    tokenize_piece,
    write_partition,
)
from tasks.prepare.read import LABELS, SPLIT, TEXT
from tasks.prepare.schema import QUARANTINE, SPLITS, TRAIN, RowGroups, open_writer
from tasks.prepare.script import choose_tokenizer, sample_of, settings_of_marks
from tasks.prepare.sides import Rule
from tasks.prepare.split import (
    LABELLED,
    OFFICIAL_TEST,
    QUARANTINED,
    REASONS,
    REJECTED,
    Decision,
    Rows,
    decide,
    reason,
)
from tasks.prepare.word_lists import text_to_tokens
from tasks.progress import SILENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tasks.engine.engine import Engine
    from tasks.model.text.tokenize import TextToTokens
    from tasks.prepare.settings import PrepareConfig
    from tasks.progress import Progress
    from tasks.store.shared.exchange import Exchange, Sent

log = logging.getLogger(__name__)

FINGERPRINTS, SIGNATURES = "fingerprints.bin", "signatures.bin"  # files, not memory: 144 bytes a document
MANY = 20_000  # documents; for less, starting processes costs more than they save


def write_dataset(
    config: PrepareConfig,
    corpus: Path,
    folder: Path,
    *,
    engine: Engine | None = None,
    exchange: Exchange | None = None,
    many: int = MANY,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Prepare the corpus in folder `corpus` and write dataset/, holdout/, quarantine.parquet and side/timing.json to `folder`.

    texts/ and holdout_texts/ get the texts of the same rows in the same order, so that a text that changes while its tokens
    stay the same concerns only steps that read texts; contradictions.parquet is written where texts have several labels.
    As `many` documents or more are spread over the workers of `engine`; without one all is done here. Workers that do not see
    these folders read the corpus and hand on what they make by `exchange`.
    Returns the report: `found = kept + duplicates + quarantined`, rows by split, label and reason, tokens, the rule and salt of
    the split. Raises RequestError if the rows cannot make a train, a valid and a test split of at least two labels, or if they
    contradict each other and prepare.contradictions is error.
    """
    start = time.monotonic()
    sample = sample_of(corpus)
    text = text_to_tokens(config, choose_tokenizer(sample).tokenizer if config.tokenizer == "auto" else None)
    num_rows = pq.read_metadata(corpus / "corpus.parquet").num_rows
    with tempfile.TemporaryDirectory(prefix=".tokens-", dir=folder) as name, contextlib.ExitStack() as stack:
        scratch = Path(name)
        spread = _Spread(scratch, engine if num_rows >= many else None, exchange)
        stack.enter_context(spread.kept())
        tokenized = _tokenize(config, text, corpus, folder, spread, progress)
        rows = _rows(config, tokenized, scratch, read_sides(config, corpus))
        decision = decide(rows, tokenized.labels, config)
        contradictions = _contradictions(config, corpus, folder, rows, decision)
        _write_splits(tokenized, decision.fate, folder, spread, progress)
    in_train = np.unique(tokenized.label[decision.fate == TRAIN])
    _write_json(folder / "dataset" / LABELS, {"labels": sorted(tokenized.labels[code] for code in in_train)})
    _write_json(folder / "dataset" / TEXT, text.to_dict() | settings_of_marks(sample))
    rule = Rule.from_config(config, official=False)
    split = {"rule": 1 if rule.salt is None else 2, "salt": rule.salt, "seed": rule.seed, **config.split_by}
    _write_json(folder / "dataset" / SPLIT, split)
    seconds = time.monotonic() - start
    _write_json(
        folder / "side" / "timing.json",
        {
            "seconds": round(seconds, 3),
            "documents_per_second": round(num_rows / seconds, 1),
            "tokens_per_second": round(int(tokenized.num_tokens.sum()) / seconds, 1),
        },
    )
    report = _report(tokenized, decision, pq.read_metadata(corpus / "quarantine.parquet").num_rows)
    report |= {"split": split, "contradictions": contradictions}
    report |= {name: text.settings[name] for name in ("tokenizer", "han")}
    log.info("found %(found)d = kept %(kept)d + duplicates %(duplicates)d + quarantined %(quarantined)d", report)
    return report


@dataclass
class Tokenized:
    """The result of the first pass, N rows: arrays as in `split.Rows`, label names by code, and the files with the tokens.

    `valid` bool [N] are validation rows of the corpus' own. `paths` are the files of each piece, by its first row.
    """

    kind: np.ndarray
    label: np.ndarray
    sha256: np.ndarray
    num_tokens: np.ndarray
    valid: np.ndarray
    labels: list[str] = field(default_factory=list)
    partitions: list[tuple[Partition, list[Partition]]] = field(default_factory=list)
    paths: dict[int, Sequence[str | Sent]] = field(default_factory=dict)

    def take(self, piece: Partition, part: TokenizedPiece, codes: dict[str, int]) -> None:
        """Add a piece; `codes` number the labels of all, in the order in which they occur."""
        names = np.array([codes.setdefault(name, len(codes)) for name in part.labels] + [-1], np.int32)
        here = piece.slice
        self.kind[here], self.label[here], self.sha256[here] = part.kind, names[part.label], part.sha256
        self.num_tokens[here], self.valid[here] = part.num_tokens, part.valid
        self.labels = list(codes)
        self.paths[piece.first] = part.paths


@dataclass(frozen=True)
class _Spread:
    """An engine, if there is one that is worth its while, and how its workers hand on files if they do not see `scratch`."""

    scratch: Path
    engine: Engine | None
    exchange: Exchange | None

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        if self.engine is None:
            yield
            return
        with self.engine.kept():
            try:
                yield
            finally:
                if self.exchange is not None:
                    self.exchange.close()

    def map_ordered(self, function: Callable[..., Any], elsewhere: Callable[..., Any], calls: Iterable[tuple]) -> Iterator[Any]:
        """Do the calls, by a function that sees `scratch` or by one for workers that do not."""
        if self.engine is None:
            return (function(*arguments) for arguments in calls)
        if self.exchange is None:
            return self.engine.map_ordered(function, calls, folder=self.scratch)
        return self.exchange.map_ordered(self.engine, elsewhere, calls)

    def seen(self, file: Any) -> Path:
        """Where a file is that a call has written."""
        return Path(file) if isinstance(file, str) else self._exchanged().receive(file, self.scratch)

    def drop(self, files: Sequence[Any]) -> None:
        """Delete files that calls have written."""
        for each in files:
            if isinstance(each, str):
                Path(each).unlink()
        if sent := [each for each in files if not isinstance(each, str)]:
            self._exchanged().drop(sent)

    def _exchanged(self) -> Exchange:
        assert self.exchange is not None
        return self.exchange


def _tokenize(
    config: PrepareConfig,
    text: TextToTokens,
    corpus: Path,
    folder: Path,
    spread: _Spread,
    progress: Progress,
) -> Tokenized:
    scratch = spread.scratch
    partitions = partitions_of(corpus / "corpus.parquet")
    pieces = [piece for _, inside in partitions for piece in inside]
    num_rows = sum(piece.rows for piece in pieces)
    result = Tokenized(
        kind=np.empty(num_rows, np.uint8),
        label=np.full(num_rows, -1, np.int32),
        sha256=np.empty(num_rows, np.uint64),
        num_tokens=np.empty(num_rows, np.int32),
        valid=np.zeros(num_rows, bool),
        partitions=partitions,
    )
    codes: dict[str, int] = {}
    how = (str(scratch), text.to_dict(), config.min_tokens, config.near_duplicates)
    parts = spread.map_ordered(tokenize_piece, tokenize_elsewhere, ((piece, *how) for piece in pieces))
    with (
        (scratch / FINGERPRINTS).open("wb") as fingerprints,
        (scratch / SIGNATURES).open("wb") as signatures,
        RowGroups(folder / "quarantine.parquet", QUARANTINE) as rejects,
    ):
        for piece, part in zip(pieces, parts, strict=True):
            result.take(piece, part, codes)
            fingerprints.write(part.fingerprints.tobytes())
            signatures.write(part.signatures.tobytes())
            for batch in part.quarantine:
                rejects.add(batch)
            progress.advance(piece.slice.stop, num_rows, "documents", "tokenizing")
    return result


def _rows(config: PrepareConfig, tokenized: Tokenized, scratch: Path, asked: Asked) -> Rows:
    from tasks.prepare.duplicates import exact_firsts, near_groups  # scipy: not for worker processes to import

    considered = (tokenized.kind != REJECTED) & (tokenized.num_tokens > 0)
    if not len(considered):
        first = group = np.empty(0, np.int32)
    else:
        fingerprints = np.memmap(scratch / FINGERPRINTS, np.uint64, "r").reshape(-1, 2)
        first = group = exact_firsts(fingerprints, considered)
        if config.near_duplicates:
            signatures = np.memmap(scratch / SIGNATURES, np.uint32, "r").reshape(-1, NUM_HASHES)
            group = near_groups(signatures, first, considered, config.near_duplicate_similarity)
    given = tokenized.valid if tokenized.valid.any() else None
    return _with_sides(config, Rows(tokenized.kind, tokenized.label, tokenized.sha256, first, group, given=given), asked)


def _with_sides(config: PrepareConfig, rows: Rows, asked: Asked) -> Rows:
    """The rows with what a column says of their sides."""
    by_column = any(part is not None for part in asked)
    if by_column and (rows.kind == OFFICIAL_TEST).any():
        raise RequestError(
            "the corpus has a test split of its own, so no column can say which rows are tested; leave --prepare.split out"
        )
    if by_column and rows.given is not None:
        raise RequestError(
            "the corpus has validation rows of its own, so no column can say how rows are split; leave --prepare.split out"
        )
    if asked.test is not None:
        tested = asked.test & (rows.kind == LABELLED)
        check_tested(config, tested)
        rows.kind[tested] = OFFICIAL_TEST
    if asked.together is None or asked.drawn is None:
        return replace(rows, valid=asked.valid, late=asked.late)
    drawn = np.where(asked.together < 0, rows.sha256, asked.drawn)
    return replace(rows, side_group=joined(rows.group, asked.together), drawn=drawn)


def _contradictions(config: PrepareConfig, corpus: Path, folder: Path, rows: Rows, decision: Decision) -> dict[str, Any]:
    """List the texts with several labels and count them; RequestError where they are an error."""
    found, left_out = decision.contradictions, int((decision.fate == reason("contradiction")).sum())
    examples = write_contradictions(corpus / "corpus.parquet", folder, found, rows.first, rows.group, decision.fate)
    counts = {
        "rule": config.contradictions,
        "texts": len(np.unique(rows.first[found.decided])),
        "rows": int(found.decided.sum()),
        "left_out": left_out,
        "texts_of_test": len(np.unique(rows.first[found.exact & ~found.decided])),
        "near_rows": int(found.near.sum()),
        "near_groups": len(np.unique(rows.group[found.near])),
        "examples": examples,
    }
    if config.contradictions == "error" and counts["texts"]:
        raise refuse(counts)
    return counts


def _write_splits(tokenized: Tokenized, fate: np.ndarray, folder: Path, spread: _Spread, progress: Progress) -> None:
    """Have the rows that stay written by partition, and join what they wrote; scratch files go as they are read."""
    scratch = spread.scratch
    partitions = [
        (partition, [(piece, tokenized.paths[piece.first]) for piece in pieces]) for partition, pieces in tokenized.partitions
    ]
    calls = (
        (partition, pieces, fate[partition.slice], tokenized.label[partition.slice], tokenized.labels, str(scratch))
        for partition, pieces in partitions
    )
    with contextlib.ExitStack() as stack:
        files = []
        for part, (file, schema) in PARTS.items():
            (folder / part).mkdir(exist_ok=True)
            open_writer(scratch / file, schema).close()
            files.append(stack.enter_context(JoinedParquet(folder / part / file, scratch / file)))
        written = spread.map_ordered(write_partition, write_elsewhere, calls)
        for (partition, pieces), targets in zip(partitions, written, strict=True):
            for joined_file, target in zip(files, targets, strict=True):
                joined_file.add(spread.seen(target))
            spread.drop([*targets, *(path for _, paths in pieces for path in paths)])
            progress.advance(partition.slice.stop, len(fate), "documents", "writing")


def _report(tokenized: Tokenized, decision: Decision, quarantined_before: int) -> dict[str, Any]:
    fate = decision.fate
    counts = np.bincount(fate, minlength=QUARANTINED + 1)
    splits = {name: int(counts[code]) for code, name in enumerate(SPLITS)}
    dropped = {name: int(counts[len(SPLITS) + code]) for code, name in enumerate(REASONS)}
    labels: dict[str, dict[str, int]] = {}
    had = np.bincount(tokenized.label[_own_texts(tokenized, fate)], minlength=len(tokenized.labels))
    for code, name in enumerate(SPLITS[:3]):
        by_label = np.bincount(tokenized.label[(fate == code) & (tokenized.label >= 0)], minlength=len(tokenized.labels))
        labels[name] = {label: count for label, count in sorted(zip(tokenized.labels, by_label.tolist(), strict=True)) if count}
    report: dict[str, Any] = {
        "found": len(fate) + quarantined_before,
        "kept": sum(splits.values()),
        "duplicates": sum(dropped.values()),
        "quarantined": int(counts[QUARANTINED]) + quarantined_before,
        "splits": splits,
        "labels": labels,
        "labels_found": dict(sorted(zip(tokenized.labels, had.tolist(), strict=True))),
        "dropped": {name: count for name, count in dropped.items() if count},
        "duplicates_in_test": decision.duplicates_in_test,
        "mended": decision.mended,  # groups of rows moved to another side for the sake of a rare label
        "official_test": bool((tokenized.kind == OFFICIAL_TEST).any()),
        **({"official_valid": True, "duplicates_in_valid": decision.duplicates_in_valid} if tokenized.valid.any() else {}),
        "tokens": int(tokenized.num_tokens[fate < len(SPLITS)].sum()),
    }
    assert report["found"] == report["kept"] + report["duplicates"] + report["quarantined"], report
    return report


def _own_texts(tokenized: Tokenized, fate: np.ndarray) -> np.ndarray:
    """Find the labelled rows that are not copies of another row with their label: losing one costs its class a text."""
    return (tokenized.label >= 0) & (fate != reason("labelled_duplicate"))


def _write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
