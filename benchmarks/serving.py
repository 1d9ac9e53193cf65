"""Whether the package of an encoder answers as torch does, what 8 bits lose, and how many texts a CPU second each reads.

    python -m benchmarks.serving [--work FOLDER] OPTIONS OF `textmill train`

The model is trained once and packaged twice, with float32 and with int8. Each package labels every labelled row in a process
of its own, from which torch, transformers and this project are out of reach. Torch labels the same rows, one text at a time on
one thread, and in batches of texts of like length. One JSON object goes to stdout. CPU seconds are of all threads, and of
labelling alone: neither the start nor the loading of a model counts.

Shapes: N texts, D dimensions, C classes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq

from benchmarks.given import make_given
from flows.commands.settings import check_paths, resolve
from tasks.errors import RequestError
from tasks.ingest.corpus import write_corpus
from tasks.ingest.schema import CORPUS
from tasks.prepare.dataset import write_dataset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.config import PipelineConfig

SERVED = ("float32", "int8")
BATCH = 32
STRANGER = """
import json, sys, time
from pathlib import Path
from types import ModuleType

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers", "onnx", "scipy", "tasks", "flows"):
            raise ImportError(name + " is out of reach")

sys.meta_path.insert(0, Blocker())
folder = Path(sys.argv[1])
loader = ModuleType("loader")
exec((folder / "load.py").read_text(), loader.__dict__)
model = loader.open_package(folder).TextClassifier(folder)
texts = json.load(sys.stdin)
model.probabilities(texts[:8])
start = time.process_time()
found = model.probabilities(texts)
json.dump({"cpu_seconds": time.process_time() - start, "labels": model.labels, "probabilities": found.tolist()}, sys.stdout)
"""


def labelled_rows(corpus: Path) -> tuple[list[str], list[str]]:
    """The texts and labels of the rows that have one."""
    table = pq.read_table(corpus / CORPUS, columns=["text", "label"], page_checksum_verification=True)
    rows = table.filter(table.column("label").is_valid())
    return rows.column("text").to_pylist(), rows.column("label").to_pylist()


def packaged(config: PipelineConfig, serve: str, prepared: Path, given: dict[str, Path], folder: Path) -> dict[str, Any]:
    """Train and package; the report of the training."""
    from tasks.finetune.train import write_model
    from tasks.register.package import write_package

    for name in ("model", "scratch", "package"):
        (folder / name).mkdir(parents=True)
    encoder = config.finetune.encoder.model_copy(update={"serve": serve})
    finetune = config.finetune.model_copy(update={"encoder": encoder})
    read: dict[str, Any] = {"texts": prepared / "texts", **given}
    report = write_model(finetune, prepared / "dataset", None, folder / "model", folder / "scratch", **read)
    write_package(
        folder / "model", prepared / "dataset", folder / "package", texts=read["texts"], embedded=given.get("embedded")
    )
    return report


def asked_of_a_stranger(package: Path, texts: Sequence[str]) -> dict[str, Any]:
    """What a clean process says of the texts."""
    words = [sys.executable, "-P", "-c", STRANGER, str(package)]
    done = subprocess.run(words, cwd=package.parent, input=json.dumps(texts), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-1000:])
    found: dict[str, Any] = json.loads(done.stdout)
    return found | {"probabilities": np.array(found["probabilities"])}


def asked_of_torch(package: Path, texts: Sequence[str], batch: int) -> dict[str, Any]:
    """What torch says of the texts, so many at a time, and its CPU seconds."""
    import torch

    from tasks.finetune.kinds.encoder.export import VIEW, Head
    from tasks.finetune.loop import num_threads
    from tasks.model.classifier import ModelFolder
    from tasks.model.views.encoder import Pieces, cleaned
    from tasks.weights.network import layer_states
    from tasks.weights.recover import recovered_network

    head, folder = Head.read(ModelFolder(package / "model")), package / "model" / VIEW
    network, pieces = recovered_network(folder, str(package)), Pieces(folder, head.reading)
    weights_DC, bias_C = torch.from_numpy(head.weights_DC), torch.from_numpy(head.bias_C)
    probabilities_NC = np.zeros((len(texts), len(head.labels)))
    with num_threads(1), torch.inference_mode():
        start = time.process_time()
        ids = [pieces.of(cleaned(text)) for text in texts]
        order = sorted(range(len(texts)), key=lambda row: len(ids[row])) if batch > 1 else range(len(texts))
        for at in range(0, len(texts), batch):
            rows = list(order[at : at + batch])
            longest = max(len(ids[row]) for row in rows)
            ids_BL = torch.tensor([ids[row] + [0] * (longest - len(ids[row])) for row in rows])
            lengths_B = torch.tensor([len(ids[row]) for row in rows])
            mask_BL = (torch.arange(longest) < lengths_B[:, None]).long()
            states = layer_states(network, input_ids=ids_BL, attention_mask=mask_BL)[: head.reading.num_outputs]
            made = [[each[row, :length].numpy() for each in states] for row, length in enumerate(lengths_B)]
            pooled_BD = torch.from_numpy(np.array([head.reading.pooled(each) for each in made]))
            probabilities_NC[rows] = (pooled_BD @ weights_DC + bias_C).softmax(1).numpy()
        spent = time.process_time() - start
    return {"cpu_seconds": spent, "labels": head.labels, "probabilities": probabilities_NC}


def compared(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """How many labels differ, and by how much probabilities differ at most."""
    ours_NC, theirs_NC = one["probabilities"], other["probabilities"]
    return {
        "labels_that_differ": int((ours_NC.argmax(1) != theirs_NC.argmax(1)).sum()),
        "largest_difference": round(float(np.abs(ours_NC - theirs_NC).max()), 6),
    }


def run(config: PipelineConfig, work: Path | None = None) -> dict[str, Any]:
    """Train, package, ask and compare."""
    with tempfile.TemporaryDirectory(prefix="serving-") as name:
        folder = Path(name)
        (corpus := folder / "corpus").mkdir()
        write_corpus(config.ingest, corpus)
        (prepared := folder / "prepared").mkdir()
        write_dataset(config.prepare, corpus, prepared)
        given = make_given(config, corpus, work or folder / "given")
        texts, labels = labelled_rows(corpus)
        found: dict[str, Any] = {"texts": len(texts), "read_a_cpu_second": {}}
        said: dict[str, dict[str, Any]] = {}
        for serve in SERVED:
            report = packaged(config, serve, prepared, given, folder / serve)
            found |= report["figures"]
            said[serve] = asked_of_a_stranger(folder / serve / "package", texts)
            states = folder / serve / "package" / "model" / "encoder" / "states.onnx"
            found[f"{serve}_megabytes"] = round(states.stat().st_size / 1e6, 1)
        for title, batch in (("torch", 1), (f"torch, {BATCH} at a time", BATCH)):
            said[title] = asked_of_torch(folder / "float32" / "package", texts, batch)
        found["float32_and_torch"] = compared(said["float32"], said["torch"])
        found["int8_and_float32"] = compared(said["int8"], said["float32"])
        for title, answer in said.items():
            found["read_a_cpu_second"][title] = round(len(texts) / answer["cpu_seconds"], 1)
            right = np.array(
                [answer["labels"][at] == label for at, label in zip(answer["probabilities"].argmax(1), labels, strict=True)]
            )
            found[f"{title}_accuracy_on_all_rows"] = round(float(right.mean()), 5)
        return found


def main(arguments: list[str] | None = None) -> int:
    """Read the command line, print the JSON; 2 with one line if the request or its input is wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__.partition("\n")[0])
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="where weights and vectors are made, to be used again")
    parser.add_argument("--preset", help="as for textmill train; so is every further option")
    own, options = parser.parse_known_args(arguments)
    try:
        config = resolve(options, preset=own.preset)
        check_paths(config)
        config.finetune.check()
        if config.finetune.names != ("encoder",):
            raise RequestError(f"finetune.model {config.finetune.model}: only encoder alone is measured; set that")
        found = run(config, own.work)
    except RequestError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
