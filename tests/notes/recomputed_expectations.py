"""Appendices A and B where expectations are shown: losses, variations, two weights, few rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import norm

from mlcli.experiments.bayes.columns import basis_of
from mlcli.experiments.bias_variance.expectations import (
    N_DRAWS,
    VARIED,
    functions_of,
    law_of,
    measure,
)
from mlcli.linear.bayes.posterior import (
    Posterior,
    exponent,
    normal_log_density,
)
from mlcli.rng import stream
from mlcli.selection.bias_variance import EnsembleMoments, decompose_on_draws
from mlcli.selection.expected_loss import (
    excess_and_noise,
    expected_loss,
    expected_squared_error,
    expected_squared_loss,
    joint_density,
    loss_parts,
    loss_slopes,
    regression_function,
    squared_loss_gradient,
)
from tests.notes.recomputed_regression import cubic, posterior_of, precisions
from tests.notes.registry import DIGITS, Pairs, computes, drawn, points_of, rows_of
from tests.notes.run_folder import RunFolder

SIGMA = 1.95


def table_of(n_x: int) -> tuple[Any, Any, Any, Any]:
    """p(x, t) dx dt of the noisy cubic on a grid: x, t, p, and the averages over x."""
    x = -2 + 4 * (np.arange(n_x) + 0.5) / n_x
    t = np.linspace(cubic(-2.0) - 8 * SIGMA, cubic(2.0) + 8 * SIGMA, 601)
    p = joint_density(x, t, cubic(x), 4.0, SIGMA) * (4.0 / n_x) * (t[1] - t[0])
    return x, t, p, np.full(n_x, 1 / n_x)


def functions(run: RunFolder) -> dict[str, Any]:
    generator = run.prepared.source.generator
    return functions_of(run.config, generator, law_of(run.config, generator))


def losses_on_a_table(run: RunFolder) -> tuple[list[float], list[float]]:
    """E[L] and E h^2 of each function as sums over the table."""
    x, t, p, _ = table_of(400)
    losses, excess = [], []
    for function in functions(run).values():
        f = function(x[:, None])
        losses.append(expected_loss(p, (t - f[:, None]) ** 2))
        assert np.isclose(losses[-1], expected_squared_loss(p, t, f), rtol=1e-12)
        excess.append(excess_and_noise(p, t, f)[0])
    return losses, excess


def close(measured: Any, exact: Any) -> bool:
    """Whether means of many draws are near what they estimate."""
    return bool(np.max(np.abs(np.asarray(measured) - np.asarray(exact))) < 0.06)


@computes("(A.2)")
def expected_losses(run: RunFolder, columns: Any, printed: Any) -> Pairs:
    exact, measured = columns
    yield exact, losses_on_a_table(run)[0], 1e-3
    yield close(measured, exact), True, 0
    yield [float(row[2]) for row in printed], exact, 1e-3
    found = [one.expected_loss for one in every_seed(run)]
    yield measured, np.mean(found, axis=0), DIGITS
    x, _, _, weights = table_of(400)
    f = np.stack([one(x[:, None]) for one in functions(run).values()], axis=1)
    yield exact, expected_squared_error(f, cubic(x), weights, SIGMA), 1e-3


def every_seed(run: RunFolder) -> list[Any]:
    found = [measure(run.config, run.prepared.source, i) for i in range(run.config.n_seeds)]
    return [one for one in found if one is not None]


@computes("(A.4)")
def expected_squared_losses(run: RunFolder, columns: Any, points: Any) -> Pairs:
    exact, measured = columns
    yield exact, losses_on_a_table(run)[0], 1e-3
    yield close(measured, exact), True, 0
    yield drawn(points, measured, np.arange(len(measured))), True, 0
    x, _, _, weights = table_of(400)
    f = np.stack([one(x[:, None]) for one in functions(run).values()], axis=1)
    yield exact, expected_squared_error(f, cubic(x), weights, SIGMA), 1e-3


@computes("(A.5)")
def variation(run: RunFolder, bins: Any, slopes: Any, printed: Any, title: Any) -> Pairs:
    x, exact, measured = bins
    n_bins, fine = len(x), 100 * len(x)
    at, t, p, _ = table_of(fine)
    f = functions(run)["best_line"](at[:, None])
    # dE/df(x_i) of the table is that of a step of the width 4 / fine.
    gradient = squared_loss_gradient(p, t, f) / (4.0 / fine)
    yield exact, gradient.reshape(n_bins, -1).mean(axis=1), 1e-3
    yield close(measured, exact), True, 0
    exact_0, measured_0, exact_1, measured_1 = slopes
    nodes = np.stack([one(at[:, None]) for one in functions(run).values()], axis=1)
    directions = np.column_stack([np.ones(fine), np.sqrt(3) * at / 2])
    found = loss_slopes(nodes, cubic(at), directions, np.full(fine, 1 / fine))
    yield np.column_stack([exact_0, exact_1]), found, 1e-3
    yield close([measured_0, measured_1], [exact_0, exact_1]), True, 0
    yield [float(row[1].split()[0]) for row in printed], measured_0, 1e-3
    yield title[0], "How E[L] changes where one is raised: exact, and measured with 95 %", 0


@computes("(A.6)")
def condition(run: RunFolder, columns: Any, points: Any) -> Pairs:
    x, exact, measured = columns
    at, t, p, _ = table_of(100 * len(x))
    of_t = p @ t / (4.0 / at.size)  # the integral of t p(x, t) dt
    yield of_t, regression_function(p, t) * 0.25, 1e-9
    yield exact, of_t.reshape(len(x), -1).mean(axis=1), 1e-3
    yield close(measured, exact), True, 0
    yield drawn(points, x, 4.0 * measured), True, 0


@computes("(A.7)")
def mean_of_t_at_x(run: RunFolder, columns: Any, line: Any) -> Pairs:
    x, found = columns
    yield found, cubic(x), 1e-3
    t = np.linspace(-30, 30, 2001)
    places = np.unique(x)
    yield (
        found[:: len(x) // len(places)],
        regression_function(joint_density(places, t, cubic(places), 4.0, SIGMA), t),
        1e-3,
    )
    yield drawn(line, places, found[:: len(x) // len(places)]), True, 0


@computes("(A.11)")
def cross_terms(run: RunFolder, columns: Any, points: Any) -> Pairs:
    cross, about_shifted, exact = columns
    config, source, every = run.config, run.prepared.source, functions(run)
    found = []
    for k, function in enumerate(every.values()):
        seeds = []
        for index in range(config.n_seeds):
            data = source.generator.draw(stream(config.seed, "expected loss", index, k), N_DRAWS)
            f, best = function(data.X), cubic(data.X[:, 0])
            parts = loss_parts(f[:, None], best, data.t)
            seeds.append(parts.cross[0])
            assert np.isclose(seeds[-1], np.mean((f - best) * (best - data.t)), atol=1e-12)
            # Twice the cross term is what the decomposition of one function has.
            moments = EnsembleMoments(data.t.size, 1)
            moments.add(f[:, None])
            with np.errstate(divide="ignore", invalid="ignore"):
                whole = decompose_on_draws(moments, best, data.t)
            assert np.isclose(whole.cross[0], 2 * seeds[-1], atol=1e-12)
        found.append(np.mean(seeds))
    yield cross, found, DIGITS
    yield close(cross, 0.0), True, 0
    yield close(about_shifted, exact), True, 0
    # Around f~ + c it is c E[f - f~] - c^2, which is not 0.
    at = table_of(400)[0]
    c = SIGMA / 2
    off = [np.mean(one(at[:, None]) - cubic(at)) for one in every.values()]
    yield exact, c * np.array(off) - c**2, 1e-3
    yield any(np.allclose(one[:, 0], cross) for one in points_of(points)), True, 0


@computes("(A.12)")
def excess_and_noise_of_each(run: RunFolder, columns: Any, printed: Any) -> Pairs:
    excess, exact, measured = columns
    yield excess, losses_on_a_table(run)[1], 1e-3
    yield exact, excess + SIGMA**2, DIGITS
    yield close(measured, exact), True, 0
    yield [float(row[1]) for row in printed], excess, 1e-3
    x, _, _, weights = table_of(400)
    f = np.stack([one(x[:, None]) for one in functions(run).values()], axis=1)
    yield excess, expected_squared_error(f, cubic(x), weights, 0.0), 1e-3
    assert set(VARIED) <= set(functions(run))


# Appendix B: two weights of a line, and the predictive variance, after few rows.


def line_of(run: RunFolder) -> tuple[Any, Any]:
    """Phi (20, 2) and t of the first rows."""
    data = rows_of(run)
    basis = basis_of(run.config, data.X.min(axis=0), data.X.max(axis=0), 1)
    return basis.evaluate(data.X[:20]), data.t[:20]


def after(run: RunFolder, n: int) -> tuple[Any, Any]:
    Phi, t = line_of(run)
    return exponent(Phi[:n], t[:n], *precisions(run))


@computes("(B.3)", "(B.4)")
def law_of_a_target(run: RunFolder, columns: Any, bars: Any) -> Pairs:
    t, mean, beta, density = columns
    Phi, _ = line_of(run)
    yield mean, Phi[:5] @ np.linalg.solve(*after(run, 5)), DIGITS
    yield density, np.exp(normal_log_density(t, mean, beta[0])), DIGITS
    yield density, norm.pdf(t, mean, beta**-0.5), DIGITS
    yield beta[0], precisions(run)[1], DIGITS
    # A bar is as long as the density of its row, all on one scale.
    lengths = [np.ptp(one[:, 0]) for one in points_of(bars)]
    assert lengths
    assert all(length > 0 for length in lengths)


@computes("(B.16)")
def quadratic_term(run: RunFolder, columns: Any, printed: Any) -> Pairs:
    rows, *found = columns
    for place, n in enumerate(rows.astype(int)):
        A = after(run, n)[0]
        yield [one[place] for one in found], [A[0, 0], A[0, 1], A[1, 1]], DIGITS
        yield [float(cell) for cell in printed[place][1:4]], [A[0, 0], A[0, 1], A[1, 1]], 1e-3


@computes("(B.17)")
def linear_term(run: RunFolder, columns: Any, printed: Any) -> Pairs:
    rows, *found = columns
    for place, n in enumerate(rows.astype(int)):
        b = after(run, n)[1]
        Phi, t = line_of(run)
        yield [one[place] for one in found], b, DIGITS
        yield b, precisions(run)[1] * Phi[:n].T @ t[:n], DIGITS
        yield [float(cell) for cell in printed[place][4:6]], b, 1e-3


@computes("(B.18)")
def completed_square(run: RunFolder, columns: Any, lines: Any) -> Pairs:
    rows, *found = columns
    for place, n in enumerate(rows.astype(int)):
        A, b = after(run, n)
        S = np.linalg.inv(A)
        shown = [one[place] for one in found]
        yield shown, [*(S @ b), S[0, 0], S[0, 1], S[1, 1]], DIGITS
        # The two exponents differ by a constant, at any w.
        w = np.random.default_rng(n).normal(size=(5, 2))
        off = w - np.array(shown[:2])
        square = -0.5 * np.einsum("ni,ij,nj->n", off, A, off)
        ours = -0.5 * np.einsum("ni,ij,nj->n", w, A, w) + w @ b
        yield square - ours, np.full(5, -0.5 * b @ S @ b), 1e-7
    assert len(points_of(lines)) == len(rows)


@computes("(B.22)")
def law_for_given_weights(run: RunFolder, columns: Any, bells: Any) -> Pairs:
    t, mean, beta, log_density = columns
    yield mean, np.zeros(5), DIGITS
    yield log_density, normal_log_density(t, 0.0, beta[0]), DIGITS
    yield log_density, norm.logpdf(t, 0.0, beta**-0.5), DIGITS
    # A bell is the density to the right of its row.
    for bell in points_of(bells):
        at = bell[:, 1]
        width = np.ptp(bell[:, 0])
        density = norm.pdf(at, at.mean(), beta[0] ** -0.5)
        shape = (density - density.min()) / np.ptp(density)
        yield (bell[:, 0] - bell[:, 0].min()) / width, shape, 1e-6


@computes("(B.24)")
def predictive_variance(run: RunFolder, few: Any, whole: Any, curve: Any) -> Pairs:
    Phi, t, _, basis = posterior_of(run)
    alpha, beta = precisions(run)
    for n, (x, spread, noise) in (
        (5, (few[0], few[2], few[1])),
        (t.size, (whole[0], whole[2] ** 2 - 1 / beta, np.full(len(whole[0]), 1 / beta))),
    ):
        A, b = exponent(Phi[:n], t[:n], alpha, beta)
        S = np.linalg.inv(A)
        at = basis.evaluate(x[:, None])
        yield spread, np.einsum("ni,ij,nj->n", at, S, at), 1e-6
        yield noise, np.full(len(x), 1 / beta), DIGITS
        found = Posterior(S @ b, np.linalg.cholesky(S), beta).predict(at)[1]
        yield found**2, spread + noise, 1e-6
    yield few[3], few[1] + few[2], DIGITS
    # The name stands on the curve.
    assert len(curve)
