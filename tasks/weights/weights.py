"""Write the artifact of pretrained weights. In goes a place, out comes a folder with

config.json, *.safetensors   as they were found: what training starts from
tokenizer.json, states.onnx  what makes vectors of texts, here and where a model is served
weights.json                 dimensions, longest text in pieces, layers
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.errors import RequestError
from tasks.model.views.encoder import FACTS, STATES, open_tokenizer
from tasks.weights.files import TOKENIZER, check_safetensors, read_config, used_files

if TYPE_CHECKING:
    from tasks.progress import Progress
    from tasks.weights.place import WeightsConfig


def write_weights(config: WeightsConfig, folder: Path, scratch: Path, progress: Progress) -> dict[str, Any]:
    """Fetch, verify, export; the report. RequestError for weights that cannot be used, UnavailableError for a silent hub.

    A hub's files stay in `scratch` until the artifact is whole, so a killed call goes on with what it has.
    """
    title = f"{config.flag} {config.place}"
    if isinstance(config.place, Path):
        source = config.place
        if not source.is_dir():
            raise RequestError(f"{title}: not a folder; give the folder of the weights, or NAME@COMMIT of the hub")
    else:
        from tasks.weights.hub import fetch

        source = scratch / "fetched"
        fetch(config.place, config.flag, source, progress)
    names = used_files((path.name for path in source.iterdir()), title)
    settings = read_config(source, title)
    check_safetensors(source, names, title)
    for name in names:
        shutil.copyfile(source / name, folder / name)
    pieces = open_tokenizer(folder / TOKENIZER, title).get_vocab_size()
    progress.advance(1, 3, "stages", "opening")
    from tasks.weights.network import export, most_positions, open_network  # torch and transformers: many seconds

    network = open_network(folder, title)
    rows = network.get_input_embeddings().weight.shape[0]
    if pieces > rows:
        raise RequestError(
            f"{title}: tokenizer.json has {pieces:,} pieces, the weights rows for {rows:,}; fetch both from one place"
        )
    most = most_positions(network)
    progress.advance(2, 3, "stages", "exporting")
    difference, layers = export(network, folder / STATES, title, most)
    facts = {"dim": int(network.config.hidden_size), "most_pieces": most, "layers": layers}
    (folder / FACTS).write_text(json.dumps(facts), encoding="utf-8")
    parameters = sum(value.numel() for value in network.parameters())
    named = {"network": settings["model_type"], "parameters": parameters, "pieces": pieces, "dim": facts["dim"]}
    return {**named, "most_pieces": most or 0, "largest_difference": difference}
