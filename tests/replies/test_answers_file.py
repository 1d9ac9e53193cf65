"""The file of answers is read whole, or one line says which of its lines cannot be used."""

from pathlib import Path

import pytest

from tasks.errors import RequestError
from tasks.replies.answers_file import read_answers

LABELS = ["invoice", "refund"]


def test_columns_may_come_in_either_order_and_answers_may_have_lines_and_commas(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_text('\ufeffanswer,label\n"Yes, we do.\nAsk us.",refund\n\n在这里,invoice\n', encoding="utf-8")
    assert read_answers(path, LABELS) == {"refund": "Yes, we do.\nAsk us.", "invoice": "在这里"}


@pytest.mark.parametrize("sign", ["\u2028", "\x85", "\x0c"])
def test_only_line_ends_end_a_line(tmp_path: Path, sign: str) -> None:
    path = tmp_path / "answers.csv"
    path.write_text(f"label,answer\r\nrefund,Yes.{sign}Ask us.\r\ninvoice,No.\r\n", encoding="utf-8", newline="")
    assert read_answers(path, LABELS) == {"refund": f"Yes.{sign}Ask us.", "invoice": "No."}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("refund,Yes\n", r"the first line must name the columns label,answer; it reads refund,Yes"),
        ("label,answer\nrefund,Yes, we do\n", r"line 2: 3 cells in place of 2; put quotes around"),
        ("label,answer\nretour,Yes\n", r"line 2: retour is not a label of the corpus; its labels are invoice, refund"),
        ("label,answer\nrefund,Yes\nrefund,No\n", r"line 3: refund has an answer already"),
        ("label,answer\nrefund,\n", r"line 2: the answer has 0 characters"),
        ('label,answer\nrefund,"Yes\n', r"put quotes around"),
        ("label,answer\n", r"there is no answer in it"),
        ("", r"the first line must name the columns"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "answers.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(RequestError, match=message):
        read_answers(path, LABELS)


def test_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_bytes("label,answer\nrefund,是的\n".encode("gb18030"))
    with pytest.raises(RequestError, match=r"cannot be read as UTF-8"):
        read_answers(path, LABELS)
