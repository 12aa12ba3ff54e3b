"""Several processes train what one trains: real ones, started by torchrun, on one loopback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional
from two_processes import CASES

from mlcli.errors import ConfigError
from mlcli.neural.data_parallel import (
    ExitStatus,
    ProcessGroup,
    Shard,
    check_device,
    common_cause,
    draw_noise,
    shard_rows,
    shards_of,
)
from mlcli.neural.normalisation import shared_batch_norm

# Largest difference to one process, relative to the largest number of its kind.
TOLERANCES = {"float32": 1e-5, "images, float32": 1e-5, "bfloat16": 1e-2}
IN_FLOAT64 = 1e-10


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    path = tmp_path_factory.mktemp("together") / "found.npz"
    program = Path(__file__).with_name("two_processes.py")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc-per-node",
            "2",
            str(program),
            str(path),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    with np.load(path) as found:
        return {name: found[name] for name in found.files}


@pytest.mark.parametrize("case", CASES)
def test_two_processes_train_to_the_same_weights_as_one(
    together: dict[str, np.ndarray], case: str
) -> None:
    alone = CASES[case](None)
    mine = {k.partition("/")[2]: v for k, v in together.items() if k.startswith(f"{case}/")}
    assert mine.keys() == alone.keys()
    if case == "bfloat16":
        # Rounding to 8 bits alone moves these weights by as much as they are large.
        alone = {"history.minibatch_loss": alone["history.minibatch_loss"]}
    for name, array in alone.items():
        if array.dtype.kind in "bi":
            np.testing.assert_array_equal(mine[name], array, err_msg=name)
            continue
        worst = abs(mine[name] - array).max() / abs(array).max()
        assert worst < TOLERANCES.get(case, IN_FLOAT64), name
    if case == "early":
        assert alone["stopped"].any()
        assert len(set(alone["best_epoch"])) == 2


def group_of(rank: int, size: int) -> ProcessGroup:
    return ProcessGroup(rank, size, size, None)


@pytest.mark.parametrize("size", [2, 3, 5])
def test_shards_hold_every_row_once_and_their_weights_sum_to_one(size: int) -> None:
    cuts = [(0, 7), (7, 14), (14, 16), (16, 17)]
    order = torch.arange(2 * 17).reshape(2, 17)
    every = [shards_of(cuts, group_of(rank, size)) for rank in range(size)]
    for i, (start, end) in enumerate(cuts):
        shares = [of_rank[i] for of_rank in every]
        assert sum(shard.weight for shard in shares if shard) == pytest.approx(1)
        if end - start >= size:
            rows = [n for shard in shares if shard for n in range(shard.start, shard.end)]
            assert rows == list(range(end - start))
        else:
            assert [shard.weight for shard in shares if shard] == [1.0] + [0.0] * (size - 1)
    rows, own = shard_rows(order, cuts, every[-1])
    for (start, end), cut, shard in zip(own, cuts, every[-1], strict=True):
        assert shard is not None
        np.testing.assert_array_equal(
            rows[:, start:end], order[:, cut[0] + shard.start : cut[0] + shard.end]
        )


def test_noise_does_not_depend_on_the_memory_layout_of_its_tensor() -> None:
    def drawn(like: torch.Tensor) -> torch.Tensor:
        generators = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
        return draw_noise(like, generators, None, lambda own, g: own.uniform_(generator=g))

    rows, columns = torch.empty(2, 30, 7), torch.empty(2, 7, 30).transpose(1, 2)
    assert torch.equal(drawn(rows), drawn(columns))


def test_the_reported_cause_is_the_first_failure() -> None:
    lost, interrupted = ExitStatus(None, "interrupted"), ExitStatus(130, "interrupted")
    failed = ExitStatus(2, "the networks don't fit into memory")
    assert common_cause([lost, failed]) == ExitStatus(
        2, "process 1: the networks don't fit into memory"
    )
    assert common_cause([interrupted, interrupted]) == interrupted
    # A death is followed by interrupts, and not the other way round.
    assert common_cause([interrupted, None]).message.startswith("process 1 of 2 died")
    assert common_cause([None, lost, None]).message.startswith("processes 0, 2 of 3 died")
    assert common_cause([lost, lost]).code == 1


def test_processes_of_a_machine_need_a_device_each(monkeypatch: pytest.MonkeyPatch) -> None:
    check_device(torch.device("cpu"), 64)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ConfigError, match=r"2 processes on this machine need a GPU each: got 1"):
        check_device(torch.device("cuda"), 2)
    with pytest.raises(ConfigError, match="cpu or cuda, got mps"):
        check_device(torch.device("mps"), 2)


class Alone(ProcessGroup):
    """A group whose only process has all of the rows."""

    def add(self, values: torch.Tensor) -> None:
        pass


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_batch_norm_over_several_processes_equals_that_of_torch(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    values = torch.randn(6, 4, 3, 2).to(dtype).requires_grad_()
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    gamma, beta = (torch.rand(4, dtype=wide).requires_grad_() for _ in range(2))
    errors = torch.randn_like(values)
    shard = Shard(6, 0, 6, 1.0, Alone(0, 1, 1, None))
    mine, mean, var = shared_batch_norm(values, gamma, beta, 1e-5, shard)
    theirs = functional.batch_norm(values, None, None, gamma, beta, training=True, eps=1e-5)
    close = {"rtol": 1e-12, "atol": 1e-12} if dtype == wide else {"rtol": 1e-2, "atol": 1e-2}
    torch.testing.assert_close(mine, theirs, **close)
    inputs = [values, gamma, beta]
    for a, b in zip(
        torch.autograd.grad(mine, inputs, errors),
        torch.autograd.grad(theirs, inputs, errors),
        strict=True,
    ):
        torch.testing.assert_close(a, b, **close)
    torch.testing.assert_close(mean, values.detach().to(wide).mean(dim=(0, 2, 3)))
    torch.testing.assert_close(var, values.detach().to(wide).transpose(0, 1).flatten(1).var(dim=1))
