"""A corpus in; the dataset, the holdout and a quarantine out.

Two passes. The first cleans and tokenizes batches of the corpus, in several processes for a large one, and keeps a few bytes
of each document in memory; tokens, fingerprints and min-hash signatures wait in scratch files. Then duplicates and splits
are decided for all rows at once, and the second pass writes the rows that stay, in the corpus' order, and their texts as a
part of its own beside each side. No result depends on the number of workers.
"""

from __future__ import annotations

import contextlib
import json
import logging
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.errors import RequestError
from tasks.prepare.by_column import Asked, check_tested, joined, read_sides
from tasks.prepare.contradictions import refuse, write_contradictions
from tasks.prepare.documents import Documents, tokenize_documents
from tasks.prepare.minhash import NUM_HASHES
from tasks.prepare.pool import map_ordered
from tasks.prepare.read import DATASET, HOLDOUT, LABELS, SPLIT, TEXT, TEXTS
from tasks.prepare.schema import QUARANTINE, SCHEMA, SPLITS, TEST, TEXTS_SCHEMA, TRAIN, RowGroups, open_reader
from tasks.prepare.script import choose_for_corpus
from tasks.prepare.sides import Rule, digest_words
from tasks.prepare.split import (
    LABELLED,
    NO_LABEL,
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
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from tasks.model.text.tokenize import TextToTokens
    from tasks.prepare.settings import PrepareConfig
    from tasks.progress import Progress

log = logging.getLogger(__name__)

FINGERPRINTS, SIGNATURES = "fingerprints.bin", "signatures.bin"  # files, not memory: 144 bytes a document
POOL_FROM = 20_000  # documents; below, starting processes costs more than they save
_READ_ROWS = 256
_BATCH_ROWS = 2048
_BATCH_BYTES = 4 << 20  # of text, so that a batch of long documents stays small
_COLUMNS = ("id", "text", "label", "split", "sha256")
_PARTS = {  # folder, file and schema of each part with rows
    "dataset": (DATASET, SCHEMA),
    "holdout": (HOLDOUT, SCHEMA),
    "texts": (TEXTS, TEXTS_SCHEMA),
    "holdout_texts": (TEXTS, TEXTS_SCHEMA),
}


def write_dataset(
    config: PrepareConfig,
    corpus: Path,
    folder: Path,
    *,
    workers: int = 1,
    progress: Progress = SILENT,
    pool_from: int = POOL_FROM,
) -> dict[str, Any]:
    """Prepare the corpus in folder `corpus` and write dataset/, holdout/, quarantine.parquet and side/timing.json to `folder`.

    texts/ and holdout_texts/ get the texts of the same rows in the same order, so that a text that changes while its tokens
    stay the same concerns only steps that read texts; contradictions.parquet is written where texts have several labels.
    Returns the report: `found = kept + duplicates + quarantined`, rows by split, label and reason, tokens, the rule and salt of
    the split. Raises RequestError if the rows cannot make a train, a valid and a test split of at least two labels, or if they
    contradict each other and prepare.contradictions is error.
    """
    start = time.monotonic()
    text = text_to_tokens(config, choose_for_corpus(corpus).tokenizer if config.tokenizer == "auto" else None)
    num_rows = pq.read_metadata(corpus / "corpus.parquet").num_rows
    with tempfile.TemporaryDirectory(prefix=".tokens-", dir=folder) as name:
        scratch = Path(name)
        tokenized = _tokenize(config, text, corpus, folder, scratch, workers if num_rows >= pool_from else 1, progress)
        rows = _rows(config, tokenized, scratch, read_sides(config, corpus))
        decision = decide(rows, tokenized.labels, config)
        contradictions = _contradictions(config, corpus, folder, rows, decision)
        _write_splits(tokenized, decision.fate, corpus, folder, progress)
    in_train = np.unique(tokenized.label[decision.fate == TRAIN])
    _write_json(folder / "dataset" / LABELS, {"labels": sorted(tokenized.labels[code] for code in in_train)})
    _write_json(folder / "dataset" / TEXT, text.to_dict())
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

    `valid` bool [N] are validation rows of the corpus' own.
    """

    kind: np.ndarray
    label: np.ndarray
    sha256: np.ndarray
    num_tokens: np.ndarray
    valid: np.ndarray
    labels: list[str]
    paths: list[str]


def _tokenize(
    config: PrepareConfig, text: TextToTokens, corpus: Path, folder: Path, scratch: Path, workers: int, progress: Progress
) -> Tokenized:
    num_rows = pq.read_metadata(corpus / "corpus.parquet").num_rows
    result = Tokenized(
        kind=np.empty(num_rows, np.uint8),
        label=np.full(num_rows, -1, np.int32),
        sha256=np.empty(num_rows, np.uint64),
        num_tokens=np.empty(num_rows, np.int32),
        valid=np.zeros(num_rows, bool),
        labels=[],
        paths=[],
    )

    def calls() -> Iterator[tuple]:
        codes: dict[str, int] = {}
        done = 0
        for number, batch in enumerate(_corpus_batches(corpus / "corpus.parquet")):
            rows = slice(done, done + len(batch))
            _describe(batch, result, rows, codes)
            done += len(batch)
            result.labels = list(codes)
            path = str(scratch / f"{number:06d}.arrow")
            yield batch.select(["id", "text", "split"]), path, text.to_dict(), config.min_tokens, config.near_duplicates

    done = 0
    with (
        (scratch / FINGERPRINTS).open("wb") as fingerprints,
        (scratch / SIGNATURES).open("wb") as signatures,
        RowGroups(folder / "quarantine.parquet", QUARANTINE) as rejects,
    ):
        for documents in map_ordered(tokenize_documents, calls(), workers=workers):
            done = _collect(documents, result, done)
            fingerprints.write(documents.fingerprints.tobytes())
            signatures.write(documents.signatures.tobytes())
            rejects.add(documents.quarantine)
            progress.advance(done, num_rows, "documents", "tokenizing")
    if done != num_rows:
        raise OSError(f"{corpus / 'corpus.parquet'} is damaged: {num_rows - done} of {num_rows} rows are missing")
    return result


def _corpus_batches(path: Path, columns: Sequence[str] = _COLUMNS) -> Iterator[pa.RecordBatch]:
    """Batches of bounded rows and bytes of text, which is among `columns`; their bounds depend on the file alone."""
    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    with open_reader(path) as file:
        for piece in file.iter_batches(_READ_ROWS, columns=list(columns), use_threads=False):
            waiting.append(piece)
            rows += len(piece)
            size += piece.column("text").nbytes
            if rows >= _BATCH_ROWS or size >= _BATCH_BYTES:
                yield pa.concat_batches(waiting)
                waiting, rows, size = [], 0, 0
    if waiting:
        yield pa.concat_batches(waiting)


def _describe(batch: pa.RecordBatch, result: Tokenized, rows: slice, codes: dict[str, int]) -> None:
    """Note kind, label and digest, which are known before a text is read."""
    encoded = batch.column("label").dictionary_encode()
    known = np.array([codes.setdefault(name, len(codes)) for name in encoded.dictionary.to_pylist()] + [-1], np.int32)
    label = known[encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)]
    masks = [pc.equal(batch.column("split"), name).fill_null(False) for name in ("test", "valid", "unlabelled")]
    test, valid, unlabelled = (mask.to_numpy(zero_copy_only=False) for mask in masks)
    if (test & (label < 0)).any():
        row = int(np.flatnonzero(test & (label < 0))[0])
        raise RequestError(
            f"test row {batch.column('id')[row].as_py()} has no label; give it one or take it out of the test split"
        )
    label[unlabelled] = -1
    result.label[rows], result.valid[rows] = label, valid
    result.kind[rows] = np.where(test, OFFICIAL_TEST, np.where(label < 0, NO_LABEL, LABELLED))
    result.sha256[rows] = digest_words(batch.column("sha256"))


def _collect(documents: Documents, result: Tokenized, done: int) -> int:
    rows = slice(done, done + len(documents.num_tokens))
    result.num_tokens[rows] = documents.num_tokens
    result.kind[rows][documents.rejected] = REJECTED
    result.paths.append(documents.path)
    return rows.stop


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


def _write_splits(tokenized: Tokenized, fate: np.ndarray, corpus: Path, folder: Path, progress: Progress) -> None:
    """Write the rows that stay, tokens from the scratch files, each of which is removed once it is read, texts from the corpus.

    The corpus is read again rather than copied to scratch files: that costs less than writing and reading the copy.
    """
    names = pa.array(tokenized.labels, pa.string())
    done = 0
    with contextlib.ExitStack() as stack:
        writers = {}
        for part, (file, schema) in _PARTS.items():
            (folder / part).mkdir(exist_ok=True)
            writers[part] = stack.enter_context(RowGroups(folder / part / file, schema))
        # Arrow compresses without Python's lock, so texts are written beside tokens, a batch at a time.
        beside = stack.enter_context(ThreadPoolExecutor(1))
        written: Future[None] | None = None
        batches = _corpus_batches(corpus / "corpus.parquet", ["text"])
        for path, texts in zip(tokenized.paths, batches, strict=True):
            with pa.memory_map(path) as source:
                batch = pa.ipc.open_file(source).get_batch(0)
            Path(path).unlink()
            here = fate[done : done + len(batch)]
            code = tokenized.label[done : done + len(batch)]
            split = pa.array(SPLITS, pa.string()).take(pa.array(np.minimum(here, len(SPLITS) - 1)))
            label = names.take(pa.array(code, mask=code < 0))
            kept, held_out = pa.array((here < len(SPLITS)) & (here != TEST)), pa.array(here == TEST)
            rows = pa.record_batch([batch.column("id"), split, texts.column("text")], schema=TEXTS_SCHEMA)
            if written is not None:
                written.result()
            parts = [(writers["texts"], kept), (writers["holdout_texts"], held_out)]
            written = beside.submit(_add, rows, parts)
            rows = pa.record_batch([batch.column("id"), split, label, batch.column("tokens")], schema=SCHEMA)
            _add(rows, [(writers["dataset"], kept), (writers["holdout"], held_out)])
            done += len(batch)
            progress.advance(done, len(fate), "documents", "writing")
        if written is not None:
            written.result()


def _add(rows: pa.RecordBatch, parts: Sequence[tuple[RowGroups, pa.Array]]) -> None:
    """Write to each part the rows that its mask names."""
    for writer, chosen in parts:
        writer.add(rows.filter(chosen))


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
