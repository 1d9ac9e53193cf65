"""A part of IMDB with few labels: which reviews keep theirs, which lose it, which are left out."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

from benchmarks import subset

if TYPE_CHECKING:
    from pathlib import Path


def test_the_other_train_reviews_lose_their_label_and_the_test_reviews_are_the_same_for_every_seed(tmp_path: Path) -> None:
    folders = ("train/pos", "train/neg", "train/unsup", "test/pos", "test/neg")
    with tarfile.open(tmp_path / "all.tar.gz", "w:gz") as archive:
        for folder in folders:
            (tmp_path / "aclImdb" / folder).mkdir(parents=True)
            for number in range(10):
                path = tmp_path / "aclImdb" / folder / f"{number}_7.txt"
                path.write_text(f"{folder} {number}")
                archive.add(path, path.relative_to(tmp_path).as_posix())
    found: dict[int, dict[str, str]] = {}
    for seed in (1, 2):
        subset.write_few(tmp_path / "all.tar.gz", made := tmp_path / f"{seed}.tar.gz", 3, seed, test_each=4)
        with tarfile.open(made) as archive:
            read = {member.name.removeprefix("aclImdb/"): archive.extractfile(member) for member in archive}
            found[seed] = {name: file.read().decode() for name, file in read.items() if file is not None}
        counts = [sum(name.startswith(f"{folder}/") for name in found[seed]) for folder in folders]
        assert counts == [3, 3, 10 + 14, 4, 4]
        assert all(name.startswith(f"{text.rpartition(' ')[0]}/") or "unsup" in name for name, text in found[seed].items())
        assert len(set(found[seed].values())) == len(found[seed])
    tested = [{name for name in found[seed] if name.startswith("test/")} for seed in (1, 2)]
    assert tested[0] == tested[1]
    assert found[1].keys() != found[2].keys()
