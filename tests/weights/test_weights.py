"""Pretrained weights are copied, verified and exported; whatever is wrong with them is one line."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tasks.errors import RequestError
from tasks.model.pretrained import layer_output
from tasks.model.views.encoder import INPUT, content_digest, open_session
from tasks.progress import SILENT
from tasks.weights.place import WeightsConfig, where_else
from tasks.weights.weights import write_weights
from tests.encoders import POSITIONS, change_config, write_encoder

if TYPE_CHECKING:
    from pathlib import Path

FLAG = "--finetune.encoder.model"


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("pretrained"))


@pytest.fixture
def spoilt(pretrained: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return shutil.copytree(pretrained, tmp_path / "spoilt")


def fetched(place: Path | str, folder: Path) -> dict[str, Any]:
    folder.mkdir()
    (folder.parent / "scratch").mkdir(exist_ok=True)
    return write_weights(WeightsConfig(place=place, flag=FLAG), folder, folder.parent / "scratch", SILENT)


def test_weights_are_copied_and_exported_the_same_each_time(pretrained: Path, tmp_path: Path) -> None:
    report = fetched(pretrained, tmp_path / "one")
    assert (report["network"], report["dim"], report["most_pieces"]) == ("bert", 32, POSITIONS)
    assert report["largest_difference"] < 1e-5
    names = {path.name for path in (tmp_path / "one").iterdir()}
    assert names == {"config.json", "tokenizer.json", "model.safetensors", "states.onnx", "weights.json"}
    fetched(pretrained, tmp_path / "two")
    assert content_digest(tmp_path / "one") == content_digest(tmp_path / "two")


def test_the_export_answers_as_transformers_does(pretrained: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModel

    fetched(pretrained, tmp_path / "weights")
    network = AutoModel.from_pretrained(pretrained).eval()
    session = open_session(tmp_path / "weights" / "states.onnx")
    for length in (1, 5, 30, POSITIONS):
        ids_1L = np.arange(length)[None] % 60
        with torch.inference_mode():
            expected_1LD = network(input_ids=torch.from_numpy(ids_1L)).last_hidden_state.numpy()
        (found_1LD,) = session.run([layer_output(0)], {INPUT: ids_1L})
        np.testing.assert_allclose(found_1LD, expected_1LD, rtol=1e-4, atol=1e-4)


def test_a_pickle_is_refused_with_the_way_to_convert_it(spoilt: Path, tmp_path: Path) -> None:
    (spoilt / "model.safetensors").rename(spoilt / "pytorch_model.bin")
    with pytest.raises(RequestError, match=r"its weights are a pickle \(pytorch_model.bin\).*save_pretrained"):
        fetched(spoilt, tmp_path / "weights")


def test_a_pickle_beside_safetensors_is_not_looked_at(spoilt: Path, tmp_path: Path) -> None:
    (spoilt / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    fetched(spoilt, tmp_path / "weights")
    assert not (tmp_path / "weights" / "pytorch_model.bin").exists()


def damaged(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def other_rows(folder: Path) -> None:
    change_config(folder, vocab_size=20)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), "no model.safetensors in it; give the folder that holds"),
        (lambda folder: (folder / "tokenizer.json").unlink(), r"no tokenizer.json in it; AutoTokenizer.*writes it"),
        (lambda folder: (folder / "config.json").unlink(), "no config.json in it"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json is not JSON with settings"),
        (lambda folder: (folder / "config.json").write_text("{}"), "names no model_type"),
        (lambda folder: (folder / "tokenizer.json").write_text("{}"), "tokenizer.json cannot be read"),
        (damaged, r"model.safetensors is damaged or is no safetensors \(.*\); fetch it again"),
        (lambda folder: change_config(folder, auto_map={"AutoModel": "own.Own"}), "Python code of its own, which is never run"),
        (lambda folder: change_config(folder, is_encoder_decoder=True), "reads one text and writes another"),
        (lambda folder: change_config(folder, num_hidden_layers=3), "the weights do not fit config.json, encoder.layer.2"),
        (other_rows, "the weights do not fit config.json, embeddings.word_embeddings.weight"),
        (lambda folder: change_config(folder, model_type="nonesuch"), "transformers cannot open it"),
    ],
)
def test_what_is_wrong_with_weights_is_one_line(spoil: Any, words: str, spoilt: Path, tmp_path: Path) -> None:
    spoil(spoilt)
    with pytest.raises(RequestError, match=words) as error:
        fetched(spoilt, tmp_path / "weights")
    assert str(error.value).startswith(f"{FLAG} {spoilt}: ")
    assert "\n" not in str(error.value)


def test_a_tokenizer_with_more_pieces_than_the_weights_have_rows_is_refused(spoilt: Path, tmp_path: Path) -> None:
    tokenizer = json.loads((spoilt / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary["extra"] = len(vocabulary)
    (spoilt / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(
        RequestError, match=r"tokenizer.json has \d+ pieces, the weights rows for \d+; fetch both from one place"
    ):
        fetched(spoilt, tmp_path / "weights")


def test_a_place_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError, match="not a folder; give the folder of the weights, or NAME@COMMIT of the hub"):
        fetched(tmp_path / "file", tmp_path / "weights")


def test_a_pickle_by_the_name_of_safetensors_is_never_unpickled(spoilt: Path, tmp_path: Path) -> None:
    import pickle

    class Mine:
        def __reduce__(self) -> tuple[Any, ...]:
            return (tmp_path.joinpath("ran").touch, ())

    (spoilt / "model.safetensors").write_bytes(pickle.dumps(Mine()))
    with pytest.raises(RequestError, match=r"model.safetensors is damaged or is no safetensors \(.*\); fetch it again"):
        fetched(spoilt, tmp_path / "weights")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("typed", "name"), [("desk/tiny", "desk/tiny"), ("bert-base-uncased", "bert-base-uncased"), ("a/b/c", "NAME")]
)
def test_a_bare_name_of_the_hub_is_told_how_to_be_written(typed: str, name: str, tmp_path: Path) -> None:
    assert where_else(tmp_path / typed, tmp_path) == (
        f"correct the path, or for a model of the hub write {name}@COMMIT ({name}@main is refused with the commit)"
    )
    assert "write NAME@COMMIT" in where_else(tmp_path / typed, tmp_path / "elsewhere")


def test_a_network_of_8_bits_is_smaller_the_same_each_time_and_near(pretrained: Path, tmp_path: Path) -> None:
    from tasks.weights.int8 import write_int8

    fetched(pretrained, tmp_path / "weights")
    states = tmp_path / "weights" / "states.onnx"
    for name in ("one", "two"):
        write_int8(states, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert (tmp_path / "one").stat().st_size < states.stat().st_size
    ids_1L = np.arange(2, 30)[None]
    (exact_1LD,), (found_1LD,) = (
        open_session(path).run([layer_output(0)], {INPUT: ids_1L}) for path in (states, tmp_path / "one")
    )
    assert 0 < np.abs(found_1LD - exact_1LD).max() < 0.2


def test_a_file_that_is_no_network_cannot_be_written_with_8_bits(tmp_path: Path) -> None:
    from tasks.weights.int8 import write_int8

    (tmp_path / "states.onnx").write_bytes(b"\x08\x0f nothing")
    with pytest.raises(RequestError, match=r"cannot be written with 8 bits \(.*\); set finetune.encoder.serve float32"):
        write_int8(tmp_path / "states.onnx", tmp_path / "int8.onnx")
    assert not (tmp_path / "int8.onnx").exists()


@pytest.mark.parametrize(("architecture", "expected"), [("bert", 20), ("roberta", 18), ("mpnet", 18)])
def test_the_longest_text_is_one_that_the_network_reads(architecture: str, expected: int) -> None:
    import torch
    from transformers import AutoConfig, AutoModel

    from tasks.weights.network import most_positions

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    config = AutoConfig.for_model(architecture, vocab_size=30, max_position_embeddings=20, **sizes)
    network = AutoModel.from_config(config).eval()
    assert most_positions(network) == expected
    network(input_ids=torch.full((1, expected), 7))
