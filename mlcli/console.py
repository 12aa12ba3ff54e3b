"""The only module that prints: the result to stdout, everything else to stderr."""

from __future__ import annotations

import json
import math
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TextIO

from mlcli.result import NOTHING_READ, Reading, in_silence

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from mlcli.result import Display, Progress

# A column of text that is not at least so wide is hard to read.
NARROWEST_TEXT = 16
# Of processes that work together only the first is heard.
_silenced = False
# What is said on stderr is one JSON object a line.
_in_json = False


def silence(silent: bool = True) -> None:
    """From now on print nothing, or print again."""
    global _silenced
    _silenced = silent


def speak_json(in_json: bool = True) -> None:
    """From now on every line on stderr is a JSON object, or text again."""
    global _in_json
    _in_json = in_json


# Names come from anybody's files, and a terminal obeys some of these; halves of surrogate pairs,
# which stand for bytes of a name that is not UTF-8, can't be written at all.
UNSHOWN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def visible(text: str) -> str:
    """Text whose control characters are written out, as JSON writes them."""
    return UNSHOWN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    class Patient(Console):
        """A console whose reader may go away."""

        def on_broken_pipe(self) -> None:
            del self._buffer[:]
            _reader_gone(stream)

    stream = sys.stderr if stderr else sys.stdout
    plain = bool(os.environ.get("NO_COLOR")) or not stream.isatty()
    # Off a terminal a table is as wide as it needs, so that nothing is cut in a pipe or a log.
    width = None if stream.isatty() else columns() or 200
    return Patient(
        file=stream, no_color=plain, force_terminal=stream.isatty(), width=width, highlight=False
    )


def _reader_gone(stream: TextIO) -> None:
    """The reader went away (`| head`): its choice, and the command goes on to its own exit code."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _write(stream: TextIO, text: str) -> None:
    if _silenced:
        return
    try:
        stream.write(visible(text))
        stream.flush()
    except BrokenPipeError:
        _reader_gone(stream)


def columns() -> int | None:
    """The width that the variable COLUMNS names; None if it names none."""
    text = os.environ.get("COLUMNS", "")
    return int(text) if text.isdecimal() and int(text) > 0 else None


def width() -> int:
    """Columns for running text: those of COLUMNS or the terminal up to 100, else 80."""
    import shutil

    if sys.stdout.isatty():
        return min(shutil.get_terminal_size().columns, 100)
    return min(columns() or 80, 100)


def drop_unwritten() -> None:
    """Let go of a result that can't be written, on a full disk say: Python would try again."""
    try:
        sys.stdout.flush()
    except OSError:
        _reader_gone(sys.stdout)


def flush() -> None:
    """Hand on what is still held back."""
    _write(sys.stdout, "")
    _write(sys.stderr, "")


def print_displays(displays: Sequence[Display]) -> None:
    """Result tables, to stdout: what is too wide for a terminal or for COLUMNS is stacked."""
    if _silenced:
        return
    console = _console(stderr=False)
    limited = console.is_terminal or columns() is not None
    # Without a limit a sentence is one line, for programs that search it.
    soft_wrap = not limited
    for display in displays:
        headings = [visible(heading) for heading in display.headings]
        rows = [[visible(cell) for cell in row] for row in display.rows]
        # Not the table's own title, which would be folded to the table's width.
        console.print(visible(display.title), markup=False, soft_wrap=soft_wrap)
        if not limited:
            console.print(_table(headings, rows, None))
        elif (widths := _widths(headings, rows, console.width)) is not None:
            console.print(_table(headings, rows, widths))
        else:
            for part in _stacked(headings, rows, console.width):
                console.print(part)
            console.print()
        if display.remark:
            console.print(visible(display.remark), markup=False, soft_wrap=soft_wrap)
            console.print()


def _is_numeric(rows: Sequence[Sequence[str]], index: int) -> bool:
    """Whether a column holds numbers and intervals, which are shown to the right and whole."""
    return index > 0 and all(row[index][:1] in "-0123456789" for row in rows)


def _table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int] | None
) -> Table:
    """A row a line; a cell folds at its column's width, or where the console ends if None."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, heading in enumerate(headings):
        justify: Any = "right" if _is_numeric(rows, index) else "left"
        width = None if widths is None else widths[index]
        table.add_column(escape(heading), justify=justify, overflow="fold", width=width)
    for row in rows:
        table.add_row(*map(escape, row))
    return table


def _widths(headings: Sequence[str], rows: Sequence[Sequence[str]], room: int) -> list[int] | None:
    """Widths of columns at which no word and no number breaks; None where there is no room.

    Headings give way first, at their spaces, and then cells that are text.
    """
    from rich.cells import cell_len

    def longest(texts: Iterable[str]) -> int:
        return max(map(cell_len, texts), default=0)

    full, whole, least = [], [], []
    for index, heading in enumerate(headings):
        cells = [row[index] for row in rows]
        head, cell = longest(heading.split()), longest(cells)
        word = longest(word for text in cells for word in text.split())
        full.append(max(cell_len(heading), cell))
        whole.append(max(head, cell))
        numeric = _is_numeric(rows, index)
        least.append(whole[-1] if numeric else max(head, word, min(cell, NARROWEST_TEXT)))
    # Two edges, and between columns two paddings and a divider.
    room -= 2 + 3 * (len(headings) - 1)
    widths = next((one for one in (whole, least) if sum(one) <= room), None)
    if widths is None:
        return None
    left = room - sum(widths)
    for index in sorted(range(len(widths)), key=lambda i: full[i] - widths[i]):
        more = min(left, full[index] - widths[index])
        widths[index] += more
        left -= more
    return widths


def _stacked(
    headings: Sequence[str], rows: Sequence[Sequence[str]], room: int
) -> Iterator[Text | Table]:
    """Each row under its first cell: a line a column."""
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    for row in rows:
        yield Text("")
        yield Text(f"{headings[0]} {row[0]}".strip(), style="bold")
        lines = Table.grid(padding=(0, 2, 0, 0))
        # The name of a column gives way at its spaces, so that a number has half a line at least.
        lines.add_column(max_width=room // 2 - 4, overflow="fold")
        lines.add_column(overflow="fold")
        for heading, cell in zip(headings[1:], row[1:], strict=True):
            if cell:
                lines.add_row(f"  {escape(heading)}", escape(cell))
        yield lines


def print_text(text: str) -> None:
    """Text that is the result of a command, to stdout."""
    _write(sys.stdout, text if text.endswith("\n") else text + "\n")


def print_json(value: Any) -> None:
    """A value as JSON, to stdout."""
    print_text(json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False))


def message(text: str, key: str = "message") -> None:
    """A message to the person at the terminal, to stderr; its key where that is in JSON."""
    _say(_json_line({key: text}) if _in_json else text)


def _json_line(value: Mapping[str, Any]) -> str:
    """An object on one line, in ASCII, so that any reader of bytes can split it."""
    return json.dumps(value, allow_nan=False)


def _say(text: str) -> None:
    """Write a line to stderr, at once and in one piece."""
    try:
        _write(sys.stderr, f"{text}\n")
    except OSError:
        # A log on a full disk: the result counts more than what is said of it.
        _reader_gone(sys.stderr)


def left_out(sentences: Iterable[str]) -> None:
    """Name what was left out, and why."""
    for sentence in sentences:
        message(f"left out: {sentence}")


def error(text: str) -> None:
    """A failure, to stderr; each line is one sentence."""
    for line in text.rstrip("\n").split("\n") if text else ["unknown failure"]:
        message(line if _in_json else f"mlcli: {line}", key="error")


@contextmanager
def progress(label: str, *, quiet: bool) -> Iterator[Progress]:
    """A progress bar on stderr; silent when asked, and off a terminal."""
    if quiet or _silenced or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield in_silence
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    note = TextColumn("{task.fields[note]}", markup=False)
    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), note)
    with Bar(*columns, console=_console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None, note="")

        def show(
            done: float, total: float, note: str = "", reading: Reading = NOTHING_READ
        ) -> None:
            remark = ", ".join(filter(None, (note, reading.text)))
            bar.update(task, completed=done, total=total, note=visible(remark))

        yield show


class JsonProgress:
    """A `Progress` that writes one JSON object a line to stderr, for programs."""

    def __init__(self, stage: str, run: str) -> None:
        """Start the clock.

        Args:
            stage: what runs, as `train_mlp`.
            run: the name of its run folder by hash, which tells points of a sweep apart.
        """
        self._named = {"stage": stage, "run": run}
        self._started = time.monotonic()
        # Where the present pass began: an interrupted training goes on in its middle, and a file
        # can be read more than once.
        self._first: tuple[float, float] | None = None
        self._last = 0.0

    def __call__(
        self, done: float, total: float, note: str = "", reading: Reading = NOTHING_READ
    ) -> None:
        """Write a line; what is not known is null."""
        now = time.monotonic()
        if self._first is None or done < self._last:
            self._first = done, now
        self._last = done
        said = {**self._named, "done": done, "total": total, "note": note or None}
        said |= asdict(reading)
        said |= {"seconds": now - self._started, "seconds_left": self._left(done, total, now)}
        _say(_json_line({key: _finite(value) for key, value in said.items()}))

    def _left(self, done: float, total: float, now: float) -> float | None:
        assert self._first is not None
        first, t_first = self._first
        if done >= total:
            return 0.0
        return (total - done) * (now - t_first) / (done - first) if done > first else None


def _finite(value: Any) -> Any:
    """A number as JSON has it: rounded to six digits, or null where it is not finite."""
    if not isinstance(value, float):
        return value
    return float(f"{value:.6g}") if math.isfinite(value) else None


def pairs(values: Mapping[str, Any]) -> str:
    """Aligned ``key  value`` lines."""
    width = max((len(key) for key in values), default=0)
    return "\n".join(f"{key:<{width}}  {value}" for key, value in values.items())
