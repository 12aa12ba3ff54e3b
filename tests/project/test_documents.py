"""The documents say what is so: every command line, link, table and printed run in them."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlcli.cli import COMMANDS, load
from mlcli.commands.help import ALL, topics
from mlcli.config import SECTIONS, config_class
from mlcli.config.data import MakeFields
from mlcli.params import resolve
from tests.project.documents import (
    GUIDE,
    PRINTS,
    PROJECT,
    TABLES,
    CodeBlock,
    code_blocks,
    documents,
    printed_commands,
    printed_run,
    prose,
    table_pattern,
)

EXPERIMENTS = [name for name, (panel, _) in COMMANDS.items() if panel == "Experiments"]
DOCUMENTS = documents()
BLOCKS = [block for path in DOCUMENTS for block in code_blocks(path)]
SHELL = ("sh", "console")
# Other programs in the documents, and why their arguments are not checked here.
SKIPPED = {
    "bash": "of the system; tests/proofs runs the script",
    "cd": "of the shell",
    "cmp": "of the system",
    "curl": "of the system; tests/proofs runs the script",
    "dask": "of Dask, which has no dry run; tests/scale starts the same processes",
    "dvc": "of DVC; tests/proofs runs the pipeline and its queue",
    "echo": "of the shell",
    "exit": "of the shell",
    "if": "of the shell",
    "then": "of the shell",
    "fi": "of the shell",
    "ls": "of the system",
    "pip": "of Python; it would install packages",
    "pip-audit": "needs a network",
    "python": "of Python",
    "python3": "of Python",
    "git": "of git; tests/proofs runs the pipeline and its queue",
    "head": "of the system",
    "set": "of the shell",
    "tar": "of the system",
}


def ids(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def command_lines(block: CodeBlock) -> Iterator[list[str]]:
    """The words of every command of a block of a shell, without redirections and comments."""
    text = block.text
    if block.language == "console":
        text = "".join(found + "\n" for found in re.findall(r"^\$ (.*)$", text, re.MULTILINE))
    text = re.sub(r"<<'(\w+)'\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"\\\n", " ", text)
    text = re.sub(r"(^|\s)#.*$", "", text, flags=re.MULTILINE)
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|&;\n")
    lexer.whitespace = " \t"
    lexer.commenters = ""
    lexer.whitespace_split = True
    words: list[str] = []
    for token in [*lexer, "\n"]:
        if not token.strip("|&;\n"):
            if words:
                yield words
            words = []
        else:
            words.append(token)


def program_and_arguments(words: list[str]) -> tuple[str, list[str]]:
    """A command line without the variables before it and what is redirected behind it."""
    while words and re.fullmatch(r"\w+=.*", words[0], re.DOTALL):
        words = words[1:]
    if not words:
        return "", []
    end = next((i for i, word in enumerate(words) if re.match(r"\d?>", word)), len(words))
    name, arguments = words[0].rsplit("/", 1)[-1], words[1:end]
    for wrapper in ("torchrun", "python"):
        if name == wrapper and "-m" in arguments:
            name, *arguments = arguments[arguments.index("-m") + 1 :]
    return name, arguments


Line = tuple[str, str, list[str]]
IN_BLOCKS: list[Line] = [
    (block.place, *program_and_arguments(words))
    for block in BLOCKS
    if block.language in SHELL
    for words in command_lines(block)
]
# A command line with flags in a sentence, unless it has placeholders such as RUN.
IN_SENTENCES: list[Line] = [
    (ids(path), "mlcli", shlex.split(found)[1:])
    for path in DOCUMENTS
    for found in re.findall(r"`(mlcli\s[^`]+)`", prose(path))
    if not re.search(r"\b[A-Z]{2,}\b|<", found) and " -" in found
]
OURS = [line for line in IN_BLOCKS + IN_SENTENCES if line[1] == "mlcli"]


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("line", OURS, ids=lambda line: f"{line[0]} {' '.join(line[2])}")
def test_every_command_line_of_the_documents_is_accepted(
    mlcli: Callable[..., Any], line: Line
) -> None:
    """Parsed by the real command; an experiment's parameters are resolved as in a run."""
    arguments = line[2]
    if not arguments or arguments[0].startswith("--"):
        assert arguments in ([], ["--help"], ["--install-completion"])
    elif arguments[0] == "help":
        assert mlcli(*arguments).code == 0
    elif arguments[0] == "sweep":
        done = mlcli(*arguments, "--dry-run")
        assert done.code == 0, done.err
    else:
        parse(arguments)


def parse(arguments: list[str]) -> None:
    """Raise an error if the program would not take the arguments."""
    name, command = arguments[0], load(arguments[0])
    rest = arguments[1:]
    below = getattr(command, "commands", None)
    if below is not None:
        name, command, rest = f"{name} {rest[0]}", below[rest[0]], rest[1:]
    help_flags = [word for word in rest if word in ("--help", "--help-all", "-h")]
    values = command.make_context(
        name, [word for word in rest if word not in help_flags], resilient_parsing=bool(help_flags)
    ).params
    section = "data" if name == "data make" else name.replace("-", "_")
    if section not in SECTIONS or help_flags:
        return
    model = MakeFields if section == "data" else config_class(section)
    flags = {key: values[key] for key in model.model_fields}
    if values.get("file"):
        flags["data"] = values["file"]
    found = resolve(model, section, flags=flags, sets=tuple(values.get("sets") or ()), environ={})
    given = [key for key, value in flags.items() if value is not None]
    assert all(found.sources[key] == "flag" for key in given)


def test_other_programs_are_known_and_targets_of_make_exist() -> None:
    makefile = read(PROJECT / "Makefile")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    names = {name for _, name, _ in IN_BLOCKS if name}
    modules = {name for name in names if name.startswith("tests.")}
    for place, name, arguments in IN_BLOCKS:
        if name == "make":
            assert {word for word in arguments if "=" not in word} <= targets, place
    for name in modules:
        assert (PROJECT / name.replace(".", "/")).with_suffix(".py").is_file()
    ran_by_python = {"venv", "pytest"}
    assert names - modules - ran_by_python - {"make", "mlcli"} == set(SKIPPED)
    mentioned = set(re.findall(r"`make ([a-z]+)", " ".join(map(read, DOCUMENTS))))
    assert mentioned <= targets


def test_a_wrong_command_line_would_fail() -> None:
    with pytest.raises(Exception, match="no-such-flag"):
        parse(["kfold", "--no-such-flag", "1"])
    with pytest.raises(Exception, match="n-folds"):
        parse(["kfold", "--n-folds", "1"])
    with pytest.raises(Exception, match="no_such_key"):
        parse(["kfold", "-S", "kfold.no_such_key=1"])


def test_every_command_is_mentioned_and_every_mention_exists() -> None:
    in_sentences = (re.findall(r"`mlcli\s([a-z][a-z-]*)", prose(path)) for path in DOCUMENTS)
    mentioned = {name for names in in_sentences for name in names}
    mentioned |= {line[2][0] for line in OURS if line[2] and line[2][0][0] != "-"}
    assert set(COMMANDS) <= mentioned
    assert mentioned <= set(COMMANDS)


@pytest.mark.parametrize("name", TABLES)
def test_generated_tables_are_fresh(name: str) -> None:
    path, make = TABLES[name]
    found = table_pattern(name).search(read(path))
    assert found
    assert found[2] == make(), "python -m tests.project.documents writes it anew"


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_printed_run_is_the_committed_one(name: str) -> None:
    blocks = [block for block in BLOCKS if block.run == name]
    assert any(block.path.parent == GUIDE and "...\n" not in block.text for block in blocks)
    for block in blocks:
        shown = "".join(
            line for line in block.text.splitlines(True) if not line.startswith(("$ ", "..."))
        )
        complete = "...\n" not in block.text
        expected = printed_run(name)
        assert shown == (expected if complete else expected[: len(shown)]), block.place


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if PRINTS.search(read(path))], ids=ids)
def test_the_printed_commands_are_fresh(path: Path) -> None:
    made = printed_commands(read(path))
    for _, command, shown, _ in PRINTS.findall(read(path)):
        assert shown == made[command], "python -m tests.project.documents writes it anew"


def test_the_gates_shown_are_those_of_the_committed_reports(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from mlcli.__main__ import call

    (block,) = [
        block
        for block in BLOCKS
        if block.path.stem == "comparing" and block.text.startswith("reports: ")
    ]
    monkeypatch.chdir(PROJECT)
    monkeypatch.delenv("COLUMNS", raising=False)
    capfd.readouterr()
    assert call(["check"]) == 0
    printed = [line.rstrip() for line in capfd.readouterr().out.splitlines()]
    assert set(block.text.splitlines()) - {"..."} <= set(printed)


LINK = re.compile(r"""(?:!?\[[^\]]*\]\(|<img src=")([^)\s"]+)[)"]""")
ALT = re.compile(r"""(?:!\[|<img [^>]*alt=")([^]"]*)[]"]""")


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    slugs = (re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)
    return set(slugs)


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids)
def test_links_and_anchors_resolve(path: Path) -> None:
    for target in LINK.findall(prose(path)):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        place = (path.parent / name).resolve() if name else path
        assert place.is_relative_to(PROJECT), target
        # Until the figures of a run folder stand in figures/.
        earlier = place.parents[1] / place.name if place.parent.name == "figures" else place
        assert place.exists() or earlier.exists(), target
        assert not anchor or anchor in anchors(place), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids)
def test_figures_have_alternative_texts(path: Path) -> None:
    figures = re.findall(r"!\[|<img ", prose(path))
    texts = ALT.findall(prose(path))
    assert len(texts) == len(figures)
    assert all(len(text) > 30 for text in texts)


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids)
def test_paths_of_code_exist(path: Path) -> None:
    for name in re.findall(r"`((?:mlcli|tests)/[\w./-]+)`", prose(path)):
        assert (PROJECT / name).exists(), name


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids)
def test_no_parameter_table_is_pasted(path: Path) -> None:
    assert "| flag |" not in read(path)


def test_each_topic_has_a_title_and_a_link_in_the_readme() -> None:
    readme = read(PROJECT / "README.md")
    names = {path.stem for path in GUIDE.glob("*.md")}
    assert set(topics()) == names
    assert not names & {*COMMANDS, ALL}
    for name in names:
        assert f"[{name}](mlcli/guide/{name}.md)" in readme
        assert read(GUIDE / f"{name}.md").startswith("# ")


def test_the_example_of_the_estimators_prints_what_it_says() -> None:
    text = read(GUIDE / "estimators.md")
    code, printed = re.findall(r"```(?:python)?\n(.*?)```", text, re.DOTALL)[:2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == printed
