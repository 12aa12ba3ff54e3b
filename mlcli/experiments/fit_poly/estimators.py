"""The estimators of `fit-poly`: each fits all degrees to the same training rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlcli.certificate import Certificate
from mlcli.experiments.fit_poly.config import FitPolyConfig
from mlcli.linear.design import Design, build
from mlcli.linear.redundant import UNRELATED, Related
from mlcli.models.functions import InBasis, LinearFunction, Polynomials, Standardised

if TYPE_CHECKING:
    from mlcli.linear.basis import Basis
    from mlcli.linear.certified import CertifiedFit
    from mlcli.linear.compress import PolynomialFit
    from mlcli.linear.least_squares import LapackFit
    from mlcli.linear.orthonormal import ColumnsFit

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Coefficients:
    """Coefficients of one fit: names, values, and standard errors over sigma where they exist."""

    terms: Sequence[str]
    estimate: Array
    unit_std_error: Array | None


@dataclass(frozen=True)
class Fits:
    """One estimator's fits, one a degree; its functions can be pickled, as all of it can.

    Attributes:
        degrees: k of them.
        train_rss: residual sums of squares on the training rows, (k,).
        effective_rank: independent columns that were used, (k,).
        degrees_of_freedom: trace of the hat matrix, the constant included, (k,).
        predict: X (n, D) -> predictions (n, k).
        coefficients: index of a degree -> its coefficients.
        relative_gap: duality gaps as shares of E(0), for penalised fits, (k,): how far each may be
            from the minimum of (3.13).
        certificates: of each degree, for fits with an l1 penalty; empty otherwise.
        standardised: coefficients of the standardised columns at the highest degree, (M,), 0 for
            products that are left out, and
        design: those columns, for the estimators that have them.
        functions: () -> the fits as they are written and read back, which say what `predict` does.
    """

    degrees: tuple[int, ...]
    train_rss: Array
    effective_rank: Array
    degrees_of_freedom: Array
    predict: Callable[[Array], Array]
    coefficients: Callable[[int], Coefficients]
    standardised: Array | None = None
    design: Design | None = None
    relative_gap: Array | None = None
    certificates: tuple[Certificate, ...] = ()
    functions: Callable[[], Sequence[LinearFunction]] = tuple


def fit(
    config: FitPolyConfig,
    X: Array,
    t: Array,
    names: Sequence[str],
    related: Related = UNRELATED,
) -> Fits:
    """The estimator that a config asks for, on training rows ``X`` (N, D), ``t`` (N,).

    `related` as in `linear.design.build`, for the estimators on standardised columns.
    """
    from mlcli.linear.basis import POWERS

    if config.penalty != "none":
        return fit_penalised(config, X, t, names, related)
    if config.solver == "lapack":
        return fit_lapack(config, X, t, names, related)
    if config.solver == "certified":
        return fit_certified(config, X, t, names)
    if config.basis in POWERS:
        return fit_arnoldi(config, X, t, names)
    return fit_orthonormal(config, X, t, names)


def sizes(config: FitPolyConfig) -> tuple[int, ...]:
    """The degrees that are fitted: the linear basis has only one size."""
    return (1,) if config.basis == "linear" else tuple(sorted(set(config.degrees)))


def terms(config: FitPolyConfig, X: Array, degree: int, names: Sequence[str]) -> list[str]:
    """The names of the coefficients of one degree."""
    from mlcli.linear.basis import fit_basis

    low, high = X.min(axis=0), X.max(axis=0)
    return fit_basis(config.basis, low, high, degree, intercept=config.intercept).terms(names)


def fit_arnoldi(config: FitPolyConfig, X: Array, t: Array, names: Sequence[str]) -> Fits:
    """Exact least squares in the polynomials up to each degree, from one nested basis."""
    from mlcli.linear.compress import fit_polynomial

    degrees = sizes(config)
    found = fit_polynomial(X, t, degrees, intercept=config.intercept)
    rank = np.asarray(found.effective_rank, dtype=float)
    box = np.stack([X.min(axis=0), X.max(axis=0)])  # all that the names depend on, (2, D)
    coefficients = partial(_in_monomials, config, found, box, names)
    return Fits(
        degrees,
        found.rss,
        rank,
        rank,
        found.predict,
        coefficients,
        functions=partial(_polynomials, found),
    )


def _polynomials(found: PolynomialFit) -> list[LinearFunction]:
    return [Polynomials(found)]


def _in_monomials(
    config: FitPolyConfig, found: PolynomialFit, box: Array, names: Sequence[str], index: int
) -> Coefficients:
    degree = found.degrees[index]
    c = found.coefficients[: found.basis.size(degree), index]
    named = terms(config, box, degree, names)
    return Coefficients(named, *found.basis.monomials(c, degree))


def fit_orthonormal(config: FitPolyConfig, X: Array, t: Array, names: Sequence[str]) -> Fits:
    """Exact least squares in any other basis, its columns made orthonormal one after the other."""
    from mlcli.linear.basis import fit_basis
    from mlcli.linear.orthonormal import fit_columns

    low, high = X.min(axis=0), X.max(axis=0)
    fits = []
    for degree in sizes(config):
        basis = fit_basis(config.basis, low, high, degree, intercept=config.intercept)
        fits.append((basis, fit_columns(basis.evaluate(X), t)))
    rank = np.array([float(one.rank) for _, one in fits])
    coefficients = partial(_of_columns, fits, names)
    rss = np.array([one.rss for _, one in fits])
    functions = [InBasis(basis, one.w) for basis, one in fits]
    return Fits(
        sizes(config),
        rss,
        rank,
        rank,
        partial(_side_by_side, functions),
        coefficients,
        functions=partial(_with_own_roots, functions, fits),
    )


def _with_own_roots(
    functions: Sequence[InBasis], fits: Sequence[tuple[Basis, ColumnsFit]]
) -> list[LinearFunction]:
    return [replace(f, root=one.root()) for f, (_, one) in zip(functions, fits, strict=True)]


def _side_by_side(functions: Sequence[LinearFunction], points: Array) -> Array:
    """Functions with one output each: X (n, D) -> (n, k)."""
    return np.stack([function(points) for function in functions], axis=1)  # (n, k)


def _of_columns(
    fits: Sequence[tuple[Basis, ColumnsFit]], names: Sequence[str], index: int
) -> Coefficients:
    basis, one = fits[index]
    return Coefficients(basis.terms(names), one.w, one.unit_std_error())


def fit_certified(config: FitPolyConfig, X: Array, t: Array, names: Sequence[str]) -> Fits:
    """Exact rational arithmetic on the raw monomials: every digit right for the data as stored."""
    from mlcli.linear.basis import fit_basis
    from mlcli.linear.certified import certified_polynomial

    degrees = sizes(config)
    found = [certified_polynomial(X, t, d, intercept=config.intercept) for d in degrees]
    low, high = X.min(axis=0), X.max(axis=0)
    bases = [
        fit_basis(config.basis, low, high, degree, intercept=config.intercept) for degree in degrees
    ]
    rss = np.array([one.rss for one in found])
    rank = np.array([float(one.w.size) for one in found])
    functions = [InBasis(b, f.w) for b, f in zip(bases, found, strict=True)]
    coefficients = partial(_exact, bases, found, names)
    predict = partial(_side_by_side, functions)
    return Fits(degrees, rss, rank, rank, predict, coefficients, functions=partial(list, functions))


def _exact(
    bases: Sequence[Basis], found: Sequence[CertifiedFit], names: Sequence[str], index: int
) -> Coefficients:
    one = found[index]
    sigma = one.residual_std
    unit = one.std_error / sigma if sigma else np.zeros_like(one.std_error)
    return Coefficients(bases[index].terms(names), one.w, unit)


def fit_lapack(
    config: FitPolyConfig,
    X: Array,
    t: Array,
    names: Sequence[str],
    related: Related = UNRELATED,
) -> Fits:
    """Minimum-norm least squares on standardised columns, small singular values cut off.

    At high degree this is another estimator than `fit_arnoldi`: of the 301 columns of degree 300 in
    double precision only about 70 directions survive the cut.
    """
    from mlcli.linear.least_squares import lapack_least_squares

    designs = _designs(config, X, t, related)
    fits = [lapack_least_squares(design.A, design.b, config.rcond) for design in designs]
    constant = float(config.intercept)
    rank = np.array([one.rank + constant for one in fits])
    coefficients = partial(_cut_off, designs, fits, names)
    functions = [Standardised(d, f.w, n_rows=t.size) for d, f in zip(designs, fits, strict=True)]
    made = _standardised(config, designs, functions, rank, rank, coefficients)
    return replace(made, functions=partial(_with_roots, functions, designs, fits))


def _with_roots(
    functions: Sequence[Standardised], designs: Sequence[Design], fits: Sequence[LapackFit]
) -> list[LinearFunction]:
    roots = [one.unit_std_error(d.A).root for d, one in zip(designs, fits, strict=True)]
    return [replace(f, root=root) for f, root in zip(functions, roots, strict=True)]


def _cut_off(
    designs: Sequence[Design], fits: Sequence[LapackFit], names: Sequence[str], index: int
) -> Coefficients:
    design, one = designs[index], fits[index]
    unit = one.unit_std_error(design.A)
    raw_unit = design.raw_unit_std_error(unit.unit, unit.root, design.b.size)
    return Coefficients(design.basis.terms(names), design.raw(one.w), raw_unit)


def fit_penalised(
    config: FitPolyConfig, X: Array, t: Array, names: Sequence[str], related: Related
) -> Fits:
    """The minimum of (3.13) at one pair of strengths, on standardised columns by default."""
    designs = _designs(config, X, t, related)
    ws, dof, gaps, certificates = [], [], [], []
    for design in designs:
        path = penalised_path(design, t.size, config.penalty, [config.l1], [config.l2])
        ws.append(path.w[:, 0])
        gaps.append(float(path.gap[0]) / at_zero(design, t.size))
        if path.certificate is not None:
            certificates.append(path.certificate)
        dof.append(float(path.degrees_of_freedom[0]) + float(config.intercept))
    rank = np.array([np.count_nonzero(w) + float(config.intercept) for w in ws])
    coefficients = partial(_shrunk, designs, ws, names)
    functions = [Standardised(d, w, n_rows=t.size) for d, w in zip(designs, ws, strict=True)]
    fits = _standardised(config, designs, functions, rank, np.array(dof), coefficients)
    return replace(fits, relative_gap=np.array(gaps), certificates=tuple(certificates))


def _shrunk(
    designs: Sequence[Design], ws: Sequence[Array], names: Sequence[str], index: int
) -> Coefficients:
    design = designs[index]
    return Coefficients(design.basis.terms(names), design.raw(ws[index]), None)


def at_zero(design: Design, n_rows: int) -> float:
    """E(0) of (3.13), the cost of no coefficient at all; 1 where that is 0."""
    return float(design.b @ design.b) / (2 * n_rows) or 1.0


@dataclass(frozen=True)
class Path:
    """Coefficients (M, k) along strengths, their degrees of freedom and duality gaps (k,).

    `certificate` is that of the worst strength, None for ridge, which is exact.
    """

    w: Array
    degrees_of_freedom: Array
    gap: Array
    certificate: Certificate | None


def penalised_path(
    design: Design, n_rows: int, penalty: str, l1s: Sequence[float], l2s: Sequence[float]
) -> Path:
    """A path of (3.13) with the penalty's own strengths; the other ones are zero."""
    from mlcli.linear.coordinate_descent import elastic_net_path
    from mlcli.linear.ridge import ridge_path

    if penalty == "l2":
        ridge = ridge_path(design.A, design.b, n_rows, l2s)
        return Path(ridge.w, ridge.degrees_of_freedom, np.zeros(len(l2s)), None)
    l2s = l2s if penalty == "elastic" else [0.0] * len(l1s)
    found = elastic_net_path(design.A, design.b, n_rows, l1s, l2s)
    return Path(found.w, found.degrees_of_freedom, found.gap, found.certificate)


def _designs(config: FitPolyConfig, X: Array, t: Array, related: Related) -> list[Design]:
    scaled = config.standardize or config.penalty == "none"
    return [
        build(
            config.basis, X, t, degree, intercept=config.intercept, scaled=scaled, related=related
        )
        for degree in sizes(config)
    ]


def _standardised(
    config: FitPolyConfig,
    designs: Sequence[Design],
    functions: Sequence[Standardised],
    rank: Array,
    dof: Array,
    coefficients: Callable[[int], Coefficients],
) -> Fits:
    ws = [function.weights for function in functions]
    residuals = [design.b - design.A @ w for design, w in zip(designs, ws, strict=True)]
    rss = np.array([float(r @ r) for r in residuals])
    return Fits(
        sizes(config),
        rss,
        rank,
        dof,
        partial(_side_by_side, functions),
        coefficients,
        designs[-1].with_left_out(ws[-1]),
        designs[-1],
        functions=partial(list, functions),
    )
