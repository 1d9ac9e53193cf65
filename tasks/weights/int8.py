"""Write a network's weights with 8 bits. In goes the ONNX file of float32, out comes one of about a quarter of its size.

The library's dynamic quantization: each column of a matrix has a scale of its own, and a text's states are rounded as they
come, by a scale of that text's. Weights use 7 of the 8 bits: then no sum of products overflows on a processor without
instructions for 8 bits, and every processor has the same whole numbers (ONNX Runtime's `reduce_range`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.durable import replaced
from tasks.errors import RequestError
from tasks.model.views.encoder import open_session

if TYPE_CHECKING:
    from pathlib import Path


def write_int8(states: Path, target: Path) -> None:
    """Write the network of `states` to `target`, which may be the same file; equal bytes for equal bytes.

    RequestError for a network that cannot be written so.
    """
    try:
        import onnx
        from onnxruntime.quantization import QuantType, quantize_dynamic
        from onnxruntime.quantization.quant_utils import add_pre_process_metadata

        model = onnx.load(states)
        add_pre_process_metadata(model)  # else the library logs advice, to a handler that it gives the root logger
        with replaced(target) as partial:
            quantize_dynamic(model, partial, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True)
            open_session(partial)
    except Exception as error:  # onnx and ONNX Runtime each have their own
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise RequestError(
            f"the network cannot be written with 8 bits ({reason[:200]}); set finetune.encoder.serve float32"
        ) from error
