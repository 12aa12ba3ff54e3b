"""Section 5, the perceptron of 6.1, and appendix C: probabilities, losses, threshold units."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from mlcli.backpropagation import activations
from mlcli.classification.approximation import area_from_step, bump, staircase, step_unit
from mlcli.classification.classifier import LogisticModel, coefficients
from mlcli.classification.generative import class_scores, log_odds, posterior
from mlcli.classification.information import (
    Information,
    bernoulli_log_probability,
    categorical_log_probability,
    empirical_cross_entropy,
    information,
    log_likelihood,
)
from mlcli.classification.objective import Objective, even_weights
from mlcli.classification.perceptron import (
    AND,
    INPUTS,
    NAND,
    XOR_OUTPUT,
    ThresholdUnit,
    fit_perceptron,
    gate_of,
    nand,
    xor,
)
from mlcli.classification.softmax import probabilities, sigmoid, softmax
from mlcli.experiments.logistic.classes import fit_from_config
from mlcli.experiments.logistic.likelihood import one_hot, rows_information
from mlcli.experiments.logistic.replicate import GRID, LogisticSplit, predicted_classes, split_of
from mlcli.experiments.logistic.studies import saturation
from mlcli.experiments.logistic.tables import MAX_POINTS, plane_for
from mlcli.experiments.perceptron.formula import parse
from mlcli.linear.bayes.posterior import normal_log_density
from mlcli.notes.entry import read_place
from mlcli.scores import brier_score, mean_cross_entropy, rates_at_thresholds
from tests.notes.registry import DIGITS, Pairs, computes, drawn, points_of
from tests.notes.run_folder import RunFolder

# Of a solver: the weights are certified, not the last digits.
SOLVED = 1e-5


def first_fit(run: RunFolder) -> tuple[LogisticSplit, LogisticModel]:
    """The split and the fit of the first seed."""
    return next(fits_of(run))


def fits_of(run: RunFolder) -> Iterator[tuple[LogisticSplit, LogisticModel]]:
    """The split and the fit of every seed."""
    for index in range(run.config.n_seeds):
        split = split_of(run.config, run.prepared.source, index)
        labels = split.classes.labels[split.train]
        yield split, fit_from_config(run.config, split.X[split.train], labels, split.classes.size)


@computes("(5.1)")
def classes_of_test_rows(run: RunFolder, columns: Any, marks: Any) -> Pairs:
    split, _ = first_fit(run)
    labels = split.classes.labels[split.test[:MAX_POINTS]]
    yield columns[0].astype(int), labels, 0
    (points,) = points_of(marks)
    assert len(points) == labels.sum()


@computes("(5.2)")
def rates_by_threshold(run: RunFolder, columns: Any, lines: Any) -> Pairs:
    found = []
    for split, model in fits_of(run):
        P = model.predict(split.X[split.test])
        found.append(rates_at_thresholds(split.classes.labels[split.test] == 1, P[:, 1], GRID))
    mean = np.mean(found, axis=0)  # (3, n)
    # Where no row of a seed is called positive, its precision is none.
    known = np.isfinite(mean).all(axis=0)
    for shown, computed in zip(columns, mean, strict=True):
        yield shown[known], computed[known], SOLVED
    yield drawn(lines, GRID, columns[1]), True, 0


def plane(run: RunFolder, x: Any, y: Any) -> tuple[LogisticModel, Any]:
    """The model of the two features that are drawn, and the places of its table."""
    split, _ = first_fit(run)
    found = plane_for(run.config, run.prepared.source.feature_names, split)
    assert found is not None
    labels = split.classes.labels[split.train]
    X = split.X[split.train][:, found.of]
    return fit_from_config(run.config, X, labels, split.classes.size), np.column_stack([x, y])


@computes("(5.7)")
def probability_over_a_plane(run: RunFolder, columns: Any, bar: Any) -> Pairs:
    model, X = plane(run, *columns[:2])
    a = model.columns(X) @ model.fit.W
    # The table has four decimals.
    yield columns[2], sigmoid(a[:, 0]), 1e-4
    yield columns[2], probabilities(a)[:, 1], 1e-4
    assert "probability of class 1" in bar


@computes("(5.9)")
def side_of_the_boundary(run: RunFolder, columns: Any, title: Any) -> Pairs:
    x, y, called = columns
    model, X = plane(run, x, y)
    yield called.astype(int), predicted_classes(run.config, model.predict(X)), 0
    w, p_0 = coefficients(model)[0][:, 0], run.config.threshold
    beyond = w[0] + X @ w[1:] > np.log(p_0 / (1 - p_0))
    yield called.astype(int), beyond.astype(int), 0
    assert len(title)


@computes("(5.18)", "(5.20)")
def softmax_over_a_plane(run: RunFolder, columns: Any) -> Pairs:
    model, X = plane(run, *columns[:2])
    assert model.fit.W.shape[1] == 3
    yield columns[2], softmax(model.columns(X) @ model.fit.W).max(axis=1), 1e-4


@computes("(5.8)", "(5.19)")
def linear_scores(run: RunFolder, *columns: Any) -> Pairs:
    split, model = first_fit(run)
    W = coefficients(model)[0]  # (p, K)
    yield columns[0][-1], W.T.ravel(), SOLVED
    Phi = np.column_stack([np.ones(len(split.X)), split.X])
    a = model.columns(split.X) @ model.fit.W
    yield Phi @ columns[0][-1].reshape(W.shape[1], -1).T, a, SOLVED


@computes("(5.5)", "(6.42)")
def slope_of_the_sigmoid(run: RunFolder, columns: Any, lines: Any) -> Pairs:
    a, slope = columns
    s = sigmoid(a)
    yield slope, s * (1 - s), DIGITS
    yield s, 1 - sigmoid(-a), DIGITS
    yield slope, activations.sigmoid().derivative(s), DIGITS
    yield drawn(lines, a, slope), True, 0


@computes("(5.6)")
def sigmoid_curve(run: RunFolder, columns: Any, lines: Any) -> Pairs:
    yield columns[1], sigmoid(columns[0]), DIGITS
    yield drawn(lines, *columns), True, 0


def two_class_objective(run: RunFolder, X: Any, labels: Any, model: Any, loss: Any) -> Objective:
    """The plain loss on some rows, in the columns of a model."""
    return Objective(model.columns(X), labels, 2, even_weights(labels.size), loss=loss)


@computes("(5.10)")
def mean_square(run: RunFolder, brier: float) -> Pairs:
    scores, values = [], []
    for split, model in fits_of(run):
        X, t = split.X[split.test], split.classes.labels[split.test]
        scores.append(brier_score(t, model.predict(X)))
        values.append(two_class_objective(run, X, t, model, "square").value(model.fit.W))
    yield brier, np.mean(scores), SOLVED
    yield brier / 4, np.mean(values), SOLVED


@computes("(5.11)", "(5.14)")
def no_gradient_at_the_fit(run: RunFolder, columns: Any, violation: float) -> Pairs:
    split, model = first_fit(run)
    yield columns[0], coefficients(model)[0].T.ravel(), 1e-4
    assert violation < 1e-4
    # In the plain columns 1 and x the loss has the slope that the penalty takes back.
    X, t = split.X[split.train], split.classes.labels[split.train]
    Phi = np.column_stack([np.ones(len(X)), X])
    s = sigmoid(Phi @ columns[0])
    delta = (s - t) * (s * (1 - s) if run.config.loss == "square" else 1.0)
    scale = np.concatenate([[0.0], X.var(axis=0)])  # the penalty is on standardised columns
    slope = Phi.T @ delta / t.size + 2 * run.config.l2 * scale * columns[0]
    # That of the constant is a mean over rows whose other columns are centred.
    yield slope, np.zeros(slope.size), 1e-4
    gradient = model.objective.smooth(model.fit.W)[1]
    yield gradient, np.zeros_like(gradient), 1e-4


@computes("(5.12)")
def saturated_starts(run: RunFolder, shown: float, columns: Any, lines: Any) -> Pairs:
    config = run.config.model_copy(update={"n_study": 1})
    found = [saturation(config, model).confidence[-1] for _, model in fits_of(run)]
    yield shown, np.mean(found), SOLVED
    activation, steps = columns
    assert (np.diff(steps[np.argsort(activation)]) > 0).all()
    yield drawn(lines, activation, steps), True, 0


@computes("(5.13)")
def cross_entropy_of_training_rows(run: RunFolder, shown: float) -> Pairs:
    means, of_data_and_model, values = [], [], []
    for split, model in fits_of(run):
        X, t = split.X[split.train], split.classes.labels[split.train]
        P = model.predict(X)
        means.append(mean_cross_entropy(t, P))
        of_data_and_model.append(empirical_cross_entropy(bernoulli_log_probability(P[:, 1], t)))
        values.append(two_class_objective(run, X, t, model, "cross-entropy").value(model.fit.W))
    for found in (means, of_data_and_model, values):
        yield shown, np.mean(found), SOLVED


@computes("(5.22)")
def cross_entropy_of_classes(run: RunFolder, shown: float) -> Pairs:
    means, of_one_hot = [], []
    for split, model in fits_of(run):
        t, P = split.classes.labels[split.train], model.predict(split.X[split.train])
        means.append(mean_cross_entropy(t, P))
        T = np.eye(split.classes.size)[t]
        of_one_hot.append(empirical_cross_entropy(categorical_log_probability(P, T)))
    yield shown, np.mean(means), SOLVED
    yield shown, np.mean(of_one_hot), SOLVED


def informations(run: RunFolder) -> list[Information]:
    """The terms of (C.5) of every seed: the true p(C_k|x) and the fitted one over test rows."""
    found = []
    for split, model in fits_of(run):
        X, truth = split.X[split.test], split.data.class_probability
        assert truth is not None
        p = truth(X)
        P = model.predict(X)
        found.append(information(np.column_stack([1 - p, p]) / p.size, P / p.size))
    return found


def term(name: str) -> Any:
    def recompute(run: RunFolder, shown: float, printed: Any) -> Pairs:
        mean = np.mean([getattr(one, name) for one in informations(run)])
        yield shown, mean, SOLVED
        row = next(row for row in printed if row[0] == "the true p(C_1|x)")
        place = ("entropy", "divergence", "cross_entropy").index(name)
        # Printed are the terms of the class given x, without the entropy of the rows.
        n_test = run.detail("likelihood.n_test")
        given = mean - (0 if name == "divergence" else np.log(n_test))
        yield float(row[1 + place]), given, 1e-3

    return recompute


computes("(C.2)")(term("entropy"))
computes("(C.3)")(term("divergence"))
computes("(C.5)")(term("cross_entropy"))


@computes("(C.4)")
def divergence_as_a_difference(run: RunFolder, shown: float, printed: Any) -> Pairs:
    every = informations(run)
    for one in every:
        yield one.divergence, one.cross_entropy - one.entropy, 1e-12
    yield shown, np.mean([one.cross_entropy - one.entropy for one in every]), SOLVED
    row = next(row for row in printed if row[0] == "the true p(C_1|x)")
    yield float(row[3]) - float(row[1]), float(row[2]), 1e-3


def tests_of(run: RunFolder) -> Iterator[tuple[Any, Any]]:
    """Probabilities and classes of the test rows of every seed."""
    for split, model in fits_of(run):
        yield model.predict(split.X[split.test]), split.classes.labels[split.test]


@computes("(C.1)")
def information_of_rows(run: RunFolder, columns: Any, curve: Any) -> Pairs:
    probability, nats = columns
    P, t = next(tests_of(run))
    yield probability, P[np.arange(t.size), t][:MAX_POINTS], SOLVED
    ones = np.ones(probability.size)
    yield nats, -bernoulli_log_probability(probability, ones), 1e-8
    (points,) = points_of(curve)
    yield points[:, 1], -bernoulli_log_probability(points[:, 0], np.ones(len(points))), DIGITS


@computes("(C.7)")
def empirical_distribution(run: RunFolder, shown: float, printed: Any) -> Pairs:
    found = [rows_information(P, t) for P, t in tests_of(run)]
    # -sum 1/N ln 1/N over the rows, and without it no entropy of the class is left.
    yield shown, np.mean([one.entropy for one in found]), DIGITS
    yield shown, np.log(run.detail("likelihood.n_test")), DIGITS
    row = next(row for row in printed if row[0] == "the test rows, one by one (C.7)")
    yield float(row[1]), 0.0, 1e-12
    yield float(row[2]), np.mean([one.divergence for one in found]), 1e-3


@computes("(C.8)", "(5.24)")
def bernoulli_of_rows(run: RunFolder, *shown: Any) -> Pairs:
    *total, printed = shown
    P, t = next(tests_of(run))
    every = bernoulli_log_probability(P[:, 1], t)
    yield [float(row[4]) for row in printed], every[: len(printed)], 1e-3
    if total:
        sums = [log_likelihood(bernoulli_log_probability(P[:, 1], t)) for P, t in tests_of(run)]
        yield total[0], np.mean(sums), SOLVED


@computes("(5.23)")
def likelihood_of_classes(run: RunFolder, shown: float, printed: Any) -> Pairs:
    sums = []
    for P, t in tests_of(run):
        sums.append(log_likelihood(categorical_log_probability(P, one_hot(t, P.shape[1]))))
    yield shown, np.mean(sums), SOLVED
    P, t = next(tests_of(run))
    factors = categorical_log_probability(P, one_hot(t, P.shape[1]))
    yield [float(row[4]) for row in printed], factors[: len(printed)], 1e-3
    for row, y in zip(printed, P, strict=False):
        yield [float(one) for one in row[3].split()], y, 1e-4


@computes("(5.21)")
def targets_of_rows(run: RunFolder, printed: Any) -> Pairs:
    split, _ = first_fit(run)
    T = one_hot(split.classes.labels[split.test], split.classes.size)
    for row, t in zip(printed, T, strict=False):
        yield [int(one) for one in row[2].split()], t, 0
        yield row[1], split.classes.names[int(t.argmax())], 0


@computes("(C.9)", "(C.10)")
def cross_entropy_of_test_rows(run: RunFolder, divergence: float, log_loss: float) -> Pairs:
    of_data_and_model = [
        empirical_cross_entropy(bernoulli_log_probability(P[:, 1], t)) for P, t in tests_of(run)
    ]
    yield divergence, np.mean(of_data_and_model), SOLVED
    yield log_loss, np.mean(of_data_and_model), SOLVED
    yield log_loss, np.mean([mean_cross_entropy(t, P) for P, t in tests_of(run)]), SOLVED


@computes("(C.11)")
def line_of_normal_noise(
    run: RunFolder, slope: float, constant: float, columns: Any, points: Any
) -> Pairs:
    beta = 1.95**-2
    yield slope, beta / 2, DIGITS
    yield constant, -normal_log_density(0.0, 0.0, beta), DIGITS
    for mse, found in zip(*columns, strict=True):
        # Rows that are all off by the root of the mean squared error.
        off = np.full(7, np.sqrt(mse))
        yield found, empirical_cross_entropy(normal_log_density(off, 0.0, beta)), DIGITS
    yield drawn(points, *columns), True, 0


def law_at(run: RunFolder, x: Any, y: Any) -> tuple[Any, Any]:
    """ln p(x|C_k) and p(C_k) of the set that the rows are drawn from."""
    law = run.prepared.source.class_law
    return law.log_densities(np.column_stack([x, y])), law.priors


@computes("(5.3)")
def posterior_of_two(run: RunFolder, *shown: Any) -> Pairs:
    *by_class, title = shown
    for k, (x, y, log_density, probability) in enumerate(by_class):
        log_densities, priors = law_at(run, x, y)
        yield log_density, log_densities[:, k], 1e-5
        yield probability, posterior(log_densities, priors)[:, k], 1e-5
        joint = np.exp(log_densities) * priors
        yield probability, joint[:, k] / joint.sum(axis=1), 1e-5
    assert len(title)


@computes("(5.4)")
def log_odds_of_two(run: RunFolder, *shown: Any) -> Pairs:
    (x, y, other), (_, _, score), title = shown
    log_densities, priors = law_at(run, x, y)
    yield score - other, log_odds(log_densities[:, 1], log_densities[:, 0], priors[1]), 2e-5
    assert len(title)


@computes("(5.16)")
def posterior_of_three(run: RunFolder, *shown: Any) -> Pairs:
    first, third, printed = shown
    for k, (x, y, probability) in zip((0, 2), (first, third), strict=True):
        yield probability, posterior(*law_at(run, x, y))[:, k], 1e-5
    losses = []
    for index in range(run.config.n_seeds):
        split = split_of(run.config, run.prepared.source, index)
        P = posterior(*law_at(run, *split.X[split.test].T))
        losses.append(mean_cross_entropy(split.classes.labels[split.test], P))
    yield float(printed[0][1]), np.mean(losses), 1e-3


@computes("(5.17)")
def scores_of_three(run: RunFolder, *shown: Any) -> Pairs:
    first, third, title = shown
    for k, (x, y, score) in zip((0, 2), (first, third), strict=True):
        yield score, class_scores(*law_at(run, x, y))[:, k], 1e-5
    assert len(title)


# Section 6.1: units, gates, and functions from steps.


@computes("(6.1)")
def unit_of_the_table(run: RunFolder, fires: int, b: float) -> Pairs:
    unit = ThresholdUnit((run.detail("unit.w_1"), run.detail("unit.w_2")), b)
    yield fires, unit.fire(INPUTS)[3], 0
    yield unit.fire(INPUTS), [int(bit) for bit in run.config.truth_table], 0


@computes("(6.2)")
def learnt_line(run: RunFolder, columns: Any, lines: Any) -> Pairs:
    x_1, x_2, side = run.read(read_place("tables/rows.csv: x_1, x_2, side"))
    w = fit_perceptron(np.column_stack([x_1, x_2]), side, run.config.max_passes).w
    yield [column[0] for column in columns], w, DIGITS
    (points,) = points_of(lines)
    yield points @ w[:2] + w[2], np.zeros(len(points)), 1e-9


@computes("Figure 7")
def weights_of_gates(run: RunFolder, columns: Any, title: Any, weight: Any) -> Pairs:
    yield title[0], f"NAND, table {''.join(map(str, NAND.fire(INPUTS)))}", 0
    yield weight[0], f"{XOR_OUTPUT.w[2]:g}".replace("-", "\N{MINUS SIGN}"), 0
    units = dict(zip(columns[0], zip(*columns[1:], strict=True), strict=True))
    yield units["NAND"], (*NAND.w, NAND.b), 0
    yield units["XOR hidden"], (*AND.w, AND.b), 0
    for hidden in (0, 1):
        w_1, w_2, b = units[f"XOR, hidden {hidden}"]
        yield (w_1, w_2, b), (*XOR_OUTPUT.w[:2], XOR_OUTPUT.b + hidden * XOR_OUTPUT.w[2]), 0
        output = ThresholdUnit((w_1, w_2), b).fire(INPUTS)
        of_this = AND.fire(INPUTS) == hidden
        yield output[of_this], xor(INPUTS)[of_this], 0


def truth_table(column: int, outputs: Any) -> Any:
    def recompute(run: RunFolder, last: int, printed: Any) -> Pairs:
        yield last, outputs()[3], 0
        yield [int(row[column]) for row in printed], outputs(), 0

    return recompute


computes("Table 2")(truth_table(1, lambda: nand(INPUTS[:, 0], INPUTS[:, 1])))
computes("Table 3")(truth_table(2, lambda: xor(INPUTS)))


@computes("Figure 8")
def lines_of_gates(run: RunFolder, unit: Any, hidden: Any, output: Any, shaded: Any) -> Pairs:
    beyond = ThresholdUnit(XOR_OUTPUT.w[:2], XOR_OUTPUT.b + XOR_OUTPUT.w[2])
    for artists, one in ((unit, NAND), (hidden, AND), (output, beyond)):
        (points,) = points_of(artists)
        yield points @ np.array(one.w) + one.b, np.zeros(len(points)), 1e-12
    assert shaded == ["output 1"]
    polygons = [[patch.get_path() for patch in axes.patches] for axes in run.figures["gates"].axes]
    inputs = np.random.default_rng(0).uniform(-0.6, 1.6, (2000, 2))
    for paths, bits in zip(polygons, ("1110", "0110"), strict=True):
        gate = gate_of(tuple(int(bit) for bit in bits))  # type: ignore[arg-type]
        inside = np.any([path.contains_points(inputs) for path in paths if len(path)], axis=0)
        yield inside, gate.fire(inputs) == 1, 0


@computes("(5.15)")
def sigmoid_and_step(run: RunFolder, columns: Any, curve: Any, lines: Any) -> Pairs:
    steepness, area, at_zero = columns
    yield area, [area_from_step(one, 5.0) for one in steepness], 1e-6
    yield area[-1], 2 * np.log(2) / steepness[-1], 1e-6
    yield at_zero, np.full(len(steepness), 0.5), 0
    z, sigma = curve
    yield sigma, 1 / (1 + np.exp(-10 * z)), DIGITS
    yield drawn(lines, z, sigma), True, 0


@computes("(6.7)")
def step_of_a_unit(run: RunFolder, s: float, b: float, columns: Any, lines: Any) -> Pairs:
    unit = step_unit(s)
    yield b, unit.b, DIGITS
    yield s, -b / unit.w[0], DIGITS
    x, step = columns
    yield step, unit.fire(x[:, None]), 0
    yield step, x > s, 0
    yield drawn(lines, x, step), True, 0


@computes("(6.8)")
def bump_of_two_units(run: RunFolder, h: float, columns: Any, lines: Any) -> Pairs:
    step_1, step_2, shown = columns
    yield shown, h * (step_1 - step_2), DIGITS
    (x,) = run.read(read_place("tables/steps.csv: x"))
    yield shown, bump(x, run.detail("bump.s_1"), run.detail("bump.s_2"), h), DIGITS
    yield drawn(lines, x, shown), True, 0


@computes("(6.9)")
def values_of_a_bump(
    run: RunFolder, inside: float, before: float, after: float, printed: Any
) -> Pairs:
    s_1, s_2, h = (run.detail(f"bump.{key}") for key in ("s_1", "s_2", "height"))
    at = np.array([(s_1 + s_2) / 2, s_1 - 0.1, s_2 + 0.1])
    yield [inside, before, after], bump(at, s_1, s_2, h), DIGITS
    yield [inside, before, after], [h, 0, 0], DIGITS
    yield [float(cell) for cell in printed[0]], [s_1, s_2, h, h, 0, 0], 1e-3


@computes("(6.10)")
def bumps_of_bins(run: RunFolder, columns: Any, lines: Any) -> Pairs:
    config = run.config
    x, *bumps = columns
    f, low, high = parse(config.function), config.function_min, config.function_max
    edges = np.linspace(low, high, len(bumps) + 1)
    for shown, left, right in zip(bumps, edges[:-1], edges[1:], strict=True):
        height = float(f(np.array([(left + right) / 2]))[0])
        yield shown, bump(x, left, right, height), DIGITS
    yield drawn(lines, x, np.sum(bumps, axis=0)), True, 0


@computes("(6.3)", "(6.4)", "(6.5)", "(6.6)", "(6.11)", "Figure 9")
def function_from_steps(run: RunFolder, *shown: Any) -> Pairs:
    config = run.config
    f, low, high = parse(config.function), config.function_min, config.function_max
    steps = staircase(f, low, high, 4)
    if isinstance(shown[0], list) and len(shown[0]) == 2 and shown[0][0].ndim == 1:
        x, values = shown[0]
        artists = shown[1]
    else:
        artists = shown[0]
        (one,) = (one for one in points_of(shown[2]) if np.ptp(one[:, 0]) > 0)
        h = run.detail("bump.height")
        yield one[:, 1], bump(one[:, 0], run.detail("bump.s_1"), run.detail("bump.s_2"), h), 1e-7
        x, values = points_of(artists)[0].T
        (function,) = points_of(shown[1])
        yield function[:, 1], f(function[:, 0]), 1e-7
    yield values, steps.evaluate(x), 1e-7
    # A sum of bumps, each as high as the function in the middle of its bin.
    w = (high - low) / 4
    edges = low + w * np.arange(5)
    middle = (edges[:-1] + edges[1:]) / 2
    sum_of_bumps = sum(bump(x, *ends) for ends in zip(edges, edges[1:], f(middle), strict=False))
    yield values, sum_of_bumps, 1e-7
    jumps = x[1:][np.abs(np.diff(values)) > 1e-9]
    # The points lie so close to each other.
    spacing = float(np.diff(x).max())
    inner = edges[1:-1][np.abs(np.diff(f(middle))) > 1e-9]
    yield jumps, inner, 1.01 * spacing
    yield drawn(artists, x, values), True, 0
