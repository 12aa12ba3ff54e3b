"""The same command twice at the same time."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fault_commands import with_long
from fault_runs import Yard, goes_on, judge

from mlcli.run import folder as folders

MakeYard = Callable[[str], Yard]


@pytest.mark.parametrize(
    "name",
    with_long(
        ["fit-poly", "data make", "data fetch", "predict to CSV"],
        "train-mlp with checkpoints",
        "sweep",
        "by hand",
    ),
)
def test_both_end_well_and_the_result_is_whole(yard: MakeYard, name: str) -> None:
    one = yard(name)
    for old, reference in one.references.items():
        one.start(old=old)
        running = [one.run(one.case.arguments, wait=False).code for _ in range(3)]
        assert [one.server.reap(pid) for pid in running] == [0, 0, 0]
        word, wrong = judge(one, reference)
        assert (word, wrong) == ("new", [])
        assert goes_on(one, reference) == []


def test_without_the_exchange_call_a_folder_that_comes_and_goes_is_replaced(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "_exchange_atomically", lambda new, target: False)
    target = tmp_path / "run"
    with folders.replacing(target) as mine:
        (mine / "a").write_text("mine")
        with folders.replacing(tmp_path / "other") as theirs:
            (theirs / "a").write_text("theirs")
        (tmp_path / "other").rename(target)  # between the question and the renaming
    assert (target / "a").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]
