"""Settings of finetune as version 0.1 spelt them: flat, `bag_lr` for what is `bag.lr` now. Taken for one release."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tasks.finetune.kind import Kind
    from tasks.section import Section

KEPT = frozenset({"embedding"})  # a short form that stays: which rows of the networks' embedding are trained


def former_names(sections: Mapping[str, type[Section]]) -> dict[str, list[tuple[str, str]]]:
    """Each old name with the section and the name that it has now; some settings are of several kinds now."""
    found: dict[str, list[tuple[str, str]]] = {}
    for section, made in sections.items():
        former = getattr(made, "FORMER", {})
        pairs = {name: name for name in made.model_fields} if former == "same" else former
        for new, old in pairs.items():
            found.setdefault(old, []).append((section, new))
    return found


def modern(
    values: Mapping[str, Any], sections: Mapping[str, type[Section]], kinds: Sequence[Kind]
) -> tuple[dict[str, Any], list[str]]:
    """The values of the section by today's names, and for each old name that was used a sentence with the new one.

    A value that is the default is dropped: whoever stored a whole configuration did not ask for it. A setting of several kinds
    goes to those of the model; if it has none of them, to the first, which says then that it is not read.
    """
    names, own = former_names(sections), {name for kind in kinds for name in kind.sections}
    out = {name: dict(value) if name in sections and isinstance(value, dict) else value for name, value in values.items()}
    said = []
    for old in [name for name in values if name in names]:
        value = out.pop(old)
        places = [place for place in names[old] if place[0] in own] or names[old][:1]
        asked = [place for place in places if not _is_default(value, sections[place[0]].model_fields[place[1]].default)]
        for section, new in asked:
            if isinstance(value, str) and isinstance(sections[section].model_fields[new].default, tuple):
                value = tuple(value.strip("[] ").split(","))  # of a command line or an environment
            if out.get(section) is None:
                out[section] = {}
            if isinstance(out[section], dict):
                out[section].setdefault(new, value)
        if asked and old not in KEPT:
            said.append(f"finetune.{old} is now {' and '.join(f'finetune.{section}.{new}' for section, new in places)}")
    return out, said


def _is_default(value: Any, default: Any) -> bool:
    return bool(value == default) or (isinstance(default, tuple) and isinstance(value, list) and tuple(value) == default)
