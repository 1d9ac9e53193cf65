"""Bits per byte: every piece and end is paid for, and a vocabulary that lacks most words does not win by that."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from tasks.language.evaluation import DOCUMENTS, METRICS, SAMPLES, compare, write_measures
from tasks.language.page import render_page
from tasks.language.settings import MeasureConfig
from tasks.model.language.network import open_network, piece_bits, text_bits
from tasks.model.language.pieces import Encoded, Pieces
from tasks.progress import SILENT
from tests.language.conftest import made_tokenizer, trained_model

if TYPE_CHECKING:
    from pathlib import Path


def alone(network: torch.nn.Module, ids: list[int], end: int) -> list[float]:
    """Bits of the pieces of one text that fits, and of its end."""
    read = torch.tensor([[end, *ids]])
    with torch.inference_mode():
        log_LV = torch.log_softmax(network(input_ids=read).logits[0], -1)
    return [float(-log_LV[at, piece] / math.log(2)) for at, piece in enumerate([*ids, end])]


def test_short_texts_cost_what_they_cost_alone(model: Path) -> None:
    network, pieces = open_network(model), Pieces(model)
    encoded = pieces.encode(["The group", "", "A bank cut all prices."])
    bits = piece_bits(network, encoded, pieces.end)
    expected = [alone(network, encoded.ids[slice(*encoded.offsets[at : at + 2])].tolist(), pieces.end) for at in range(3)]
    assert bits == pytest.approx([each for text in expected for each in text], abs=1e-4)
    assert text_bits(bits, encoded.offsets) == pytest.approx([sum(text) for text in expected], abs=1e-3)


@pytest.mark.parametrize("length", [15, 16, 17, 24, 41])
def test_each_piece_of_a_long_text_is_read_behind_half_a_window(model: Path, length: int) -> None:
    network, pieces = open_network(model), Pieces(model)
    ids = np.random.default_rng(1).integers(3, pieces.num, length).astype(np.int32)
    found = piece_bits(network, Encoded(ids, np.array([0, length]), []), pieces.end)
    row, context = [pieces.end, *ids.tolist(), pieces.end], 16
    expected = []
    for at in range(1, length + 2):
        # The first window judges 16 pieces, each later one the last 8 of its own.
        start = 0 if at <= context else -(-(at - context) // 8) * 8
        with torch.inference_mode():
            logits_V = network(input_ids=torch.tensor([row[start:at]])).logits[0, -1]
        expected.append(float(-torch.log_softmax(logits_V, -1)[row[at]] / math.log(2)))
        assert at <= context or at - start >= context // 2
    assert found == pytest.approx(expected, abs=1e-4)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, model: Path, texts: Path, holdout: Path) -> Path:
    folder = tmp_path_factory.mktemp("measured")
    write_measures(MeasureConfig(samples=3, sample_tokens=12), model, texts, holdout, folder, progress=SILENT)
    return folder


def test_the_figures_follow_from_the_documents(measured: Path, model: Path, holdout: Path) -> None:
    metrics, table = json.loads((measured / METRICS).read_text()), pq.read_table(measured / DOCUMENTS)
    rows = pq.read_table(holdout / "texts.parquet").to_pylist()
    assert table["bytes"].to_pylist() == [len(row["text"].encode()) for row in rows]
    bits, size = table["bits"].to_numpy(), table["bytes"].to_numpy()
    assert metrics["model"]["bits_per_byte"] == pytest.approx(bits.sum() / size.sum())
    assert 0 < metrics["model"]["spelling_bits_per_byte"] < metrics["model"]["bits_per_byte"]
    assert metrics["unknown"] == pytest.approx(table["unknown"].to_numpy().sum() / (table["pieces"].to_numpy() - 1).sum())
    assert metrics["model"]["word_perplexity"] == pytest.approx(2 ** (bits.sum() / metrics["words"]))
    from tasks.model.language.serving import LanguageModel

    served = LanguageModel(model, part="").bits([row["text"] for row in rows])
    assert served.bits == pytest.approx(bits)
    assert served.unknown.tolist() == table["unknown"].to_pylist()


def test_the_mixture_is_between_or_below_its_parts(measured: Path) -> None:
    metrics = json.loads((measured / METRICS).read_text())
    parts = [metrics[name]["bits_per_byte"] for name in ("model", "kneser_ney")]
    assert metrics["mixture"]["bits_per_byte"] < max(parts)
    assert 0 < metrics["mixture"]["share"] < 1
    assert metrics["comparison"]["difference"] == pytest.approx(parts[0] - parts[1])


def test_samples_go_on_from_test_documents_and_hold_no_unk(measured: Path) -> None:
    samples = json.loads((measured / SAMPLES).read_text())
    assert len(samples) == 3
    assert samples[0]["prompt"] == ""
    assert all(sample["text"].startswith(sample["prompt"]) and "<unk>" not in sample["completion"] for sample in samples)


def test_a_small_vocabulary_does_not_win_by_what_it_lacks(tmp_path: Path, texts: Path, holdout: Path) -> None:
    found = {}
    for least in (2, 150):
        tokenizer = made_tokenizer(tmp_path / f"tokenizer-{least}", texts, min_count=least)
        model = trained_model(tmp_path / str(least), tokenizer, texts)
        (tmp_path / f"measured-{least}").mkdir()
        config = MeasureConfig(samples=0)
        found[least] = write_measures(config, model, texts, holdout, tmp_path / f"measured-{least}", progress=SILENT)
    assert found[150]["unknown"] > 5 * found[2]["unknown"]
    for name in ("model", "kneser_ney"):
        assert found[150][name]["perplexity"] < found[2][name]["perplexity"]  # of a piece, which is what misleads
        assert found[150][name]["bits_per_byte"] > found[2][name]["bits_per_byte"]


def test_models_are_compared_on_pairs_of_documents() -> None:
    source = np.random.default_rng(1)
    size = source.integers(50, 500, 200)
    bits = size * source.normal(2.0, 0.3, 200)  # documents differ much
    found = compare(bits + 0.02 * size + source.normal(0, 1, 200), bits, size)
    assert found["lower_95"] < 0.02 < found["upper_95"]
    assert found["lower_95"] > 0.01  # far narrower than if the documents were not paired
    back = compare(bits, bits + 0.02 * size, size)
    assert back["difference"] == pytest.approx(-0.02)
    assert compare(bits[:1], bits[:1], size[:1])["lower_95"] is None


def test_the_interval_covers_the_difference_as_often_as_it_says() -> None:
    source, hits = np.random.default_rng(3), 0
    for _ in range(400):
        size = source.integers(20, 2000, 25)
        rate = source.normal(0.05, 0.1, 25)  # a document's own difference
        found = compare(size * rate, np.zeros(25), size)
        hits += found["lower_95"] <= 0.05 <= found["upper_95"]
    assert 0.91 <= hits / 400 <= 0.985


def test_the_page_shows_the_figures_and_no_text_as_markup(measured: Path, tmp_path: Path) -> None:
    context = {"name": "<b>calls</b>", "command": "textmill language train --name '<i>'", "splits": {"train": 3}}
    page = render_page(measured, context, tmp_path / "page.html").read_text(encoding="utf-8")
    metrics = json.loads((measured / METRICS).read_text())
    assert f"{metrics['model']['bits_per_byte']:.3f}" in page
    assert "Kneser-Ney, n-grams up to 3" in page
    assert "<b>calls" not in page
    assert "<i>" not in page
    assert page.count("<figure>") == 1


def test_without_a_yardstick_the_rest_is_there(tmp_path: Path, model: Path, texts: Path, holdout: Path) -> None:
    report = write_measures(MeasureConfig(kneser_ney=0, samples=0), model, texts, holdout, tmp_path, progress=SILENT)
    assert "kneser_ney" not in report
    assert "mixture" not in report
    assert "bits per byte" in render_page(tmp_path, {}, tmp_path / "page.html").read_text(encoding="utf-8")
