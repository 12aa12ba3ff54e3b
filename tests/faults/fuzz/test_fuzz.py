"""A few hundred hostile files through the real readers; `make soak` reads twenty thousand."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fuzz_campaign import campaign
from fuzz_guard import MOST_BYTES, SECONDS
from fuzz_seeds import write_seeds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlcli.config.gates import GateSyntaxError, parse_gate
from mlcli.errors import ConfigError
from mlcli.json_file import parse_json
from mlcli.params.resolve import validate_file

SEED = 2024
READERS = ("params", "dvc", "gates", "csv", "npz", "parquet", "note", "images", "idx", "checkpoint")
RUNS = ("regressions", "runs")

TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
SECTIONS = st.dictionaries(st.sampled_from(["fit_poly", "bayes", "gates", "data", "x"]), TREES)
QUIETLY = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seeds")
    write_seeds(folder, ("fit-poly",))
    return folder


@pytest.mark.parametrize(("targets", "count"), [(READERS, 150), (RUNS, 40)], ids=["data", "runs"])
def test_hostile_files_are_read_or_refused_in_a_sentence(
    seeds: Path, tmp_path: Path, targets: tuple[str, ...], count: int
) -> None:
    found = campaign(targets, SEED, count, seeds, tmp_path)
    assert not found.faults, "\n\n".join(found.faults)
    assert found.files == count
    assert found.outcomes["value"] > count // 10
    assert found.outcomes["refused"] > count // 10
    assert found.most_mib < MOST_BYTES / 2**20
    assert found.most_seconds < SECONDS


def test_what_the_watch_over_a_reader_sees(tmp_path: Path) -> None:
    """In a process of its own: a hook stays for good."""
    (tmp_path / "seeds").touch()
    script = """
import os, subprocess, sys, time, warnings
sys.path.insert(0, sys.argv[1])
from fuzz_guard import Guard, watched
guard = Guard((sys.argv[2],), (sys.argv[2] + "/out",))
guard.install()
crimes = {
    "writes": lambda: open(sys.argv[2] + "/x", "w"),
    "reads": lambda: open("/etc/passwd"),
    "removes": lambda: os.remove(sys.argv[2] + "/seeds"),
    "starts": lambda: subprocess.run(["true"]),
    "warns": lambda: warnings.warn("x"),
    "fills": lambda: bytearray(b"x" * (2**30 + 2**27)),
    "behaves": lambda: sum(range(100)),
}
for name, call in crimes.items():
    try:
        faults = watched(guard, call)
    except OSError:
        faults = list(guard.crimes)
    print(name, len(faults), faults[:1])
try:
    watched(guard, lambda: bytearray(2**33))
except MemoryError:
    print("limited")
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(Path(__file__).parent), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    seen = {line.split()[0]: line for line in done.stdout.splitlines()}
    for name in ("writes", "reads", "removes", "starts", "warns", "fills"):
        assert f"{name} 0" not in seen[name], seen[name]
    assert seen["behaves"] == "behaves 0 []"
    assert "limited" in seen


@QUIETLY
@given(tree=SECTIONS)
def test_any_tree_in_a_params_file(tmp_path: Path, tree: Any) -> None:
    path = tmp_path / "params.yaml"
    text = json.dumps(tree).replace("NaN", ".nan").replace("Infinity", ".inf")
    path.write_text(text, encoding="utf-8")
    try:
        said = [str(fault) for fault in validate_file(path)]
    except ConfigError as error:
        said = [str(error)]
    assert all(str(path) in one for one in said)


@QUIETLY
@given(tree=TREES)
def test_any_tree_comes_back_from_json(tree: Any) -> None:
    text = json.dumps(tree)
    assert json.dumps(parse_json(text.encode())) == text


@QUIETLY
@given(text=st.text(alphabet=st.sampled_from("ab.<>=! within0123e-+\"'\x1b\n")))
def test_any_text_is_a_gate_or_says_where_it_is_none(text: str) -> None:
    try:
        metric, at = parse_gate(text).metric, 1
    except GateSyntaxError as error:
        metric, at = "", error.at
    assert metric in text
    assert 1 <= at <= len(text) + 1
