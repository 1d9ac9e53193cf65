"""A kind of model has one place: nothing else names it, and its code and settings concern no other kind."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tasks.config import PipelineConfig
from tasks.finetune.kinds import KINDS
from tasks.finetune.settings import SECTIONS, FinetuneConfig
from tasks.finetune.task import finetune
from tasks.finetune.uses import TABLE, modules_of
from tasks.store.artifact import Fingerprints, section_values
from tests.steps import chosen_files
from tests.strings import strings_of_modules

if TYPE_CHECKING:
    from pathlib import Path

HOMES = ("tasks/finetune/kinds/", "tasks/model/views/")
WORDS = re.compile(rf"(?<![\w.-])({'|'.join(sorted(KINDS, key=len, reverse=True))})(?![\w(-])")
ALSO_WORDS = {"mean", "fasttext"}  # a figure, and a library with its files
# What a sentence tells a person may give an example.
EXAMPLES = {
    "tasks/documents/months.py",  # months of many languages, some as short as a kind
    "tasks/finetune/settings.py",  # the help of finetune.model and of what it may be
    "tasks/finetune/networks/settings.py",
    "tasks/language/installed.py",  # the name of the extra
    "tasks/model/language/network.py",
}


def test_no_file_outside_its_folder_and_its_view_names_a_kind() -> None:
    named = [
        f"{place}:{line}: {text[:80]}"
        for place, line, text in strings_of_modules()
        if not place.startswith(HOMES) and place not in EXAMPLES
        if any(word not in ALSO_WORDS for word in WORDS.findall(text))
    ]
    assert not named, "\n".join(named)


def files_of(model: str) -> set[str]:
    """The files whose code is in the key of a model."""
    return chosen_files(finetune, FinetuneConfig(model=model))


@pytest.mark.parametrize("kind", KINDS)
def test_the_key_of_a_model_has_the_code_of_its_kind_and_of_no_other(kind: str) -> None:
    files = files_of(kind)
    assert {f"tasks/finetune/kinds/{kind}/train.py", f"tasks/model/views/{kind}.py", "tasks/finetune/train.py"} <= files
    others = [name for name in files if name.startswith(HOMES) and f"/{kind}/" not in name and f"/{kind}." not in name]
    assert others == []
    assert "tasks/finetune/settings.py" not in files


def test_the_loop_is_in_the_key_of_whatever_learns_in_epochs_and_a_sum_has_the_code_of_its_parts() -> None:
    assert all("tasks/finetune/loop.py" in files_of(kind) for kind in ("bag", "mean", "cnn", "bilstm", "bag+tfidf"))
    assert files_of("bag+ca") == files_of("bag") | files_of("ca")
    assert modules_of(FinetuneConfig()) == {module for kind in KINDS.values() for module in kind.modules}
    assert TABLE.replace(".", "/") + "/__init__.py" not in files_of("auto")


def test_only_the_sections_of_the_models_kinds_are_in_its_key(tmp_path: Path) -> None:
    memory = Fingerprints(tmp_path / "memory.db")
    one = section_values(FinetuneConfig(model="bag").only_read(), memory)
    assert SECTIONS.keys() & one.keys() == {"bag"}
    assert one == section_values(FinetuneConfig(model="bag", bag={}, ca=None).only_read(), memory)
    assert one == section_values(FinetuneConfig(model="bag", ca={"rounds": 5}).only_read(), memory)
    assert one != section_values(FinetuneConfig(model="bag", bag={"lr": 0.5}).only_read(), memory)
    both = section_values(FinetuneConfig(model="cnn").with_model("bag+cnn").only_read(), memory)
    assert SECTIONS.keys() & both.keys() == {"bag", "cnn", "network"}


OLD = [
    ({"model": "bag", "bag_lr": 0.5}, {"bag": {"lr": 0.5}}, ["finetune.bag_lr is now finetune.bag.lr"]),
    ({"model": "cnn", "hidden": 7}, {"cnn": {"filters": 7}}, ["finetune.hidden is now finetune.cnn.filters"]),
    (
        {"model": "cnn+bilstm", "hidden": 7, "lr": 0.1},
        {"cnn": {"filters": 7}, "bilstm": {"hidden": 7}, "network": {"lr": 0.1}},
        [
            "finetune.hidden is now finetune.cnn.filters and finetune.bilstm.hidden",
            "finetune.lr is now finetune.network.lr",
        ],
    ),
    ({"model": "cnn", "embedding": "frozen"}, {"network": {"embedding": "frozen"}}, []),  # a short form that stays
    (
        {"model": "bag", "ca_dim": 200, "hidden": 100, "fasttext_dim": 10, "widths": [3, 4, 5]},
        {},
        [],
    ),  # a whole configuration, stored by 0.1
    (
        {"ngram_min_documents": 1},
        {"bag": {"min_documents": 1}, "tfidf": {"min_documents": 1}},
        ["finetune.ngram_min_documents is now finetune.bag.min_documents and finetune.tfidf.min_documents"],
    ),
]


@pytest.mark.parametrize(("old", "new", "said"), OLD)
def test_settings_as_version_0_1_spelt_them_are_taken_with_a_word(old: dict, new: dict, said: list[str]) -> None:
    config = PipelineConfig.model_validate({"finetune": old}).finetune
    shared = {name: value for name, value in old.items() if name == "model"}
    assert config == FinetuneConfig(**shared, **new)
    assert list(config.renamed) == said


def test_a_setting_of_a_kind_that_the_model_lacks_stays_to_be_refused() -> None:
    config = FinetuneConfig(model="bag", ca_rounds=5)
    assert config.ca.rounds == 5
    assert config.only_read().ca is None
