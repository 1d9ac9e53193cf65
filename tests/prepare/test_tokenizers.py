"""A tokenizer has one place: nothing else names it, and its code and libraries concern only what it cuts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tasks.model.text.tokenize import open_tokenizer
from tasks.prepare.settings import PrepareConfig
from tasks.prepare.task import prepare
from tasks.prepare.tokenizers import TOKENIZERS
from tasks.register.folds import FoldsConfig
from tasks.register.package import served_code
from tasks.register.recipe import Recipe
from tasks.register.task import folds, package
from tests.docs.test_extending import RECIPES, apply, copy_tree
from tests.steps import chosen_digest, chosen_files, chosen_libraries
from tests.strings import strings_of_modules

if TYPE_CHECKING:
    from pathlib import Path

HOME = "tasks/model/text/tokenizers/"
ALSO_WORDS = {"word"}
LANGUAGE = ("tasks/language/", "tasks/model/language/")  # their own tokenizers, which spell the text
NAMED = {
    "tasks/prepare/tokenizers.py",  # the table
    "tasks/detect/explain.py",  # finds words in Chinese headlines, whatever cut them for the model
    "tasks/today/apart.py",  # finds the words that tell new texts from old, whatever cut them for the model
    "tasks/review/teach.py",  # compares unlabelled texts, whatever cut them for the model
    "flows/commands/tutorial_words.py",  # what tutorials call them
}


class Stored:
    """An artifact, of which only the report is asked for."""

    def __init__(self, **report: Any) -> None:
        self.report = report


def artifacts(tokenizer: str, han: str = "keep") -> dict[str, Any]:
    """What package is given."""
    return {"model": Stored(views=["bag"]), "dataset": Stored(tokenizer=tokenizer, han=han)}


def of_folds(challenger: str, champion: str, tmp_path: Path) -> FoldsConfig:
    """Folds for recipes with these tokenizers."""

    def recipe(tokenizer: str) -> Recipe:
        return Recipe(prepare={"tokenizer": tokenizer}, pretrain={}, align={}, finetune={"model": "bag"})

    return FoldsConfig(
        challenger=recipe(challenger), champion=recipe(champion), champion_package=tmp_path, splits=10, seconds=1.0
    )


def cut_by(files: set[str]) -> set[str]:
    """The tokenizers among files."""
    return {name.removeprefix(HOME).removesuffix(".py") for name in files if name.startswith(HOME)} - {"__init__"}


def test_no_file_outside_its_module_and_the_table_names_a_tokenizer() -> None:
    named = [
        f"{place}:{line}: {text}"
        for place, line, text in strings_of_modules()
        if text in TOKENIZERS.keys() - ALSO_WORDS and not place.startswith((HOME, *LANGUAGE)) and place not in NAMED
    ]
    assert not named, "\n".join(named)


@pytest.mark.parametrize("name", TOKENIZERS)
def test_a_tokenizer_is_served_by_the_module_of_its_name(name: str) -> None:
    assert open_tokenizer(name) is TOKENIZERS[name]


@pytest.mark.parametrize(
    ("tokenizer", "code", "libraries"),
    [
        ("word", {"word"}, set()),
        ("char", {"char"}, set()),
        ("jieba", {"jieba", "word"}, {"rjieba"}),
        ("basic_english", {"basic_english", "whitespace"}, set()),
    ],
)
def test_a_key_has_the_code_and_the_libraries_of_its_tokenizer_and_of_no_other(
    tmp_path: Path, tokenizer: str, code: set[str], libraries: set[str]
) -> None:
    config = PrepareConfig(tokenizer=tokenizer)
    assert cut_by(chosen_files(prepare, config)) == cut_by(chosen_files(package, None, artifacts(tokenizer))) == code
    assert chosen_libraries(prepare, config) == chosen_libraries(package, None, artifacts(tokenizer)) == libraries
    alike = of_folds(tokenizer, tokenizer, tmp_path)
    assert cut_by(chosen_files(folds, alike)) == code
    assert chosen_libraries(folds, alike) >= libraries
    assert "rjieba" in libraries or "rjieba" not in chosen_libraries(folds, alike)
    assert not {name for name in chosen_files(prepare, config) if name == "tasks/prepare/tokenizers.py"}


def test_a_key_has_what_every_recipe_uses_and_what_auto_may_choose(tmp_path: Path) -> None:
    assert cut_by(chosen_files(folds, of_folds("basic_english", "char", tmp_path))) == {"basic_english", "whitespace", "char"}
    assert cut_by(chosen_files(prepare, PrepareConfig())) == {"word", "char", "jieba"}
    assert chosen_libraries(prepare, PrepareConfig()) == {"rjieba"}


def test_only_what_is_simplified_has_the_library_for_it_in_its_key() -> None:
    assert chosen_libraries(prepare, PrepareConfig(tokenizer="char", han="simplified")) == {"opencc"}
    assert chosen_libraries(package, None, artifacts("char", han="simplified")) == {"opencc"}


def test_a_new_tokenizer_leaves_every_other_key_and_every_other_package_as_it_is(tmp_path: Path) -> None:
    copy_tree(tmp_path)
    before = [digests(tmp_path, tokenizer) for tokenizer in TOKENIZERS]
    apply(RECIPES["A tokenizer"], tmp_path)
    assert [digests(tmp_path, tokenizer) for tokenizer in TOKENIZERS] == before
    assert cut_by({f"tasks/{name}" for name in served_code(["bag"], "parts", tmp_path)}) == {"parts", "whitespace"}


def test_a_changed_tokenizer_concerns_what_it_cuts_alone(tmp_path: Path) -> None:
    copy_tree(tmp_path)
    word, jieba = digests(tmp_path, "word"), digests(tmp_path, "jieba")
    path = tmp_path / HOME / "jieba.py"
    path.write_text(path.read_text(encoding="utf-8") + "\nCHANGED = 1\n", encoding="utf-8")
    assert digests(tmp_path, "word") == word
    assert not set(digests(tmp_path, "jieba")) & set(jieba)


def digests(tree: Path, tokenizer: str) -> list[str]:
    """Of the code in the keys of prepare and package, and of the code in a package."""
    served = served_code(["bag"], tokenizer, tree)
    return [
        chosen_digest(prepare, tree, PrepareConfig(tokenizer=tokenizer)),
        chosen_digest(package, tree, None, artifacts(tokenizer)),
        json.dumps({name: content.decode() for name, content in served.items()}),
    ]
