"""The documents of the project: their code blocks, and the parts of them that are generated.

``python -m tests.project.documents`` writes the generated parts anew: the table of commands, the
table of data sets, and the printed runs.
"""

from __future__ import annotations

import io
import json
import os
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

PROJECT = Path(__file__).parents[2]
GUIDE = PROJECT / "mlcli" / "guide"
OTHERS = ("README.md", "mlcli/README.md", "tests/README.md", ".github/CONTRIBUTING.md")


def documents() -> list[Path]:
    """Every document that people write, the README first."""
    return [PROJECT / name for name in OTHERS] + sorted(GUIDE.glob("*.md"))


@dataclass(frozen=True)
class CodeBlock:
    """A fenced block of a document.

    Attributes:
        path: of the document.
        line: of the opening fence, from 1.
        language: what follows the opening fence; "" if nothing does.
        text: the lines between the fences.
        run: the command whose committed run it shows; "" if it shows none.
    """

    path: Path
    line: int
    language: str
    text: str
    run: str

    @property
    def place(self) -> str:
        """The document and the line, for messages."""
        return f"{self.path.relative_to(PROJECT)}:{self.line}"


BLOCK = re.compile(r"(?:^<!-- run ([\w-]+) -->\n)?^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def code_blocks(path: Path) -> Iterator[CodeBlock]:
    """The fenced blocks of a document, in order."""
    text = path.read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield CodeBlock(path, line, found[2], found[3], found[1] or "")


def prose(path: Path) -> str:
    """A document without its fenced blocks."""
    return BLOCK.sub("", path.read_text(encoding="utf-8"))


def details_of(folder: Path) -> dict[str, object]:
    """All numbers of a run folder."""
    details = folder / "details.json"
    path = details if details.is_file() else folder / "metrics.json"
    found: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    return found


def printed_run(command: str) -> str:
    """What the command prints to stdout for its committed run, without its timings."""
    from mlcli.commands.experiment import certificate_table
    from mlcli.console import print_displays
    from mlcli.experiments import load

    section = command.replace("-", "_")
    details = details_of(PROJECT / "reports" / section)
    text = io.StringIO()
    # As in a pipe: as wide as the tables are, whatever the terminal of the tests.
    with redirect_stdout(text), patch.dict(os.environ):
        for name in ("COLUMNS", "TERMINAL_WIDTH"):
            os.environ.pop(name, None)
        print_displays(load(section).display(details))
        print_displays(certificate_table(details.get("certificates", {})))  # type: ignore[arg-type]
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()).strip("\n") + "\n"


FILE = re.compile(r"^<!-- file ([\w.-]+) -->\n```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PRINTS = re.compile(
    r"(^<!-- prints (mlcli [^\n]*) -->\n```\n)(.*?)(^```$)", re.MULTILINE | re.DOTALL
)


def printed_commands(text: str) -> dict[str, str]:
    """What each command in a comment ``<!-- prints mlcli ... -->`` of a document prints to stdout.

    It runs in a folder with the committed reports, params.yaml, and the files that the document
    shows below comments ``<!-- file NAME -->``.
    """
    from mlcli.__main__ import call

    found = {}
    with TemporaryDirectory() as folder, chdir(folder), patch.dict(os.environ):
        for name in ("COLUMNS", "TERMINAL_WIDTH"):
            os.environ.pop(name, None)
        for name in ("reports", "params.yaml"):
            Path(name).symlink_to(PROJECT / name)
        for name, content in FILE.findall(text):
            Path(name).write_text(content, encoding="utf-8")
        for _, command, _, _ in PRINTS.findall(text):
            out = io.StringIO()
            with redirect_stdout(out), redirect_stderr(io.StringIO()):
                call(shlex.split(command)[1:])
            lines = [line.rstrip() for line in out.getvalue().splitlines()]
            found[command] = "\n".join(lines).strip("\n") + "\n"
    return found


def commands_table() -> str:
    """The commands of the program with a line each, in Markdown."""
    from mlcli.cli import COMMANDS

    lines = ["| command | what it does |", "|---|---|"]
    heading = ""
    for name, (panel, summary) in COMMANDS.items():
        if panel != heading:
            lines.append(f"| **{panel}** | |")
            heading = panel
        lines.append(f"| `{name}` | {summary} |")
    return "\n".join(lines) + "\n"


def datasets_table() -> str:
    """The named data sets with a line each, in Markdown."""
    from mlcli.datasets.registry import DATASETS

    lines = ["| name | kind | task | shape | what it is |", "|---|---|---|---|---|"]
    for name, one in DATASETS.items():
        shape = " x ".join(map(str, one.shape))
        summary = one.summary.replace("|", r"\|")
        lines.append(f"| `{name}` | {one.kind} | {one.task} | {shape} | {summary} |")
    return "\n".join(lines) + "\n"


# Between ``<!-- NAME -->`` and ``<!-- end of NAME -->`` of these documents stands the text.
TABLES: dict[str, tuple[Path, Callable[[], str]]] = {
    "commands": (PROJECT / "README.md", commands_table),
    "data sets": (GUIDE / "datasets.md", datasets_table),
}


def table_pattern(name: str) -> re.Pattern[str]:
    """Finds a generated table; its text is the second group."""
    return re.compile(rf"(<!-- {name} -->\n\n)(.*?)(\n<!-- end of {name} -->)", re.DOTALL)


def refresh() -> None:
    """Write the tables and the printed runs of all documents anew."""
    for name, (path, make) in TABLES.items():
        table = make()
        old = path.read_text(encoding="utf-8")
        new = table_pattern(name).sub(lambda found, t=table: found[1] + t + found[3], old)
        path.write_text(new, encoding="utf-8")
    for path in documents():
        text = path.read_text(encoding="utf-8")
        for block in code_blocks(path):
            # A block that ends early says so with "...", and is cut by hand.
            if block.run and not block.text.endswith("...\n"):
                marked = re.compile(rf"(<!-- run {block.run} -->\n+```\w*\n)(.*?)(```)", re.DOTALL)
                shown = printed_run(block.run)
                text = marked.sub(lambda found, s=shown: found[1] + s + found[3], text)
        made = printed_commands(text)
        text = PRINTS.sub(lambda found, m=made: found[1] + m[found[2]] + found[4], text)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    refresh()
