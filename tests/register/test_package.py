import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from tasks.model.serving import TextClassifier, training_hashes
from tasks.prepare.read import iter_batches
from tasks.prepare.settings import PrepareConfig
from tasks.register import load
from tasks.register.load import DamagedPackage, open_package
from tasks.register.package import served_code, write_package
from tasks.register.seal import package_digest, read_manifest
from tests.stranger import stranger

TEXTS = ["profit rose and growth was strong", "loss fell, weak sales missed", "", "Qwertyx zzyzx"]


@pytest.fixture
def package(trained: Any, tmp_path: Path) -> Path:
    """A package that may be damaged."""
    return Path(shutil.copytree(trained.package, tmp_path / "package"))


def test_a_package_works_where_the_project_cannot_be_imported(trained: Any, tmp_path: Path) -> None:
    moved = shutil.copytree(trained.package, tmp_path / "elsewhere")
    command = [sys.executable, "-P", "-W", "error", "-c", stranger(), str(moved), json.dumps(TEXTS)]
    done = subprocess.run(command, cwd=tmp_path, env={"PATH": ""}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    here = open_package(trained.package).TextClassifier(trained.package)
    expected = [prediction["probabilities"] for prediction in here.predict(TEXTS)]
    assert json.loads(done.stdout) == expected
    assert not list(moved.rglob("__pycache__"))


def test_a_package_carries_how_chinese_is_cut(train_tiny: Any, tmp_path: Path) -> None:
    """The words of the user dictionary, and pins of the libraries that cut and convert."""
    dictionary = tmp_path / "words.txt"
    dictionary.write_text("云磨坊\n", encoding="utf-8")
    prepare = PrepareConfig(
        tokenizer="jieba", user_dictionary=dictionary, han="simplified", near_duplicates=False, valid_share=0.2
    )
    labels = {"好": ["增長", "盈利", "云磨坊", "走高", "大賺"], "坏": ["虧損", "下跌", "裁員", "走低", "破產"]}
    made = train_tiny(tmp_path / "made", labels=labels, prepare=prepare)
    dictionary.unlink()
    requirements = {line.partition("==")[0] for line in read_manifest(made.package)["requirements"]}
    assert {"rjieba", "opencc"} < requirements
    command = [sys.executable, "-P", "-W", "error", "-c", stranger(), str(made.package), json.dumps(["雲磨坊", "云磨", "裁員"])]
    done = subprocess.run(command, cwd=tmp_path, env={"PATH": ""}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    word, parts, bad = json.loads(done.stdout)
    assert word["好"] > 0.6 > parts["好"]  # a word of its own, of which a part says nothing
    assert bad["坏"] > 0.6


def test_a_package_requires_only_what_its_text_needs(trained: Any) -> None:
    requirements = {line.partition("==")[0] for line in read_manifest(trained.package)["requirements"]}
    assert "torch" not in requirements  # a sum of n-grams is NumPy alone
    assert not requirements & {"rjieba", "opencc"}


def test_a_package_carries_no_tokenizer_but_its_own(trained: Any) -> None:
    (folder,) = trained.package.glob("code/*/model/text/tokenizers")
    assert sorted(path.name for path in folder.iterdir()) == ["__init__.py", "word.py"]


def test_a_packaged_model_answers_as_the_project_does(trained: Any) -> None:
    serving = open_package(trained.package)
    assert serving.__name__.startswith("textmill_model_")
    packaged, own = serving.TextClassifier(trained.package), TextClassifier(trained.package)
    assert type(packaged) is not type(own)
    np.testing.assert_array_equal(packaged.probabilities(TEXTS), own.probabilities(TEXTS))
    assert packaged.labels == ["negative", "positive"]
    assert [prediction["label"] for prediction in packaged.predict(TEXTS[:2])] == ["positive", "negative"]
    assert packaged.probabilities([]).shape == (0, 2)


def test_equal_inputs_give_equal_packages(trained: Any, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    write_package(trained.model, trained.dataset, tmp_path / "again")
    assert package_digest(tmp_path / "again") == package_digest(trained.package)


def test_the_hashes_are_those_of_the_rows_trained_and_selected_on(trained: Any) -> None:
    model = TextClassifier(trained.package)
    rows = pq.read_table(trained.corpus / "corpus.parquet").to_pylist()
    texts = {split: [row["text"] for row in rows if row["split"] == split] for split in ("train", "test")}
    assert model.trained_on(texts["train"]).all()
    assert not model.trained_on(texts["test"]).any()
    assert model.trained_on([]).shape == (0,)
    stored = np.load(trained.package / "training_hashes.npy")
    assert stored.dtype == np.uint64
    documents = [
        tokens for batch in iter_batches(trained.dataset, ("train", "valid"), ["tokens"]) for tokens in batch[0].to_pylist()
    ]
    np.testing.assert_array_equal(stored, np.unique(training_hashes(documents)))


def test_the_hash_of_a_document_is_the_beginning_of_a_sha256() -> None:
    import hashlib

    (value,) = training_hashes([["good", "film"]])
    assert int(value).to_bytes(8, "big") == hashlib.sha256(b"good\x1ffilm").digest()[:8]


def test_code_that_is_served_names_no_module_of_the_project() -> None:
    sources = served_code(["bag"], "jieba")
    assert "model/serving.py" in sources
    assert {name for name in sources if "/views/" in name} == {"model/views/__init__.py", "model/views/bag.py"}
    cuts = {name.rpartition("/")[2] for name in sources if "/tokenizers/" in name}
    assert cuts == {"__init__.py", "jieba.py", "word.py"}  # which cuts what is not Chinese
    assert all(name.startswith("model/") or name in ("__init__.py", "errors.py") for name in sources)
    for name, content in sources.items():
        if name.endswith(".py"):
            code = [line for line in content.decode().splitlines() if line.lstrip().startswith(("import ", "from "))]
            assert not [line for line in code if " tasks" in line], name


@pytest.mark.parametrize(
    "name", ["model/model.json", "text.json", "training_hashes.npy", "load.py", "labels.json", "code/*/model/serving.py"]
)
def test_a_changed_file_is_found_before_any_code_runs(package: Path, name: str) -> None:
    (path,) = package.glob(name)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedPackage, match="was changed"):
        open_package(package, package_digest(package))


def test_missing_and_additional_files_are_found(package: Path) -> None:
    extra = package / "code" / "extra.py"
    extra.write_text("raise SystemExit('ran')")
    with pytest.raises(DamagedPackage, match=r"extra\.py does not belong"):
        open_package(package)
    extra.unlink()
    (package / "text.json").unlink()
    with pytest.raises(DamagedPackage, match=r"text\.json is missing"):
        open_package(package)


def test_a_package_without_its_list_is_damaged(package: Path) -> None:
    (package / load.MANIFEST).unlink()
    with pytest.raises(DamagedPackage, match="cannot be read"):
        open_package(package)


def test_a_list_of_files_written_anew_is_found_by_its_digest(package: Path) -> None:
    digest = package_digest(package)
    manifest = read_manifest(package)
    (package / "text.json").write_text("{}")
    manifest["files"]["text.json"] = load.hashlib.sha256(b"{}").hexdigest()
    (package / "package.json").write_text(json.dumps(manifest))
    with pytest.raises(DamagedPackage, match="not the list"):
        open_package(package, digest)


def test_two_versions_in_one_process_run_their_own_code(trained: Any, tmp_path: Path) -> None:
    changed = served_code(["bag"], "word")
    changed["model/text/clean.py"] += b"\n\nVERSION_MARK = 2\n"
    (tmp_path / "second").mkdir()
    write_package(trained.model, trained.dataset, tmp_path / "second", code=changed)
    first, second = open_package(trained.package), open_package(tmp_path / "second")
    assert first.__name__ != second.__name__
    modules = [sys.modules[f"{each.__name__.partition('.')[0]}.model.text.clean"] for each in (first, second)]
    assert [hasattr(module, "VERSION_MARK") for module in modules] == [False, True]
    assert open_package(trained.package) is first
