"""A text's vector depends on the text, the weights and how it is read, and on nothing else; what is known is not made again."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tasks.embed.embed import write_vectors
from tasks.embed.reading import EmbedConfig
from tasks.errors import RequestError
from tasks.model.views import encoder as view
from tasks.model.views.encoder import Reading, StoredVectors, TextEncoder, cleaned, text_name, vectors_of
from tasks.progress import SILENT
from tests.encoders import WORDS, watched_encoder
from tests.writers import write_texts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MEAN: dict[str, Any] = {"pooling": "mean", "max_len": 32, "truncate": "head"}
TEXTS = [" ".join(WORDS[(number * 7 + at) % len(WORDS)] for at in range(number % 23)) for number in range(40)]


def embedded(weights: Path, folder: Path, texts: Sequence[str], earlier: Sequence[Path] = (), **reading: Any) -> dict[str, Any]:
    """Write texts as those of train rows, and their vectors into `folder`."""
    given = write_texts(folder.parent / f"{folder.name}-texts", [(f"{at}", "train", text) for at, text in enumerate(texts)])
    for place in (folder, scratch := folder.parent / f"{folder.name}-scratch"):
        place.mkdir(exist_ok=True)
    config = EmbedConfig(**MEAN | reading)
    return write_vectors(config, weights, given, ("train",), folder, scratch, earlier=earlier, progress=SILENT)


def test_a_vector_does_not_depend_on_its_companions(weights: Path) -> None:
    encoder = TextEncoder(weights, Reading(**MEAN))
    whole = list(encoder.vectors(TEXTS))
    assert [vector.tobytes() for text in TEXTS for vector in encoder.vectors([text])] == [each.tobytes() for each in whole]
    sevens = [vector for start in range(0, len(TEXTS), 7) for vector in encoder.vectors(TEXTS[start : start + 7])]
    assert [vector.tobytes() for vector in sevens] == [vector.tobytes() for vector in whole]
    turned = list(encoder.vectors(TEXTS[::-1]))[::-1]
    assert [vector.tobytes() for vector in turned] == [vector.tobytes() for vector in whole]
    assert len({vector.tobytes() for vector in whole}) > 30


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
def test_the_pooled_vector_is_that_of_transformers(weights: Path, pooling: str) -> None:
    import torch
    from transformers import AutoModel

    encoder, network = TextEncoder(weights, Reading(pooling, 32, "head")), AutoModel.from_pretrained(weights).eval()
    for text in TEXTS[1:9]:
        with torch.inference_mode():
            states_LD = network(input_ids=torch.tensor([encoder.pieces.of(text)])).last_hidden_state[0].numpy()
        expected = {"mean": states_LD.mean(0), "cls": states_LD[0], "last": states_LD[-1]}[pooling]
        np.testing.assert_allclose(encoder.vector(text), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("layers", [1, 2, 5])
def test_a_long_vector_has_the_pooled_states_of_the_last_layers_and_their_largest_values(weights: Path, layers: int) -> None:
    import torch
    from transformers import AutoModel

    encoder, network = TextEncoder(weights, Reading("mean", 32, "head", layers)), AutoModel.from_pretrained(weights).eval()
    plain, there = TextEncoder(weights, Reading("mean", 32, "head")), min(layers, 2)
    assert (encoder.pieces.states, encoder.dim) == (2 * there, 2 * there * plain.dim)
    for text in TEXTS[1:9]:
        with torch.inference_mode():
            made = network(input_ids=torch.tensor([encoder.pieces.of(text)]), output_hidden_states=True)
        states = [each[0].numpy() for each in made.hidden_states[::-1][:there]]
        expected = np.concatenate([*(each.mean(0) for each in states), *(each.max(0) for each in states)])
        np.testing.assert_allclose(encoder.vector(text), expected, rtol=1e-4, atol=1e-4)
        assert encoder.vector(text)[: plain.dim].tobytes() == plain.vector(text).tobytes()
    assert encoder.vector("").shape == (encoder.dim,)


def test_of_a_long_text_the_head_the_tail_or_both_are_read_between_the_special_pieces(weights: Path) -> None:
    long = " ".join(WORDS[:20])
    own = TextEncoder(weights, Reading("mean", 48, "head")).pieces.of(long)
    assert len(own) == 22
    for truncate, expected in (
        ("head", own[1:7]),
        ("tail", own[-7:-1]),
        ("head+tail", [*own[1:4], *own[-4:-1]]),
    ):
        read = TextEncoder(weights, Reading("mean", 8, truncate)).pieces.of(long)
        assert read == [own[0], *expected, own[-1]]
    assert TextEncoder(weights, Reading("mean", 9, "head+tail")).pieces.of(long)[1:-1] == [*own[1:5], *own[-4:-1]]


def test_more_pieces_than_the_weights_read_are_refused(weights: Path) -> None:
    with pytest.raises(RequestError, match="max_len 49 is above the 48 pieces that these weights read; lower it"):
        TextEncoder(weights, Reading("mean", 49, "head"))
    with pytest.raises(RequestError, match="max_len 2 leaves no room beside the special pieces"):
        TextEncoder(weights, Reading("mean", 2, "head"))


def test_cleaning_is_gentle() -> None:
    assert (
        cleaned(" <b>Profit</b> ROSE 3.1% &amp; fell,\x00 she said:\u200b “No!” ")
        == "Profit  ROSE 3.1% & fell,  she said: “No!”"
    )


def test_a_text_of_a_megabyte_and_one_of_nothing_have_a_vector(weights: Path) -> None:
    encoder = TextEncoder(weights, Reading(**MEAN))
    for text in ("profit rose " * 90_000, "x" * 1_000_000, "", "漢字"):
        assert np.isfinite(encoder.vector(cleaned(text))).all()


def test_each_different_text_has_one_row(weights: Path, tmp_path: Path) -> None:
    report = embedded(weights, tmp_path / "made", ["profit rose", "loss fell", "<p>profit rose</p>", "profit rose"])
    assert (report["texts"], report["encoded"]) == (2, 2)
    stored = StoredVectors(tmp_path / "made")
    vector = stored.find(text_name("profit rose"))
    assert vector is not None
    assert vector.tobytes() == TextEncoder(weights, Reading(**MEAN)).vector("profit rose").tobytes()
    assert stored.find(text_name("other")) is None


def test_a_grown_corpus_encodes_only_what_is_new(weights: Path, tmp_path: Path) -> None:
    embedded(weights, tmp_path / "old", TEXTS[:20])
    report = embedded(weights, tmp_path / "grown", TEXTS[::-1], [tmp_path / "old"])
    assert report["encoded"] == len(set(TEXTS)) - len(set(TEXTS[:20]))
    embedded(weights, tmp_path / "anew", TEXTS[::-1])
    for name in ("vectors.npy", "texts.npy", "made.json"):
        assert (tmp_path / "grown" / name).read_bytes() == (tmp_path / "anew" / name).read_bytes()


@pytest.mark.parametrize("reading", [{"pooling": "cls"}, {"max_len": 16}, {"truncate": "tail"}, {"layers": 1}])
def test_vectors_that_were_made_otherwise_are_not_used(weights: Path, tmp_path: Path, reading: dict[str, Any]) -> None:
    embedded(weights, tmp_path / "old", TEXTS[:5], **reading)
    assert embedded(weights, tmp_path / "new", TEXTS[:5], [tmp_path / "old"])["encoded"] == 5


def test_a_killed_call_goes_on_after_the_parts_that_it_had(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.embed import embed

    monkeypatch.setattr(embed, "PART", 10)
    calls = watched_encoder(monkeypatch)
    embedded(weights, tmp_path / "made", TEXTS)
    once = len(calls)
    expected = (tmp_path / "made" / "vectors.npy").read_bytes()
    parts = sorted((tmp_path / "made-scratch").glob("*.npy"))
    parts[0].unlink()
    shutil.rmtree(tmp_path / "made")
    embedded(weights, tmp_path / "made", TEXTS)
    assert 0 < len(calls) - once <= 10
    assert (tmp_path / "made" / "vectors.npy").read_bytes() == expected


def test_what_is_not_stored_is_encoded_once_for_equal_texts(weights: Path) -> None:
    encoder, asked = TextEncoder(weights, Reading(**MEAN)), list[str]()

    def encode(texts: list[str]) -> Any:
        asked.extend(texts)
        return encoder.vectors(texts)

    vectors_ND = vectors_of(["profit rose", "loss", "profit rose "], encoder.dim, [StoredVectors(None)], encode)
    assert asked == ["profit rose", "loss"]
    assert (vectors_ND[0] == vectors_ND[2]).all()


def test_a_library_that_is_missing_is_named(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(
        view.RequestError, match="reads texts with onnxruntime, which is not installed; run pip install onnxruntime"
    ):
        TextEncoder(weights, Reading(**MEAN))


def test_the_facts_of_the_weights_are_read_from_their_folder(weights: Path) -> None:
    assert json.loads((weights / view.FACTS).read_text()) == {"dim": 32, "most_pieces": 48, "layers": 2}
