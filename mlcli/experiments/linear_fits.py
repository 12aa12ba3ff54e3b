"""Linear basis-function models: all degrees fitted to the same training rows.

`fit` picks the estimator: exact least squares, minimum-norm least squares, exact rational
arithmetic, or a penalised fit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mlcli.certificate import Certificate
from mlcli.linear.basis import POWERS, Basis, fit_basis
from mlcli.linear.certified import CertifiedFit, certified_polynomial
from mlcli.linear.design import Design, build
from mlcli.linear.least_squares import ColumnsFit, LapackFit, fit_columns, lapack_least_squares
from mlcli.linear.penalised import fit_path, strengths_of
from mlcli.linear.polynomial import PolynomialFit, fit_polynomial
from mlcli.linear.redundant import UNRELATED, Related
from mlcli.models.functions import InBasis, LinearFunction, Polynomials, Standardised

Array = NDArray[np.float64]


@dataclass(frozen=True)
class LinearModelSpec:
    """Which linear models are fitted.

    Attributes:
        degrees: of the basis, rising; only 1 for the linear basis.
        basis: a name of `mlcli.linear.basis`.
        intercept: whether the constant w_0 is fitted; no penalty touches it.
        penalty: none, l1, l2 or elastic.
        l1, l2: strengths of (3.13); a penalty uses its own.
        standardize: whether the penalty is on the coefficients of standardised columns.
        solver: of plain least squares: arnoldi, lapack or certified.
        rcond: where lapack cuts off, as a share of the largest singular value; None: epsilon.
    """

    degrees: tuple[int, ...]
    basis: str = "polynomial"
    intercept: bool = True
    penalty: str = "none"
    l1: float = 0.0
    l2: float = 0.0
    standardize: bool = True
    solver: str = "arnoldi"
    rcond: float | None = None


@dataclass(frozen=True)
class Coefficients:
    """Coefficients of one fit: names, values, and standard errors over sigma where they exist."""

    terms: Sequence[str]
    estimate: Array
    unit_std_error: Array | None


@dataclass(frozen=True)
class LinearFits:
    """One estimator's fits, one per degree. They can be pickled.

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
    spec: LinearModelSpec,
    X: Array,
    t: Array,
    names: Sequence[str],
    related: Related = UNRELATED,
) -> LinearFits:
    """Fit the models of a spec to training rows ``X`` (N, D), ``t`` (N,).

    `related` as in `linear.design.build`, for the estimators on standardised columns.
    """
    if spec.penalty != "none":
        return fit_penalised(spec, X, t, names, related)
    if spec.solver == "lapack":
        return fit_lapack(spec, X, t, names, related)
    if spec.solver == "certified":
        return fit_certified(spec, X, t, names)
    if spec.basis in POWERS:
        return fit_arnoldi(spec, X, t, names)
    return fit_orthonormal(spec, X, t, names)


def terms(spec: LinearModelSpec, X: Array, degree: int, names: Sequence[str]) -> list[str]:
    """The names of the coefficients of one degree."""
    low, high = X.min(axis=0), X.max(axis=0)
    return fit_basis(spec.basis, low, high, degree, intercept=spec.intercept).terms(names)


def fit_arnoldi(spec: LinearModelSpec, X: Array, t: Array, names: Sequence[str]) -> LinearFits:
    """Exact least squares in the polynomials up to each degree, from one nested basis."""
    degrees = spec.degrees
    found = fit_polynomial(X, t, degrees, intercept=spec.intercept)
    rank = np.asarray(found.effective_rank, dtype=float)
    box = np.stack([X.min(axis=0), X.max(axis=0)])  # all that the names depend on, (2, D)
    coefficients = partial(_in_monomials, spec, found, box, names)
    return LinearFits(
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
    spec: LinearModelSpec, found: PolynomialFit, box: Array, names: Sequence[str], index: int
) -> Coefficients:
    degree = found.degrees[index]
    c = found.coefficients[: found.basis.size(degree), index]
    named = terms(spec, box, degree, names)
    return Coefficients(named, *found.basis.monomials(c, degree))


def fit_orthonormal(spec: LinearModelSpec, X: Array, t: Array, names: Sequence[str]) -> LinearFits:
    """Exact least squares in any other basis, its columns made orthonormal one after the other."""
    low, high = X.min(axis=0), X.max(axis=0)
    fits = []
    for degree in spec.degrees:
        basis = fit_basis(spec.basis, low, high, degree, intercept=spec.intercept)
        fits.append((basis, fit_columns(basis.evaluate(X), t)))
    rank = np.array([float(one.rank) for _, one in fits])
    coefficients = partial(_of_columns, fits, names)
    rss = np.array([one.rss for _, one in fits])
    functions = [InBasis(basis, one.w) for basis, one in fits]
    return LinearFits(
        spec.degrees,
        rss,
        rank,
        rank,
        partial(_side_by_side, functions),
        coefficients,
        functions=partial(_with_own_sqrt_factors, functions, fits),
    )


def _with_own_sqrt_factors(
    functions: Sequence[InBasis], fits: Sequence[tuple[Basis, ColumnsFit]]
) -> list[LinearFunction]:
    return [
        replace(f, sqrt_factor=one.sqrt_factor())
        for f, (_, one) in zip(functions, fits, strict=True)
    ]


def _side_by_side(functions: Sequence[LinearFunction], points: Array) -> Array:
    """Functions with one output each: X (n, D) -> (n, k)."""
    return np.stack([function(points) for function in functions], axis=1)  # (n, k)


def _of_columns(
    fits: Sequence[tuple[Basis, ColumnsFit]], names: Sequence[str], index: int
) -> Coefficients:
    basis, one = fits[index]
    return Coefficients(basis.terms(names), one.w, one.unit_std_error())


def fit_certified(spec: LinearModelSpec, X: Array, t: Array, names: Sequence[str]) -> LinearFits:
    """Exact rational arithmetic on the raw monomials: every digit right for the data as stored."""
    degrees = spec.degrees
    found = [certified_polynomial(X, t, d, intercept=spec.intercept) for d in degrees]
    low, high = X.min(axis=0), X.max(axis=0)
    bases = [
        fit_basis(spec.basis, low, high, degree, intercept=spec.intercept) for degree in degrees
    ]
    rss = np.array([one.rss for one in found])
    rank = np.array([float(one.w.size) for one in found])
    functions = [InBasis(b, f.w) for b, f in zip(bases, found, strict=True)]
    coefficients = partial(_exact, bases, found, names)
    predict = partial(_side_by_side, functions)
    return LinearFits(
        degrees, rss, rank, rank, predict, coefficients, functions=partial(list, functions)
    )


def _exact(
    bases: Sequence[Basis], found: Sequence[CertifiedFit], names: Sequence[str], index: int
) -> Coefficients:
    one = found[index]
    sigma = one.residual_std
    unit = one.std_error / sigma if sigma else np.zeros_like(one.std_error)
    return Coefficients(bases[index].terms(names), one.w, unit)


def fit_lapack(
    spec: LinearModelSpec,
    X: Array,
    t: Array,
    names: Sequence[str],
    related: Related = UNRELATED,
) -> LinearFits:
    """Minimum-norm least squares on standardised columns, small singular values cut off.

    At high degree this is another estimator than `fit_arnoldi`: of the 301 columns of degree 300 in
    double precision only about 70 directions survive the cut.
    """
    designs = _designs(spec, X, t, related)
    fits = [lapack_least_squares(design.A, design.b, spec.rcond) for design in designs]
    constant = float(spec.intercept)
    rank = np.array([one.rank + constant for one in fits])
    coefficients = partial(_cut_off, designs, fits, names)
    functions = [Standardised(d, f.w, n_rows=t.size) for d, f in zip(designs, fits, strict=True)]
    made = _standardised(spec, designs, functions, rank, rank, coefficients)
    return replace(made, functions=partial(_with_sqrt_factors, functions, designs, fits))


def _with_sqrt_factors(
    functions: Sequence[Standardised], designs: Sequence[Design], fits: Sequence[LapackFit]
) -> list[LinearFunction]:
    factors = [one.unit_std_error(d.A).sqrt_factor for d, one in zip(designs, fits, strict=True)]
    return [replace(f, sqrt_factor=factor) for f, factor in zip(functions, factors, strict=True)]


def _cut_off(
    designs: Sequence[Design], fits: Sequence[LapackFit], names: Sequence[str], index: int
) -> Coefficients:
    design, one = designs[index], fits[index]
    unit = one.unit_std_error(design.A)
    raw_unit = design.raw_unit_std_error(unit.unit, unit.sqrt_factor, design.b.size)
    return Coefficients(design.basis.terms(names), design.raw(one.w), raw_unit)


def fit_penalised(
    spec: LinearModelSpec, X: Array, t: Array, names: Sequence[str], related: Related
) -> LinearFits:
    """The minimum of (3.13) at one pair of strengths, on standardised columns by default."""
    designs = _designs(spec, X, t, related)
    ws, dof, gaps, certificates = [], [], [], []
    for design in designs:
        path = fit_path(
            design.A, design.b, t.size, *strengths_of(spec.penalty, [spec.l1], [spec.l2])
        )
        ws.append(path.w[:, 0])
        gaps.append(float(path.relative_gap[0]))
        if path.certificate is not None:
            certificates.append(path.certificate)
        dof.append(float(path.degrees_of_freedom[0]) + float(spec.intercept))
    rank = np.array([np.count_nonzero(w) + float(spec.intercept) for w in ws])
    coefficients = partial(_shrunk, designs, ws, names)
    functions = [Standardised(d, w, n_rows=t.size) for d, w in zip(designs, ws, strict=True)]
    fits = _standardised(spec, designs, functions, rank, np.array(dof), coefficients)
    return replace(fits, relative_gap=np.array(gaps), certificates=tuple(certificates))


def _shrunk(
    designs: Sequence[Design], ws: Sequence[Array], names: Sequence[str], index: int
) -> Coefficients:
    design = designs[index]
    return Coefficients(design.basis.terms(names), design.raw(ws[index]), None)


def _designs(spec: LinearModelSpec, X: Array, t: Array, related: Related) -> list[Design]:
    scaled = spec.standardize or spec.penalty == "none"
    return [
        build(spec.basis, X, t, degree, intercept=spec.intercept, scaled=scaled, related=related)
        for degree in spec.degrees
    ]


def _standardised(
    spec: LinearModelSpec,
    designs: Sequence[Design],
    functions: Sequence[Standardised],
    rank: Array,
    dof: Array,
    coefficients: Callable[[int], Coefficients],
) -> LinearFits:
    ws = [function.weights for function in functions]
    residuals = [design.b - design.A @ w for design, w in zip(designs, ws, strict=True)]
    rss = np.array([float(r @ r) for r in residuals])
    return LinearFits(
        spec.degrees,
        rss,
        rank,
        dof,
        partial(_side_by_side, functions),
        coefficients,
        designs[-1].with_left_out(ws[-1]),
        designs[-1],
        functions=partial(list, functions),
    )
