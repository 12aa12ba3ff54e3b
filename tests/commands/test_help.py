"""The reference has every command and flag, and its examples are such as the program takes."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.exceptions import TyperException

import mlcli as package
from mlcli.cli import COMMANDS, load
from mlcli.commands.help import help_names, topics
from mlcli.commands.reference import VARIABLES, split_help
from mlcli.config import SECTIONS, config_class
from mlcli.config.data import MakeFields
from mlcli.config.fields import Section, requirement
from mlcli.datasets.names import NAMES
from mlcli.datasets.registry import DATASETS
from mlcli.errors import EXIT_CODES, MlcliError
from mlcli.params import resolve
from tests.experiments.contract import command_of

Mlcli = Callable[..., Any]
PACKAGE = Path(package.__file__).parent
README = PACKAGE.parent / "README.md"


def leaves() -> Iterator[tuple[str, Any]]:
    """Every command that does something, by what is typed."""
    for name in COMMANDS:
        command = load(name)
        below = getattr(command, "commands", None)
        yield from (
            ((f"{name} {part}", one) for part, one in below.items()) if below else [(name, command)]
        )


LEAVES = dict(leaves())


def examples() -> list[tuple[str, str]]:
    found = []
    for name, command in LEAVES.items():
        for line in re.findall(r"^\s*Example: (.+)$", command.help, re.MULTILINE):
            found.append((name, line))
    return found


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """The page of each command, as `mlcli help all` prints it."""
    from contextlib import redirect_stdout
    from io import StringIO

    from mlcli.__main__ import call

    text = StringIO()
    with redirect_stdout(text):
        assert call(["help", "all"]) == 0
    parts = [part.strip("\n") for part in text.getvalue().split("\n\n\n")]
    assert all(part.startswith("NAME\n    mlcli") for part in parts)
    found = {"": parts[0]}
    for part in parts[1:]:
        found[part.splitlines()[1].strip().removeprefix("mlcli ").split(" - ")[0]] = part
    return found


def test_every_command_has_its_page(pages: dict[str, str]) -> None:
    assert set(pages) == {"", *LEAVES}
    for name, (_, summary) in COMMANDS.items():
        assert f"    {name}\n" in pages[""]
        assert summary in " ".join(pages[""].split())


@pytest.mark.parametrize("name", LEAVES)
def test_a_page_has_every_flag_that_the_command_takes(pages: dict[str, str], name: str) -> None:
    page = pages[name]
    for param in LEAVES[name].params:
        for word in (*param.opts, *param.secondary_opts):
            if word.startswith("-") and not param.hidden:
                assert re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", page), word
    for heading in ("NAME", "SYNOPSIS", "EXIT CODES", "EXAMPLE"):
        assert f"\n{heading}\n" in f"\n{page}"


@pytest.mark.parametrize("section", SECTIONS)
def test_a_page_says_what_the_config_says(pages: dict[str, str], section: str) -> None:
    name = "data make" if section == "data" else section.replace("_", "-")
    # An item is the line of the flag and the deeper lines below it.
    items = dict(
        re.findall(r"^    (--[\w-]+)[^\n]*\n((?: {8}[^\n]*\n?)+)", pages[name], re.MULTILINE)
    )
    # What else section `data` holds are the flags of other commands.
    model = MakeFields if section == "data" else config_class(section)
    for key, field in model.model_fields.items():
        said = "".join(items["--" + key.replace("_", "-")].split()).lower()
        assert "".join(str(field.description).split()).lower() in said
        if field.annotation is not bool:
            assert "".join(requirement(field).split()).lower() in said, key
        if field.default is not None and not isinstance(field.default, bool | tuple):
            assert f"default:{field.default}.".lower().replace(" ", "") in said, key
        unit = (field.json_schema_extra or {}).get("unit") if field.json_schema_extra else None
        if unit:
            assert f"unit:{unit}.".replace(" ", "").lower() in said, key


def test_a_new_field_gets_its_flag_and_its_entry() -> None:
    from mlcli.commands.flags import entries
    from mlcli.config.fields import param

    class Example(Section):
        """A section with one field."""

        n_things: int = param(3, "Things.", unit="things", ge=1, le=9)

    (one,) = entries(Example).values()
    assert one.names == "--n-things INTEGER"
    assert one.sentences == [
        "Things.",
        "An integer at least 1 and at most 9. Unit: things. Default: 3.",
    ]


def test_files_are_those_of_a_run(mlcli: Mlcli, pages: dict[str, str]) -> None:
    assert mlcli(*command_of("fit_poly", "--out", "one")).code == 0
    written = {path.relative_to("one").as_posix() for path in Path("one").rglob("*.*")}
    listed = pages["fit-poly"].split("\nFILES\n")[1].split("\n\n")[0].split(":", 1)[1]
    assert set("".join(listed.split()).split(",")) >= written
    assert set("".join(listed.split()).split(",")) - written <= {"table_1.csv"}


def test_exit_codes_and_variables_are_all_there(pages: dict[str, str]) -> None:
    for path in (README, PACKAGE / "guide" / "parameters.md"):
        text = path.read_text(encoding="utf-8").split("## Exit codes\n")[1]
        listed = re.findall(r"^\| (\d+) \| (.*) \|$", text, re.MULTILINE)
        assert {int(code): meaning for code, meaning in listed} == EXIT_CODES
    raised = {one.exit_code for one in (MlcliError, *MlcliError.__subclasses__())}
    assert raised <= set(EXIT_CODES)
    for code, meaning in EXIT_CODES.items():
        assert f"    {code:<4}{meaning}" in pages["kfold"]
    used = {
        node.value
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if re.fullmatch(r"MLCLI_[A-Z]+", node.value)
    }
    assert used
    assert used <= set(VARIABLES)
    assert all(f"    {name}\n" in pages[""] for name in VARIABLES)


def test_pages_are_plain_and_80_wide(pages: dict[str, str]) -> None:
    for name, page in pages.items():
        assert "\x1b" not in page
        assert max(map(len, page.splitlines())) <= 80, name


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (["nonsense"], "unknown command or topic 'nonsense'; "),
        (["lr-fnd"], "unknown command or topic 'lr-fnd'; try lr-find"),
        (["own-dta"], "unknown command or topic 'own-dta'; try own-data"),
        (["data", "mke"], "unknown command of data 'mke'; try make"),
        (["kfold", "folds"], "there is no help on 'kfold folds'; try `mlcli help kfold`"),
    ],
)
def test_a_wrong_name_is_told_the_nearest(mlcli: Mlcli, asked: list[str], sentence: str) -> None:
    done = mlcli("help", *asked)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"mlcli: {sentence}")


def test_one_page_is_what_stands_in_all(mlcli: Mlcli, pages: dict[str, str]) -> None:
    assert mlcli("help", "data", "make").out.strip() == pages["data make"]
    assert mlcli("help").out.strip() == pages[""]


def test_topics_are_listed_with_their_titles(pages: dict[str, str]) -> None:
    listed = pages[""].split("\nTOPICS\n")[1].split("\n\n")[0]
    items = re.findall(r"^    (\S+)\n((?: {8}.*\n?)+)", listed, re.MULTILINE)
    assert {name: " ".join(title.split()) for name, title in items} == topics()


@pytest.mark.parametrize("name", topics())
def test_a_topic_is_the_page_of_the_guide_for_a_terminal(mlcli: Mlcli, name: str) -> None:
    done = mlcli("help", name)
    assert (done.code, done.err) == (0, "")
    page = (PACKAGE / "guide" / f"{name}.md").read_text(encoding="utf-8")
    assert done.out.splitlines()[0] == page.splitlines()[0]
    code = page.split("```")[1::2]
    assert all(block in done.out for block in code)
    assert not re.search(r"\]\(|<!--", "".join(done.out.split("```")[::2]))


def test_links_of_a_topic_name_the_topic_they_lead_to(mlcli: Mlcli) -> None:
    assert "(mlcli help large-data)" in mlcli("help", "polynomials").out
    assert "(figure: Seconds against size" in mlcli("help", "large-data").out
    assert "Dask (https://distributed.dask.org)" in mlcli("help", "parallel").out


def test_topics_are_completed(mlcli: Mlcli) -> None:
    import typer

    from mlcli.cli import app

    with typer.main.get_command(app).make_context("mlcli", ["help"]) as context:
        assert help_names(context, "own") == ["own-data"]
        assert {"kfold", "all", *topics()} <= set(help_names(context, ""))


def test_each_command_has_an_example() -> None:
    assert {name for name, _ in examples()} == set(LEAVES)


@pytest.mark.parametrize(("name", "line"), examples(), ids=[name for name, _ in examples()])
def test_each_example_is_one_that_the_program_takes(name: str, line: str) -> None:
    """Parsed by the real command; the values of an experiment checked by its config model."""
    words = shlex.split(line.split(" > ")[0].split(" | ")[0])
    prefix = ["mlcli", *name.split()]
    assert words[: len(prefix)] == prefix
    command = LEAVES[name]
    context = command.make_context(name, words[len(prefix) :])
    section = "data" if name == "data make" else name.replace("-", "_")
    if section in SECTIONS:
        model = MakeFields if section == "data" else config_class(section)
        flags = {key: context.params[key] for key in model.model_fields}
        if context.params.get("file"):
            flags["data"] = context.params["file"]
        given = [key for key, value in flags.items() if value is not None]
        resolved = resolve(model, section, flags=flags, sets=(), params=None)
        assert all(resolved.sources[key] == "flag" for key in given)
    assert line in command.help
    assert line in split_help(command.help)[1]


def test_a_stale_example_would_fail() -> None:
    with pytest.raises(TyperException, match="no-such-flag"):
        LEAVES["train-mlp"].make_context("train-mlp", ["--no-such-flag", "1"])


def test_names_for_completion_are_the_registry_s() -> None:
    assert tuple(DATASETS) == NAMES
