"""predict and evaluate on runs of every command that leaves a model."""

from __future__ import annotations

import csv
import io
import json
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcli.__main__ import call

Run = Callable[..., Any]
N_ROWS = 300


def write_csv(path: Path, columns: Mapping[str, Sequence[float]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(
            [repr(float(v)) for v in row] for row in zip(*columns.values(), strict=True)
        )


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def table(rng: np.random.Generator, n: int = N_ROWS) -> dict[str, Any]:
    x, z = rng.normal(size=(2, n))
    kind = (x + 0.5 * z + 0.5 * rng.normal(size=n) > 0).astype(float)
    return {"x": x, "z": z, "t": 1 + 2 * x - z + 0.3 * rng.normal(size=n), "kind": kind}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table, images, and a run of every command on them."""
    home = tmp_path_factory.mktemp("predict")
    rng = np.random.default_rng(0)
    write_csv(home / "train.csv", table(rng))
    write_csv(home / "new.csv", table(rng))
    X = rng.normal(size=(120, 8, 8)).astype(np.float32)
    np.savez(home / "images.npz", X=X, t=X[:, :3].sum(axis=(1, 2)) + rng.normal(size=120))
    on = ["--data", str(home / "train.csv"), "--features", "x,z", "--target"]
    quick = ["--n-epochs", "4", "--n-seeds", "3", "--hidden", "16"]
    commands = {
        "fit-poly": [*on, "t", "--degrees", "1,2", "--n-seeds", "2"],
        "lapack": [*on, "t", "--degrees", "1,2", "--n-seeds", "2", "--solver", "lapack"],
        "gaussian": [*on, "t", "--degrees", "2,3", "--n-seeds", "2", "--basis", "gaussian"],
        "lasso": [*on, "t", "--degrees", "2", "--n-seeds", "2", "--penalty", "l1"],
        "kfold": [*on, "t", "--degrees", "1,2", "--n-seeds", "1", "--n-nested", "0"],
        "kfold-classes": [
            *on,
            "kind",
            "--degrees",
            "1",
            "--n-seeds",
            "1",
            "--n-nested",
            "0",
            "--model",
            "logistic",
            "--loss",
            "zero-one",
            "--penalty",
            "l2",
            "--n-strengths",
            "2",
        ],
        "bayes": [*on, "t", "--degree", "2", "--degrees", "1,2", "--n-seeds", "1"],
        "bayes-student": [*on, "t", "--degrees", "1", "--n-seeds", "1", "--noise", "student"],
        "logistic": [*on, "kind", "--n-seeds", "2", "--n-study", "10", "--threshold", "0.7"],
        "train-mlp": [*on, "t", *quick, "--init", "xavier,he"],
        "mlp-classes": [*on, "kind", *quick],
        "train-cnn": [
            "--data",
            str(home / "images.npz"),
            "--n-epochs",
            "1",
            "--n-seeds",
            "2",
            "--batch-size",
            "16",
            "--max-shift",
            "0",
            "--no-equal-mlp",
        ],
    }
    names = {
        "lapack": "fit-poly",
        "gaussian": "fit-poly",
        "lasso": "fit-poly",
        "kfold-classes": "kfold",
        "bayes-student": "bayes",
        "mlp-classes": "train-mlp",
    }
    with pytest.MonkeyPatch.context() as patch:
        # Away from the project's params.yaml.
        patch.chdir(home)
        patch.setattr("mlcli.run.files.DIGITS", 17)  # for comparisons to the last bit
        for name, flags in commands.items():
            words = [names.get(name, name), *flags, "--no-plots", "--quiet", "--out", name]
            assert call(words) == 0, name
    return home


REGRESSIONS = (
    "fit-poly",
    "lapack",
    "gaussian",
    "lasso",
    "kfold",
    "bayes",
    "bayes-student",
    "train-mlp",
)
CLASSIFICATIONS = ("kfold-classes", "logistic", "mlp-classes")


@pytest.mark.parametrize("name", REGRESSIONS)
def test_every_regression_predicts_with_an_interval_that_holds(
    mlcli: Run, folder: Path, name: str
) -> None:
    found = read(mlcli("predict", str(folder / name), str(folder / "new.csv")).out)
    assert len(found) == N_ROWS
    scores = mlcli("evaluate", str(folder / name), str(folder / "new.csv"), "--json").json
    t = np.array([float(row["t"]) for row in read((folder / "new.csv").read_text())])
    y, low, high = (np.array([float(r[k]) for r in found]) for k in ("prediction", "low", "high"))
    metrics = {key: entry["value"] for key, entry in scores["metrics"].items()}
    assert metrics["mse"] == pytest.approx(((t - y) ** 2).mean(), rel=1e-12)
    assert metrics["coverage"] == ((low <= t) & (t <= high)).mean()
    assert 0.88 < metrics["coverage"] <= 1
    assert scores["metrics"]["mse"]["ci_low"] < metrics["mse"] < scores["metrics"]["mse"]["ci_high"]


@pytest.mark.parametrize("name", CLASSIFICATIONS)
def test_every_classification_predicts_probabilities(mlcli: Run, folder: Path, name: str) -> None:
    found = read(mlcli("predict", str(folder / name), str(folder / "new.csv")).out)
    P = np.array([[float(row["p_0"]), float(row["p_1"])] for row in found])
    assert np.allclose(P.sum(axis=1), 1)
    threshold = 0.7 if name == "logistic" else 0.5
    called = np.array([int(row["class"]) for row in found])
    assert (called == (P[:, 1] > threshold)).all()
    truth = np.array([float(row["kind"]) for row in read((folder / "new.csv").read_text())])
    scores = mlcli("evaluate", str(folder / name), str(folder / "new.csv"), "--json").json
    assert scores["metrics"]["accuracy"]["value"] == (called == truth).mean()
    assert sum(map(sum, scores["confusion"])) == N_ROWS


def rows_of(path: Path, numbers: Sequence[int], target: Path) -> None:
    rows = read(path.read_text())
    write_csv(target, {k: [float(rows[i][k]) for i in numbers] for k in rows[0]})


def test_networks_say_the_same_to_the_last_bit(mlcli: Run, folder: Path) -> None:
    written = read((folder / "train-mlp" / "tables/predictions.csv").read_text())
    rows_of(folder / "train.csv", [int(row["row"]) for row in written], Path("test.csv"))
    first = mlcli("predict", str(folder / "train-mlp"), "test.csv", "--seed-index", "0")
    assert [r["prediction"] for r in read(first.out)] == [r["predicted"] for r in written]


def test_convolutional_networks_too(mlcli: Run, folder: Path) -> None:
    written = read((folder / "train-cnn" / "tables/predictions.csv").read_text())
    numbers = [int(row["row"]) for row in written]
    with np.load(folder / "images.npz") as images:
        np.savez("test.npz", X=images["X"][numbers])
    first = mlcli("predict", str(folder / "train-cnn"), "test.npz", "--seed-index", "0")
    assert [r["prediction"] for r in read(first.out)] == [r["predicted"] for r in written]


def test_a_posterior_says_the_same_to_the_last_bit(mlcli: Run, folder: Path) -> None:
    written = read((folder / "bayes" / "tables/predictive.csv").read_text())
    found = read(mlcli("predict", str(folder / "bayes"), str(folder / "train.csv")).out)
    assert [(r["prediction"], r["std"]) for r in found] == [(r["mean"], r["std"]) for r in written]


@pytest.mark.usefixtures("every_digit")
@pytest.mark.parametrize(
    "flags",
    [
        (),
        ("--solver", "lapack"),
        ("--basis", "fourier"),
        ("--penalty", "elastic"),
        ("--solver", "certified", "--degrees", "1,3"),
        ("--basis", "sigmoid", "--no-intercept"),
    ],
    ids=" ".join,
)
def test_fits_say_the_same_to_the_last_bit(mlcli: Run, flags: tuple[str, ...]) -> None:
    degrees = () if "--degrees" in flags else ("--degrees", "1,5,20")
    done = mlcli("fit-poly", *degrees, "--n-seeds", "2", "--no-plots", "--out", "o", *flags)
    assert done.code == 0, done.err
    written = read(Path("o/tables/fits.csv").read_text())
    estimator = written[0]["estimator"]
    for degree in {row["degree"] for row in written}:
        curve = [r for r in written if (r["degree"], r["estimator"]) == (degree, estimator)]
        write_csv(Path("grid.csv"), {"x": [float(row["x"]) for row in curve]})
        found = read(mlcli("predict", "o", "grid.csv", "--degree", degree).out)
        assert [r["prediction"] for r in found] == [r["fit"] for r in curve]


def test_a_large_file_in_batches_is_the_same_as_at_once(
    mlcli: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_csv(Path("large.csv"), table(np.random.default_rng(1), 20_011))
    for name in ("fit-poly", "bayes", "logistic", "mlp-classes"):
        monkeypatch.setattr("mlcli.commands.trained.ROWS", 1)
        batches = mlcli("predict", str(folder / name), "large.csv")
        monkeypatch.setattr("mlcli.commands.trained.ROWS", 10**6)
        at_once = mlcli("predict", str(folder / name), "large.csv")
        assert batches.out.count("\n") == 20_012
        assert batches.out == at_once.out


def test_columns_are_matched_by_name(mlcli: Run, folder: Path) -> None:
    rows = read((folder / "new.csv").read_text())[:20]
    write_csv(Path("plain.csv"), {k: [float(r[k]) for r in rows] for k in ("x", "z")})
    write_csv(Path("other.csv"), {k: [float(r[k]) for r in rows] for k in ("t", "z", "kind", "x")})
    plain, other = (mlcli("predict", str(folder / "bayes"), f"{k}.csv") for k in ("plain", "other"))
    assert plain.out == other.out
    write_csv(Path("wrong.csv"), {"X": [1.0], "z": [2.0]})
    wrong = mlcli("predict", str(folder / "bayes"), "wrong.csv")
    assert (wrong.code, wrong.out) == (2, "")
    assert wrong.err == "mlcli: wrong.csv has no column 'x'; try one of its columns: X, z\n"


def test_an_empty_cell_is_an_empty_line_and_moves_no_other_row(mlcli: Run, folder: Path) -> None:
    rows = read((folder / "new.csv").read_text())[:20]
    columns = {k: [float(r[k]) for r in rows] for k in ("x", "z")}
    write_csv(Path("whole.csv"), columns)
    columns["x"][3] = float("nan")
    write_csv(Path("holes.csv"), columns)
    for name in ("bayes", "mlp-classes"):
        whole = mlcli("predict", str(folder / name), "whole.csv").out.splitlines()
        holes = mlcli("predict", str(folder / name), "holes.csv")
        lines = holes.out.splitlines()
        assert set(lines[4]) == {","}
        assert [*lines[:4], *lines[5:]] == [*whole[:4], *whole[5:]]
        assert "1 of them empty" in holes.err


def test_stdin_stands_in_a_pipe(mlcli: Run, folder: Path) -> None:
    run, new = str(folder / "fit-poly"), folder / "new.csv"
    command = [sys.executable, "-m", "mlcli", "predict", run, "-"]
    done = subprocess.run(command, input=new.read_bytes(), capture_output=True, check=True)
    assert done.stdout.decode() == mlcli("predict", run, str(new)).out
    bad = subprocess.run(command, input=b"a,z\n1,2\n", capture_output=True, check=False)
    assert bad.returncode == 2
    assert bad.stderr.decode() == "mlcli: stdin has no column 'x'; try one of its columns: a, z\n"


def test_parquet_holds_the_same_numbers(mlcli: Run, folder: Path) -> None:
    from pyarrow import parquet

    run, new = str(folder / "mlp-classes"), str(folder / "new.csv")
    assert mlcli("predict", run, new, "--out", "p.parquet").out == ""
    assert mlcli("predict", run, new, "--out", "p.csv").code == 0
    columns = parquet.read_table("p.parquet").to_pydict()
    rows = read(Path("p.csv").read_text())
    assert [float(row["p_1"]) for row in rows] == columns["p_1"]
    assert [row["class"] for row in rows] == columns["class"]
    assert sorted(path.name for path in Path().iterdir()) == ["p.csv", "p.parquet"]


def test_choices(mlcli: Run, folder: Path) -> None:
    new = str(folder / "new.csv")
    assert "degree 1 of 1, 2" in mlcli("predict", str(folder / "fit-poly"), new).err
    best = mlcli("predict", str(folder / "train-mlp"), new)
    both = {
        v: mlcli("predict", str(folder / "train-mlp"), new, "--variant", v).out
        for v in ("xavier", "he")
    }
    info = json.loads((folder / "train-mlp/model/model.json").read_text())
    losses = {entry["label"]: entry["loss"] for entry in info["variants"]}
    assert best.out == both[min(losses, key=losses.__getitem__)]
    assert both["xavier"] != both["he"]
    wrong = [
        (["fit-poly", "--degree", "7"], "--degree must be one of 1, 2, got 7; try 2"),
        (["train-mlp", "--variant", "hee"], "--variant must be one of xavier, he, got 'hee'"),
        (["train-mlp", "--seed-index", "9"], "--seed-index must be one of 0, 1, 2, got 9"),
        (["bayes", "--degree", "2"], "--degree chooses among the models of fit-poly"),
        (["bayes", "--level", "95"], "--level must be between 0 and 1, got 95"),
        (["bayes", "--out", "p.txt"], "--out must be a .csv or .parquet file"),
    ]
    for (name, *flags), sentence in wrong:
        done = mlcli("predict", str(folder / name), new, *flags)
        assert (done.code, done.out) == (2, "")
        assert sentence in done.err
        assert len(done.err.splitlines()) == 1


def test_a_command_without_a_model_says_which_have_one(mlcli: Run) -> None:
    assert mlcli("descent", "--n-seeds", "1", "--no-plots", "--out", "o", "--quiet").code == 0
    done = mlcli("predict", "o", "new.csv")
    assert done.code == 2
    assert "o is a run of descent, which leaves no model; try a run of kfold, fit-poly" in done.err
    assert "not a run folder" in mlcli("predict", ".", "new.csv").err
    assert "no such folder" in mlcli("predict", "nowhere", "new.csv").err


@pytest.mark.parametrize("name", ["fit-poly", "kfold", "bayes", "logistic", "train-mlp"])
def test_one_altered_byte_is_refused_by_the_name_of_its_part(
    mlcli: Run, folder: Path, name: str
) -> None:
    shutil.copytree(folder / name, "run")
    tensors = "model/last.safetensors" if name == "train-mlp" else "model/predictor.safetensors"
    for part in (tensors, "model/model.json"):
        path = Path("run") / part
        whole = path.read_bytes()
        for place in (0, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            done = mlcli("predict", "run", str(folder / "new.csv"))
            assert (done.code, done.out) == (2, "")
            assert f"{part} of run does not match its SHA-256" in done.err
        path.write_bytes(whole)
    manifest = json.loads(Path("run/manifest.json").read_text())
    manifest["config"]["seed"]["value"] += 1
    Path("run/manifest.json").write_text(json.dumps(manifest))
    done = mlcli("predict", "run", str(folder / "new.csv"))
    assert "manifest.json of run does not match the hash of its own question" in done.err


class Trap:
    """Unpickled, it would make a file."""

    def __reduce__(self) -> Any:
        return Path.touch, (Path("sprung"),)


def test_a_pickle_is_never_opened(mlcli: Run, folder: Path) -> None:
    """Even where the manifest was made to vouch for it."""
    import hashlib

    shutil.copytree(folder / "bayes", "run")
    part = "model/predictor.safetensors"
    content = pickle.dumps({"mean": Trap()})
    (Path("run") / part).write_bytes(content)
    manifest = json.loads(Path("run/manifest.json").read_text())
    manifest["files"][part] = hashlib.sha256(content).hexdigest()
    Path("run/manifest.json").write_text(json.dumps(manifest))
    done = mlcli("predict", "run", str(folder / "new.csv"))
    assert done.code == 2
    assert f"{part} of run does not hold a model that can be read" in done.err
    assert not Path("sprung").exists()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("fit-poly", {"functions": [{"kind": "polynomials"}]}),
        ("bayes", {"predictor": {"basis": "legendre", "degree": 10**9, "intercept": True}}),
        ("logistic", {"features": ["x", "z", "t"]}),
        ("train-mlp", {"features": ["x"]}),
        ("train-mlp", {"programs": [{"sizes": [2, 10**12, 1]}]}),
        ("train-mlp", {"best_variant": 5}),
        ("train-cnn", {"image_shape": 3}),
    ],
)
def test_words_that_do_not_fit_the_arrays_are_refused_in_one_sentence(
    mlcli: Run, folder: Path, name: str, change: dict[str, Any]
) -> None:
    """Even where the manifest was made to vouch for them."""
    import hashlib

    shutil.copytree(folder / name, "run")
    info = json.loads(Path("run/model/model.json").read_text())
    if "programs" in change:
        info["programs"][0] |= change["programs"][0]
    else:
        info |= change
    content = json.dumps(info).encode()
    Path("run/model/model.json").write_bytes(content)
    manifest = json.loads(Path("run/manifest.json").read_text())
    manifest["files"]["model/model.json"] = hashlib.sha256(content).hexdigest()
    Path("run/manifest.json").write_text(json.dumps(manifest))
    done = mlcli("predict", "run", str(folder / "new.csv"))
    assert (done.code, done.out) == (2, "")
    assert "does not hold a model that can be read" in done.err
    assert len(done.err.splitlines()) == 1


def test_images_of_another_size_are_refused(mlcli: Run, folder: Path) -> None:
    np.savez("large.npz", X=np.zeros((3, 9, 8)))
    done = mlcli("predict", str(folder / "train-cnn"), "large.npz")
    assert done.code == 2
    assert "must be 8 x 8 pixels, grey, as in the training, got 9 x 8 pixels, grey" in done.err


def test_a_folder_of_images(mlcli: Run) -> None:
    from PIL import Image

    rng = np.random.default_rng(0)
    for k, name in enumerate(("dark", "light")):
        Path("train", name).mkdir(parents=True)
        for i in range(12):
            pixels = (rng.integers(100, size=(8, 8)) + 120 * k).astype(np.uint8)
            Image.fromarray(pixels).save(Path("train", name, f"{i}.png"))
    flags = ("--n-epochs", "4", "--n-seeds", "2", "--batch-size", "4", "--max-shift", "0")
    done = mlcli("train-cnn", "--data", "train", *flags, "--no-plots", "--out", "o")
    assert done.code == 0, done.err
    found = read(mlcli("predict", "o", "train").out)
    assert [row["file"] for row in found[:2]] == ["dark/0.png", "dark/1.png"]
    assert {"class", "p_dark", "p_light"} <= found[0].keys()
    scores = mlcli("evaluate", "o", "train", "--json").json
    right = np.mean([row["file"].startswith(row["class"]) for row in found])
    assert scores["metrics"]["accuracy"]["value"] == right


def test_errors_too_large_for_a_number_are_null(mlcli: Run, folder: Path) -> None:
    write_csv(Path("far.csv"), {"x": [1e200, 1.0], "z": [1e200, 1.0], "t": [0.0, 1.0]})
    done = mlcli("evaluate", str(folder / "fit-poly"), "far.csv", "--degree", "2", "--json")
    assert done.code == 0, done.err
    assert done.json["metrics"]["mse"]["value"] is None
    assert mlcli("evaluate", str(folder / "fit-poly"), "far.csv", "--degree", "2").code == 0
    found = mlcli("predict", str(folder / "fit-poly"), "far.csv", "--degree", "2")
    assert found.code == 0
    assert "Warning" not in found.err


def test_a_target_that_is_no_class_of_the_model(mlcli: Run, folder: Path) -> None:
    write_csv(Path("odd.csv"), {"x": [1.0], "z": [1.0], "kind": [7.0]})
    done = mlcli("evaluate", str(folder / "logistic"), "odd.csv")
    assert done.code == 2
    assert "column 'kind' of odd.csv must be a class of the model, 0, 1, got 7" in done.err
