"""The faults that `make mutants` puts into the program: each one place, and it compiles."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.proofs.mutants import GROUPS, PROJECT, Group, Reach
from tests.proofs.mutations import Mutation, mutated, mutations

SOURCE = '''"""A module."""

LIMIT = 3


def area(a: float, b: float = 2.0, *, scale: float = 1.0) -> float:
    """A docstring."""
    if a < 0 or not b:
        raise ValueError("negative")
    found = sum([a * b, -1], start=0)
    for one, other in zip([a], [b], strict=True):
        found += one if other is not None else 0
    return scale * found
'''


@pytest.fixture
def every(tmp_path: Path) -> list[Mutation]:
    (tmp_path / "area.py").write_text(SOURCE)
    return mutations(tmp_path, "area.py")


def test_operators_numbers_words_and_arguments_are_changed(every: list[Mutation]) -> None:
    texts = [one.text for one in every]
    for text in (
        "a < 0  ->  a <= 0",
        "a < 0 or not b  ->  a < 0 and (not b)",
        "not b  ->  b",
        "'negative'  ->  'XXnegativeXX'",
        "ValueError('negative')  ->  ValueError(None)",
        "a * b  ->  a / b",
        "-1  ->  1",
        "1  ->  2",
        "sum([a * b, -1], start=0)  ->  sum([a * b, -1])",
        "found += one if other is not None else 0  ->  found -= one if other is not None else 0",
        "other is not None  ->  other is None",
        "scale * found  ->  scale / found",
    ):
        assert texts.count(text) == 1, text
    # No docstring, no default, no constant of the module and no `strict`.
    assert not any("docstring" in text or "LIMIT" in text for text in texts)
    assert not any(one.lines[0] < 8 for one in every)
    assert "True  ->  False" not in texts


def test_a_mutation_changes_one_place_of_the_file(every: list[Mutation]) -> None:
    before = ast.unparse(ast.parse(SOURCE)).splitlines()
    for one in every:
        after = mutated(SOURCE, one)
        compile(after, "area.py", "exec")
        pairs = list(zip(before, after.splitlines(), strict=True))
        assert sum(a != b for a, b in pairs) == 1, one.text


def test_faults_of_the_program_have_lines_and_compile() -> None:
    for path in ("mlcli/experiments/perceptron/figures.py", "mlcli/neural/mlp.py"):
        source = (PROJECT / path).read_text(encoding="utf-8")
        found = mutations(PROJECT, path)
        assert len(found) > 300
        for one in found[::41]:
            compile(mutated(source, one), path, "exec")
            assert 1 <= one.lines[0] <= one.lines[1] <= source.count("\n") + 1


def test_groups_have_files_of_their_own_and_tests_that_exist() -> None:
    seen: list[str] = []
    for group in GROUPS.values():
        files = group.files(PROJECT)
        assert files
        seen += files
        for test in group.tests:
            assert (PROJECT / test).exists(), test
    assert len(seen) == len(set(seen))
    assert "mlcli/experiments/bayes/figures.py" in GROUPS["figures"].files(PROJECT)
    assert isinstance(GROUPS["figures"], Group)


def test_the_tests_that_reach_a_fault_are_run_quickest_first() -> None:
    seconds = {"a.py::slow": 3.0, "a.py::quick": 0.1, "b.py::other": 1.0, "c.py::long": 70.0}
    lines = {"f.py": {"3": ["a.py::slow"], "4": ["b.py::other", "b.py::gone"], "9": ["a.py"]}}
    reach = Reach(seconds, lines | {"g.py": {"1": ["c.py::long", "a.py::slow"]}})

    def tests(path: str, *lines: int) -> tuple[list[str], bool]:
        return reach.tests_of(Mutation(path, 0, 0, (lines[0], lines[-1]), ""))

    assert tests("f.py", 3) == (["a.py::slow"], False)
    assert tests("f.py", 3, 4) == (["b.py::other", "a.py::slow"], False)
    # A fixture of a file is reached by all of its tests.
    assert tests("f.py", 9) == (["a.py::quick", "a.py::slow"], False)
    assert tests("f.py", 5) == ([], False)
    assert tests("g.py", 1) == (["a.py::slow"], True)
