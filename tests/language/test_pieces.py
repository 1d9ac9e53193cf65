"""Pieces spell the text, whatever cuts it; what a vocabulary lacks is handed on by its spelling."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tasks.errors import RequestError
from tasks.language.vocabulary import write_tokenizer
from tasks.model.language.pieces import Pieces, checked_prompt, normal, num_words
from tests.language.conftest import made_tokenizer, sentences, write_texts

if TYPE_CHECKING:
    from pathlib import Path


TEXT = "The company raised  its outlook\nby 3.5% <eos> (all prices). <unk>"
CHINESE = ["公司上调全年业绩预期", "公司 下调股息", "银行利润翻倍，成本下降"] * 4


def spelled(pieces: Pieces, text: str) -> str:
    """The text that its pieces give back, with what is unknown filled in."""
    encoded = pieces.encode([text])
    unknown = iter(encoded.unknown)
    parts = [
        next(unknown).decode() if number == pieces.unknown else pieces.tokenizer.id_to_token(number)
        for number in encoded.ids.tolist()
    ]
    return "".join(parts).removeprefix(" ")


def test_words_and_their_spellings_are_the_text_again(words: Path) -> None:
    pieces = Pieces(words)
    encoded = pieces.encode([TEXT])
    assert spelled(pieces, TEXT) == normal(TEXT)
    assert b" <" in encoded.unknown
    assert pieces.end not in encoded.ids  # so many letters are no end of a text
    assert (encoded.ids == pieces.unknown).sum() == len(encoded.unknown)


@pytest.mark.parametrize("kind", ["char", "jieba"])
def test_chinese_characters_and_words_are_the_text_again(tmp_path: Path, kind: str) -> None:
    texts = write_texts(tmp_path / "texts", train=CHINESE, valid=CHINESE[:2])
    pieces = Pieces(made_tokenizer(tmp_path / "made", texts, kind=kind))
    for text in ("公司 利润翻倍，新增<eos>", "预期"):
        assert spelled(pieces, text) == normal(text)
    ids = pieces.encode(["公司上调"]).ids.tolist()
    assert len(ids) == (4 if kind == "char" else 2)
    assert pieces.text(ids) == "公司上调"


def test_parts_of_words_spell_any_text_without_unk(tmp_path: Path, texts: Path) -> None:
    pieces = Pieces(made_tokenizer(tmp_path / "made", texts, kind="bpe", size=400))
    assert pieces.unknown is None
    for text in (TEXT, "Ωmega 利润 🙂"):
        encoded = pieces.encode([text])
        assert pieces.text(encoded.ids.tolist()) == normal(text)
        assert pieces.end not in encoded.ids


def test_each_text_has_its_own_pieces(words: Path) -> None:
    pieces, several = Pieces(words), sentences(300, 5)
    several[7] = ""
    encoded = pieces.encode(several)
    for at in (0, 7, 299):
        alone = pieces.encode([several[at]]).ids
        assert np.array_equal(encoded.ids[slice(*encoded.offsets[at : at + 2])], alone)


def test_auto_follows_the_script(tmp_path: Path, texts: Path) -> None:
    chinese = write_texts(tmp_path / "texts", train=CHINESE, valid=CHINESE[:2])
    assert Pieces(made_tokenizer(tmp_path / "chinese", chinese, kind="auto")).kind == "char"
    assert Pieces(made_tokenizer(tmp_path / "english", texts, kind="auto")).kind == "word"


def test_the_most_frequent_pieces_are_kept_and_the_same_texts_give_the_same_bytes(tmp_path: Path, texts: Path) -> None:
    one, other = (made_tokenizer(tmp_path / name, texts, min_count=30) for name in ("one", "other"))
    assert [path.read_bytes() for path in sorted(one.iterdir())] == [path.read_bytes() for path in sorted(other.iterdir())]
    assert Pieces(one).num < Pieces(made_tokenizer(tmp_path / "all", texts, min_count=1)).num


def test_a_tokenizer_of_others_is_taken_over_and_gets_an_end(tmp_path: Path, texts: Path, words: Path) -> None:
    from tokenizers import Tokenizer, decoders
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel
    from tokenizers.trainers import BpeTrainer

    made = Tokenizer(BPE())
    made.pre_tokenizer, made.decoder = ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    made.train_from_iterator(sentences(50, 1), BpeTrainer(vocab_size=300, initial_alphabet=ByteLevel.alphabet()))
    made.save(str(tmp_path / "theirs.json"))
    pieces = Pieces(made_tokenizer(tmp_path / "made", texts, kind="file", file=tmp_path / "theirs.json"))
    assert (pieces.kind, pieces.end, pieces.num) == ("file", 300, 301)
    assert pieces.text(pieces.encode([TEXT]).ids.tolist()) == normal(TEXT)


def test_a_tokenizer_that_loses_the_text_is_refused(tmp_path: Path, texts: Path, words: Path) -> None:
    from tests.encoders import write_encoder

    theirs = write_encoder(tmp_path / "bert") / "tokenizer.json"
    with pytest.raises(RequestError, match=r"do not spell the text .*give one that keeps case and blanks"):
        made_tokenizer(tmp_path / "made", texts, kind="file", file=theirs)
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(RequestError, match=r"broken\.json: it cannot be read as a tokenizer"):
        made_tokenizer(tmp_path / "again", texts, kind="file", file=tmp_path / "broken.json")


def test_words_are_counted_and_a_prompt_is_checked() -> None:
    assert num_words("Sales rose 3.5%, 利润翻倍") == 4 + 4
    assert checked_prompt("a", "here") == "a"
    for value, told in ((1, "expected a text, got int"), ("a" * 100_001, "too long"), ("\ud800", "half of a character")):
        with pytest.raises(RequestError, match=told):
            checked_prompt(value, "here")


def test_the_report_says_how_much_is_unknown(tmp_path: Path, texts: Path) -> None:
    from tasks.language.settings import TokenizerConfig
    from tasks.progress import SILENT

    shares = []
    for at, least in enumerate((1, 30)):
        (tmp_path / str(at)).mkdir()
        config = TokenizerConfig(kind="word", min_count=least)
        shares.append(write_tokenizer(config, texts, tmp_path / str(at), progress=SILENT))
    assert shares[0]["unknown"] == 0 < shares[0]["valid_unknown"] < shares[1]["valid_unknown"]
    shutil.rmtree(tmp_path / "0")
