"""`mlcli init`: a new project is whole, honest about what it leaves out, and runs at once."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mlcli.params.yaml_file import read_yaml
from mlcli.projects import create, sizes

Run = Callable[..., Any]


def table(path: Path, n_rows: int = 60, *, words: bool = False) -> Path:
    """A file with features of every kind that is left out, and a target: a number, or words."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, n_rows))
    labels = rng.integers(0, 3, n_rows)
    t = [["oak", "ash, wet", "elm"][k] for k in labels] if words else (2 * a - b).tolist()
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["row", "a", "b", "a_again", "kelvin", "copy", "gaps", "word", "one", "t"])
        for i in range(n_rows):
            gap = "" if i % 3 == 0 else i * 0.37 % 1
            b_i = "" if i == 5 else b[i]
            row = [i, a[i], b_i, a[i], a[i] + 273.15, t[i], gap, "xy"[i % 2], 3]
            # Spaces around a name are no other class.
            writer.writerow([*row, f" {t[i]} " if words and i == 7 else t[i]])
    return path


def test_a_regression_from_a_table(mlcli: Run, empty_folder: Path) -> None:
    table(empty_folder / "my file.csv")
    done = mlcli("init", "new", "--data", "my file.csv")
    assert done.code == 0, done.err
    assert "regression of 't'" in done.out
    assert done.out.splitlines()[-2:] == ["  cd new && dvc repro", "  cd new && mlcli train-mlp"]
    params = read_yaml(Path("new/params.yaml")).values
    assert list(params) == ["data", "fit_poly", "kfold", "bayes", "train_mlp"]
    assert params["data"] == {
        "data": "data/my_file.csv",
        "target": "t",
        "features": ["a", "b", "gaps", "word"],
        "drop_missing": False,
        "categorical": ["word"],
        "impute": "median",
        "unseen": "average",
    }
    text = Path("new/params.yaml").read_text()
    for name, why in {
        "row": "counts the rows",
        "a_again": "holds the same values as 'a'",
        "kelvin": "is 'a' in other units",
        "copy": "equals the target in every row",
        "one": "is constant",
    }.items():
        assert f"# Not a feature: '{name}' {why}." in text
    # The help of a key has one home, and stands where the key comes first.
    assert text.count("# Seed of every random stream.") == 1
    assert Path("new/data/my_file.csv").read_bytes() == Path("my file.csv").read_bytes()
    assert len(Path("new/README.md").read_text().splitlines()) == 10
    assert {p.name for p in Path("new").iterdir()} == {
        ".dvc",
        ".dvcignore",
        ".gitignore",
        "README.md",
        "data",
        "dvc.yaml",
        "params.yaml",
    }


def test_the_project_is_valid_and_its_commands_run(
    mlcli: Run, empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table(empty_folder / "a.csv")
    assert mlcli("init", "new", "--data", "a.csv").code == 0
    monkeypatch.chdir(empty_folder / "new")
    assert mlcli("validate").code == 0
    done = mlcli("fit-poly", "--no-plots", "--n-seeds", "2")
    assert done.code == 0, done.err
    for command in ("kfold", "bayes", "train-mlp"):
        done = mlcli(command, "--dry-run", "--json")
        assert done.code == 0, done.err
        assert done.json["data"]["features"] == ["a", "b", "gaps", "word"]
        stage = read_yaml(Path("dvc.yaml")).values["stages"][command.replace("-", "_")]
        outs = {next(iter(o)) for key in ("outs", "metrics", "plots") for o in stage[key]}
        section = command.replace("-", "_")
        files = {f"reports/{section}/{name.split('/')[0]}" for name in done.json["files"]}
        artifact = read_yaml(Path("dvc.yaml")).values["artifacts"][command]
        assert (artifact["path"], artifact["type"]) == (f"reports/{section}", "model")
        assert outs == {f for f in files if not f.endswith(("environment.json", "timings.json"))}


def test_classes_keep_their_names(
    mlcli: Run, empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table(empty_folder / "a.csv", words=True)
    done = mlcli("init", "new", "--data", "a.csv")
    assert done.code == 0, done.err
    assert Path("new/data/a.csv").read_bytes() == Path("a.csv").read_bytes()
    params = read_yaml(Path("new/params.yaml")).values
    assert list(params) == ["data", "logistic", "train_mlp"]
    assert params["train_mlp"]["task"] == "classification"
    monkeypatch.chdir(empty_folder / "new")
    done = mlcli("logistic", "--no-plots", "--n-seeds", "2", "--json")
    assert done.code == 0, done.err
    assert done.json["classes"] == ["ash, wet", "elm", "oak"]


def test_dates_are_features_and_identifiers_are_not(mlcli: Run, empty_folder: Path) -> None:
    rng = np.random.default_rng(0)
    lines = [
        f"2020-{1 + i % 12:02}-{1 + i % 28:02},n{i},{rng.normal()},{rng.normal()}"
        for i in range(60)
    ]
    Path("a.csv").write_text("day,name,x,t\n" + "\n".join(lines) + "\n")
    done = mlcli("init", "new", "--data", "a.csv")
    assert done.code == 0, done.err
    data = read_yaml(Path("new/params.yaml")).values["data"]
    assert data["features"] == ["day", "x"]
    assert data["dates"] == ["day"]
    assert "'name' is text with 60 different values" in Path("new/params.yaml").read_text()


def test_dates_with_two_readings_are_no_feature(mlcli: Run, empty_folder: Path) -> None:
    rng = np.random.default_rng(0)
    lines = [
        f"{1 + i % 12:02}/01/{2000 + i // 12},{rng.normal()},{rng.normal()}" for i in range(60)
    ]
    Path("a.csv").write_text("\n".join(["when,x,t", *lines]) + "\n")
    done = mlcli("init", "new", "--data", "a.csv")
    assert done.code == 0, done.err
    params = read_yaml(Path("new/params.yaml")).values
    assert params["data"]["features"] == ["x"]
    assert "has dates with two readings, as '02/01/2000'" in done.out
    assert "dates: [when:dmy] or [when:mdy] says which" in done.out


def test_a_score_of_whole_numbers_is_what_the_user_says(mlcli: Run, empty_folder: Path) -> None:
    rng = np.random.default_rng(0)
    lines = [f"{x},{round(3 + x + rng.normal() / 5)}" for x in rng.uniform(-3, 3, 90)]
    Path("a.csv").write_text("\n".join(["x,score", *lines]) + "\n")
    on = ("--data", "a.csv", "--target", "score")
    done = mlcli("init", "classes", *on)
    assert done.code == 0, done.err
    assert "7 classes; --task regression predicts it as a number\n" in done.out
    done = mlcli("init", "numbers", *on, "--task", "regression")
    assert done.code == 0, done.err
    assert "regression of 'score'\n" in done.out
    params = read_yaml(Path("numbers/params.yaml")).values
    assert list(params) == ["data", "fit_poly", "kfold", "bayes", "train_mlp"]
    assert params["train_mlp"]["task"] == "regression"
    done = mlcli("init", "said", *on, "--task", "classification")
    assert "7 classes\n" in done.out
    assert list(read_yaml(Path("said/params.yaml")).values) == ["data", "logistic", "train_mlp"]


def test_a_task_that_the_target_is_not_for(mlcli: Run, empty_folder: Path) -> None:
    table(empty_folder / "numbers.csv")
    table(empty_folder / "words.csv", words=True)
    for name, task, words in (
        ("numbers.csv", "classification", "must be regression, got classification of 60 values"),
        ("words.csv", "regression", "must be classification, got regression of a column of type"),
        ("words.csv", "ranking", "--task must be one of classification, regression, got ranking"),
    ):
        done = mlcli("init", "new", "--data", name, "--task", task)
        assert (done.code, done.out) == (2, "")
        assert words in done.err
        assert not Path("new").exists()


def test_a_target_without_noise_has_no_posterior(mlcli: Run, empty_folder: Path) -> None:
    x = np.linspace(0, 1, 50)
    np.savez("exact.npz", x=x, z=np.cos(9 * x), t=1 + 2 * x + np.cos(9 * x))
    done = mlcli("init", "new", "--data", "exact.npz")
    assert done.code == 0, done.err
    assert "bayes" not in read_yaml(Path("new/params.yaml")).values
    assert "without bayes" in done.out


def test_draws_of_a_synthetic_set_stay_apart(
    mlcli: Run, empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = mlcli("data", "make", "--names", "noisy-cubic", "--out", "made", "--n-draws", "3")
    assert made.code == 0, made.err
    done = mlcli("init", "new", "--data", "made/noisy_cubic.csv")
    assert done.code == 0, done.err
    data, *sections = read_yaml(Path("new/params.yaml")).values.values()
    assert data["features"] == ["x"]
    assert data["draw_column"] == "draw"
    assert [values["n_seeds"] for values in sections] == [3] * 4
    monkeypatch.chdir(empty_folder / "new")
    done = mlcli("fit-poly", "--no-plots", "--json")
    assert done.code == 0, done.err
    assert done.json["n_seeds"] == 3


def test_more_features_than_rows(mlcli: Run, empty_folder: Path) -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(12, 30))
    np.savez("wide.npz", X=X, t=X @ rng.normal(size=30) + 5 * rng.normal(size=12))
    done = mlcli("init", "new", "--data", "wide.npz")
    assert done.code == 0, done.err
    params = read_yaml(Path("new/params.yaml")).values
    assert list(params) == ["data", "fit_poly", "kfold", "bayes", "train_mlp"]
    assert params["fit_poly"]["penalty"] == params["kfold"]["penalty"] == "l2"
    assert "penalty" not in params["bayes"]


def test_commands_that_refuse_the_data_are_left_out(mlcli: Run, empty_folder: Path) -> None:
    rng = np.random.default_rng(1)
    np.savez("wide.npz", X=rng.normal(size=(12, 2001)), t=rng.normal(size=12))
    done = mlcli("init", "new", "--data", "wide.npz")
    assert done.code == 0, done.err
    assert list(read_yaml(Path("new/params.yaml")).values) == ["data", "fit_poly", "train_mlp"]
    assert "without bayes" in done.out
    assert "2,002 columns" in done.out


def test_images_of_several_sizes(mlcli: Run, empty_folder: Path) -> None:
    for k, name in enumerate(("cat", "dog")):
        (empty_folder / "pets" / name).mkdir(parents=True)
        for i in range(12):
            Image.new("L", (40 + i % 2, 36), 90 * k + i).save(f"pets/{name}/{i}.png")
    done = mlcli("init", "new", "--images", "pets")
    assert done.code == 0, done.err
    params = read_yaml(Path("new/params.yaml")).values
    assert params["data"]["resize"] == "32x32"
    assert params["data"]["data"] == "data/pets"
    assert len(list(Path("new/data/pets/dog").iterdir())) == 12


def test_without_data_a_synthetic_set(mlcli: Run, empty_folder: Path) -> None:
    assert mlcli("init", "new").code == 0
    assert read_yaml(Path("new/params.yaml")).values["data"]["data"] == "noisy-cubic"
    assert "deps" not in read_yaml(Path("new/dvc.yaml")).values["stages"]["kfold"]


def test_a_large_file_stays_where_it_is(
    mlcli: Run, empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(create, "COPIED_BYTES", 100)
    path = table(empty_folder / "a.csv")
    done = mlcli("init", "new", "--data", "a.csv")
    assert done.code == 0, done.err
    assert read_yaml(Path("new/params.yaml")).values["data"]["data"] == str(path.resolve())
    assert not Path("new/data").exists()
    table(path, words=True)
    assert mlcli("init", "other", "--data", "a.csv").code == 0
    assert not Path("other/data").exists()


def test_git_is_used_where_it_is(mlcli: Run, empty_folder: Path) -> None:
    assert mlcli("init", "without").code == 0
    (empty_folder / ".git").mkdir()
    assert mlcli("init", "within").code == 0
    assert "no_scm = true" in Path("without/.dvc/config").read_text()
    assert "no_scm" not in Path("within/.dvc/config").read_text()


def test_an_empty_folder_is_filled_and_stays_the_same_folder(
    mlcli: Run, empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = empty_folder / "home"
    (home / ".git").mkdir(parents=True)
    number = home.stat().st_ino
    monkeypatch.chdir(home)
    done = mlcli("init", ".")
    assert done.code == 0, done.err
    assert home.stat().st_ino == number
    assert Path("params.yaml").exists()
    assert not list(home.glob(".init*"))
    done = mlcli("init", ".")
    assert done.code == 2
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "given", "said"),
    [
        ("", [], "is empty"),
        ("a,t\n", [], "holds no rows"),
        ("t\n" + "1\n2\n" * 20, [], "no column to predict 't' from"),
        ("a,b\n" + "1,2\n3,4\n" * 20, [], "--target with one of: a, b"),
        ("a,b\n" + "1,2\n3,4\n" * 20, ["--target", "c"], "has no column 'c'"),
        ("a,t\n" + "1,\n2,\n" * 20, [], "got empty"),
        ("a,t\n" + "1,5\n2,5\n" * 20, [], "got constant"),
        ("a,t\n1,5\n2,6\n", [], "at least 10, got 2"),
        ("a,t\n" + "".join(f"{i},n{i}\n" for i in range(30)), [], "numbers or a few classes"),
    ],
)
def test_data_that_will_not_do_leave_nothing(
    mlcli: Run, empty_folder: Path, content: str, given: list[str], said: str
) -> None:
    Path("a.csv").write_text(content)
    done = mlcli("init", "new", "--data", "a.csv", *given)
    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") == 1
    assert done.out == ""
    assert os.listdir() == ["a.csv"]


def test_wrong_flags(mlcli: Run, empty_folder: Path) -> None:
    table(empty_folder / "a.csv")
    both = mlcli("init", "new", "--data", "a.csv", "--images", "pets")
    assert both.code == mlcli("init", "new", "--target", "t").code == 2
    assert mlcli("init", "new", "--images", "a.csv").code == 2
    assert mlcli("init", "a.csv").code == 2
    assert mlcli("init", "new", "--data", "none.csv").code == 2
    assert mlcli("init", "new", "--images", "none").code == 2


@pytest.mark.parametrize("n_rows", [10, 37, 500, 20_000, 10**7])
@pytest.mark.parametrize("n_features", [1, 8, 300])
def test_sizes_stay_within_their_bounds(n_rows: int, n_features: int) -> None:
    batch, epochs = sizes.batch_size(n_rows), sizes.n_epochs(n_rows)
    assert 1 <= batch <= sizes.TRAINING_SHARE * n_rows
    assert sizes.FEWEST_EPOCHS <= epochs <= sizes.MOST_EPOCHS
    assert 1 <= sizes.highest_degree(n_rows, n_features) <= sizes.HIGHEST_DEGREE
    layers = [int(size) for size in sizes.hidden(n_rows, n_features, 3).split("-")]
    assert sizes.SMALLEST_LAYER <= layers[0] <= sizes.LARGEST_LAYER
    assert 2 <= sizes.n_folds(n_rows) <= n_rows // 2


def test_more_rows_allow_more() -> None:
    degrees = [sizes.highest_degree(n, 3) for n in (10, 100, 1000, 10_000)]
    assert degrees == sorted(degrees)
    assert degrees[0] == 1
    assert degrees[-1] > 3
    assert sizes.hidden(100, 3, 1) == "32"
    assert sizes.hidden(2000, 3, 1) == "256-128"
