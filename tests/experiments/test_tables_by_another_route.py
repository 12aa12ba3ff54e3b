"""Tables of a run, computed again from its rows in a few plain lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from figure_reading import read

Run = Callable[..., Any]


def tables_of(mlcli: Run, *arguments: str) -> Callable[[str], pd.DataFrame]:
    """The tables of a run, by name."""
    done = mlcli(*arguments, "--no-plots", "--quiet", "--out", "o")
    assert done.code == 0, done.err
    return lambda name: read(Path("o/tables") / f"{name}.csv")


def log_evidence(Phi: np.ndarray, t: np.ndarray, alpha: float, beta: float) -> float:
    """(B.23): ln p(t | alpha, beta) of a linear model with a Gaussian prior and noise."""
    n, p = Phi.shape
    A = alpha * np.eye(p) + beta * Phi.T @ Phi
    m = beta * np.linalg.solve(A, Phi.T @ t)
    misfit = beta * np.sum((t - Phi @ m) ** 2) + alpha * m @ m
    logs = p * np.log(alpha) + n * np.log(beta) - n * np.log(2 * np.pi)
    return float(0.5 * (logs - misfit - np.linalg.slogdet(A)[1]))


def test_bayes_has_the_evidence_and_the_band_of_its_own_rows(mlcli: Run) -> None:
    table = tables_of(
        mlcli,
        "bayes",
        "--degrees",
        "0-4",
        "--n-seeds",
        "2",
        "--n-surface",
        "5",
        "--n-calibration",
        "0",
    )
    rows, weights = table("data"), table("weights")
    x, t = rows.x.to_numpy(), rows.t.to_numpy()
    low, high = table("band").x.iloc[[0, -1]]

    def columns(at: np.ndarray, degree: int) -> np.ndarray:
        return np.polynomial.legendre.legvander((2 * at - low - high) / (high - low), degree)

    for row in table("evidence").itertuples():
        Phi = columns(x, row.degree)
        alpha, beta = row.prior_precision, row.noise_precision
        at = log_evidence(Phi, t, alpha, beta)
        assert row.log_evidence == pytest.approx(at, rel=1e-8)
        # A maximum: any step of a percent lowers it.
        for a, b in ((1.01, 1), (0.99, 1), (1, 1.01), (1, 0.99)):
            assert log_evidence(Phi, t, a * alpha, b * beta) < at
        gamma = Phi.shape[1] - alpha * np.trace(
            np.linalg.inv(alpha * np.eye(Phi.shape[1]) + beta * Phi.T @ Phi)
        )
        assert row.effective_parameters == pytest.approx(gamma, rel=1e-6)
    Phi = columns(x, 3)
    for row in table("evidence_surface").itertuples():
        expected = log_evidence(Phi, t, row.prior_precision, row.noise_precision)
        assert row.log_evidence == pytest.approx(expected, rel=1e-8)
    best = table("evidence").set_index("degree").loc[3]
    surface = table("evidence_surface")
    middle = surface.iloc[len(surface) // 2]
    assert middle.prior_precision == pytest.approx(best.prior_precision)
    assert middle.noise_precision == pytest.approx(best.noise_precision)
    assert surface.prior_precision.max() == pytest.approx(1e3 * best.prior_precision)
    beta = best.noise_precision
    S = np.linalg.inv(best.prior_precision * np.eye(4) + beta * Phi.T @ Phi)
    m = beta * S @ Phi.T @ t
    np.testing.assert_allclose(weights["mean"], m, rtol=1e-6)
    np.testing.assert_allclose(weights["std"], np.sqrt(np.diag(S)), rtol=1e-6)
    np.testing.assert_allclose(weights.ml, np.linalg.lstsq(Phi, t, rcond=None)[0], rtol=1e-6)
    band = table("band")
    at = columns(band.x.to_numpy(), 3)
    own = np.einsum("ni,ij,nj->n", at, S, at)
    for ends, variance in ((("low", "high"), own + 1 / beta), (("mean_low", "mean_high"), own)):
        for end, sign in zip(ends, (-1, 1), strict=True):
            expected = at @ m + sign * 1.959963985 * np.sqrt(variance)
            np.testing.assert_allclose(band[end], expected, atol=1e-6)
    np.testing.assert_allclose(band["mean"], at @ m, atol=1e-7)
    predictive = table("predictive")
    np.testing.assert_allclose(predictive["std"], np.sqrt(own + 1 / beta), rtol=1e-6)


def test_descent_has_the_paths_and_rates_of_its_own_loss(mlcli: Run) -> None:
    table = tables_of(mlcli, "descent", "--n-seeds", "2", "--n-noise", "200", "--n-steps", "40")
    paths = table("paths")
    top, bottom = paths.lambda_max[0], paths.lambda_min[0]
    for rate, rows in paths.groupby("rate"):
        k = rows.step.to_numpy()
        # Along an eigenvector each step of size eta multiplies by 1 - eta lambda.
        eta = rate * 2 / top
        for name, curvature in (("stiff", top), ("soft", bottom)):
            values = rows[name].to_numpy()
            if rate > 0:
                expected = values[0] * (1 - eta * curvature) ** k
            else:
                time = k / k.max() * 4 / bottom
                expected = values[0] * np.exp(-curvature * time)
            np.testing.assert_allclose(values, expected, rtol=1e-6, atol=1e-9)
    loss = table("loss")
    assert (loss.low <= loss["median"]).all()
    assert (loss["median"] <= loss.high).all()
    assert (np.diff(loss.excess) <= 0).all()
    assert loss.excess[0] == pytest.approx(paths.excess[0])
    for row in table("rates").itertuples():
        kappa = row.condition_number
        root = np.sqrt(kappa)
        plain = (kappa - 1) / (kappa + 1)
        expected = plain if row.method == "plain" else (root - 1) / (root + 1)
        assert row.theory == pytest.approx(expected)
        assert row.measured == pytest.approx(expected, rel=0.12)
    for _, rows in table("flow").groupby("loss"):
        order = np.polyfit(np.log(rows.n_steps), np.log(rows.distance), 1)[0]
        assert order == pytest.approx(-1, abs=0.1)
    noise = table("noise").dropna()
    assert len(noise) >= 10
    ratio = noise.measured / noise.theory
    assert ratio.between(0.4, 2.5).all()
    assert ratio.median() == pytest.approx(1, abs=0.2)


def test_logistic_has_the_tables_of_scikit_learns_fit(mlcli: Run) -> None:
    from sklearn import metrics
    from sklearn.linear_model import LogisticRegression

    from mlcli.experiments.logistic.config import LogisticConfig
    from mlcli.experiments.logistic.replicate import split_of
    from mlcli.experiments.source import source_of

    table = tables_of(
        mlcli, "logistic", "--n-seeds", "1", "--no-standardize", "--n-study", "60", "--l2", "0.01"
    )
    config = LogisticConfig(standardize=False, l2=0.01, n_seeds=1, n_study=60)
    split = split_of(config, source_of(config), 0)
    X, labels = split.X, split.classes.labels
    t, t_train = labels[split.test], labels[split.train]
    peer = LogisticRegression(C=1 / (2 * 0.01 * t_train.size), tol=1e-12, solver="newton-cg")
    peer.fit(X[split.train], t_train)
    p = peer.predict_proba(X[split.test])[:, 1]
    for row in table("thresholds").itertuples():
        called = (p > row.threshold).astype(int)
        assert row.accuracy == pytest.approx(np.mean(called == t))
        assert row.recall == pytest.approx(np.mean(called[t == 1]))
        assert row.false_positive_rate == pytest.approx(np.mean(called[t == 0]))
        kinds = metrics.confusion_matrix(t, called, labels=[0, 1], normalize="all")
        shares = (row.true_negatives, row.false_positives, row.false_negatives, row.true_positives)
        np.testing.assert_allclose(shares, kinds.ravel())
        if called.any():
            assert row.precision == pytest.approx(np.mean(t[called == 1]))
    bins = np.minimum((p * 10).astype(int), 9)
    filled = [k for k in range(10) if (bins == k).any()]
    calibration = table("calibration")
    assert calibration.rows.tolist() == [np.sum(bins == k) for k in filled]
    np.testing.assert_allclose(
        calibration.predicted, [p[bins == k].mean() for k in filled], atol=1e-6
    )
    np.testing.assert_allclose(calibration.observed, [t[bins == k].mean() for k in filled])
    curves = table("curves")
    false_positive, recall, _ = metrics.roc_curve(t, p, drop_intermediate=False)
    # At a step of the curve any height between its ends is on it.
    low = [recall[false_positive <= place + 1e-12].max() for place in curves.place]
    high = [recall[false_positive >= place - 1e-12].min() for place in curves.place]
    ends = np.sort([low, high], axis=0)
    assert ((ends[0] - 1e-9 <= curves.recall) & (curves.recall <= ends[1] + 1e-9)).all()
    confusion = table("confusion").pivot(index="class", columns="called", values="rows")
    np.testing.assert_array_equal(confusion, metrics.confusion_matrix(t, p > 0.5))
    points, boundary = table("points"), table("boundary")
    np.testing.assert_allclose(points[["x", "y"]], X[split.test], atol=1e-9)
    assert points["class"].tolist() == t.tolist()
    on_plane = peer.predict_proba(boundary[["x", "y"]].to_numpy())[:, 1]
    np.testing.assert_allclose(boundary.probability, on_plane, atol=6e-5)
    assert boundary["class"].tolist() == (on_plane > 0.5).astype(int).tolist()


def test_weights_on_separable_classes_grow_without_a_penalty(mlcli: Run) -> None:
    table = tables_of(mlcli, "logistic", "--n-seeds", "1", "--no-standardize", "--n-study", "400")
    study = table("separable")
    assert study.step.iloc[-1] == 400
    grown, bounded = study.norm_no_penalty, study.norm_l2
    assert (np.diff(grown) > 0).all()
    assert (np.diff(study.loss_no_penalty) < 0).all()
    assert grown.iloc[-1] > 1.2 * bounded.iloc[-1]
    # ln 2 at the start, where both classes are equally likely, and falling from there.
    for name in ("no_penalty", "l2"):
        loss = study[f"loss_{name}"]
        assert loss[0] == pytest.approx(np.log(2))
        assert (np.diff(loss) <= 1e-9).all()
        assert study[f"norm_{name}"][0] == 0
    assert study.loss_no_penalty.iloc[-1] < study.loss_l2.iloc[-1]
    # The square barely moves from where it is confidently wrong; the cross-entropy leaves at once.
    errors = table("saturation_errors")
    assert errors.cross_entropy[0] == errors.square[0] > 0.6
    assert errors.cross_entropy.iloc[-1] < 0.3
    assert errors.square.iloc[-1] > errors.cross_entropy.iloc[-1]
    starts = table("saturation")
    assert starts[starts.loss == "cross-entropy"].activation.tolist() == [1, 2, 4, 6, 8]
    steps = starts[starts.loss == "square"].median_steps.dropna()
    assert (np.diff(steps) > 0).all()


def test_filters_has_sizes_by_formula_and_pooled_blocks(mlcli: Run) -> None:
    table = tables_of(
        mlcli, "filters", "--n-seeds", "2", "--n-images", "20", "--longest-side", "24"
    )
    for row in table("shapes").itertuples():
        expected = (row.n + row.zeros - row.f) // row.stride + 1
        assert expected == row.formula == row.counted == row.array
    pooled = table("pooled")

    def panel(name: str) -> np.ndarray:
        rows = pooled[pooled.panel == name].drop(columns="panel").to_numpy()
        return rows[:, ~np.isnan(rows[0])]

    picture = panel("picture")
    h, w = (side // 2 for side in picture.shape)
    blocks = picture[: 2 * h, : 2 * w].reshape(h, 2, w, 2)
    np.testing.assert_allclose(panel("max"), blocks.max(axis=(1, 3)), atol=2e-3)
    np.testing.assert_allclose(panel("average"), blocks.mean(axis=(1, 3)), atol=2e-3)
    assert (panel("depth") >= np.abs(panel("vertical edges")) - 2e-3).all()
    turned = table("turned").set_index("degrees")
    four = turned[["vertical", "diagonal", "horizontal", "other_diagonal"]]
    np.testing.assert_allclose(turned.depth_pooled, four.max(axis=1))
    # A vertical edge is what its filter was made for, and a horizontal one is not seen by it.
    assert turned.vertical[0] == turned.horizontal[90] == four.to_numpy().max()
    assert turned.vertical[90] == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(turned.diagonal, turned.other_diagonal.to_numpy()[::-1], atol=1e-9)


def test_propagate_has_the_activations_of_torch() -> None:
    import torch

    from mlcli.experiments.propagate.config import PropagateConfig
    from mlcli.experiments.propagate.tables import activations

    theirs = {
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": torch.relu,
        "elu": torch.nn.functional.elu,
    }
    table = pd.DataFrame(activations(PropagateConfig(activations=tuple(theirs))))
    assert list(table.activation.unique()) == list(theirs)
    for name, rows in table.groupby("activation"):
        a = torch.tensor(rows.a.to_numpy(), requires_grad=True)
        value = theirs[name](a)
        value.sum().backward()
        np.testing.assert_allclose(rows.value, value.detach(), atol=1e-7)
        inside = np.abs(rows.a) > 1e-9
        np.testing.assert_allclose(rows.derivative[inside], a.grad.numpy()[inside], atol=1e-7)


def test_fit_poly_has_the_rows_and_the_scores_of_the_first_seed(mlcli: Run) -> None:
    from mlcli.experiments.fit_poly.config import FitPolyConfig
    from mlcli.experiments.source import source_of

    table = tables_of(mlcli, "fit-poly", "--degrees", "1,3", "--n-seeds", "2", "--n-samples", "80")
    config = FitPolyConfig(n_samples=80)
    data = source_of(config).replicate(0, config.seed)
    rows = table("data")
    assert sorted(rows.t) == pytest.approx(sorted(data.t))
    assert sorted(rows.x) == pytest.approx(sorted(data.X[:, 0]))
    train, test = (rows[rows.part == part] for part in ("train", "test"))
    scores = table("scores")
    first = scores[(scores.seed_index == 0) & (scores.estimator == "arnoldi")].set_index("degree")
    fits = table("fits")
    for degree in (1, 3):
        w = np.polynomial.polynomial.polyfit(train.x, train.t, degree)
        for name, part in (("train_mse", train), ("test_mse", test)):
            error = np.mean((part.t - np.polynomial.polynomial.polyval(part.x, w)) ** 2)
            assert first[name][degree] == pytest.approx(error, rel=1e-7)
        curve = fits[(fits.degree == degree) & (fits.estimator == "arnoldi")]
        expected = np.polynomial.polynomial.polyval(curve.x, w)
        np.testing.assert_allclose(curve.fit, expected, rtol=1e-7, atol=1e-8)


def test_a_kernel_of_several_channels_needs_a_picture_of_as_many() -> None:
    from mlcli.datasets.pictures import Picture
    from mlcli.errors import InputError
    from mlcli.experiments.filters.config import FiltersConfig
    from mlcli.experiments.filters.kernels import check_fit

    colour = Picture("a", np.zeros((5, 6, 3)))
    check_fit(FiltersConfig(channels="all"), "k", (3, 2, 2), colour)
    check_fit(FiltersConfig(channels="each"), "k", (1, 5, 6), colour)
    for channels, size in (("each", (3, 2, 2)), ("all", (2, 2, 2))):
        with pytest.raises(InputError, match="of 1 channel, or of the picture's 3"):
            check_fit(FiltersConfig(channels=channels), "k", size, colour)
    for size in ((1, 6, 2), (1, 2, 7)):
        with pytest.raises(InputError, match="5 x 6"):
            check_fit(FiltersConfig(channels="each"), "k", size, colour)
