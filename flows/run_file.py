"""A configuration as the TOML file that `textmill train --config` repeats it from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tasks.config import PipelineConfig
from tasks.durable import replaced

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

RUN_FILE = "run.toml"
HEAD = "# textmill train --config run.toml\n"


def training(config: PipelineConfig) -> PipelineConfig:
    """The training run of a configuration that has settings of a search or of folds too."""
    return PipelineConfig.model_validate({name: getattr(config, name) for name in PipelineConfig.model_fields})


def write_run(config: PipelineConfig, file: Path) -> None:
    """Write what differs from the defaults, without `runtime`, which is no part of what is made."""
    values = _without(config.model_dump(mode="json"), config.defaults().model_dump(mode="json"))
    values.pop("runtime", None)
    values["name"] = config.name
    if config.finetune.kinds:
        values.setdefault("finetune", {})["model"] = config.finetune.model
    file.parent.mkdir(parents=True, exist_ok=True)
    with replaced(file) as partial:
        partial.write_text(HEAD + "\n".join(_lines(values)) + "\n", encoding="utf-8")


def _without(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for name, value in values.items():
        if isinstance(value, dict):
            if inner := _without(value, defaults.get(name) or {}):
                found[name] = inner
        elif value is not None and value != defaults.get(name):
            found[name] = value
    return found


def _lines(values: Mapping[str, Any], place: str = "") -> list[str]:
    plain = [f"{name} = {_value(value)}" for name, value in values.items() if not isinstance(value, dict)]
    lines = [*([f"\n[{place}]"] if place and plain else []), *plain]
    for name, value in values.items():
        if isinstance(value, dict):
            lines += _lines(value, f"{place}.{name}" if place else name)
    return lines


def _value(value: Any) -> str:
    r"""A TOML value: strings and lists as JSON has them, but for the control that JSON lets through and TOML does not."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
