"""Every kind of model in every format, read by its own reader, against `mlcli predict`."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcli.__main__ import call
from mlcli.export import onnx_file
from mlcli.export.graph import MEANINGS, OPERATIONS
from mlcli.neural.activations import ACTIVATIONS

Run = Callable[..., Any]
ON = ["--data", "train.csv", "--features", "x,z", "--target"]
POLY = ["fit-poly", *ON, "t", "--n-seeds", "1", "--degrees"]
KFOLD = ["--n-seeds", "1", "--n-nested", "0"]
BAYES = ["--degrees", "1,2", "--n-seeds", "1"]
NET = ["--n-epochs", "2", "--n-seeds", "3", "--hidden", "8", "--keep-weights", "all"]
CNN = [
    "--n-epochs",
    "1",
    "--n-seeds",
    "2",
    "--batch-size",
    "32",
    "--max-shift",
    "0",
    "--no-equal-mlp",
    "--keep-weights",
    "all",
]
HIDDEN = [h for h in ACTIVATIONS.values() if h.name != "linear"]
OWN = (
    "conv 4 3x3 pad 1 stride 2,prelu 0.6,batch-norm,pool avg 2x1 stride 1,"
    "residual 6 stride 2 gelu,global max,dense 5,batch-norm,elu 1.5,dropout 0.2"
)
RUNS: Mapping[str, Sequence[str]] = {
    "polynomials": [*POLY, "1,4"],
    "one-feature": [
        "fit-poly",
        "--data",
        "train.csv",
        "--features",
        "x",
        "--target",
        "t",
        "--n-seeds",
        "1",
        "--degrees",
        "3,25",
    ],
    "constant": [*POLY, "0"],
    "no-intercept": [*POLY, "2", "--no-intercept"],
    "lapack": [*POLY, "1,2", "--solver", "lapack"],
    "certified": [*POLY, "2", "--solver", "certified"],
    "legendre": [*POLY, "4", "--basis", "legendre"],
    "chebyshev": [*POLY, "4", "--basis", "chebyshev"],
    "fourier": [*POLY, "2", "--basis", "fourier"],
    "gaussian": [*POLY, "3", "--basis", "gaussian"],
    "sigmoid": [*POLY, "3", "--basis", "sigmoid"],
    "linear": [*POLY, "1", "--basis", "linear"],
    "lasso": [*POLY, "3", "--penalty", "l1"],
    "lasso-legendre": [*POLY, "3", "--penalty", "l1", "--basis", "legendre"],
    "kfold": ["kfold", *ON, "t", *KFOLD, "--degrees", "1,2"],
    "kfold-logistic": [
        "kfold",
        *ON,
        "kind",
        *KFOLD,
        "--degrees",
        "1,2",
        "--model",
        "logistic",
        "--loss",
        "zero-one",
        "--penalty",
        "l2",
        "--n-strengths",
        "2",
    ],
    "kfold-squares": [
        "kfold",
        *ON,
        "three",
        *KFOLD,
        "--degrees",
        "1",
        "--loss",
        "zero-one",
        "--penalty",
        "l2",
        "--n-strengths",
        "2",
    ],
    "bayes": ["bayes", *ON, "t", *BAYES, "--degree", "3"],
    "bayes-gaussian": ["bayes", *ON, "t", *BAYES, "--degree", "3", "--basis", "gaussian"],
    "bayes-student": ["bayes", *ON, "t", *BAYES, "--noise", "student"],
    "logistic": [
        "logistic",
        *ON,
        "kind",
        "--n-seeds",
        "1",
        "--n-study",
        "10",
        "--threshold",
        "0.7",
    ],
    "logistic-three": ["logistic", *ON, "three", "--n-seeds", "1", "--n-study", "10"],
    "mlp": ["train-mlp", *ON, "t", *NET],
    "mlp-classes": ["train-mlp", *ON, "kind", *NET],
    "mlp-batch-norm": ["train-mlp", *ON, "three", *NET, "--normalisation", "batch"],
    "mlp-layer-norm": ["train-mlp", *ON, "t", *NET, "--normalisation", "layer"],
    "mlp-double": ["train-mlp", *ON, "t", *NET, "--precision", "float64", "--activation", "gelu"],
    # Its digits are lost in float32 unless an origin is taken off first.
    "mlp-far": ["train-mlp", "--data", "train.csv", "--features", "far,z", "--target", "t", *NET],
    "mlp-activations": [
        "train-mlp",
        *ON,
        "t",
        "--n-epochs",
        "1",
        "--n-seeds",
        "1",
        "--hidden",
        "6",
        "--activation",
        ",".join(h.name for h in HIDDEN),
    ],
    "mlp-alpha": [
        "train-mlp",
        *ON,
        "three",
        *NET,
        "--activation",
        "leaky-relu,prelu,elu",
        "--alpha",
        "0.4",
        "--keep-weights",
        "first",
    ],
    "mlp-bfloat": ["train-mlp", *ON, "t", *NET, "--precision", "bf16"],
    "cnn": ["train-cnn", "--data", "images.npz", *CNN],
    "cnn-views": [
        "train-cnn",
        "--data",
        "labels.npz",
        *CNN,
        "--test-views",
        "--architecture",
        "scan,fcn",
    ],
    "cnn-own": [
        "train-cnn",
        "--data",
        "labels.npz",
        *CNN,
        "--test-views",
        "--augment-flip",
        "--precision",
        "float64",
        "--layers",
        OWN,
    ],
    "descent": ["descent", "--n-seeds", "1"],
}


def table(rng: np.random.Generator, n: int = 200) -> dict[str, Any]:
    x, z, *noise = rng.normal(size=(5, n))
    return {
        "x": x,
        "z": z,
        "far": 1e9 + x,
        "t": 1 + 2 * x - z + 0.3 * noise[0],
        "kind": (x + 0.5 * z + 0.5 * noise[1] > 0) * 1,
        # Classes 9, 10 and 11: as words they sort otherwise.
        "three": np.digitize(x + z + 0.3 * noise[2], [-1, 1]) + 9,
    }


def write_csv(path: Path, columns: Mapping[str, Any]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for row in zip(*(np.asarray(c).tolist() for c in columns.values()), strict=True):
            writer.writerow([repr(value) for value in row])


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data and a run folder of each of `RUNS`."""
    home = tmp_path_factory.mktemp("export")
    rng = np.random.default_rng(0)
    write_csv(home / "train.csv", table(rng))
    write_csv(home / "new.csv", table(rng))
    for name in ("", "new-"):
        X = rng.normal(size=(96, 8, 8)).astype(np.float32)
        top, low = X[:, :3].sum(axis=(1, 2)), X[:, 4:].sum(axis=(1, 2))
        np.savez(home / f"{name}images.npz", X=X, t=top + rng.normal(size=96))
        np.savez(home / f"{name}labels.npz", X=X, t=(top > 0) * 1 + (low > 0))
    with pytest.MonkeyPatch.context() as patch:
        # Away from the project's params.yaml.
        patch.chdir(home)
        for name, short in RUNS.items():
            words = [
                str(home / word) if word.endswith((".csv", ".npz")) else word for word in short
            ]
            assert call([*words, "--no-plots", "--quiet", "--out", name]) == 0, name
    return home


SUFFIXES = {"onnx": "onnx", "safetensors": "safetensors", "sklearn": "skops"}
KINDS = [name for name in RUNS if name not in ("descent", "mlp-bfloat")]
# scikit-learn has the parts of these; what it has not is a class of ours.
OURS = {
    "constant",
    "fourier",
    "gaussian",
    "sigmoid",
    "kfold-squares",
    "bayes-gaussian",
    "bayes-student",
    "mlp-layer-norm",
    "mlp-double",
    "mlp-activations",
    "mlp-alpha",
    "cnn",
    "cnn-views",
    "cnn-own",
}


def inputs(runs: Path, name: str) -> tuple[str, np.ndarray]:
    """New rows of the kind's data: the file, and what is in it."""
    data = RUNS[name][RUNS[name].index("--data") + 1]
    path = runs / (f"new-{data}" if data.endswith(".npz") else "new.csv")
    if path.suffix == ".npz":
        return str(path), np.load(path)["X"]
    with path.open() as file:
        rows = list(csv.DictReader(file))
    features = RUNS[name][RUNS[name].index("--features") + 1].split(",")
    return str(path), np.array([[float(row[f]) for f in features] for row in rows])


@pytest.fixture(scope="module")
def said(runs: Path) -> Callable[[Run, str], dict[str, Any]]:
    """What predict prints of new rows, by kind, asked once."""
    known: dict[str, dict[str, Any]] = {}

    def of(mlcli: Run, name: str) -> dict[str, Any]:
        if name not in known:
            out = mlcli("predict", str(runs / name), inputs(runs, name)[0]).out
            rows = list(csv.DictReader(io.StringIO(out)))
            known[name] = {key: [row[key] for row in rows] for key in rows[0]}
        return known[name]

    return of


def read_onnx(path: Path, X: np.ndarray) -> dict[str, np.ndarray]:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    X = X.astype(np.float32 if entry.type == "tensor(float)" else np.float64)
    assert entry.shape == ["n", *X.shape[1:]]
    names = [one.name for one in session.get_outputs()]
    found = dict(zip(names, session.run(names, {entry.name: X}), strict=True))
    if "class_number" in found:
        names = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
        assert list(found["class"]) == [names[k] for k in found["class_number"]]
    return found


def read_safetensors(path: Path, X: np.ndarray) -> dict[str, np.ndarray]:
    from safetensors import safe_open
    from safetensors.numpy import load_file

    from mlcli.export.graph import read_description, run

    text = safe_open(path, "numpy").metadata()["mlcli"]
    found = run(read_description(text, load_file(path)), X)
    if "class" in found:
        found["class"] = np.array(json.loads(text)["classes"])[found["class"]]
    return found


def read_sklearn(path: Path, X: np.ndarray) -> dict[str, np.ndarray]:
    import pandas as pd
    from skops import io as skops_io

    trusted = skops_io.get_untrusted_types(file=path)
    model = skops_io.load(path, trusted=trusted)
    rows = X.reshape(len(X), -1)
    rows = pd.DataFrame(rows, columns=model.feature_names_in_)
    found = {"class" if hasattr(model, "classes_") else "prediction": model.predict(rows)}
    if hasattr(model, "predict_proba"):
        order = np.argsort([float(name) for name in model.classes_])
        found["probabilities"] = model.predict_proba(rows)[:, order]
    if trusted:
        found["mlcli"] = np.array(trusted)
    return found


READERS = {
    "onnx": read_onnx,
    "safetensors": read_safetensors,
    "sklearn": read_sklearn,
}


@pytest.mark.parametrize("to", SUFFIXES)
@pytest.mark.parametrize("name", KINDS)
def test_a_file_says_of_new_rows_what_predict_prints(
    mlcli: Run, runs: Path, said: Any, empty_folder: Path, name: str, to: str
) -> None:
    out = empty_folder / f"model.{SUFFIXES[to]}"
    done = mlcli("export", str(runs / name), "--to", to, "--out", str(out), "--json")
    assert done.code == 0, done.err
    assert done.json["largest_difference"] < 1e-5
    assert done.json["rows"].endswith("rows of the run's data")
    found, expected = READERS[to](out, inputs(runs, name)[1]), said(mlcli, name)
    if to == "sklearn":
        assert ("mlcli" in found) == (name in OURS)
    n_compared = 0
    for key, values in found.items():
        if key == "probabilities":
            P = np.array([expected[k] for k in expected if k.startswith("p_")], dtype=float).T
            assert np.abs(values - P).max() < 1e-5
        elif key == "class":
            assert list(values) == expected["class"]
        elif key in expected:
            theirs = np.array(expected[key], dtype=float)
            assert values.shape == theirs.shape
            assert np.abs(values - theirs).max() <= 1e-5 * np.abs(theirs).max(), key
        else:
            continue
        n_compared += 1
    assert n_compared
    if to != "sklearn":
        left_out = set(expected) - set(found) - {"probability"}
        assert {k for k in left_out if not k.startswith("p_")} == set(done.json["left_out"])


@pytest.mark.parametrize("to", SUFFIXES)
@pytest.mark.parametrize("name", ["polynomials", "logistic", "mlp-classes", "cnn"])
def test_the_same_model_gives_the_same_bytes(
    mlcli: Run, runs: Path, empty_folder: Path, name: str, to: str
) -> None:
    for number in (1, 2):
        out = f"{number}.{SUFFIXES[to]}"
        assert mlcli("export", str(runs / name), "--to", to, "--out", out).code == 0
    first, second = ((empty_folder / f"{n}.{SUFFIXES[to]}").read_bytes() for n in (1, 2))
    assert first == second
    assert str(Path(sys.prefix)).encode() not in first


@pytest.mark.parametrize("to", ["onnx", "safetensors"])
@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("one-feature", ["--degree", "25"]),
        ("polynomials", ["--degree", "1"]),
        ("mlp", ["--seed-index", "2"]),
        ("cnn-views", ["--variant", "fcn"]),
        *(("mlp-activations", ["--variant", h]) for h in ("prelu", "rrelu", "silu", "selu", "elu")),
        *(("mlp-alpha", ["--variant", h]) for h in ("leaky-relu", "prelu", "elu")),
    ],
)
def test_the_model_that_was_chosen_is_exported(
    mlcli: Run, runs: Path, empty_folder: Path, to: str, name: str, flags: list[str]
) -> None:
    out = empty_folder / f"model.{SUFFIXES[to]}"
    done = mlcli("export", str(runs / name), "--to", to, "--out", str(out), *flags)
    assert done.code == 0, done.err
    path, X = inputs(runs, name)
    rows = list(csv.DictReader(io.StringIO(mlcli("predict", str(runs / name), path, *flags).out)))
    found = READERS[to](out, X)
    if "class" in found:
        assert list(found["class"]) == [row["class"] for row in rows]
        return
    theirs = np.array([float(row["prediction"]) for row in rows])
    assert np.abs(found["prediction"] - theirs).max() <= 1e-5 * np.abs(theirs).max()


def test_the_level_of_an_interval_is_that_of_predict(
    mlcli: Run, runs: Path, empty_folder: Path
) -> None:
    mlcli("export", str(runs / "bayes"), "--to", "onnx", "--level", "0.5", "--out", "m.onnx")
    path, X = inputs(runs, "bayes")
    rows = csv.DictReader(
        io.StringIO(mlcli("predict", str(runs / "bayes"), path, "--level", "0.5").out)
    )
    low = np.array([float(row["low"]) for row in rows])
    assert np.allclose(read_onnx(empty_folder / "m.onnx", X)["low"], low, rtol=1e-12)


def test_a_skops_pipeline_of_bayes_knows_its_predictive_standard_deviation(
    mlcli: Run, runs: Path, said: Any, empty_folder: Path
) -> None:
    from skops import io as skops_io

    mlcli("export", str(runs / "bayes"), "--to", "sklearn", "--out", "m.skops")
    model = skops_io.load("m.skops", trusted=[])
    _, X = inputs(runs, "bayes")
    import pandas as pd

    _, std = model.predict(pd.DataFrame(X, columns=["x", "z"]), return_std=True)
    assert np.allclose(std, np.array(said(mlcli, "bayes")["std"], dtype=float), rtol=1e-9)


def test_an_estimator_of_ours_says_what_it_has_and_refuses_the_rest(
    mlcli: Run, runs: Path, said: Any, empty_folder: Path
) -> None:
    import pandas as pd
    from skops import io as skops_io

    from mlcli.errors import InputError

    names = [
        "mlcli.export.estimators.ExportedRegressor",
        "mlcli.export.estimators.ExportedClassifier",
    ]
    for name in ("gaussian", "kfold-squares"):
        mlcli("export", str(runs / name), "--to", "sklearn", "--out", f"{name}.skops")
    model = skops_io.load("gaussian.skops", trusted=names)
    rows = pd.DataFrame(inputs(runs, "gaussian")[1], columns=["x", "z"])
    low, high = model.predict_interval(rows)
    assert np.allclose(low, np.array(said(mlcli, "gaussian")["low"], dtype=float), rtol=1e-9)
    assert (low < high).all()
    with pytest.raises(InputError, match="can't be fitted"):
        model.fit(rows, low)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(rows[["z", "x"]])
    assert not hasattr(skops_io.load("kfold-squares.skops", trusted=names), "predict_proba")


def test_an_onnx_file_says_what_it_is(mlcli: Run, runs: Path, empty_folder: Path) -> None:
    import onnx

    mlcli("export", str(runs / "logistic"), "--to", "onnx", "--out", "m.onnx")
    said = {p.key: p.value for p in onnx.load("m.onnx").metadata_props}
    run = json.loads((runs / "logistic" / "manifest.json").read_text())["run"]
    assert said["run"] == run
    assert said["target"] == "kind"
    assert json.loads(said["features"]) == ["x", "z"]
    assert json.loads(said["classes"]) == ["0", "1"]
    assert said["command"] == "logistic"
    assert "model_schema" in said


@pytest.mark.parametrize("name", [h.name for h in HIDDEN if h.function])
def test_an_activation_has_its_operation_in_exported_files(name: str) -> None:
    assert name in OPERATIONS
    assert name in MEANINGS
    assert name in onnx_file.SAME or hasattr(onnx_file._Lowering, f"_{name}")
