"""Sections 2 to 4, appendices A and B: data, least squares, penalties, descent, posteriors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.stats import norm

from mlcli.datasets.split import train_test_indices
from mlcli.datasets.synthetic import SYNTHETIC, draw
from mlcli.experiments.bayes.columns import basis_of, in_memory, model_degree, r_factor_of
from mlcli.experiments.bayes.fit import fit, maximum_likelihood
from mlcli.experiments.bias_variance import models
from mlcli.experiments.bias_variance.ensemble import curve_grid, open_ensemble
from mlcli.experiments.bias_variance.replicate import run_replicate as decompose_seed
from mlcli.experiments.cross_validation.refits import class_refit
from mlcli.experiments.cross_validation.scores import scores_of
from mlcli.experiments.descent.studies import design, quadratic_of
from mlcli.experiments.fit_poly import paper
from mlcli.experiments.fit_poly.replicate import path_design, run_replicate, strengths
from mlcli.linear.basis import fit_basis
from mlcli.linear.bayes.posterior import (
    Prior,
    exponent,
    from_prior,
    isotropic_posterior,
    log_likelihood,
    log_posterior_unnormalised,
    normal_log_density,
    spectrum,
    updated,
)
from mlcli.linear.certified import certified_polynomial
from mlcli.linear.least_squares import fit_columns, lapack_least_squares, normal_equations
from mlcli.linear.penalised import elastic_net_path
from mlcli.linear.polynomial import fit_polynomial
from mlcli.notes.entry import read_place
from mlcli.optimisation.descent import (
    descend,
    exact_flow,
    least_squares_loss,
    minibatch_path,
    minibatch_wandering,
    noise_floor,
)
from mlcli.rng import stream
from mlcli.scores import squared, zero_one
from mlcli.selection.bias_variance import EnsembleMoments
from mlcli.selection.expected_loss import expected_squared_error, uniform_quadrature
from mlcli.selection.interpolation import nearest_rows
from tests.notes.registry import DIGITS, Pairs, computes, drawn, points_of, rows_of
from tests.notes.run_folder import RunFolder

PARTS = ("train", "test")


def cubic(x: Any) -> Any:
    """The regularity of (3.12)."""
    return 0.5 * x**3 + 0.3 * x**2 - 0.25 * x + 1


# Section 2: losses and splits.


@computes("(2.4)")
def errors_of_classes(run: RunFolder, splits: Any, mean: float) -> Pairs:
    n_test, error = splits
    # A share of the rows of the test part that are called wrong.
    yield n_test * error, np.round(n_test * error), DIGITS
    every = []
    for index in range(run.prepared.n_replicates):
        data, (folds,) = run.prepared.repeat(index)
        refit = class_refit(run.prepared.spec, data.X, data.t, 1, 0.0, data.related)
        found = []
        for split in range(folds.n_splits):
            test = folds.test_rows(split)
            found.append(zero_one(data.t[test], refit(folds.train_rows(split), test, 0)).mean())
        every.append(found)
    yield error[: len(every[0])], every[0], DIGITS
    yield mean, np.mean(every), DIGITS


@computes("(2.5)", "(2.7)", "(A.3)")
def errors_of_folds(run: RunFolder, splits: Any, curve: Any) -> Pairs:
    data, (folds,) = run.prepared.repeat(0)
    found = []
    for split in range(folds.n_splits):
        train, test = folds.train_rows(split), folds.test_rows(split)
        y = fit_polynomial(data.X[train], data.t[train], [3]).predict(data.X[test])[:, 0]
        found.append(squared(data.t[test], y).mean())
    yield splits[0], found, DIGITS
    yield splits[0], scores_of(run.prepared.spec, data, folds, None).test[3, 0], DIGITS
    means = [run.detail(f"degree_{d}.cv_mse.mean") for d in run.config.degrees]
    yield drawn(curve, run.config.degrees, means), True, 0


@computes("(2.6)")
def expected_errors(run: RunFolder, mean: float, curve: Any) -> Pairs:
    known, found = run.prepared.known, []
    for index in range(run.prepared.n_replicates):
        data, _ = run.prepared.repeat(index)
        y = fit_polynomial(data.X, data.t, [3]).predict(known.nodes)
        found.append(expected_squared_error(y, known.truth, known.weights, known.noise_std)[0])
    yield mean, np.mean(found), DIGITS
    assert len(curve)


@computes("(2.8)", "(3.7)", "Figure 3")
def least_squares_along_x(run: RunFolder, columns: Any, lines: Any, *title: Any) -> Pairs:
    x, fitted = columns
    rows = run.prepared.first
    found = fit_polynomial(rows.X_train, rows.t_train, [3]).predict(x[:, None])[:, 0]
    yield fitted, found, 1e-7
    yield drawn(lines, x, found, 1e-6), True, 0


@computes("(2.9)")
def a_fit_that_memorises(
    run: RunFolder, train: float, test: float, columns: Any, steps: Any
) -> Pairs:
    assert train == 0.0
    errors = []
    for index in range(run.prepared.n_replicates):
        rows = run.prepared.rows(index)
        assert (nearest_rows(rows.X_train, rows.X_train) == np.arange(rows.t_train.size)).all()
        # By all distances, without a tree.
        nearest = np.abs(rows.X_test - rows.X_train.T).argmin(axis=1)
        errors.append(squared(rows.t_test, rows.t_train[nearest]).mean())
    yield test, np.mean(errors), DIGITS
    x, t, left, right = columns
    rows = run.prepared.first
    yield t, rows.t_train[nearest_rows(rows.X_train, x[:, None])], DIGITS
    yield drawn(steps, np.ravel([left, right], order="F"), np.repeat(t, 2)), True, 0


@computes("(2.10)")
def parts_of_the_rows(run: RunFolder, columns: Any, marks: Any) -> Pairs:
    rng = stream(run.config.seed, "split", 0)
    _, test = train_test_indices(columns[0].size, run.config.test_fraction, rng)
    expected = np.full(columns[0].size, "train", dtype=columns[0].dtype)
    expected[test] = "test"
    # The table has the training rows first.
    yield np.sort(columns[0]), np.sort(expected), 0
    yield from kept_rows(run, marks, "test")


def kept_rows(run: RunFolder, marks: Any, part: str) -> Pairs:
    """The marks of one part of the rows are these rows."""
    data = run.prepared.source.replicate(0, run.config.seed)
    rng = stream(run.config.seed, "split", 0)
    train, test = train_test_indices(data.t.size, run.config.test_fraction, rng)
    rows = train if part == "train" else test
    points = np.column_stack([data.X[rows, 0], data.t[rows]])
    (seen,) = points_of(marks)
    order = np.lexsort(seen.T), np.lexsort(points.T)
    yield seen[order[0]], points[order[1]], DIGITS


@computes("Figure 1")
def rows_of_both_parts(run: RunFolder, train: Any, test: Any, band: Any, law: Any) -> Pairs:
    yield from kept_rows(run, train, "train")
    yield from kept_rows(run, test, "test")
    assert len(band)
    x, low, high = law
    # 95 % of all rows: 1.96 standard deviations of the noise on either side.
    yield low, norm.ppf(0.025, loc=cubic(x), scale=1.95), 1e-7
    yield high, norm.ppf(0.975, loc=cubic(x), scale=1.95), 1e-7


@computes("(2.11)")
def training_and_test_loss(run: RunFolder, printed: Any, columns: Any) -> Pairs:
    changes = {"degrees": (1, 3), "path_penalty": "none", "compare_solver": "none"}
    prepared = type(run.prepared)(run.config.model_copy(update=changes), run.prepared.source)
    found = [run_replicate(prepared, i, None).scores["arnoldi"] for i in range(run.config.n_seeds)]
    train, test = ([float(getattr(one, f"{part}_mse")[1]) for one in found] for part in PARTS)
    yield columns[0], train, DIGITS
    yield columns[1], test, DIGITS
    row = next(row for row in printed if row[0] == "3")
    yield [float(row[1]), float(row[3])], [np.mean(train), np.mean(test)], 1e-3


# Section 3: the cubic, least squares in a basis, penalties.


@computes("(3.2)", "(3.12)")
def drawn_rows(run: RunFolder, columns: Any, lines: Any) -> Pairs:
    seed = run.config.seed
    found = draw(SYNTHETIC["noisy-cubic"], stream(seed, "data", 0))
    order = np.argsort(columns[0]), np.argsort(found.X[:, 0])
    yield columns[0][order[0]], found.X[order[1], 0], DIGITS
    yield columns[1][order[0]], found.t[order[1]], DIGITS
    assert found.noise_std == 1.95
    for x, y in [line.T for line in points_of(lines)]:
        yield y, cubic(x), 1e-7


@computes("Figure 2")
def rows_and_regularity(run: RunFolder, marks: Any, lines: Any) -> Pairs:
    yield from kept_rows(run, marks, "train")
    for x, y in [line.T for line in points_of(lines)]:
        yield y, cubic(x), 1e-7


def columns_on_training_rows(run: RunFolder, degree: int) -> tuple[Any, Any]:
    """Phi and t of the first seed's training rows."""
    rows, config = run.prepared.first, run.config
    low, high = rows.X_train.min(axis=0), rows.X_train.max(axis=0)
    basis = fit_basis(config.basis, low, high, degree, intercept=config.intercept)
    return basis.evaluate(rows.X_train), rows.t_train


@computes("(3.4)")
def straight_line(run: RunFolder, columns: Any, title: Any) -> Pairs:
    Phi, t = columns_on_training_rows(run, 1)
    assert (Phi[:, 0] == 1).all()
    # Its intercept comes first.
    yield columns[0], fit_columns(Phi, t).w, DIGITS
    yield title[0], "degree 1 (arnoldi)", 0


@computes("(3.6)")
def weights_without_gradient(run: RunFolder, columns: Any, few: Any) -> Pairs:
    Phi, t = few_rows(run)
    yield Phi.T @ (Phi @ few[0] - t), np.zeros(4), 1e-6
    yield few[0], normal_equations(Phi, t).w, DIGITS
    rows = run.prepared.first
    for degree in (1, 3, 5):
        w = columns[1][columns[0] == degree]
        yield w, certified_polynomial(rows.X_train, rows.t_train, degree).w, DIGITS
        Phi, t = columns_on_training_rows(run, degree)
        yield Phi.T @ (Phi @ w - t) / t.size, np.zeros(w.size), 1e-7


@computes("(3.8)")
def powers_of_x(run: RunFolder, columns: Any) -> Pairs:
    rows = run.prepared.first
    found = fit_polynomial(rows.X_train, rows.t_train, [3])
    yield columns[0], [0, 1, 2, 3], 0
    yield columns[1], found.basis.monomials(found.coefficients[:4, 0], 3)[0], DIGITS


@computes("(3.9)")
def other_basis(run: RunFolder, columns: Any, lines: Any, term: Any, curves: Any) -> Pairs:
    x, fitted = columns
    rows = run.prepared.first
    low, high = rows.X_train.min(axis=0), rows.X_train.max(axis=0)
    basis = fit_basis("fourier", low, high, 3)
    w = fit_columns(basis.evaluate(rows.X_train), rows.t_train).w
    yield fitted, basis.evaluate(x[:, None]) @ w, 1e-7
    yield drawn(lines, x, fitted), True, 0
    # The largest degree whose columns can be told apart is 5.
    basis = fit_basis("fourier", low, high, 5)
    w = fit_columns(basis.evaluate(rows.X_train), rows.t_train).w
    place = basis.terms(["x"]).index("sin(2x)")
    at, phi, weighted = term
    yield phi, basis.evaluate(at[:, None])[:, place], DIGITS
    yield weighted, w[place] * phi, 1e-7
    yield drawn(curves, at, phi), True, 0
    yield drawn(curves, at, weighted), True, 0


def path_weights(run: RunFolder, terms: Any, coefficients: Any) -> Any:
    """The weights of all columns from those that the table has."""
    w = np.zeros(300)
    w[terms.astype(int) - 1] = coefficients
    return w


@computes("(3.10)")
def linear_in_the_weights(run: RunFolder, fits: Any, path: Any) -> Pairs:
    columns = path_design(run.prepared.spec, run.prepared.first)
    y = columns.predict(fits[0][:, None], path_weights(run, *path)[:, None])[:, 0]
    yield fits[1], y, 1e-6


def l1_path(run: RunFolder) -> Any:
    """The lasso path of the first seed at degree 300, (300, k), and its strengths."""
    columns, values = path_design(run.prepared.spec, run.prepared.first), strengths(run.config)
    n_train, none = run.prepared.first.t_train.size, [0.0] * values.size
    return elastic_net_path(columns.A, columns.b, n_train, values.tolist(), none).w, values


@computes("(3.13)")
def penalised_weights(run: RunFolder, columns: Any, gap: float, counts: Any) -> Pairs:
    w, values = l1_path(run)
    place = int(np.flatnonzero(values == 0.1)[0])
    yield path_weights(run, *columns), w[:, place], 1e-6
    assert 0 <= gap < 1e-8
    assert points_of(counts)[0].shape == (values.size, 2)


@computes("Figure 5")
def penalised_curve(run: RunFolder, columns: Any, lines: Any) -> Pairs:
    x, fitted = columns
    w, values = l1_path(run)
    place = int(np.flatnonzero(values == 0.1)[0])
    found = path_design(run.prepared.spec, run.prepared.first).predict(x[:, None], w)[:, place]
    yield fitted, found, 1e-6
    yield drawn(lines, x, fitted), True, 0


@computes("Figure 6")
def penalised_bars(run: RunFolder, columns: Any, means: Any, marks: Any, axis: Any) -> Pairs:
    w, values = l1_path(run)
    best = run.detail("path.lowest_error_strength")
    yield columns[0], w[:, int(np.argmin(np.abs(values - best)))], 1e-6
    # The columns of the figure are the largest means; the first seed's are marked on them.
    largest = np.sort(np.argsort(-np.abs(means[0]), kind="stable")[:16])
    yield drawn(marks, np.arange(1, 17), columns[0][largest]), True, 0
    assert len(axis)


@computes("Figure 4")
def unpenalised_coefficients(run: RunFolder, columns: Any, axis: Any) -> Pairs:
    made = path_design(run.prepared.spec, run.prepared.first)
    w = lapack_least_squares(made.A, made.b).w
    # Which directions are cut off, and most weights with them, hangs on the last bits.
    sizes = [np.log10(np.linalg.norm(one)) for one in (columns[0], w)]
    yield sizes[0], sizes[1], 0.1
    assert sizes[0] > 4
    assert len(axis)


@computes("(3.11)")
def several_inputs(run: RunFolder, columns: Any, names: Any) -> Pairs:
    # Once above Phi and Phi^T Phi each, and beside its rows and the weights.
    yield names, ["bmi"] * 4, 0
    Phi, t = columns_on_training_rows(run, 1)
    assert Phi.shape[1] == columns[0].size == 11
    yield columns[1], np.linalg.lstsq(Phi, t, rcond=None)[0], 1e-7


@computes("Table 1")
def table_1(run: RunFolder, columns: Any, printed: Any) -> Pairs:
    scores = read_scores(run)
    found = paper.columns(paper.compare(scores))
    yield columns[0], [4.11, 4.88, 3.63, 4.15, 3.61, 4.12, 3.24, 5120.0], 0
    yield columns[1], found["median"], DIGITS
    yield [float(row[1]) for row in printed], columns[0], 0


def read_scores(run: RunFolder) -> Any:
    """Training and test loss of every seed by the estimator of the notes, by degree."""
    place = "tables/scores.csv: degree, train_mse, test_mse [estimator=lapack]"
    degree, *losses = run.read(read_place(place))
    both = np.column_stack(losses)
    return {d: both[degree == d] for d in run.prepared.spec.degrees}


# Section 4: descent.


@computes("(3.5)", "(4.7)")
def loss_at_the_minimum(run: RunFolder, floor: float, axis: Any) -> Pairs:
    floors, halves = [], []
    for index in range(run.config.n_seeds):
        data = run.prepared.source.replicate(index, run.config.seed).fitted_to()
        Phi = design(run.config, data)[1]
        loss = least_squares_loss(Phi, data.t)
        floors.append(loss.floor)
        halves.append(0.5 * ((data.t - Phi @ loss.w_star) ** 2).sum() / data.t.size)
    yield floor, np.mean(floors), DIGITS
    yield floor, np.mean(halves), DIGITS
    yield axis[0], "loss above the minimum", 0


@computes("(4.1)", "(4.6)")
def path_of_descent(run: RunFolder, columns: Any, lines: Any) -> Pairs:
    loss = quadratic_of(run.config, rows_of(run))
    eta, start = 0.5 * loss.critical_rate, np.zeros(loss.w_star.size)
    W = descend(loss.gradient, start, eta, run.config.n_path).W
    along = (W - loss.w_star) @ loss.vectors
    stiff, soft = columns
    # An eigenvector may point either way.
    yield np.abs(stiff), np.abs(along[:, -1]), 1e-7
    yield np.abs(soft), np.abs(along[:, 0]), 1e-7
    gradient = loss.gradient(W[:-1]) @ loss.vectors
    yield np.abs(np.diff(stiff) / eta), np.abs(gradient[:, -1]), 1e-7
    yield drawn(lines, stiff, soft), True, 0


@computes("(4.13)")
def flow(run: RunFolder, columns: Any, curve: Any) -> Pairs:
    loss = quadratic_of(run.config, rows_of(run))
    times = np.linspace(0, 4 / float(loss.values[0]), columns[0].size)
    W = exact_flow(loss, np.zeros(loss.w_star.size), times)
    along = (W - loss.w_star) @ loss.vectors
    yield np.abs(columns[0]), np.abs(along[:, -1]), 1e-7
    yield np.abs(columns[1]), np.abs(along[:, 0]), 1e-7
    assert points_of(curve)[0].shape == (len(run.config.flow_steps), 2)


@computes("(4.5)")
def closed_form(run: RunFolder, columns: Any) -> Pairs:
    Phi, t = columns_on_training_rows(run, 3)
    yield columns[0], np.linalg.pinv(Phi) @ t, 1e-7
    yield columns[0], fit_columns(Phi, t).w, DIGITS


def few_rows(run: RunFolder) -> tuple[Any, Any]:
    """Phi and t of six training rows of the first seed, evenly chosen in the order of x."""
    Phi, t = columns_on_training_rows(run, 3)
    order = np.argsort(run.prepared.first.X_train[:, 0])
    chosen = order[[round(k * (t.size - 1) / 5) for k in range(6)]]
    return Phi[chosen], t[chosen]


@computes("(4.2)", "(B.11)")
def design_matrix(run: RunFolder, columns: Any, heading: Any) -> Pairs:
    row, column, value = columns
    Phi, _ = few_rows(run)
    # M + 1 columns for the degree M = 3.
    assert Phi.shape == (6, 3 + 1)
    yield row, np.repeat(np.arange(1, 7), 4), 0
    yield column, np.tile(np.arange(4), 6), 0
    yield value, Phi.ravel(), DIGITS
    assert len(heading) == 1


@computes("(4.3)")
def columns_times_targets(run: RunFolder, columns: Any, heading: Any) -> Pairs:
    Phi, t = few_rows(run)
    yield columns[0], normal_equations(Phi, t).moment, DIGITS
    yield columns[0], [sum(Phi[:, i] * t) for i in range(4)], DIGITS
    assert len(heading) == 1


@computes("(4.4)")
def columns_times_columns(
    run: RunFolder, columns: Any, weights: Any, heading: Any, condition: float, squared: float
) -> Pairs:
    Phi, t = few_rows(run)
    found = normal_equations(Phi, t)
    yield columns[0], found.gram.ravel(), DIGITS
    yield columns[0], [sum(Phi[:, i] * Phi[:, j]) for i in range(4) for j in range(4)], DIGITS
    # Its product with w is (4.3).
    yield columns[0].reshape(4, 4) @ weights[0], Phi.T @ t, 1e-6
    yield condition, np.linalg.cond(Phi), 1e-7
    yield squared, condition**2, 1e-6
    assert len(heading) == 1


@computes("(4.8)")
def minibatches(run: RunFolder, columns: Any, points: Any, path: Any, lines: Any) -> Pairs:
    measured, theory = columns
    config, found, floors = run.config, [], []
    for index in range(config.n_seeds):
        data = run.prepared.source.replicate(index, config.seed).fitted_to()
        loss, Phi = quadratic_of(config, data), design(config, data)[1]
        etas = loss.critical_rate * np.array(config.noise_rates)
        rng = stream(config.seed, "batches", index, 16)
        wandering = minibatch_wandering(Phi, data.t, loss, etas, 16, config.n_noise, rng)
        found.append(wandering.excess)
        floors.append([noise_floor(Phi, data.t, loss, float(eta), 16) for eta in etas])
    yield measured, np.mean(found, axis=0), 1e-7
    yield theory, np.mean(floors, axis=0), 1e-7
    # Averages over a finite number of steps.
    yield measured, theory, 0.05
    yield drawn(points, config.noise_rates, measured), True, 0
    data = rows_of(run)
    loss, Phi = quadratic_of(config, data), design(config, data)[1]
    eta, rng = max(config.noise_rates) * loss.critical_rate, stream(config.seed, "path", 16)
    W = minibatch_path(Phi, data.t, np.zeros(Phi.shape[1]), eta, 16, len(path[0]) - 1, rng).W
    along = (W - loss.w_star) @ loss.vectors
    yield np.abs(path[0]), np.abs(along[:, -1]), 1e-7
    yield np.abs(path[1]), np.abs(along[:, 0]), 1e-7
    yield drawn(lines, *path), True, 0


# Appendix A: bias, variance and noise.


@computes("(A.14)", "(A.17)")
def bias_and_variance_along_x(run: RunFolder, columns: Any, lines: Any) -> Pairs:
    config, source = run.config, run.prepared.source
    grid = curve_grid(source, config)
    assert grid is not None
    place = list(models.sizes(config)).index(3)
    ensemble = open_ensemble(config, source, 0, models.sizes(config)[-1])
    moments, squares, n = EnsembleMoments(len(grid), 1), np.zeros(len(grid)), 0
    for X, t in ensemble.members:
        y = models.fit_degrees(config, X, t).predict(grid)[:, [place]]
        moments.add(y)
        squares += (y[:, 0] - cubic(grid[:, 0])) ** 2
        n += 1
    x, bias_squared, variance = columns
    yield x, grid[:, 0], DIGITS
    yield bias_squared, (moments.mean[:, 0] - cubic(grid[:, 0])) ** 2, 1e-7
    yield variance, moments.variance[:, 0], 1e-7
    yield bias_squared + variance, squares / n, 1e-7
    yield drawn(lines, x, moments.mean[:, 0]), True, 0


def decompositions(run: RunFolder) -> Iterator[Any]:
    """The terms of every seed at degree 3."""
    config = run.config.model_copy(update={"penalty": "none", "descent": False, "degrees": (3,)})
    for index in range(config.n_seeds):
        yield decompose_seed(config, run.prepared.source, index, None).degrees


@computes("(A.18)")
def sum_of_the_terms(run: RunFolder, total: float, lines: Any) -> Pairs:
    found = list(decompositions(run))
    yield total, np.mean([one.sum[0] for one in found]), 1e-7
    parts = [one.bias_squared[0] + one.variance[0] + one.noise[0] for one in found]
    yield total, np.mean(parts), 1e-7
    assert len(lines)


@computes("(A.19)")
def the_terms(run: RunFolder, columns: Any, lines: Any) -> Pairs:
    found = list(decompositions(run))
    for name, shown in zip(("bias_squared", "variance", "noise"), columns, strict=True):
        yield shown[0], np.mean([getattr(one, name)[0] for one in found]), 1e-7
    yield columns[2][0], 1.95**2, DIGITS
    assert len(lines)


# Appendix B: the posterior.


def posterior_of(run: RunFolder, degree: int | None = None) -> tuple[Any, Any, Any, Any]:
    """Phi and t of the first data set, its R factor, and the basis."""
    data = rows_of(run)
    rows = in_memory(data.X, data.t)
    degree = model_degree(run.config) if degree is None else degree
    basis = basis_of(run.config, rows.low, rows.high, degree)
    return basis.evaluate(data.X), data.t, r_factor_of(basis, rows), basis


def precisions(run: RunFolder) -> tuple[float, float]:
    return run.detail("prior_precision"), run.detail("noise_precision")


@computes("(B.1)")
def one_row_at_a_time(run: RunFolder, columns: Any, title: Any) -> Pairs:
    Phi, t, _, _ = posterior_of(run, 1)
    alpha, beta = precisions(run)
    n_points, *shown = columns
    now = from_prior(Prior(np.zeros(2), np.eye(2) / np.sqrt(alpha)), beta)
    seen = 0
    for place, n in enumerate(n_points.astype(int)):
        for row in range(seen, n):
            now = updated(now, Phi[row], float(t[row]))
        seen, S = n, now.covariance
        found = [*now.mean, S[0, 0], S[0, 1], S[1, 1]]
        yield [values[place] for values in shown], found, 1e-7
    yield title[0], "5 points", 0


@computes("(B.7)", "(B.8)", "(B.9)")
def likelihood(run: RunFolder, shown: float) -> Pairs:
    Phi, t, r_factor, _ = posterior_of(run)
    found = maximum_likelihood(r_factor)
    assert found.noise_precision is not None
    rss = float(((t - Phi @ found.w) ** 2).sum())
    yield shown, log_likelihood(rss, t.size, found.noise_precision), DIGITS
    yield shown, normal_log_density(t, Phi @ found.w, found.noise_precision).sum(), DIGITS


@computes("(B.10)")
def likeliest_weights(run: RunFolder, columns: Any, printed: Any) -> Pairs:
    Phi, t, r_factor, _ = posterior_of(run)
    yield columns[0], maximum_likelihood(r_factor).w, DIGITS
    yield columns[0], np.linalg.pinv(Phi) @ t, 1e-7
    yield [float(row[1]) for row in printed], columns[0], 1e-3


@computes("(B.12)")
def likeliest_noise(run: RunFolder, shown: float) -> Pairs:
    Phi, t, r_factor, _ = posterior_of(run)
    found = maximum_likelihood(r_factor)
    yield shown, found.noise_precision, DIGITS
    yield 1 / shown, ((t - Phi @ found.w) ** 2).mean(), DIGITS


@computes("(B.13)")
def coverage_of_the_likeliest(run: RunFolder, shown: float, points: Any) -> Pairs:
    config, generator = run.config, run.prepared.source.generator
    low, high = np.array([generator.chosen.x_min]), np.array([generator.chosen.x_max])
    basis = basis_of(config, low, high, model_degree(config))
    x, weights = uniform_quadrature(float(low[0]), float(high[0]), 64)
    Phi, truth, sigma = basis.evaluate(x[:, None]), cubic(x), generator.chosen.noise_std
    found = []
    for index in range(config.n_calibration):
        data = generator.draw(stream(config.seed, "calibration", index), config.calibration_rows)
        likely = maximum_likelihood(r_factor_of(basis, in_memory(data.X, data.t)))
        assert likely.noise_precision is not None
        # The central 95 % of N(w_ML . phi, 1 / beta_ML); how likely a new t lies there.
        half = norm.ppf(0.975) * likely.noise_precision**-0.5
        mean = Phi @ likely.w
        inside = norm.cdf((mean + half - truth) / sigma) - norm.cdf((mean - half - truth) / sigma)
        found.append(float(weights @ inside))
    yield shown, np.mean(found), 1e-7
    assert len(points)


@computes("(B.14)")
def prior(run: RunFolder, columns: Any, title: Any) -> Pairs:
    alpha, beta = precisions(run)
    found = from_prior(Prior(np.zeros(2), np.eye(2) / np.sqrt(alpha)), beta)
    yield [columns[0][0], columns[1][0]], [found.mean[0], found.covariance[0, 0]], DIGITS
    yield columns[1][0], 1 / alpha, DIGITS
    yield title[0], "0 points", 0


@computes("(B.15)")
def most_probable_weights(run: RunFolder, columns: Any) -> Pairs:
    Phi, t, _, _ = posterior_of(run)
    alpha, beta = precisions(run)
    w = columns[0]
    yield w, np.linalg.solve(*exponent(Phi, t, alpha, beta)), 1e-7
    at = log_posterior_unnormalised(Phi, t, w, alpha, beta)
    for step in 1e-2 * np.concatenate([np.eye(w.size), -np.eye(w.size)]):
        assert log_posterior_unnormalised(Phi, t, w + step, alpha, beta) < at


@computes("(B.19)", "(B.20)")
def posterior(run: RunFolder, columns: Any, lines: Any) -> Pairs:
    found = isotropic_posterior(spectrum(posterior_of(run)[2]), *precisions(run))
    yield columns[0], found.mean, 1e-7
    yield columns[1], found.std, 1e-7
    assert len(lines)


@computes("(B.21)", "(B.23)")
def prediction(run: RunFolder, columns: Any, band: Any) -> Pairs:
    _, _, r_factor, basis = posterior_of(run)
    x, mean, std = columns
    Phi = basis.evaluate(x[:, None])
    found = isotropic_posterior(spectrum(r_factor), *precisions(run)).predict(Phi)
    yield mean, found[0], 1e-7
    yield std, found[1], 1e-7
    yield mean, fit(run.config, r_factor).predict(Phi)[0], 1e-7
    assert len(band)
