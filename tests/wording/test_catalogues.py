"""No sentence that people read is left without Chinese, and none of the catalogues has a sentence that nobody says."""

import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.dashboard.page import NAMES, SCRIPT, TEMPLATE
from tasks.evaluate.report import CATALOGUE as REPORT
from tasks.evaluate.report import TEMPLATE as TEMPLATE_OF_REPORT
from tasks.wording.found import in_python, in_script, in_template, placeholders
from tasks.wording.wording import CATALOGUE as REFRESH
from tasks.wording.wording import read_catalogue

ROOT = Path(__file__).parents[2]


# The rooms whose sentences `refresh` says; all others speak in the HTML report of a run.
OF_REFRESH = (
    *("flows/refresh.py", "flows/retrain.py", "flows/watch.py", "flows/commands/refresh.py", "flows/commands/try_channel.py"),
    *(
        f"tasks/{room}/"
        for room in ("collect", "dashboard", "detect", "monitor", "notify", "score", "today", "week", "wording")
    ),
)
OF_BOTH = "tasks/wording/"


def in_modules(*, of_report: bool) -> Iterator[str]:
    for file in sorted([*(ROOT / "tasks").rglob("*.py"), *(ROOT / "flows").rglob("*.py")]):
        path = file.relative_to(ROOT).as_posix()
        makes = "tasks.wording.sentence import" in file.read_text(encoding="utf-8")
        if makes and (path.startswith(OF_BOTH) or path.startswith(OF_REFRESH) != of_report):
            yield from in_python(file)


def sentences(catalogue: Path) -> list[str]:
    """Everything that is said where a catalogue is read: by `refresh`, or in the HTML report."""
    if catalogue == REFRESH:
        found = [*in_modules(of_report=False), *in_template(TEMPLATE), *in_template(NAMES), *in_script(SCRIPT)]
    else:
        templates = sorted(TEMPLATE_OF_REPORT.parent.rglob("*.j2"))
        found = [*in_modules(of_report=True), *(text for each in templates for text in in_template(each))]
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("catalogue", [REFRESH, REPORT])
def test_each_sentence_has_chinese_and_each_translation_a_sentence(catalogue: Path) -> None:
    said, chinese = sentences(catalogue), read_catalogue(catalogue)
    assert [sentence for sentence in said if sentence not in chinese] == []
    assert [english for english in chinese if english not in said] == []


@pytest.mark.parametrize("catalogue", [REFRESH, REPORT])
def test_a_sentence_and_its_translation_have_the_same_placeholders_and_tags(catalogue: Path) -> None:
    for english, chinese in read_catalogue(catalogue).items():
        assert placeholders(chinese) == placeholders(english), english
        assert chinese.count("%%") == english.count("%%"), english
        assert sorted(re.findall("<[^>]*>", chinese)) == sorted(re.findall("<[^>]*>", english)), english


@pytest.mark.parametrize("catalogue", [REFRESH, REPORT])
def test_templates_say_nothing_outside_of_their_sentences(catalogue: Path) -> None:
    """What is left of a template without its blocks, expressions, tags and styles is marks and blanks."""
    templates = [TEMPLATE, NAMES] if catalogue == REFRESH else sorted(TEMPLATE_OF_REPORT.parent.rglob("*.j2"))
    for template in templates:
        text = template.read_text(encoding="utf-8")
        text = re.sub(r"{% *trans.*?{% *endtrans *%}", "", text, flags=re.DOTALL)
        text = re.sub(r"<(style|script)\b.*?</\1>", "", text, flags=re.DOTALL)
        text = re.sub(r"{%.*?%}|{{.*?}}|<!DOCTYPE[^>]*>|<code>[^<]*</code>", "", text, flags=re.DOTALL)
        assert set(re.findall("[A-Za-z]{3,}", re.sub("<[^>]*>", "", text))) <= {"Wilson"}, template


@pytest.mark.parametrize("catalogue", [REFRESH, REPORT])
def test_chinese_sentences_have_chinese_punctuation(catalogue: Path) -> None:
    """Between Chinese characters there is no mark of English; what stands in placeholders, options and HTML is left out."""
    for english, chinese in read_catalogue(catalogue).items():
        for place, sign in enumerate(chinese):
            if sign in ',;:!?()"' and 0 < place < len(chinese) - 1:
                before, after = chinese[place - 1], chinese[place + 1]
                assert not ("\u4e00" <= before <= "\u9fff" or "\u4e00" <= after <= "\u9fff") or sign == '"', (english, chinese)


@pytest.mark.parametrize("catalogue", [REFRESH, REPORT])
def test_a_catalogue_has_no_sentence_twice(catalogue: Path) -> None:
    tables = [line.partition(" = ")[0] for line in catalogue.read_text(encoding="utf-8").splitlines() if line.startswith('"')]
    assert sorted({line for line in tables if tables.count(line) > 1}) == []


def test_a_pattern_that_is_not_written_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "made.py").write_text('said(f"found {count}")\n')
    with pytest.raises(ValueError, match=r"made.py, line 1: write the pattern out"):
        list(in_python(tmp_path / "made.py"))


def test_the_kinds_of_placeholders_are_told_apart() -> None:
    assert placeholders("%(number)s of %(of)s, 95%% of them") == {"number", "of"}
    assert placeholders("%{y:,} of {count:,} on {day:day}, %-d %B") == {"count", "day"}
    assert all(name in string.printable for name in "".join(placeholders("{a}{b}")))
