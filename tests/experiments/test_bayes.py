"""`mlcli bayes` from the command line: contract, textbook numbers, priors, streams, bad input."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcli.datasets.source import open_source
from mlcli.experiments import bayes
from mlcli.experiments.bayes.columns import MANY_ROWS, basis_of, in_memory, r_factor_of
from mlcli.experiments.bayes.config import BayesConfig
from mlcli.experiments.bayes.fit import maximum_likelihood
from mlcli.experiments.experiment import Context
from mlcli.linear.bayes.evidence import maximise_evidence
from mlcli.linear.bayes.posterior import spectrum
from mlcli.scale.workers import Processes
from tests.experiments.contract import Cases

Run = Callable[..., Any]


def write_csv(path: Path, columns: dict[str, Any]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def read(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def write_files() -> None:
    write_csv(Path("flat.csv"), {"x": range(9), "t": [3] * 9})
    Path("q.csv").write_text("x\n0\n1\n")


CASES = Cases(
    small="--degrees 0-4 --n-seeds 3 --n-calibration 8 --n-surface 9",
    anywhere=(
        "--basis linear",
        "--basis linear --prior ard",
        "--basis linear --noise student",
        "--degree 1 --degrees 1",
    ),
    branches=(
        "--prior ard --degree 6",
        "--noise student",
        "--noise student --prior-precision 0.1",
        "--data diabetes --basis linear",
        "--data diabetes --basis linear --prior ard",
        "--data sine --basis fourier --degree 3",
        "--basis gaussian --degree 5 --degrees 1-4",
        "--data sine --n-samples 40 --degree 30 --degrees 0-30",
        "--prior-precision 2 --noise-precision 0.3",
        "--degree 0 --degrees 0",
        "--n-draws 0",
    ),
    refused={
        "--prior-precision 0": "above 0",
        "--noise-precision -1": "above 0",
        "--noise-shape 0": "above 0",
        "--grid 1,0,5": "must be lo,hi,n",
        "--grid a,b": "must be lo,hi,n",
        "--grid 0,1,3 --at q.csv": "goes without --at",
        "--prior general": "all three or none",
        "--prior ard --prior-precision 1": "goes with prior isotropic",
        "--prior ard --noise-precision 1": "found together",
        "--noise student --noise-precision 1": "must be gaussian",
        "--at nope.csv": "nope.csv",
        "--degree -1": "at least 0",
        "--data flat.csv": "has no variance",
        "--degrees 0-3000": "1 to 2,000 are fitted",
    },
    write=write_files,
)
BARE = ("bayes", *CASES.small.split(), "--no-plots", "--quiet", "--json")


@pytest.fixture
def quadratic(empty_folder: Path) -> Path:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 3, 50)
    t = 1 - 2 * x + x**2 + rng.normal(0, 0.3, 50)
    write_csv(empty_folder / "q.csv", {"x": x.tolist(), "t": t.tolist()})
    return empty_folder / "q.csv"


@pytest.mark.usefixtures("every_digit")
def test_three_points_of_the_textbook(mlcli: Run, empty_folder: Path) -> None:
    write_csv(empty_folder / "three.csv", {"x": [-1, 0, 1], "t": [-2, 0, 2]})
    arguments = (
        "bayes",
        "--data",
        "three.csv",
        "--target",
        "t",
        "--degree",
        "1",
        "--degrees",
        "1",
        "--basis",
        "monomial",
        "--prior-precision",
        "1",
        "--noise-precision",
        "1",
        "--grid",
        "3,4,2",
        "--json",
        "--quiet",
        "--out",
        "o",
    )
    done = mlcli(*arguments)
    assert done.code == 0, done.err
    rows = {row["term"]: row for row in read("o/model/posterior_mean.csv")}
    assert float(rows["1"]["mean"]) == pytest.approx(4 / 3, rel=1e-14)
    assert float(rows["0"]["mean"]) == pytest.approx(0, abs=1e-14)
    first = read("o/tables/predictive.csv")[0]
    assert set(first) == {"x", "mean", "std"}
    assert float(first["mean"]) == pytest.approx(4.0)
    assert float(first["std"]) == pytest.approx(np.sqrt(4.25))
    covariance = np.load("o/model/posterior_covariance.npy", allow_pickle=False)
    np.testing.assert_allclose(covariance, np.diag([1 / 4, 1 / 3]), atol=1e-14)
    from scipy.stats import multivariate_normal

    Phi = np.array([[1.0, -1.0], [1.0, 0.0], [1.0, 1.0]])
    dense = multivariate_normal(np.zeros(3), np.eye(3) + Phi @ Phi.T).logpdf([-2, 0, 2])
    assert done.json["log_evidence"] == pytest.approx(float(dense), rel=1e-12)
    slope = mlcli(*arguments[:-1], "p", "--no-intercept", "--force")
    assert slope.code == 0
    assert float(read("p/tables/predictive.csv")[0]["std"]) == pytest.approx(2.0)


def test_the_precisions_are_found_and_the_degree_too(mlcli: Run) -> None:
    done = mlcli(*BARE, "--n-seeds", "6", "--degrees", "0-6", "--n-calibration", "0")
    assert done.code == 0, done.err
    assert done.json["noise_precision"] == pytest.approx(1 / 1.95**2, rel=0.2)
    over = done.json["over_seeds"]["noise_precision"]
    assert over["n"] == 6
    assert over["ci_low"] < 1 / 1.95**2 < over["ci_high"]
    assert done.json["degree_by_evidence"] == 3
    assert done.json["chosen"]["evidence"]["degree_3"] >= 0.5


def test_bayes_knows_how_sure_it_is_and_maximum_likelihood_does_not(mlcli: Run) -> None:
    done = mlcli(*BARE, "--n-seeds", "1", "--n-calibration", "100")
    found = {
        name: done.json["calibration"][name]["level_95"]
        for name in ("maximum_likelihood", "evidence", "unknown_noise")
    }
    assert found["maximum_likelihood"]["ci_high"] < 0.9
    assert found["evidence"]["mean"] > 0.9
    assert found["evidence"]["mean"] < found["unknown_noise"]["mean"] < 0.97


def test_yesterdays_posterior_is_a_prior(mlcli: Run, quadratic: Path) -> None:
    rows = read("q.csv")
    for name, part in (("a.csv", rows[:20]), ("b.csv", rows[20:])):
        write_csv(Path(name), {key: [row[key] for row in part] for key in ("x", "t")})
    common = ("--basis", "monomial", "--degree", "2", "--degrees", "2", "--noise-precision", "10")
    assert (
        mlcli(*BARE, *common, "--data", "a.csv", "--prior-precision", "0.5", "--out", "a").code == 0
    )
    second = mlcli(
        *BARE,
        *common,
        "--data",
        "b.csv",
        "--prior",
        "general",
        "--prior-mean",
        "a/model/posterior_mean.csv",
        "--prior-covariance",
        "a/model/posterior_covariance.npy",
        "--out",
        "b",
    )
    assert second.code == 0, second.err
    whole = mlcli(*BARE, *common, "--data", "q.csv", "--prior-precision", "0.5", "--out", "w")
    assert whole.code == 0
    np.testing.assert_allclose(
        np.load("b/model/posterior_covariance.npy"),
        np.load("w/model/posterior_covariance.npy"),
        rtol=1e-8,
        atol=1e-12,
    )
    for b, w in zip(
        read("b/model/posterior_mean.csv"), read("w/model/posterior_mean.csv"), strict=True
    ):
        assert float(b["mean"]) == pytest.approx(float(w["mean"]), rel=1e-8)
    changed = np.load("a/model/posterior_covariance.npy") * 2
    np.save("a/model/posterior_covariance.npy", changed)
    question = (
        "bayes",
        *common,
        "--data",
        "b.csv",
        "--prior",
        "general",
        "--prior-mean",
        "a/model/posterior_mean.csv",
        "--prior-covariance",
        "a/model/posterior_covariance.npy",
        "--dry-run",
        "--json",
    )
    before = mlcli(*question).json["run"]
    np.save("a/model/posterior_covariance.npy", changed * 2)
    assert mlcli(*question).json["run"] != before


def batches_and_whole(
    path: Path, columns: dict[str, np.ndarray], **given: Any
) -> tuple[Any, Any, int]:
    """The run on a file in batches and in memory, and how often the batches were read."""
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table(columns), path)
    config = BayesConfig(data=str(path), **given)
    found, n_passes = [], 0
    for stream_rows in (1000, 10**9):
        source: Any = open_source(config.data, stream_rows=stream_rows)
        assert source.streamed == (stream_rows == 1000)
        if source.streamed:
            batches = source.batches

            def counted(*rows: int, read: Any = batches) -> Any:
                nonlocal n_passes
                n_passes += 1
                return read(*rows)

            source.batches = counted
        prepared = bayes.EXPERIMENT.prepare(config, source)
        found.append(bayes.EXPERIMENT.run(prepared, Context(Processes(1))))
    return found[0], found[1], n_passes


@pytest.mark.parametrize("n_features", [1, 2])
@pytest.mark.parametrize("offset", [0.0, 1e4, 1e7])
def test_a_target_far_from_zero_keeps_its_digits(offset: float, n_features: int) -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(MANY_ROWS, n_features))
    t = np.sin(X[:, 0]) + 0.1 * rng.normal(size=MANY_ROWS)
    basis = basis_of(BayesConfig(), X.min(axis=0), X.max(axis=0), 3)
    Phi = basis.evaluate(X)
    rss = ((t - Phi @ np.linalg.lstsq(Phi, t)[0]) ** 2).sum()
    found = r_factor_of(basis, in_memory(X, t + offset))
    # The target itself has some nine digits of the noise left at 1e7.
    rel = 1e-12 if offset == 0 else 1e-7
    assert found.R[-1, -1] ** 2 == pytest.approx(rss, rel=rel)
    best = maximise_evidence(spectrum(found))
    assert best.noise_precision == pytest.approx(MANY_ROWS / rss, rel=1e-3)


def test_a_column_that_is_another_in_every_one_of_many_rows_has_no_weight() -> None:
    rng = np.random.default_rng(1)
    x = (np.arange(70_000) % 8 == 3) * 1.0
    t = x + rng.normal(size=x.size)
    basis = basis_of(BayesConfig(), np.zeros(1), np.ones(1), 2)
    # On 0 and 1 the Legendre polynomial of degree 2 is the constant, but for what rounding adds up.
    found = maximum_likelihood(r_factor_of(basis, in_memory(x[:, None], t)))
    means = [t[x == value].mean() for value in (0, 1)]
    np.testing.assert_allclose(found.w, [sum(means) / 2, (means[1] - means[0]) / 2, 0.0], rtol=1e-9)


@pytest.mark.parametrize(
    "given",
    [
        {"degree": 4, "degrees": (1, 4, 6)},
        {"basis": "monomial"},
        {"basis": "fourier", "degree": 2, "degrees": (1, 3)},
        {"basis": "gaussian", "degree": 4, "degrees": (2, 5)},
        {"basis": "linear"},
        {"prior": "ard"},
        {"noise": "student"},
        {"intercept": False, "degrees": (1, 2)},
    ],
    ids=str,
)
@pytest.mark.parametrize("n_features", [1, 2])
def test_a_file_in_batches_has_the_same_posterior(
    tmp_path: Path, given: dict[str, Any], n_features: int
) -> None:
    rng = np.random.default_rng(1)
    columns = {f"x{i}": rng.uniform(-1, 2, 30_000) for i in range(n_features)}
    columns["t"] = columns["x0"] ** 2 + 0.3 * rng.normal(size=30_000)
    streamed, whole, n_passes = batches_and_whole(
        tmp_path / "a.parquet", columns, **{"degrees": (0, 1, 2)} | given
    )
    assert n_passes == 1
    # Where the steps of relevance stop is settled to some 1e-5; all else agrees to 1e-10.
    rel = 1e-4 if given.get("prior") == "ard" else 1e-10
    for name in ("log_evidence", "noise_precision", "effective_parameters", "prior_precision"):
        one, other = streamed.metrics[name], whole.metrics[name]
        assert one == other or one == pytest.approx(other, rel=rel), name
    for name in [name for name in whole.metrics if name.startswith("degree_")]:
        if isinstance(whole.metrics[name], dict):
            one, other = streamed.metrics[name], whole.metrics[name]
            assert one["log_evidence"] == pytest.approx(other["log_evidence"], rel=rel)
    one, other = (np.array(run.model_tables["posterior_mean"]["mean"]) for run in (streamed, whole))
    np.testing.assert_allclose(one, other, rtol=0, atol=rel * np.abs(other).max())
    one, other = (run.model_arrays["posterior_covariance"] for run in (streamed, whole))
    np.testing.assert_allclose(one, other, rtol=0, atol=rel * np.abs(other).max())
    assert streamed.metrics["degree_by_kfold"] is None
    assert streamed.warnings


def test_rows_unlike_the_sample_cost_no_digits(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    x, t = rng.uniform(-1e-3, 1e-3, 60_000), rng.normal(size=60_000)
    x[777::20_000] = [5.0, -45.0, -27.0]
    columns = {"x": x, "t": t}
    streamed, whole, _ = batches_and_whole(tmp_path / "a.parquet", columns, degree=4)
    for name in ("log_evidence", "noise_precision", "prior_precision"):
        assert streamed.metrics[name] == pytest.approx(whole.metrics[name], rel=1e-9)


def test_a_nearly_exact_fit_in_batches_keeps_its_digits(tmp_path: Path) -> None:
    """The noise is a millionth of the target, its variance below the rounding of a Gram matrix."""
    rng = np.random.default_rng(3)
    x = rng.uniform(-1, 2, 60_000)
    t = x**3 - x + 1e-6 * rng.normal(size=x.size)
    columns = {"x": x, "t": t}
    streamed, _, _ = batches_and_whole(tmp_path / "a.parquet", columns, degree=3, degrees=(3,))
    V = np.polynomial.legendre.legvander(x, 3)
    residual = t - V @ np.linalg.lstsq(V, t)[0]
    assert streamed.metrics["noise_precision_ml"] == pytest.approx(
        x.size / (residual @ residual), rel=1e-8
    )


def test_points_of_a_file(mlcli: Run, empty_folder: Path) -> None:
    rng = np.random.default_rng(2)
    X = rng.normal(size=(40, 2))
    y = X @ [1, -2] + 0.1 * rng.normal(size=40)
    write_csv(empty_folder / "two.csv", {"a": X[:, 0], "b": X[:, 1], "y": y})
    write_csv(empty_folder / "new.csv", {"b": [0.0, 1.0], "a": [0.0, 0.0]})
    done = mlcli(
        *BARE,
        "--data",
        "two.csv",
        "--target",
        "y",
        "--basis",
        "linear",
        "--at",
        "new.csv",
        "--out",
        "o",
    )
    assert done.code == 0, done.err
    rows = read("o/tables/predictive.csv")
    assert [float(row["mean"]) for row in rows] == pytest.approx([0, -2], abs=0.15)
    assert set(rows[0]) == {"a", "b", "mean", "std"}


def test_an_exact_fit_has_no_answer(mlcli: Run, empty_folder: Path) -> None:
    x = np.linspace(0, 1, 20)
    write_csv(empty_folder / "exact.csv", {"x": x, "t": 2 * x})
    done = mlcli("bayes", "--data", "exact.csv", "--degree", "1")
    assert (done.code, done.out) == (4, "")
    assert "fit the target exactly" in done.err
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("mean", "covariance", "said"),
    [
        ({"term": ["0", "1", "2"], "mean": [0, 0, 0]}, np.ones((3, 3)), "positive definite"),
        ({"term": ["0", "1"], "mean": [0, 0]}, np.eye(2), "no row for term '2'"),
        ({"term": ["0", "1", "2"], "mean": [0, 0, 0]}, np.eye(2), "a 3 x 3 matrix"),
        ({"name": ["0"], "mean": [0]}, np.eye(1), "columns term and mean"),
    ],
)
def test_priors_that_are_none(
    mlcli: Run, quadratic: Path, mean: dict[str, Any], covariance: np.ndarray, said: str
) -> None:
    write_csv(Path("m.csv"), mean)
    np.save("S.npy", covariance)
    done = mlcli(
        "bayes",
        "--data",
        "q.csv",
        "--basis",
        "monomial",
        "--degree",
        "2",
        "--prior",
        "general",
        "--prior-mean",
        "m.csv",
        "--prior-covariance",
        "S.npy",
    )
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert not Path("runs").exists()
    Path("S.npy").write_bytes(b"no array")
    done = mlcli(
        "bayes",
        "--data",
        "q.csv",
        "--prior",
        "general",
        "--prior-mean",
        "m.csv",
        "--prior-covariance",
        "S.npy",
        "--basis",
        "monomial",
        "--degree",
        "0",
    )
    assert done.code == 2
    assert len(json.dumps(done.err)) > 10


def three_inputs(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(40, 3))
    t = 2 + X @ [1.0, -3.0, 0.0] + rng.normal(0, 0.4, 40)
    write_csv(folder / "three.csv", {**{f"x{i}": X[:, i].tolist() for i in range(3)}, "t": t})
    return X, t


@pytest.mark.parametrize("noise", ["gaussian", "student"])
def test_of_several_inputs_the_arrivals_are_two_weights_of_the_whole_posterior(
    mlcli: Run, empty_folder: Path, noise: str
) -> None:
    X, t = three_inputs(empty_folder)
    done = mlcli(
        "bayes",
        "--data",
        "three.csv",
        "--basis",
        "monomial",
        "--degree",
        "2",
        "--degrees",
        "1,2",
        "--noise",
        noise,
        "--out",
        "o",
        "--no-plots",
        "--json",
        "--quiet",
    )
    assert done.code == 0, done.err
    rows = read("o/tables/sequential.csv")
    assert [int(row["n_points"]) for row in rows] == [0, 1, 2, 5, 20, 40]
    assert {(row["name_0"], row["name_1"], row["n_weights"]) for row in rows} == {
        ("constant", "weight of x0", "10")
    }
    columns = [np.ones(40), *X.T, *(X[:, i] * X[:, j] for i in range(3) for j in range(i, 3))]
    alpha, beta = done.json["prior_precision"], done.json["noise_precision"]
    for row in rows:
        Phi = np.stack(columns, axis=1)[: int(row["n_points"])]
        S = np.linalg.inv(alpha * np.eye(10) + beta * Phi.T @ Phi)
        mean = beta * S @ Phi.T @ t[: len(Phi)]
        np.testing.assert_allclose([float(row["mean_0"]), float(row["mean_1"])], mean[:2], 1e-8)
        found = [float(row[key]) for key in ("variance_0", "covariance", "variance_1")]
        np.testing.assert_allclose(found, [S[0, 0], S[0, 1], S[1, 1]], 1e-8, 1e-15)
    last = read("o/model/posterior_mean.csv")
    assert float(rows[-1]["mean_1"]) == pytest.approx(float(last[1]["mean"]), rel=1e-8)


def test_arrivals_pass_over_what_ard_dropped_and_start_from_a_general_prior(
    mlcli: Run, empty_folder: Path
) -> None:
    three_inputs(empty_folder)
    common = (
        "bayes",
        "--data",
        "three.csv",
        "--basis",
        "linear",
        "--no-plots",
        "--json",
        "--quiet",
    )
    done = mlcli(*common, "--prior", "ard", "--features", "x2,x1,x0", "--out", "a")
    assert done.code == 0, done.err
    weights = {row["term"]: row for row in read("a/tables/weights.csv")}
    kept = [name for name, row in weights.items() if row["prior_precision"]]
    assert "x2" not in kept
    found = read("a/tables/sequential.csv")
    assert (found[0]["name_0"], found[0]["name_1"]) == ("constant", "weight of x1")
    assert float(found[-1]["variance_1"]) ** 0.5 == pytest.approx(float(weights["x1"]["std"]))
    write_csv(empty_folder / "m.csv", {"term": ["0", "x0", "x1", "x2"], "mean": [5, 6, 7, 8]})
    np.save("c.npy", np.diag([4.0, 9.0, 1.0, 1.0]) + 1e-1)
    done = mlcli(
        *common,
        "--prior",
        "general",
        "--prior-mean",
        "m.csv",
        "--prior-covariance",
        "c.npy",
        "--out",
        "g",
    )
    assert done.code == 0, done.err
    first = read("g/tables/sequential.csv")[0]
    found = {key: float(first[key]) for key in ("mean_0", "mean_1", "variance_0", "variance_1")}
    assert found == pytest.approx({"mean_0": 5, "mean_1": 6, "variance_0": 4.1, "variance_1": 9.1})
    assert float(first["covariance"]) == pytest.approx(0.1)


def few(mlcli: Run, *more: str) -> dict[str, Any]:
    done = mlcli("bayes", "--no-plots", "--json", "--quiet", "--out", "o", *more)
    assert done.code == 0, done.err
    found: dict[str, Any] = done.json
    return found


def numbers(path: str, **equal: str) -> dict[str, np.ndarray]:
    """The columns of numbers of a table, in the rows that are meant."""
    rows = [row for row in read(path) if all(row[key] == value for key, value in equal.items())]
    texts = {"name_0", "name_1", "line", "weights"} if "law" in path else {"name_0", "name_1"}
    kept = [key for key in rows[0] if key not in texts]
    return {key: np.array([float(row[key]) for row in rows]) for key in kept}


QUICK = ("--n-seeds", "2", "--n-calibration", "0", "--degrees", "1,3")


def test_few_rows_narrow_two_weights_as_the_textbook_says(mlcli: Run, empty_folder: Path) -> None:
    rng = np.random.default_rng(3)
    x = rng.uniform(-1, 1, 30)
    t = -0.3 + 0.5 * x + rng.normal(0, 0.2, 30)
    write_csv(Path("line.csv"), {"x": x.tolist(), "t": t.tolist()})
    given = ("--prior-precision", "2", "--noise-precision", "25", "--basis", "monomial")
    found = few(mlcli, "--data", "line.csv", *given, "--degree", "1", "--degrees", "1")
    assert found["two_weights"]["prior_precision"] == 2
    shown = numbers("o/tables/two_weights.csv")
    for place, n in enumerate((1, 2, 5, 20)):
        Phi = np.column_stack([np.ones(n), x[:n]])
        A = 2 * np.eye(2) + 25 * Phi.T @ Phi
        S = np.linalg.inv(A)
        mean = 25 * S @ Phi.T @ t[:n]
        row = {key: values[place] for key, values in shown.items()}
        assert row["n_points"] == n
        ours = [row[f"quadratic_{key}"] for key in ("00", "01", "11")]
        np.testing.assert_allclose(ours, [A[0, 0], A[0, 1], A[1, 1]], rtol=1e-9)
        ours = [row[f"likelihood_{key}"] for key in ("00", "01", "11")]
        np.testing.assert_allclose(ours, [A[0, 0] - 2, A[0, 1], A[1, 1] - 2], rtol=1e-8)
        np.testing.assert_allclose([row["mean_0"], row["mean_1"]], mean, rtol=1e-8)
        ours = [row["variance_0"], row["covariance"], row["variance_1"]]
        np.testing.assert_allclose(ours, [S[0, 0], S[0, 1], S[1, 1]], rtol=1e-8)
        one = found["two_weights"][f"rows_{n}"]
        assert one["correlation"] == pytest.approx(S[0, 1] / np.sqrt(S[0, 0] * S[1, 1]), rel=1e-8)
    law = numbers("o/tables/target_law.csv", weights="mean after 5 rows")
    np.testing.assert_allclose(law["t"], t[:5], rtol=1e-9)
    mean = shown["mean_0"][2] + shown["mean_1"][2] * x[:5]
    np.testing.assert_allclose(law["mean"], mean, rtol=1e-8)
    density = np.sqrt(25 / (2 * np.pi)) * np.exp(-12.5 * (t[:5] - mean) ** 2)
    np.testing.assert_allclose(law["density"], density, rtol=1e-7)


def test_the_lines_of_few_rows_spread_as_their_posterior(
    mlcli: Run, empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlcli.experiments.bayes.few_rows.N_LINES", 20_000)
    few(mlcli, *QUICK)
    found = [row for row in read("o/tables/lines.csv") if row["n_points"] == "5"]
    ends = sorted({float(row["x"]) for row in found})
    assert len(ends) == 2
    row = next(row for row in read("o/tables/two_weights.csv") if row["n_points"] == "5")
    cov = [float(row[key]) for key in ("variance_0", "covariance", "variance_1")]
    for x, u in zip(ends, (-1.0, 1.0), strict=True):
        y = [float(one["y"]) for one in found if float(one["x"]) == x and one["line"] != "mean"]
        variance = cov[0] + 2 * u * cov[1] + cov[2]
        assert np.var(y) == pytest.approx(variance, rel=0.05)
        assert np.mean(y) == pytest.approx(
            float(row["mean_0"]) + u * float(row["mean_1"]), abs=5 * np.sqrt(variance / 20_000)
        )


def test_the_second_term_of_the_predictive_variance_shrinks_row_by_row(
    mlcli: Run, empty_folder: Path
) -> None:
    found = few(mlcli, *QUICK)["predictive_variance"]
    means = [found[f"rows_{n}"]["weights_variance"] for n in (0, 1, 2, 5, 20, 700)]
    assert all(a > b for a, b in pairwise(means))
    # More rows never widen it, at any x.
    spread = [
        numbers("o/tables/variance_terms.csv", n_points=str(n)) for n in (0, 1, 2, 5, 20, 700)
    ]
    for a, b in pairwise(spread):
        assert (b["weights"] <= a["weights"] * (1 + 1e-12)).all()
        np.testing.assert_allclose(b["variance"], b["noise"] + b["weights"], rtol=1e-9)
    assert found["noise_variance"] == pytest.approx(spread[0]["noise"][0])
    # After all rows it is that of the model, whose mean over its own rows is gamma / (beta N).
    model = few(mlcli, *QUICK, "--force")
    share = model["effective_parameters"] / (model["noise_precision"] * 700)
    # The mean is over 500 of the 700 rows.
    assert means[-1] == pytest.approx(share, rel=0.05)


@pytest.mark.parametrize(
    "more",
    [
        ("--noise", "student"),
        ("--prior", "ard", "--degree", "5"),
        ("--basis", "fourier", "--data", "sine"),
        ("--basis", "gaussian", "--degree", "4"),
        ("--data", "three.csv"),
        ("--data", "three.csv", "--basis", "linear"),
        ("--n-samples", "3", "--degree", "1", "--prior-precision", "1", "--noise-precision", "1"),
    ],
)
def test_every_model_has_few_rows(mlcli: Run, empty_folder: Path, more: tuple[str, ...]) -> None:
    three_inputs(empty_folder)
    done = mlcli("bayes", *QUICK, *more, "--out", "o", "--quiet", "--json")
    assert done.code == 0, done.err
    rows = numbers("o/tables/two_weights.csv")
    n_rows = done.json["n_rows"]
    assert rows["n_points"].tolist() == [n for n in (1, 2, 5, 20) if n <= n_rows]
    assert (rows["variance_0"] > 0).all()
    assert Path("o/figures/weights.png").exists()
    few_rows = numbers("o/tables/variance_terms.csv", n_points=str(n_rows))
    assert (few_rows["weights"] >= 0).all()
    if more[0] == "--noise":
        # Of unknown noise the spread of the mean is that of the band, less its tails.
        beta = done.json["noise_precision"]
        assert few_rows["noise"][0] == pytest.approx(1 / beta)


def test_a_model_without_a_second_weight_says_so(mlcli: Run, empty_folder: Path) -> None:
    found = few(mlcli, *QUICK, "--no-intercept")
    assert "two_weights" not in found
    assert read("o/tables/two_weights.csv") == []
    assert read("o/tables/lines.csv") == []
    assert read("o/tables/target_law.csv") == []
    assert "rows_1" in found["predictive_variance"]
