"""`textmill vectors export`, `projector` and `report`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from flows.commands.options import DataRoot, Json
from flows.commands.printing import cells, print_json, print_values, result_table, results
from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.align.readers import Listed

SUFFIXES = {".vec", ".bin", ".txt", ".npy", ".npz", ".safetensors", ".gz", ".zst", ".bz2", ".zip"}

Source = Annotated[str, typer.Argument(metavar="SOURCE", help="A file of vectors of any format, or NAME@ALIAS of a model.")]
Words = Annotated[Path | None, typer.Option("--vocabulary", help="Words of the rows of a .npy or safetensors file.")]
Member = Annotated[str | None, typer.Option(help="Name of the vectors in a file that holds several.")]
View = Annotated[str | None, typer.Option(help="Part of a model, where several read words.")]


class Wanted(NamedTuple):
    """Which vectors are asked for: of a file, or of a model in a data root."""

    source: str
    vocabulary: Path | None
    member: str | None
    view: str | None
    data_root: Path | None

    def read(self, most: int) -> Listed:
        """The first vectors, at most so many, of the file, if there is one of that name, else of the model."""
        from flows.commands.registry import load

        if not Path(self.source).exists():
            if Path(self.source).suffix in SUFFIXES:
                raise RequestError(
                    f"there is no file of vectors {self.source}; correct the path, or give NAME@ALIAS of a model"
                )
            from tasks.align.export import list_embedding
            from tasks.model.serving import MODEL

            return list_embedding(load(self.source, self.data_root).model.folder / MODEL, self.view, most)
        from flows.display import Display
        from tasks.align.readers import VectorFile, list_vectors

        with Display() as display, tempfile.TemporaryDirectory() as scratch:
            file = VectorFile(Path(self.source), self.vocabulary, self.member)
            return list_vectors(file, most, Path(scratch), progress=display.progress("vectors"))


def export(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="NAME@ALIAS, NAME/VERSION, or NAME: its champion.")],
    output: Annotated[
        Path,
        typer.Argument(metavar="OUTPUT", help="A file .vec (text), .bin (word2vec binary) or .npy (matrix, and its words)."),
    ],
    view: Annotated[str | None, typer.Option(help="Part of the model, where several read words.")] = None,
    as_json: Json = False,
    data_root: DataRoot = None,
) -> None:
    """Write the word vectors of a trained model to a file."""
    from flows.commands.registry import load
    from tasks.align.export import export_vectors

    loaded = load(model, data_root)
    from tasks.model.serving import MODEL

    print_values(export_vectors(loaded.model.folder / MODEL, output, view), as_json=as_json)


def projector(
    source: Source,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where tensors.tsv and metadata.tsv go.")],
    words: Annotated[
        int, typer.Option(min=1, help="How many words, from the first: in most files the most frequent.")
    ] = 10_000,
    vocabulary: Words = None,
    member: Member = None,
    view: View = None,
    as_json: Json = False,
    data_root: DataRoot = None,
) -> None:
    """Write word vectors for the Embedding Projector."""
    from tasks.align.projector import write_projector

    listed = Wanted(source, vocabulary, member, view, data_root).read(words)
    print_values(write_projector(listed, folder), as_json=as_json)


def report(
    source: Source,
    words: Annotated[int, typer.Option(min=2, help="How many words are read, from the first.")] = 300_000,
    vocabulary: Words = None,
    member: Member = None,
    view: View = None,
    as_json: Json = False,
    data_root: DataRoot = None,
) -> None:
    """Judge word vectors: neighbours of frequent words, word similarity, analogies."""
    listed = Wanted(source, vocabulary, member, view, data_root).read(words)
    from tasks.pretrain.report import report_on_vectors

    made = {"source": listed.format, "words": len(listed.words), "of": listed.num_vectors, "dim": listed.vectors.shape[1]}
    made |= report_on_vectors(listed.words, listed.vectors)
    if as_json:
        print_json(made)
    else:
        print_report(made)


def print_report(made: Mapping[str, Any]) -> None:
    """Print the neighbours and the results on English test sets as two tables."""
    console = results()
    console.print(f"{made['words']:,} of {made['of']:,} vectors of {made['dim']} dimensions ({made['source']})\n")
    near = result_table("frequent word", "nearest neighbours, with cosine similarity")
    for word, others in made["neighbours"].items():
        near.add_row(*cells(word, ", ".join(f"{other} {cosine:.2f}" for other, cosine in others)))
    console.print(near, "", _test_sets(made["intrinsic"]))


def _test_sets(intrinsic: Mapping[str, Mapping[str, Any]]) -> Any:
    sets = result_table("of English", "result", "covered")
    for name, part in intrinsic.items():
        analogies = "spearman" not in part
        value = part["accuracy"] if analogies else part["spearman"]
        unit, covered = ("questions", part["questions"]) if analogies else ("pairs", part["pairs"])
        measure = "accuracy" if analogies else "rank correlation"
        result = "no figure: too little is covered" if value is None else f"{measure} {value:.4f}"
        sets.add_row(name, result, f"{covered:,} of {part['of']:,} {unit}")
        for kind, score in part.get("sections", {}).items():
            if score["accuracy"] is not None:
                sets.add_row(f"  {kind}", f"{score['accuracy']:.4f}", f"{score['questions']:,} of {score['of']:,}")
    return sets
