"""What the views of pretrained networks share: how a text is cleaned for them, and how tokenizer and network are opened.

ONNX Runtime and `tokenizers` are imported when a model asks for them, so that no other model needs them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import RequestError
from .text.clean import clean

if TYPE_CHECKING:
    from pathlib import Path


INPUT, OUTPUT = "input_ids", "states"  # of a network that gives the states of a text's pieces


def layer_output(below: int) -> str:
    """The name of the states of the layer that is so many below the last one."""
    return f"{OUTPUT}_{below}" if below else OUTPUT


def cleaned(text: str) -> str:
    """The text as the tokenizer gets it: without markup, control and invisible characters; case, marks and numbers stay."""
    return clean(text, lowercase=False).strip()


def open_session(path: Path) -> Any:
    """An ONNX Runtime session with one thread: texts are read side by side, not parts of one."""
    onnxruntime = _library("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def output_names(session: Any) -> list[str]:
    """What a network gives: the states of its layers, the last one first; one written before has those of the last alone."""
    return [each.name for each in session.get_outputs()]


def open_tokenizer(path: Path, title: str) -> Any:
    """The tokenizer without padding and truncation; RequestError for a file that is no tokenizer."""
    tokenizers = _library("tokenizers")
    try:
        tokenizer = tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # noqa: BLE001 the library raises nothing narrower
        raise RequestError(f"{title}: {path.name} cannot be read ({str(error)[:200]}); fetch it again") from None
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _library(name: str) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise RequestError(f"this model reads texts with {name}, which is not installed; run pip install {name}") from None


def special_pieces(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The special pieces before and after a text's own."""
    whole = list(tokenizer.encode("a").ids)
    own = list(tokenizer.encode("a", add_special_tokens=False).ids)
    for start in range(len(whole) - len(own) + 1):
        if own and whole[start : start + len(own)] == own:
            return whole[:start], whole[start + len(own) :]
    return [], []
