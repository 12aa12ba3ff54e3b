"""Reading YAML as DVC does, with the place of every fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlcli.errors import ConfigError
from mlcli.params.yaml_file import parse_value, read_yaml

NUMBERS = [
    "1e-3",
    "1.0e-3",
    "1",
    "1.5",
    ".5",
    "1_000",
    "0x1F",
    "0o17",
    "017",
    "+1",
    "1e3",
    "-2.5e+2",
]
OTHERS = [
    "on",
    "yes",
    "true",
    "null",
    "~",
    "'1'",
    "0-15",
    "1,3,5",
    "[1, 2]",
    "{a: 1}",
    "2026-11-23",
]


@pytest.mark.parametrize("text", NUMBERS + OTHERS[:-1])
def test_values_mean_the_same_as_in_dvc(text: str, tmp_path: Path) -> None:
    from dvc.utils.serialize import load_yaml

    path = tmp_path / "params.yaml"
    path.write_text(f"section:\n  key: {text}\n", encoding="utf-8")
    theirs = load_yaml(str(path))["section"]["key"]
    ours = read_yaml(path).values["section"]["key"]
    assert ours == theirs
    assert type(ours) is type(theirs)
    assert parse_value(text) == theirs


def test_places_are_lines_and_columns_from_one(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("# first\na:\n  b: 1\n  c: [2, 3]\n", encoding="utf-8")
    file = read_yaml(path)
    assert file.place("a") == f"{path}:2:1"
    assert file.place("a", "b") == f"{path}:3:3"
    assert file.place("a", "c", 1) == f"{path}:4:10"
    assert file.place("a", "nowhere") == f"{path}:2:1"
    assert file.place("nowhere") == str(path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a:\n\tb: 1\n", ":2:1: tabs can't indent YAML; use spaces"),
        (b"a:\n  b: 1\n  b: 2\n", ':3:3: found duplicate key "b"'),
        (b"- 1\n- 2\n", ":1:1: the top must be sections such as `fit_poly:`, got a list"),
        (b"word\n", ":1:1: the top must be sections such as `fit_poly:`, got a value"),
        (b"a: [1, 2\n", "not YAML"),
        (b"\xff\xfe\x00\x01", "must be UTF-8 text, got binary data"),
        (b"a: !!python/object:os.system x\n", "a must be a plain number, text, list or mapping"),
        (b"a: 2026-11-23\n", "a must be a plain number, text, list or mapping"),
    ],
)
def test_each_fault_is_one_sentence_with_its_place(
    content: bytes, expected: str, tmp_path: Path
) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_yaml(path)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_empty_file_has_no_sections(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("# nothing yet\n", encoding="utf-8")
    assert read_yaml(path).values == {}


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml does not exist"):
        read_yaml(Path("nowhere.yaml"))


@pytest.mark.parametrize(
    "text",
    [
        "base: &base\n  p: 1\n  q: 2\nmore:\n  <<: *base\n  q: 3\n",
        "base: &base {p: 1, q: 2}\nmore:\n  <<: *base\n",
        "a: &a {p: 1}\nb: &b {p: 9, q: 2}\nmore:\n  <<: [*a, *b]\n",
    ],
)
def test_merge_keys_mean_the_same_as_in_dvc(text: str, tmp_path: Path) -> None:
    from dvc.utils.serialize import load_yaml

    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    file = read_yaml(path)
    assert file.values == load_yaml(str(path))
    # A merged key stands where its mapping does.
    line = text[: text.index("more")].count("\n") + 1
    assert file.place("more", "p") == f"{path}:{line}:1"
