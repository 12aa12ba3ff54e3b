"""Memory that runs out, in the process and in its workers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fault_commands import with_long
from fault_runs import Yard, goes_on, judge

MakeYard = Callable[[str], Yard]
SENTENCE = "mlcli: out of memory; try fewer rows, a lower degree or --jobs 1"
LARGE = "fit-poly --degrees 100 --n-samples 100000 --n-seeds 2 --path-penalty none --no-plots"
LARGE_NET = "train-mlp --data iris --hidden 20000-20000 --n-epochs 1 --n-seeds 2 --no-plots"


@pytest.mark.parametrize(
    "command", with_long([f"{LARGE} --jobs 2"], f"{LARGE} --jobs 1", LARGE_NET)
)
def test_too_large_a_question_is_one_sentence(yard: MakeYard, command: str) -> None:
    one = yard(command.split()[0])
    reference = one.references[True]
    one.start(old=True)
    done = one.run([*command.split(), "--out", "out", "--quiet", "--force"], memory=40 * 2**20)
    assert (done.code, done.err.strip()) in (
        (1, SENTENCE),
        (1, "mlcli: a worker died, perhaps for want of memory; try --jobs 1"),
        # Networks are counted before any work.
        (
            2,
            "mlcli: the networks don't fit into memory; try smaller --hidden, --batch-size or "
            "--n-seeds",
        ),
    )
    assert judge(one, reference) == ("old", [])
    assert not list(one.work.rglob("*.partial"))
    assert goes_on(one, reference) == []
