"""Values put into a params file leave all else of it as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlcli.errors import ConfigError
from mlcli.params.yaml_file import put_values, read_yaml

VALUES = {"rate": 0.02, "schedule": "one-cycle"}
BLOCK = """\
# head
a:
    deep: {x: 1, y: [1, 2]}   # odd
    items:
    - 1
    -   2

train:
  # what follows is tried
  hidden: '16'
  schedule:   # a list
    - constant
    - cosine
  last: 1.0e-3 # tail
  name: "x"

# before b
b: {z: "q"}
"""


@pytest.mark.parametrize(
    ("text", "untouched"),
    [
        (
            BLOCK,
            [
                *BLOCK.splitlines()[:10],
                "  last: 1.0e-3 # tail",
                '  name: "x"',
                *BLOCK.splitlines()[15:],
            ],
        ),
        ("b:\n  z: 1\n", ["b:", "  z: 1"]),
        ("b:\n  z: 1", ["b:", "  z: 1"]),
        ("train:\nb:\n    z: 1 # c\n", ["train:", "b:", "    z: 1 # c"]),
        ("b:\n  z: &x 1\ntrain:\n  k: *x\n", ["b:", "  z: &x 1", "train:", "  k: *x"]),
        ("{b: {z: 1}, train: {k: 2}}\n", []),
        ("", []),
    ],
)
def test_only_the_keys_that_are_set_change(tmp_path: Path, text: str, untouched: list[str]) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    before = read_yaml(path).values
    found = put_values(path, "train", VALUES)
    after = read_yaml(path).values
    assert after["train"] == (before.get("train") or {}) | VALUES
    assert {k: v for k, v in after.items() if k != "train"} == {
        k: v for k, v in before.items() if k != "train"
    }
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line in untouched] == untouched
    assert found["rate"] is None
    assert [p.name for p in tmp_path.iterdir()] == ["params.yaml"]


def test_a_link_stays_one_and_a_list_is_no_file_of_sections(tmp_path: Path) -> None:
    real, link = tmp_path / "real.yaml", tmp_path / "params.yaml"
    real.write_text("train:\n  rate: 1\n", encoding="utf-8")
    link.symlink_to(real)
    assert put_values(link, "train", VALUES) == {"rate": 1, "schedule": None}
    assert link.is_symlink()
    assert read_yaml(real).values["train"] == VALUES
    real.write_text("- 1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="must be sections"):
        put_values(link, "train", VALUES)
