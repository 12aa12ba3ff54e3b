"""Data that go away or change while a command reads them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fault_commands import Case, long, with_long
from fault_runs import Yard

MakeYard = Callable[[Case], Yard]
FIT = "fit-poly --data rows.csv --degrees 1 --path-penalty none --n-seeds 2 --jobs 1 --no-plots"
MLP = (
    "train-mlp --data rows.csv --task regression --hidden 4 --n-epochs 1 --n-seeds 2 --init he "
    "--no-plots --batch-size 16"
)
MOST_READS = 30


@pytest.mark.parametrize("do", with_long(["cut"], "remove", "grow"))
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("in memory", f"{FIT} --out out"),
        pytest.param("networks", f"{MLP} --out out", marks=long),
        ("new rows", "predict one rows.csv --out p.csv"),
    ],
)
def test_before_whichever_reading_it_is_one_sentence_or_the_whole_truth(
    yard: MakeYard, name: str, words: str, do: str
) -> None:
    setup = (f"{FIT} --out one",) if name == "new rows" else ()
    one = yard(Case(f"{name} {do}", words, setup=setup))
    again = [] if words.startswith("predict") else ["--force"]
    one.start(old=False)
    right = one.succeed(one.case.arguments).out
    data = (one.work / "rows.csv").read_bytes()
    for reading in range(1, MOST_READS):
        one.start(old=False)
        spoiled = {"reading": str(one.work / "rows.csv"), "before": reading, "do": do}
        done = one.run(one.case.arguments, **spoiled)
        rows = one.work / "rows.csv"
        if rows.exists() and rows.read_bytes() == data:
            break
        wrote = (one.work / "out").exists() or (one.work / "p.csv").exists()
        if done.code == 0:
            # All was read before, or all after: `right`, or what the file of now gives.
            assert wrote
            now = right if do == "remove" else one.run([*one.case.arguments, *again]).out
            assert done.out in (right, now), (reading, do)
            continue
        assert done.code in (1, 2), done
        assert not wrote
        assert len(done.err.splitlines()) == 1, done.err
        assert done.err.startswith("mlcli: ")
        assert "bug" not in done.err, done.err
        assert "rows.csv" in done.err
    else:
        pytest.fail("it is read without end")
    assert reading > 1
