"""The estimators of networks: the commands' own answers, ensembles, intervals, images."""

from __future__ import annotations

import csv
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from mlcli.datasets.split import stratified_indices, train_test_indices
from mlcli.errors import Interrupted, NoAnswerError
from mlcli.estimators import CNNClassifier, MLPClassifier, MLPRegressor, ensemble
from mlcli.estimators.images import fitted_lines, shape_of
from mlcli.neural.architecture import PRESETS, shapes
from mlcli.neural.layer_spec import parse
from mlcli.rng import stream

Run = Callable[..., Any]
Table = tuple[np.ndarray, np.ndarray]


def blobs(n: int = 240) -> Table:
    rng = np.random.default_rng(5)
    y = np.arange(n) % 3
    return np.round(rng.normal(size=(n, 4)) + 1.2 * np.eye(4)[y], 3), y


def waves(n: int, seed: int = 0, noise: float = 0.3) -> Table:
    rng = np.random.default_rng(seed)
    x = rng.uniform(-3, 3, (n, 1))
    return x, np.sin(2 * x[:, 0]) + noise * rng.normal(size=n)


def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    X, y = load_digits(return_X_y=True)
    A, B, a, b = train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)
    return A, a, B, b


def write(path: Path, X: np.ndarray, t: np.ndarray) -> None:
    lines = [",".join([*(f"x{i}" for i in range(1, X.shape[1] + 1)), "t"])]
    lines += [",".join(map(repr, [*x, y])) for x, y in zip(X.tolist(), t.tolist(), strict=True)]
    path.write_text("\n".join(lines) + "\n")


def member(folder: Path) -> dict[str, float]:
    with (folder / "tables/members.csv").open(newline="") as file:
        (row,) = [one for one in csv.DictReader(file) if one["variant"] in ("all", "basic")]
    return {name: float(value) for name, value in row.items() if name != "variant" and value}


@pytest.mark.usefixtures("every_digit")
@pytest.mark.parametrize(
    ("flags", "parameters"),
    [
        (["--patience", "4"], {"patience": 4}),
        (
            ["--validation-fraction", "0", "--dropout", "0.2", "--optimiser", "adam"],
            {"dropout": 0.2, "optimiser": "adam"},
        ),
        (
            [
                "--validation-fraction",
                "0",
                "--average-decay",
                "0.9",
                "--schedule",
                "power",
                "--power-c",
                "0.5",
                "--init",
                "xavier",
                "--normalisation",
                "batch",
            ],
            {
                "average_decay": 0.9,
                "schedule": "power",
                "settings": {"power_c": 0.5},
                "init": "xavier",
                "normalisation": "batch",
            },
        ),
    ],
)
def test_train_mlp_trains_the_same_network(
    mlcli: Run, empty_folder: Path, flags: list[str], parameters: dict[str, Any]
) -> None:
    X, y = blobs()
    write(empty_folder / "a.csv", X, y)
    done = mlcli(
        "train-mlp",
        "--data",
        "a.csv",
        "--hidden",
        "16",
        "--n-epochs",
        "12",
        "--n-seeds",
        "1",
        "--seed",
        "7",
        "--device",
        "cpu",
        "--n-statistics",
        "0",
        "--no-plots",
        "--out",
        "o",
        *flags,
    )
    assert done.code == 0, done.err
    said = member(empty_folder / "o")
    train, test = stratified_indices(y, 0.2, stream(7, "split", 0))
    # The command computes in float32, and an estimator in the type of its rows.
    Z = X.astype(np.float32)
    model = MLPClassifier("16", n_epochs=12, random_state=7, device="cpu", **parameters)
    P = model.fit(Z[train], y[train]).predict_proba(Z[test])
    assert -np.log(P[np.arange(test.size), y[test]]).mean() == pytest.approx(
        said["test_loss"], rel=1e-12
    )
    assert model.best_epoch_.tolist() == [said["best_epoch"]]
    # The rows as they are, in float64, are the same network.
    np.testing.assert_allclose(model.predict_proba(X[test]), P, atol=1e-5)


def test_train_mlp_predicts_the_same_numbers(mlcli: Run, empty_folder: Path) -> None:
    x, t = waves(150)
    write(empty_folder / "a.csv", x, t)
    done = mlcli(
        "train-mlp",
        "--data",
        "a.csv",
        "--task",
        "regression",
        "--n-epochs",
        "10",
        "--n-seeds",
        "1",
        "--n-statistics",
        "0",
        "--device",
        "cpu",
        "--validation-fraction",
        "0",
        "--no-plots",
        "--out",
        "o",
    )
    assert done.code == 0, done.err
    train, test = train_test_indices(t.size, 0.2, stream(0, "split", 0))
    model = MLPRegressor(n_epochs=10, random_state=0, device="cpu")
    model.fit(x[train].astype(np.float32), t[train])
    mse = np.mean((model.predict(x[test].astype(np.float32)) - t[test]) ** 2)
    assert mse == pytest.approx(member(empty_folder / "o")["test_mse"], rel=1e-5)


def test_train_cnn_trains_the_same_network(mlcli: Run, empty_folder: Path) -> None:
    X, y = load_digits(n_class=3, return_X_y=True)
    np.savez(empty_folder / "a.npz", X=X.reshape(-1, 8, 8), t=y)
    done = mlcli(
        "train-cnn",
        "--data",
        "a.npz",
        "--n-epochs",
        "2",
        "--n-seeds",
        "1",
        "--device",
        "cpu",
        "--validation-fraction",
        "0",
        "--augment-shift",
        "1",
        "--no-equal-mlp",
        "--max-shift",
        "0",
        "--no-plots",
        "--out",
        "o",
    )
    assert done.code == 0, done.err
    train, test = stratified_indices(y, 0.2, stream(0, "split", 0))
    Z = X.astype(np.float32)
    model = CNNClassifier(n_epochs=2, random_state=0, device="cpu", augment_shift=1)
    P = model.fit(Z[train], y[train]).predict_proba(Z[test])
    loss = -np.log(P[np.arange(test.size), y[test]]).mean()
    assert loss == pytest.approx(member(empty_folder / "o")["test_loss"], rel=1e-5)


def test_an_ensemble_is_better_than_its_members_on_average() -> None:
    A, a, B, b = digits()
    model = MLPClassifier(n_members=8, random_state=0).fit(A, a)
    each = model.member_probabilities(B)  # (M, n, K)
    together = model.predict_proba(B)
    rows = np.arange(b.size)
    np.testing.assert_array_equal(together, each.mean(axis=0))
    np.testing.assert_allclose(together.sum(axis=1), 1.0, atol=1e-12)
    # By 0.7 of a percentage point and a factor of 1.9 on average of five splits.
    assert model.score(B, b) > (each.argmax(axis=2) == b).mean() + 0.003
    assert -np.log(together[rows, b]).mean() < 0.7 * -np.log(each[:, rows, b]).mean()
    low, high = model.proba_interval(B)
    assert (low >= 0).all()
    assert (high <= 1).all()
    assert ((low <= together) & (together <= high)).all()
    # Where the members disagree most they are wrong more often than elsewhere.
    width = (high - low)[rows, together.argmax(axis=1)]
    wrong = together.argmax(axis=1) != b
    assert width[wrong].mean() > 3 * width[~wrong].mean()


def test_members_are_the_networks_of_their_seeds() -> None:
    X, y = blobs()
    many = MLPClassifier("8", n_members=3, n_epochs=4, random_state=1).fit(X, y)
    one = MLPClassifier("8", n_members=1, n_epochs=4, random_state=1).fit(X, y)
    np.testing.assert_allclose(many.member_probabilities(X)[0], one.predict_proba(X), atol=1e-5)
    assert many.loss_curve_.shape == (4, 3)
    assert many.validation_loss_curve_ is None


def test_intervals_of_networks_have_their_stated_coverage() -> None:
    x, t = waves(400)
    model = MLPRegressor(n_members=8, patience=20, n_epochs=100, random_state=0).fit(x, t)
    assert model.validation_loss_curve_ is not None
    assert model.noise_std_ == pytest.approx(0.3, rel=0.25)
    u, v = waves(2000, seed=1)
    low, high = model.predict_interval(u)
    # 0.94 on average of five data sets.
    assert 0.9 < ((low < v) & (v < high)).mean() < 0.99
    mean, std = model.predict(u, return_std=True)
    np.testing.assert_allclose((low + high) / 2, mean, atol=1e-12)
    each = model.member_predictions(u)
    np.testing.assert_array_equal(std, each.std(axis=0, ddof=1))
    assert ((mean - v) ** 2).mean() < ((each - v) ** 2).mean()
    below, above = model.mean_interval(u, level=0.95)
    # t of 7 degrees of freedom, over the root of 8 members.
    np.testing.assert_allclose(above - below, 2 * 2.364624 * std / 8**0.5, rtol=1e-6)


def test_the_noise_excludes_the_variance_over_the_members() -> None:
    x, t = waves(60)
    model = MLPRegressor("16", n_members=5, patience=3, n_epochs=20, random_state=2).fit(x, t)
    said = model.member_predictions(x)
    unseen = [split.validation for split in model._model.problem.splits]
    assert len({tuple(rows) for rows in unseen}) == 5
    square = np.mean([(t[rows] - y[rows]) ** 2 for y, rows in zip(said, unseen, strict=True)])
    own = np.mean([said[:, rows].var(axis=0, ddof=1) for rows in unseen])
    assert own > 0.01 * square
    assert model.noise_std_ == pytest.approx((square - own) ** 0.5, rel=1e-9)


def test_intervals_of_a_single_member_are_rejected() -> None:
    x, t = waves(40)
    model = MLPRegressor("4", n_epochs=1, random_state=0).fit(x, t)
    with pytest.raises(ValueError, match="called on 2 members or more, got 1; try n_members=8"):
        model.predict(x, return_std=True)
    with pytest.raises(ValueError, match="called on 2 members or more"):
        model.mean_interval(x)
    with pytest.raises(ValueError, match="rows that were not trained on; try patience=10"):
        model.predict_interval(x)


def test_the_same_seed_is_the_same_network() -> None:
    X, y = blobs()

    def proba(state: Any) -> np.ndarray:
        return MLPClassifier("8", n_epochs=2, random_state=state).fit(X, y).predict_proba(X)

    np.testing.assert_array_equal(proba(3), proba(3))
    np.testing.assert_array_equal(proba(3), proba(np.int64(3)))
    twice = [proba(np.random.RandomState(3)) for _ in range(2)]
    np.testing.assert_array_equal(*twice)
    assert np.abs(proba(3) - proba(4)).max() > 0.01
    assert np.abs(proba(None) - proba(None)).max() > 1e-4


def test_a_network_survives_a_pickle() -> None:
    A, a, B, _ = digits()
    for cls in (MLPClassifier, CNNClassifier):
        model = cls(n_epochs=1, n_members=2, random_state=0, patience=1).fit(A[:300], a[:300])
        small = len(pickle.dumps(model))
        before = model.predict_proba(B)
        # What was made to predict with is made anew, and not carried along.
        assert len(pickle.dumps(model)) == small
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(B), before)
        np.testing.assert_array_equal(model.predict_proba(B), before)


def test_programs_too_large_for_one_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = blobs()
    whole = MLPClassifier("8", n_members=3, n_epochs=3, random_state=1).fit(X, y)
    monkeypatch.setattr("mlcli.experiments.networks.member_groups.GROUP_BYTES", 1)
    parts = MLPClassifier("8", n_members=3, n_epochs=3, random_state=1).fit(X, y)
    assert len(parts._model.trained) == 3
    np.testing.assert_allclose(parts.predict_proba(X), whole.predict_proba(X), atol=1e-5)
    np.testing.assert_allclose(parts.loss_curve_, whole.loss_curve_, rtol=1e-3)
    early = MLPClassifier("8", n_members=3, patience=1, random_state=1).fit(X, y)
    done = [len(one.history["minibatch_loss"]) for one in early._model.trained]
    assert len(set(done)) > 1
    there = np.arange(max(done))[:, None] < done
    np.testing.assert_array_equal(np.isfinite(early.loss_curve_), there)


def test_a_network_that_diverges_says_so() -> None:
    x, t = waves(100)
    with pytest.raises(NoAnswerError, match="smaller learning rate"):
        MLPRegressor(learning_rate=1e6, random_state=0).fit(x, t)


def test_an_interrupt_ends_a_search_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: Any, **__: Any) -> None:
        raise Interrupted("interrupted")

    monkeypatch.setattr(ensemble, "fit_all", stopped)
    with pytest.raises(KeyboardInterrupt):
        MLPRegressor().fit(*waves(20))


def test_images_may_come_as_they_are() -> None:
    X, y = load_digits(n_class=3, return_X_y=True)
    rows = CNNClassifier(n_epochs=1, random_state=0).fit(X, y)
    images = X.reshape(-1, 8, 8)
    for form in (images, images[:, None]):
        model = CNNClassifier(n_epochs=1, random_state=0).fit(form, y)
        assert model.image_shape_ == (1, 8, 8)
        np.testing.assert_array_equal(model.predict(form), rows.predict(X))
    colour = np.repeat(images[:, None], 3, axis=1)
    assert CNNClassifier(n_epochs=1).fit(colour, y).image_shape_ == (3, 8, 8)

    with pytest.raises(ValueError, match=r"of the shape \(1, 8, 8\) of the fit, got \(4, 16\)"):
        rows.predict(X.reshape(-1, 4, 16))


def test_columns_far_from_zero_keep_their_digits() -> None:
    X, y = blobs()
    far = X + np.array([1e9, 0, -1e7, 0])
    near, moved = (
        MLPClassifier("8", random_state=0).fit(rows, y).predict_proba(rows) for rows in (X, far)
    )
    np.testing.assert_allclose(moved, near, atol=1e-3)


def test_custom_layers_are_not_changed() -> None:
    X, y = load_digits(n_class=3, return_X_y=True)
    lines = ["conv 4 3x3", "relu", "pool max 2", "flatten", "dense 8", "relu"]
    model = CNNClassifier((8, 8), lines, n_epochs=2, random_state=0).fit(X, y)
    assert list(model.layers_) == lines
    assert model.score(X, y) > 0.8


@pytest.mark.parametrize(
    ("n_features", "shape"),
    [(64, (1, 8, 8)), (784, (1, 28, 28)), (63, (1, 1, 63)), (49, (1, 1, 49)), (1, (1, 1, 1))],
)
def test_a_row_of_a_square_number_of_columns_is_a_square(n_features: int, shape: Any) -> None:
    assert shape_of(None, n_features) == shape


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 7), (1, 3, 2), (3, 5, 1), (1, 32, 32)])
def test_presets_fit_images_of_any_size(preset: str, shape: Any) -> None:
    lines = fitted_lines(PRESETS[preset], shape)
    assert shapes(parse(lines), shape, 4)[-1].output == (4,)
    if shape[1] == 32:
        assert lines == PRESETS[preset]
