"""`mlcli compare --markdown`: what a Markdown parser reads is what the comparison says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from markdown_it import MarkdownIt

from mlcli.report.markdown import comparison
from mlcli.result import Display

Run = Callable[..., Any]
Tables = list[list[list[str]]]
FIT = ("fit-poly", "--n-seeds", "3", "--path-penalty", "none", "--no-plots", "--quiet")


def parsed(text: str) -> tuple[list[str], Tables]:
    """The text of headings and paragraphs, and the cells of each table."""
    said: list[str] = []
    tables: Tables = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "table_open":
            tables.append([])
        elif token.type == "tr_open":
            tables[-1].append([])
        elif token.type == "inline":
            # A cell is one level deeper than its row; a paragraph has level 1.
            (said if token.level == 1 else tables[-1][-1]).append(
                "".join(one.content for one in token.children or ())
            )
    return said, tables


def test_any_text_stays_in_its_cell() -> None:
    rows = [["a|b", "`c`"], ["<img src=x>", "**d** [e](f)"], ["g\\|h", "two\nlines"], ["", "$i$"]]
    display = Display("5 | 6", ["name", "it's *so*"], rows, "a # b")
    said, tables = parsed(comparison("*x*|z", [display], ["B - c | d"]))
    rows[2][1] = "two lines"
    assert tables == [[["name", "it's *so*"], *rows]]
    assert said == ["*x*|z", "5 | 6", "a # b", "B - c | d"]


def test_a_comparison_has_the_cells_of_the_plain_one(mlcli: Run) -> None:
    mlcli(*FIT, "--degrees", "1,3", "--out", "a|b")
    mlcli(*FIT, "--degrees", "2,3", "--out", "c_d_")
    done = mlcli("compare", "a|b", "c_d_", "--markdown")
    assert done.code == 0, done.err
    said, (settings, metrics) = parsed(done.out)
    assert said[:2] == ["fit-poly: A = a|b, B = c_d_", "settings that differ"]
    assert settings == [["setting", "A", "B"], ["degrees", "1,3", "2,3"]]
    assert metrics[0][:4] == ["metric", "A", "B", "B - A"]
    plain = mlcli("compare", "a|b", "c_d_").out
    lines = [" ".join(line.split()) for line in plain.splitlines()]
    assert len(metrics) > 4
    for row in metrics[1:]:
        assert " ".join(" ".join(row).split()) in lines
    assert [one for one in said if one.startswith("B - A: ")]


def test_equal_runs_say_so_without_a_table(mlcli: Run) -> None:
    mlcli(*FIT, "--degrees", "1", "--out", "a")
    done = mlcli("compare", "a", "a", "--markdown")
    said, tables = parsed(done.out)
    assert tables == []
    assert any(one.startswith("B - A: No metric differs, of ") for one in said)
    both = mlcli("compare", "a", "a", "--markdown", "--json")
    assert (both.code, both.out) == (2, "")
    assert both.err == "mlcli: --json and --markdown can't both be given; try one of them\n"
