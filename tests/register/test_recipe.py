import json
from pathlib import Path

import pytest

from tasks.align.settings import AlignConfig
from tasks.config import PipelineConfig
from tasks.errors import RequestError
from tasks.finetune.settings import FinetuneConfig
from tasks.prepare.settings import PrepareConfig
from tasks.pretrain.settings import PretrainConfig
from tasks.register.recipe import Recipe, read_recipe
from tasks.store.artifact import Store
from tasks.store.step import Run


def recipe(**finetune: object) -> Recipe:
    return Recipe(
        prepare=PrepareConfig(numbers="zero", stop_words=Path("/a/" + "long/" * 900 + "词.txt")),
        pretrain=PretrainConfig(dim=50),
        align=AlignConfig(),
        finetune=FinetuneConfig.model_validate(finetune),
    )


def test_a_recipe_comes_back_from_the_tags_of_its_version(tmp_path: Path) -> None:
    made = recipe(model="cnn", widths=(2, 3))
    tags = made.tags()
    assert len(tags) > 1
    assert max(map(len, tags.values())) <= 4500
    assert read_recipe({"other": "x", **tags}, tmp_path) == made


def test_a_version_of_before_has_its_recipe_in_the_record_of_its_run(tmp_path: Path) -> None:
    config = PipelineConfig.model_validate({"finetune": {"model": "tfidf"}, "prepare": {"seed": 7}})
    (tmp_path / "some-run.json").write_text(json.dumps({"config": config.model_dump(mode="json")}))
    found = read_recipe({"prefect.flow_run_id": "some-run"}, tmp_path)
    assert (found.finetune.model, found.prepare.seed) == ("tfidf", 7)


def test_an_encoder_of_before_its_layers_were_read_keeps_to_the_last_one(tmp_path: Path) -> None:
    made = recipe(model="encoder", encoder={"max_len": 20})
    assert made.finetune.embeds is not None
    assert made.finetune.embeds.layers == 3
    assert read_recipe(made.tags(), tmp_path) == made
    values = json.loads("".join(made.tags().values()))
    del values["finetune"]["encoder"]["frozen_layers"]
    found = read_recipe({"textmill.recipe.0": json.dumps(values)}, tmp_path).finetune
    assert found.embeds is not None
    assert (found.embeds.layers, found.embeds.max_len) == (0, 20)
    values["finetune"]["encoder"]["train"] = "full"
    assert read_recipe({"textmill.recipe.0": json.dumps(values)}, tmp_path).finetune.embeds is None


def test_a_recipe_that_is_lost_or_that_this_code_cannot_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="not kept"):
        read_recipe({"prefect.flow_run_id": "gone"}, tmp_path)
    with pytest.raises(RequestError, match="not kept"):
        read_recipe({}, tmp_path)
    values = json.loads("".join(recipe().tags().values()))
    values["finetune"]["a_knob_of_then"] = 5
    with pytest.raises(RequestError, match=r"finetune\.a_knob_of_then"):
        read_recipe({"textmill.recipe.0": json.dumps(values)}, tmp_path)


def test_a_recipe_that_names_a_file_that_is_gone_cannot_be_run(tmp_path: Path) -> None:
    from tasks.register.task import _runnable

    (labels := tmp_path / "labels.toml").write_text("[labels.a]\n[labels.b]\n")
    run, made = (
        Run(Store(tmp_path)),
        Recipe(
            prepare=PrepareConfig(),
            pretrain=PretrainConfig(),
            align=AlignConfig(),
            finetune=FinetuneConfig(model="encoder", encoder={"labels": labels}),
        ),
    )
    assert _runnable(run, made, made).finetune.encoder.labels == labels
    labels.unlink()
    with pytest.raises(RequestError, match=r"labels.toml: cannot be read"):
        _runnable(run, made, made)


def test_weights_that_were_trained_on_are_another_start(tmp_path: Path) -> None:
    def starts(kind: str, **adapt: object) -> object:
        made = recipe(model="tfidf+encoder", encoder={"model": tmp_path})
        return made.model_copy(update={"pretrain": PretrainConfig(kind=kind, adapt=adapt)}).starts_from

    assert starts("fasttext") is not None
    assert starts("fasttext") != starts("masked") != starts("masked", epochs=9)
    assert starts("masked") == starts("masked")
    assert recipe(model="tfidf").starts_from is None
