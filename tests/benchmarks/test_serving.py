"""The package of an encoder in a process without torch is compared with torch, in float32 and with 8 bits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from benchmarks import serving
from tests.encoders import WORDS, write_encoder

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_package_answers_as_torch_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        f"{WORDS[at % 28]} {WORDS[(at * 5) % 28]} {('superb', 'awful')[at % 2]} {at}@{('good', 'bad')[at % 2]}"
        for at in range(60)
    ]
    (tmp_path / "lines.txt").write_text("\n".join(lines) + "\n")
    words = ["--ingest.path", str(tmp_path / "lines.txt"), "--ingest.delimiter", "@", "--finetune.threads", "1"]
    words += ["--finetune.encoder.model", str(write_encoder(tmp_path / "pretrained")), "--finetune.encoder.max-len", "32"]
    assert serving.main([*words, "--finetune.model", "encoder"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["texts"] == 60
    assert found["float32_and_torch"]["labels_that_differ"] == 0
    assert found["float32_and_torch"]["largest_difference"] < 1e-3
    assert found["int8_and_float32"]["largest_difference"] > 0
    assert found["int8_megabytes"] <= found["float32_megabytes"]
    assert found["read_a_cpu_second"].keys() == {"float32", "int8", "torch", "torch, 32 at a time"}
    assert serving.main([*words, "--finetune.model", "tfidf+encoder"]) == 2
    assert "only encoder alone is measured" in capsys.readouterr().err
