"""`mlcli export` with wrong inputs, missing packages and models that can't be written."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcli.__main__ import call

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of a few commands, one of them of networks in bfloat16."""
    home = tmp_path_factory.mktemp("export")
    net = ["--data", "sine", "--n-epochs", "1", "--n-seeds", "1", "--hidden", "4"]
    commands = {
        "fit-poly": ["fit-poly", "--n-seeds", "1", "--degrees", "1,3"],
        "logistic": ["logistic", "--n-seeds", "1", "--n-study", "10", "--data", "breast-cancer"],
        "bfloat": ["train-mlp", *net, "--precision", "bf16"],
        "mlp": ["train-mlp", *net],
        "descent": ["descent", "--n-seeds", "1"],
        "prepared": [
            "fit-poly",
            "--n-seeds",
            "1",
            "--degrees",
            "1",
            "--data",
            "words.csv",
            "--categorical",
            "who",
        ],
    }
    lines = [f"{x},{'ab'[x % 2]},{x + x % 2}" for x in range(12)]
    (home / "words.csv").write_text("\n".join(["x,who,t", *lines]) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        for name, words in commands.items():
            assert call([*words, "--no-plots", "--quiet", "--out", name]) == 0, name
    return home


REFUSED = [
    (
        ["fit-poly", "--to", "onx"],
        "--to must be one of onnx, torchscript, safetensors, sklearn, got onx; try onnx",
    ),
    (
        ["fit-poly", "--to", "onnx", "--out", "m.pt"],
        "--out must be a .onnx file with --to onnx, got m.pt; try m.onnx",
    ),
    (["fit-poly", "--to", "onnx", "--out", "m"], "got m; try m.onnx"),
    (["fit-poly", "--to", "onnx", "--out", "no/m.onnx"], "one in a folder that does not exist"),
    (["fit-poly", "--to", "onnx", "--level", "1.5"], "--level must be between 0 and 1, got 1.5"),
    (["fit-poly", "--to", "onnx", "--degree", "2"], "--degree must be one of 1, 3, got 2"),
    (
        ["fit-poly", "--to", "onnx", "--variant", "relu"],
        "--variant chooses among the models of "
        "train-mlp and train-cnn; this run of fit-poly has one",
    ),
    (["mlp", "--to", "onnx", "--variant", "relo"], "--variant must be one of"),
    (["mlp", "--to", "onnx", "--seed-index", "7"], "--seed-index must be one of 0, got 7"),
    (["descent", "--to", "onnx"], "is a run of descent, which leaves no model"),
    (["nowhere", "--to", "onnx"], "RUN must be a run folder"),
    # Their data, words.csv, are not in this folder, where there is nothing to check a file with.
    (
        ["prepared", "--to", "onnx"],
        "a model whose inputs are prepared (categories, dates or gaps) "
        "can't be exported; try a run on columns of numbers without gaps",
    ),
    (["bfloat", "--to", "safetensors"], "--precision bf16 predict in bfloat16"),
]


@pytest.mark.parametrize(("words", "sentence"), REFUSED)
def test_what_can_not_be_done_is_said_and_nothing_is_written(
    mlcli: Run, runs: Path, empty_folder: Path, words: list[str], sentence: str
) -> None:
    done = mlcli("export", str(runs / words[0]), *words[1:])
    assert done.code == 2
    assert sentence in done.err
    assert done.err.count("\n") == 1
    assert not list(empty_folder.iterdir())


@pytest.mark.parametrize(
    ("to", "module"), [("onnx", "onnx"), ("onnx", "onnxruntime"), ("sklearn", "skops")]
)
def test_a_missing_package_is_named_with_what_installs_it(
    mlcli: Run,
    runs: Path,
    empty_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    to: str,
    module: str,
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    done = mlcli("export", str(runs / "fit-poly"), "--to", to)
    assert done.code == 2
    assert done.err == (
        f"mlcli: --to {to} needs the package {module}, which is not installed; try pip install "
        "'mlcli[export]'\n"
    )
    assert not list(empty_folder.iterdir())


def test_the_other_formats_do_without_them(
    mlcli: Run, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("onnx", "onnxruntime", "skops"):
        monkeypatch.setitem(sys.modules, module, None)
    for to in ("safetensors", "torchscript"):
        assert mlcli("export", str(runs / "fit-poly"), "--to", to).code == 0


def test_an_altered_run_is_refused(mlcli: Run, empty_folder: Path) -> None:
    mlcli("fit-poly", "--n-seeds", "1", "--degrees", "1", "--no-plots", "--out", "run")
    with Path("run/model/model.json").open("a") as file:
        file.write(" ")
    done = mlcli("export", "run", "--to", "onnx")
    assert done.code == 2
    assert "model/model.json of run does not match its SHA-256" in done.err
    assert not list(empty_folder.glob("*.onnx"))


def test_a_folder_that_is_read_only_is_refused(
    mlcli: Run, runs: Path, empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_folder / "shut").mkdir(mode=0o500)
    # Root, whom no mode stops, is told the same.
    opened = os.open

    def refuse(path: str | Path, *arguments: Any, **named: Any) -> int:
        if Path(path).name == "shut":
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, *arguments, **named)

    monkeypatch.setattr(os, "open", refuse)
    done = mlcli("export", str(runs / "fit-poly"), "--to", "onnx", "--out", "shut/m.onnx")
    assert done.code == 2
    assert done.err == "mlcli: shut can't be written to (permission denied); try another --out\n"


def test_a_disk_that_is_full_leaves_the_old_file(
    mlcli: Run, runs: Path, empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("m.onnx").write_text("old")

    def full(path: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    done = mlcli("export", str(runs / "fit-poly"), "--to", "onnx", "--out", "m.onnx")
    assert done.code == 1
    assert done.err == "mlcli: the disk is full; the earlier result, if any, is untouched\n"
    assert Path("m.onnx").read_text() == "old"
    assert len(list(empty_folder.iterdir())) == 1


@pytest.mark.parametrize("to", ["onnx", "torchscript", "safetensors", "sklearn"])
def test_a_file_that_says_something_else_is_not_written(
    mlcli: Run, runs: Path, empty_folder: Path, monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    from mlcli.export import columns, monomials

    real, powers = columns.arnoldi_columns, monomials.monomials_of

    def wrong(build: Any, basis: Any, degree: int, x: str) -> str:
        return build.scale(real(build, basis, degree, x), 1 + 3e-5)

    def off(function: Any) -> Any:
        found = powers(function)
        found.C[:] *= 1 + 3e-5
        return found

    monkeypatch.setattr("mlcli.export.linear.arnoldi_columns", wrong)
    monkeypatch.setattr("mlcli.export.sklearn_parts.monomials_of", off)
    done = mlcli("export", str(runs / "fit-poly"), "--to", to)
    assert done.code == 1
    assert (
        "must be within 1e-05 of the model's, relative to the largest, got 3.0e-05; nothing "
        "was written" in done.err
    )
    assert not list(empty_folder.iterdir())


def test_inputs_that_are_prepared_are_refused() -> None:
    from mlcli.errors import DataError
    from mlcli.export.formats import graph_of

    class Prepared:
        class described:
            command = "fit-poly"
            preparation = {"columns": []}  # noqa: RUF012

    with pytest.raises(DataError, match="whose inputs are prepared"):
        graph_of(Prepared(), 0.95)  # type: ignore[arg-type]


def test_the_file_is_named_by_the_command_and_the_run(mlcli: Run, runs: Path) -> None:
    import json

    run = json.loads((runs / "logistic" / "manifest.json").read_text())["run"]
    done = mlcli("export", str(runs / "logistic"), "--to", "onnx")
    assert Path(f"logistic-{run}.onnx").is_file()
    assert "512 rows of the run's data" in done.out
    # A set that draws new rows each time has none of its own.
    assert "512 random rows" in mlcli("export", str(runs / "fit-poly"), "--to", "onnx").out


def test_random_rows_lie_where_the_data_are(runs: Path) -> None:
    from mlcli.commands.trained import load_model
    from mlcli.export.check import random_rows

    X = random_rows(load_model(str(runs / "fit-poly"), None, None, None, "cpu")[0])
    assert X.shape == (512, 1)
    assert np.ptp(X) > 0.5


def test_every_operation_has_a_meaning_and_every_reader_knows_it() -> None:
    from mlcli.export.numpy_steps import OPERATIONS
    from mlcli.export.onnx_file import SAME, _Lowering
    from mlcli.export.operations import MEANINGS
    from mlcli.neural.torchscript import _OPERATIONS

    assert set(OPERATIONS) == set(MEANINGS) == set(_OPERATIONS)
    known = {op for op in MEANINGS if hasattr(_Lowering, "_" + op.replace("-", "_"))}
    assert known | set(SAME) == set(MEANINGS)
