"""Of a folder of pretrained weights the files that are used, and what is wrong with it. Nothing is unpickled, no code is run.

In goes a folder as Hugging Face's libraries write it; out come the names of config.json, tokenizer.json and the safetensors.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

CONFIG, TOKENIZER, WEIGHTS, INDEX = "config.json", "tokenizer.json", "model.safetensors", "model.safetensors.index.json"
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
CONVERT = "AutoModel.from_pretrained(FOLDER).save_pretrained(NEW_FOLDER)"


def used_files(names: Iterable[str], title: str) -> list[str]:
    """Of the files of a folder or of a hub's model those that are used, sorted; RequestError for what is missing.

    `title` is how the message names the place.
    """
    present = set(names)
    if INDEX in present:
        weights = [name for name in present if name.endswith(".safetensors") and "-of-" in name]
    else:
        weights = [WEIGHTS] if WEIGHTS in present else []
    if not weights:
        raise RequestError(f"{title}: {_without_safetensors(present)}")
    missing = [name for name in (CONFIG, TOKENIZER) if name not in present]
    if missing:
        how = "AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER) writes it" if TOKENIZER in missing else "add it"
        raise RequestError(f"{title}: no {missing[0]} in it; {how}")
    return sorted([CONFIG, TOKENIZER, *weights, *({INDEX} & present)])


def _without_safetensors(present: set[str]) -> str:
    pickles = sorted(name for name in present if name.endswith(PICKLES))
    if not pickles:
        return f"no {WEIGHTS} in it; give the folder that holds {CONFIG}, {TOKENIZER} and {WEIGHTS}"
    return (
        f"its weights are a pickle ({pickles[0]}), which may run any code when it is read; if you trust whoever wrote it, "
        f"convert it with transformers: {CONVERT}"
    )


def read_config(folder: Path, title: str) -> dict[str, Any]:
    """The settings of the network; RequestError for one that needs code of its own, or that does not read a text alone."""
    try:
        config: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        kind = config.get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise RequestError(f"{title}: {CONFIG} is not JSON with settings ({error}); fetch it again") from None
    if "auto_map" in config:
        raise RequestError(f"{title}: it needs Python code of its own, which is never run; choose one of transformers' own")
    if not isinstance(kind, str):
        raise RequestError(f"{title}: {CONFIG} names no model_type; give a folder that transformers has written")
    if config.get("is_encoder_decoder"):
        raise RequestError(f"{title}: {kind} reads one text and writes another; choose one that only reads, such as BERT")
    return config


def check_safetensors(folder: Path, names: Iterable[str], title: str) -> None:
    """Read the heads of the files of weights; RequestError for one that is cut off or is no safetensors."""
    for name in names:
        if name.endswith(".safetensors"):
            try:
                with safe_open(folder / name, framework="numpy") as file:
                    file.keys()
            except (SafetensorError, OSError) as error:
                reason = str(error).splitlines()[0]
                raise RequestError(f"{title}: {name} is damaged or is no safetensors ({reason}); fetch it again") from None
