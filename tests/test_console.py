"""Tables on terminals of every width, and off a terminal."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlcli.console import print_displays
from mlcli.result import Display

HEADINGS = ("variant", "test accuracy", "95 % interval", "parameters", "remark")
ROWS = (
    ("init_he", "0.8012345", "0.03257 to 0.7715", "2499", "the loss rose in the last epoch"),
    ("init_xavier", "0.7667", "-0.504 to 2.037", "2499", ""),
)
REMARK = "Better than the constant on these rows: init_he; the other can't be told from it by them."
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def shown(
    monkeypatch: pytest.MonkeyPatch, width: int | None, display: Display, *, tty: bool
) -> list[str]:
    out = Terminal() if tty else StringIO()
    with monkeypatch.context() as patch:
        patch.setenv("COLUMNS", "" if width is None else str(width))
        patch.setenv("TERM", "xterm")
        patch.setattr(sys, "stdout", out)
        print_displays([display])
    return ESCAPES.sub("", out.getvalue()).splitlines()


def test_a_pipe_is_as_wide_as_columns_says(monkeypatch: pytest.MonkeyPatch) -> None:
    display = Display("a title", HEADINGS, ROWS, REMARK)
    for width in (60, 160):
        piped, terminal = (shown(monkeypatch, width, display, tty=tty) for tty in (False, True))
        assert max(map(len, piped)) <= width
        assert [line.rstrip() for line in piped] == [line.rstrip() for line in terminal]


@pytest.mark.parametrize("width", range(44, 121))
def test_no_number_and_no_word_breaks(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    lines = shown(monkeypatch, width, Display("a title", HEADINGS, ROWS, REMARK), tty=True)
    assert max(map(len, lines)) <= width
    for row in ROWS:
        for cell in row[:4]:
            assert any(cell in line for line in lines), cell
    words = " ".join(lines).split()
    for text in (*HEADINGS, *(cell for row in ROWS for cell in row), REMARK):
        assert set(text.split()) <= set(words)


def test_what_fits_is_a_table_and_what_does_not_is_stacked(monkeypatch: pytest.MonkeyPatch) -> None:
    display = Display("a title", HEADINGS, ROWS)
    wide = shown(monkeypatch, 120, display, tty=True)
    row = next(line for line in wide if "init_he" in line)
    assert "0.8012345" in row
    assert "the loss rose in the last epoch" in row
    # Headings fold at their spaces before a row is taken apart.
    folded = shown(monkeypatch, 80, display, tty=True)
    assert not any("test accuracy" in line for line in folded)
    assert "0.03257 to 0.7715" in next(line for line in folded if "init_he" in line)
    assert [line.rstrip() for line in shown(monkeypatch, 50, display, tty=True)] == [
        "a title",
        "",
        "variant init_he",
        "  test accuracy  0.8012345",
        "  95 % interval  0.03257 to 0.7715",
        "  parameters     2499",
        "  remark         the loss rose in the last epoch",
        "",
        "variant init_xavier",
        "  test accuracy  0.7667",
        "  95 % interval  -0.504 to 2.037",
        "  parameters     2499",
        "",
    ]


def test_a_row_in_a_pipe_without_columns_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, None, Display("a title", HEADINGS, ROWS, REMARK), tty=False)
    assert REMARK in lines
    assert lines[2].split("   ")[0].strip() == "variant"
    for row in ROWS:
        line = next(line for line in lines if row[0] in line)
        assert all(cell in line for cell in row)


texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=30)
numerals = st.floats(allow_nan=False, allow_infinity=False).map(lambda value: f"{value:.4g}")


@given(st.data(), st.integers(1, 6), st.integers(0, 4), st.integers(50, 130))
def test_any_table_keeps_its_numbers_whole(
    data: st.DataObject, n_columns: int, n_rows: int, width: int
) -> None:
    headings = data.draw(st.lists(texts, min_size=n_columns + 1, max_size=n_columns + 1))
    rows = [
        [data.draw(texts), *(data.draw(numerals) for _ in range(n_columns))] for _ in range(n_rows)
    ]
    with pytest.MonkeyPatch.context() as patch:
        lines = shown(patch, width, Display("t", headings, rows), tty=True)
    for row in rows:
        for cell in row[1:]:
            assert any(cell in line for line in lines)


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_a_command_on_a_real_terminal_of_80_columns(empty_folder: object) -> None:
    import pty

    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "mlcli", "data", "list"]
    environment = os.environ | {"COLUMNS": "80", "TERM": "xterm"}
    with subprocess.Popen(command, stdout=follower, env=environment) as process:
        os.close(follower)
        found = b""
        # Linux answers with an error, not an end, once the command has closed its side.
        try:
            while part := os.read(leader, 65536):
                found += part
        except OSError:
            pass
    os.close(leader)
    assert process.returncode == 0
    lines = ESCAPES.sub("", found.decode()).splitlines()
    assert max(map(len, lines)) <= 80
    assert any("fashion-mini " in line and "3000 x 784" in line for line in lines)


@pytest.mark.parametrize(("options", "said"), [([], False), (["-W", "default"], True)])
def test_warnings_of_python_are_for_those_who_ask(options: list[str], said: bool) -> None:
    code = (
        "import warnings, mlcli.__main__ as edge\n"
        "def call(arguments):\n    warnings.warn('a peculiar thing')\n    return 0\n"
        "edge.call = call\nedge.main([])\n"
    )
    done = subprocess.run(
        [sys.executable, *options, "-c", code], capture_output=True, text=True, check=True
    )
    assert ("a peculiar thing" in done.stderr) == said
