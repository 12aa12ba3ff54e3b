"""Files of draws: the same bytes, the same bits, whole or not at all."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from mlcli.datasets import make
from mlcli.datasets.in_memory import SyntheticSource
from mlcli.datasets.make import write_draws
from mlcli.datasets.source import open_source
from mlcli.errors import DataError


def test_a_draw_reads_back_as_its_replicate_bit_for_bit(tmp_path: Path) -> None:
    path = tmp_path / "data" / "cubic.csv"
    write_draws("noisy-cubic", path, n_draws=4, seed=3)
    from_file, drawn = open_source(str(path), draw_column="draw"), open_source("noisy-cubic")
    assert (from_file.fresh_draws, from_file.n_rows, from_file.feature_names) == (True, 700, ("x",))
    for i in range(4):
        ours, theirs = from_file.replicate(i, 99), drawn.replicate(i, 3)
        assert ours.X.tobytes() == theirs.X.tobytes()
        assert ours.t.tobytes() == theirs.t.tobytes()


def test_the_bytes_are_fixed(tmp_path: Path) -> None:
    """Same seed, same bytes; and these very bytes, so that a change of generator is seen."""
    for name in ("a.csv", "b.csv"):
        write_draws("noisy-cubic", tmp_path / name, n_draws=2, seed=0, n_samples=5)
    first = (tmp_path / "a.csv").read_bytes()
    assert first == (tmp_path / "b.csv").read_bytes()
    assert first.startswith(b"draw,x,t\n0,")
    assert b"\r" not in first
    assert len(first.splitlines()) == 11
    write_draws("noisy-cubic", tmp_path / "b.csv", n_draws=2, seed=1, n_samples=5)
    assert first != (tmp_path / "b.csv").read_bytes()
    assert hashlib.sha256(first).hexdigest().startswith("a8eeaf55add71989")


def test_a_replicate_beyond_the_last(tmp_path: Path) -> None:
    path = tmp_path / "sine.csv"
    write_draws("sine", path, n_draws=2, seed=0)
    with pytest.raises(DataError, match=r"holds 2 data set.*number 2 is needed.*data\.n_draws"):
        open_source(str(path), draw_column="draw").replicate(2, 0)


def test_an_interrupted_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "sine.csv"
    path.write_text("old")

    def fail(self: object, index: int, seed: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(SyntheticSource, "replicate", fail)
    with pytest.raises(KeyboardInterrupt):
        write_draws("sine", path, n_draws=1, seed=0)
    assert [p.name for p in tmp_path.iterdir()] == ["sine.csv"]
    assert path.read_text() == "old"


def test_others_may_read_the_file(tmp_path: Path) -> None:
    mask = os.umask(0o022)
    try:
        write_draws("sine", tmp_path / "s.csv", n_draws=1, seed=0)
    finally:
        os.umask(mask)
    assert (tmp_path / "s.csv").stat().st_mode & 0o777 == 0o644


def test_refusals(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    with pytest.raises(DataError, match="iris must be a synthetic set, got a bundled one"):
        write_draws("iris", path, n_draws=1, seed=0)
    with pytest.raises(DataError, match="n_draws must be at least 1, got 0"):
        write_draws("sine", path, n_draws=0, seed=0)
    with pytest.raises(DataError, match="noise_std"):
        write_draws("sine", path, n_draws=1, seed=0, noise_std=-1)
    with pytest.raises(DataError, match="no data set"):
        write_draws("nothing", path, n_draws=1, seed=0)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="can't be written"):
        write_draws("sine", tmp_path / "file" / "x.csv", n_draws=1, seed=0)


def test_draws_of_several_lengths_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text("n,x,y\n1,5,50\n0,1,10\n1,6,60\n0,2,20\n1,7,70\n")
    source = open_source(str(path), draw_column="n")
    assert source.n_rows == 2
    np.testing.assert_array_equal(source.replicate(1, 0).X[:, 0], [5, 6, 7])
    np.testing.assert_array_equal(source.replicate(0, 0).t, [10, 20])


@pytest.mark.parametrize(
    ("values", "said"), [("0023", "got 2 where 1 is next"), ("1122", "got 1 where 0 is next")]
)
def test_draws_with_a_gap(tmp_path: Path, values: str, said: str) -> None:
    path = tmp_path / "d.csv"
    path.write_text("n,x,y\n" + "".join(f"{v},{i},{i}\n" for i, v in enumerate(values)))
    with pytest.raises(DataError, match=said):
        open_source(str(path), draw_column="n")


def test_the_draw_column_has_one_name() -> None:
    assert make.DRAW_COLUMN == "draw"


def test_a_note_applies_to_the_original_columns_only(tmp_path: Path) -> None:
    """p(C_1|x) is a function of both features; the task is that of the target alone."""
    path = tmp_path / "planes.csv"
    write_draws("two-planes", path, n_draws=2, seed=0, n_samples=20)
    whole = open_source(str(path), draw_column="draw")
    assert (whole.name, whole.task) == ("two-planes", "classification")
    assert whole.replicate(0, 0).class_probability is not None
    for classes in (whole, open_source("two-planes")):
        assert classes.truth is classes.noise_std is classes.generator is None
    half = open_source(str(path), draw_column="draw", features=["x1"])
    assert (half.name, half.task) == ("planes.csv", "classification")
    assert half.replicate(0, 0).class_probability is None
    assert "drawn_from" not in half.identity
    other = open_source(str(path), draw_column="draw", target="x2", features=["x1"])
    assert (other.name, other.task) == ("planes.csv", None)
    assert open_source(str(path), target="t", features=["x1", "x2"]).task == "classification"
    path.with_suffix(".json").unlink()
    assert open_source(str(path), draw_column="draw").task is None


def test_a_regression_reads_back_with_its_truth(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    write_draws("sine", path, n_draws=1, seed=0, x_max=0.5, noise_std=0.1)
    source = open_source(str(path))
    assert (source.task, source.noise_std, source.n_own_test) == ("regression", 0.1, 0)
    assert source.generator is not None
    assert source.truth is source.generator.spec.truth
    assert source.generator.chosen.x_max == 0.5
