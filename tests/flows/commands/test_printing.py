"""Tables show what tells their rows apart, on any terminal and in a pipe."""

from __future__ import annotations

import pytest

from flows.commands.printing import cells, result_table, results

SERIES = ["topic:zhmedia/股票市场与债券市场的新闻", "topic:zhmedia/股票市场与外汇市场的新闻", "name:[bold]x[/]\x1b[31m"]


def shown(series: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int | None) -> str:
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns:
        monkeypatch.setenv("COLUMNS", str(columns))
    table = result_table("severity", "series", "days", title="new [alerts]", boxed=True)
    for name in series:
        table.add_row(*cells("high", name, "2020-03-01 to 2020-03-07"))
    results().print(table)
    return capsys.readouterr().out


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_nothing_is_cut_on_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int
) -> None:
    out = shown(SERIES, monkeypatch, capsys, columns)
    assert "…" not in out
    assert "\x1b" not in out
    column = "".join(line.split("│")[2].strip() for line in out.splitlines() if line.startswith("│"))
    assert column == "".join(SERIES).replace("\x1b", "\\x1b")


def test_a_row_is_one_line_in_a_pipe(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    long = [f"topic:model/{'词' * 150}{number}" for number in range(3)]
    rows = [line for line in shown(long, monkeypatch, capsys, None).splitlines() if line.startswith("│")]
    assert len(rows) == 3
    assert all(name in row for name, row in zip(long, rows, strict=True))
