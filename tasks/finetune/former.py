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


def places_now(old: str, sections: Mapping[str, type[Section]], kinds: Sequence[Kind]) -> list[tuple[str, str]]:
    """The section and the name of a setting of before, for a model of these kinds; none for what is not an old name.

    A setting of several kinds goes to those of the model; if it has none of them, to the first, which says then that it is not
    read.
    """
    places, own = former_names(sections).get(old, []), {name for kind in kinds for name in kind.sections}
    return [place for place in places if place[0] in own] or places[:1]


def modern(
    values: Mapping[str, Any], sections: Mapping[str, type[Section]], kinds: Sequence[Kind]
) -> tuple[dict[str, Any], list[str]]:
    """The values of the section by today's names, and for each old name that was used a sentence with the new one.

    A value that was the default is dropped: whoever stored a whole configuration did not ask for it. ValueError for a setting
    that is given by both names.
    """
    out = {name: dict(value) if name in sections and isinstance(value, dict) else value for name, value in values.items()}
    said = []
    for old in [name for name in values if places_now(name, sections, kinds)]:
        value = out.pop(old)
        asked = [place for place in places_now(old, sections, kinds) if not _was_default(value, *place, sections)]
        for section, new in asked:
            if out.get(section) is None:
                out[section] = {}
            if not isinstance(out[section], dict):
                continue
            if new in out[section]:
                raise ValueError(f"{old} and {section}.{new} are the same setting, and both are given; keep the second")
            out[section][new] = value
        if asked and old not in KEPT:
            said.append(f"finetune.{old} is now {' and '.join(f'finetune.{section}.{new}' for section, new in asked)}")
    return out, said


def _was_default(value: Any, section: str, new: str, sections: Mapping[str, type[Section]]) -> bool:
    made = sections[section]
    default = getattr(made, "FORMER_DEFAULTS", {}).get(new, made.model_fields[new].default)
    return bool(value == default) or (isinstance(default, tuple) and isinstance(value, list) and tuple(value) == default)
