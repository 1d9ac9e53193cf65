"""What models that read texts are given in each fold beside its rows: pretrained weights, and vectors of texts, made once.

A text's vector depends on the text and on the weights alone, so that one made for all folds is what each would make.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.ingest.schema import CORPUS
from tasks.prepare.read import TEXTS
from tasks.prepare.schema import TEXTS_SCHEMA, open_writer
from tasks.progress import SILENT
from tasks.store.digests import sha256_file
from tasks.weights.files import TOKENIZER

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.config import PipelineConfig


def make_given(config: PipelineConfig, corpus: Path, folder: Path) -> dict[str, Path]:
    """`weights` and `embedded` for the labelled rows of `corpus`, as far as the model wants them.

    They are written into `folder`; vectors that an earlier call has made there are not made again.
    """
    finetune = config.finetune
    given: dict[str, Path] = {}
    if finetune.weights is None:
        return given
    from tasks.weights.weights import write_weights  # an extra

    for name in ("weights", "embedded", "scratch", "texts"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    given["weights"] = folder / "weights"
    write_weights(finetune.weights, given["weights"], folder / "scratch", SILENT)
    if finetune.embeds is not None and not config.pretrain.adapts:
        from tasks.embed.embed import write_vectors

        table = pq.read_table(corpus / CORPUS, page_checksum_verification=True)
        rows = table.filter(table.column("label").is_valid())
        columns = [rows.column("id"), pa.array(["train"] * len(rows), pa.string()), rows.column("text")]
        with open_writer(folder / "texts" / TEXTS, TEXTS_SCHEMA) as writer:
            writer.write_table(pa.Table.from_arrays(columns, schema=TEXTS_SCHEMA))
        given["embedded"] = folder / "embedded"
        write_vectors(
            finetune.embeds,
            given["weights"],
            folder / "texts",
            ("train",),
            given["embedded"],
            folder / "scratch",
            progress=SILENT,
        )
    return given


def given_in_fold(config: PipelineConfig, given: dict[str, Path], prepared: Path, folder: Path) -> dict[str, Path]:
    """What a fold is given: weights that are trained on with the fold's own train rows, and their vectors, where that is asked.

    `prepared` is the folder that prepare has written of the fold; what is made goes into `folder`.
    """
    if not config.pretrain.adapts or "weights" not in given:
        return given
    from tasks.adapt.train import train_on
    from tasks.embed.embed import write_vectors

    for name in ("adapted", "adapted-embedded", "adapted-scratch"):
        (folder / name).mkdir()
    made, texts, scratch = {"weights": folder / "adapted"}, prepared / "texts", folder / "adapted-scratch"
    train_on(config.pretrain.adapted(), given["weights"], texts, made["weights"], scratch, progress=SILENT)
    if config.finetune.embeds is not None:
        made["embedded"] = folder / "adapted-embedded"
        splits = ("train", "valid")
        write_vectors(config.finetune.embeds, made["weights"], texts, splits, made["embedded"], scratch, progress=SILENT)
    return made


def weights_digest(weights: Path) -> str:
    """What a table of results calls pretrained weights: the same wherever they were written as ONNX."""
    digest = hashlib.sha256()
    for path in sorted([*weights.glob("*.safetensors"), weights / TOKENIZER]):
        digest.update(f"{path.name} {sha256_file(path)}\n".encode())
    return digest.hexdigest()[:16]
