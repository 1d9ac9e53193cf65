"""A sentence is its English text to whoever does not ask, and another language's to whoever does, also after it was stored."""

import json

import pytest

from tasks.wording.clauses import clauses
from tasks.wording.sentence import Sentence, as_evidence, as_known, joined, message_of, packed, said, unpacked
from tasks.wording.wording import Wording, wording_in

CHINESE = Wording(
    "zh",
    {
        "{count:,} of {of:,} since {since:day}: {names}": "{since:day}以来 {of:,} 之 {count:,}：{names}",
        ", ": "、",
        "first seen {seen:minute}": "最早见于{seen:minute}",
        "nothing": "无",
    },
)


def found(names: list[str]) -> Sentence:
    return said(
        "{count:,} of {of:,} since {since:day}: {names}", count=1200, of=9000, since="2018-05-01", names=joined(", ", names)
    )


def test_a_sentence_is_english_and_can_be_read_in_chinese() -> None:
    sentence = found(["茅台", "{of}"])
    assert sentence == "1,200 of 9,000 since 2018-05-01: 茅台, {of}"
    assert CHINESE(sentence) == "2018年5月1日以来 9,000 之 1,200：茅台、{of}"
    assert wording_in("en")(sentence) == str(sentence)


def test_a_time_is_told_to_the_minute() -> None:
    sentence = said("first seen {seen:minute}", seen="2020-03-04T09:12:33+00:00")
    assert sentence == "first seen 2020-03-04 09:12"
    assert CHINESE(sentence) == "最早见于2020年3月4日 09:12"


@pytest.mark.parametrize(
    "sentence", [found([]), found(["a", said("nothing")]), said("nothing"), joined(", ", ["x", said("nothing")])]
)
def test_a_sentence_that_was_stored_is_the_same_sentence(sentence: Sentence) -> None:
    read = unpacked(json.loads(json.dumps(packed(sentence))))
    assert (read, CHINESE(read)) == (sentence, CHINESE(sentence))


def test_evidence_holds_english_for_programs_and_the_sentence_for_people() -> None:
    evidence = json.loads(json.dumps(as_evidence(said("nothing"))))
    assert evidence["message"] == "nothing"
    assert CHINESE(message_of(evidence)) == "无"
    assert message_of({"message": "of an earlier version"}) == "of an earlier version"
    assert as_evidence("plain") == {"message": "plain"}
    assert message_of({}) == ""


def test_a_known_text_is_read_in_chinese_if_a_catalogue_has_it_and_any_other_is_left() -> None:
    chinese = Wording("zh", {"best": "最好"})
    assert chinese(as_known("best")) == "最好"
    for text in ("", "{0} of %d", "none of ours"):
        assert (as_known(text), chinese(as_known(text)), unpacked(packed(as_known(text)))) == (text, text, text)


def test_clauses_are_parted_by_the_comma_of_the_language() -> None:
    chinese = Wording("zh", {"{told}, {more}": "{told}，{more}", "{number} rows": "{number} 行"})
    told = clauses([said("{number} rows", number=3), "salt 5", "more"])
    assert (told, chinese(told)) == ("3 rows, salt 5, more", "3 行，salt 5，more")
    assert clauses(["alone"]) == "alone"


def test_what_comes_from_outside_is_never_translated() -> None:
    assert CHINESE("nothing") == "nothing"
    assert CHINESE(found(["nothing"])).endswith("：nothing")


def test_a_pattern_that_a_catalogue_lacks_is_read_in_english() -> None:
    assert CHINESE(said("{name} is gone on {day:day}", name=said("nothing"), day="2020-01-02")) == "无 is gone on 2020年1月2日"
