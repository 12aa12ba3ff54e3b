"""Standardised columns of a basis, as the notes' own program had them, and the way back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlcli.errors import DataError
from mlcli.linear.arrays import EPSILON, Floats
from mlcli.linear.basis import POWERS, PRODUCTS, Basis, fit_basis
from mlcli.linear.redundant import NOTHING, UNRELATED, Related, find_redundant


@dataclass(frozen=True)
class ColumnScaling:
    """What was taken off: z = (phi - mean) / std for each column, b = t - t_mean.

    Attributes:
        mean: (p,), 0 without an intercept.
        std: (p,), with 1/N; 1 for a column that does not vary, whose z is 0.
        t_mean: in the units of t, 0 without an intercept.
    """

    mean: Floats
    std: Floats
    t_mean: float


def standardize(
    Phi: Floats, t: Floats, *, intercept: bool = True, weights: Floats | None = None
) -> tuple[Floats, Floats, ColumnScaling]:
    """Columns of mean 0 and variance 1, so that (3.13) penalises all weights alike.

    Args:
        Phi: the columns without the constant, (N, p).
        t: targets, (N,).
        intercept: False keeps the means and divides by the root mean square.
        weights: how often each row counts in the means, (N,), 0 or more; None: once.

    Returns:
        A (N, p), column-major, b (N,) and the scaling.

    Raises:
        DataError: Phi is not a finite (N, p) array, or t not (N,).
    """
    if Phi.ndim != 2 or t.shape != Phi.shape[:1] or t.size == 0:
        raise DataError(
            "Phi and t", must="of shapes (N, p) and (N,)", got=f"{Phi.shape} and {t.shape}"
        )
    rows = np.ascontiguousarray(Phi.T)  # (p, N)
    largest = np.abs(rows).max(axis=1, initial=0.0)
    if not np.isfinite(largest).all():
        raise DataError(
            "the columns of Phi",
            must="finite",
            got="NaN or infinity",
            hint="dividing x by its largest absolute value",
        )
    # In units of the largest value, so that the squares of x^300 neither vanish nor overflow.
    unit = np.where(largest > 0, largest, 1.0)
    rows = rows / unit[:, None]
    share = None if weights is None else weights / weights.sum()  # (N,)
    mean = _means(rows, share) if intercept else np.zeros(rows.shape[0])
    rows -= mean[:, None]
    squares = "ij,ij->i" if share is None else "ij,ij,j->i"
    parts = (rows, rows) if share is None else (rows, rows, share * t.size)
    std = np.sqrt(np.einsum(squares, *parts) / t.size)
    flat = std <= 10 * EPSILON * np.abs(mean)
    std[flat] = 1.0
    rows[flat] = 0.0
    rows /= std[:, None]
    t_mean = float(_means(t, share)) if intercept else 0.0
    b = t - t_mean
    if np.abs(b).max() <= 10 * EPSILON * abs(t_mean):
        # A constant target: what is left is rounding of the mean.
        b = np.zeros(t.size)
    return rows.T, b, ColumnScaling(mean * unit, np.where(flat, 1.0, std * unit), t_mean)


def _means(values: Floats, share: Floats | None) -> Floats:
    """Means over the last axis, each value with its share of the whole where there are shares."""
    return np.asarray(values.mean(axis=-1) if share is None else values @ share)


def to_raw(w_std: Floats, scaling: ColumnScaling) -> tuple[Floats, Floats]:
    """Weights of the unscaled columns, and the intercept of (3.10).

    w_j = w_std_j / std_j and w_0 = t_mean - sum_j w_j mean_j.

    Args:
        w_std: (p,) or (p, k).

    Returns:
        w_0, () or (k,), and w, (p,) or (p, k).
    """
    with np.errstate(over="ignore"):
        w = (w_std.T / scaling.std).T
    # mean / std first: each is of order 1 where w and mean may be 1e300 and 1e-300.
    w0 = scaling.t_mean - (scaling.mean / scaling.std) @ w_std
    return np.asarray(w0), w


@dataclass(frozen=True)
class Design:
    """Columns ``A`` (N, M) of a basis in z-scores, and the centred target ``b`` (N,).

    Powers are taken of x / max|x|: scaling leaves z-scores as they are, and x^300 stays finite.
    """

    basis: Basis
    scale: Floats  # (D,)
    scaling: ColumnScaling
    A: Floats
    b: Floats

    def columns(self, X: Floats) -> Floats:
        """The same columns at other points, (n, M)."""
        Phi = self.basis.evaluate(X / self.scale)
        if self.basis.intercept:
            Phi = Phi[:, 1:]  # (n, M)
        return (Phi - self.scaling.mean) / self.scaling.std

    def predict(self, X: Floats, w: Floats) -> Floats:
        """Predictions for one or several coefficient vectors ``w`` (M,) or (M, k)."""
        return self.columns(X) @ w + self.scaling.t_mean

    def with_left_out(self, w: Floats) -> Floats:
        """Coefficients (M, ...) with zeros for the products that the basis leaves out."""
        first = np.zeros((int(self.basis.intercept), *w.shape[1:]))
        return self.basis.with_left_out(np.concatenate([first, w]))[int(self.basis.intercept) :]

    def raw(self, w: Floats) -> Floats:
        """Coefficients (M + 1,) of the columns of the basis in x itself, the constant first.

        Without an intercept there is no constant, and the result is (M,).
        """
        constant, slopes = to_raw(w, self.scaling)
        return self._with_constant(float(constant), slopes)

    def raw_unit_std_error(self, unit: Floats, sqrt_factor: Floats, n_rows: int) -> Floats:
        """Standard errors over sigma of `raw`, from those of the standardised coefficients (M,).

        Args:
            unit: square roots of the diagonal of C = (A^T A)^+.
            sqrt_factor: F (M, r) with F F^T = C.
            n_rows: N; the constant's is sqrt(1/N + m^T C m) with m the columns' means in z-scores.
        """
        means = self.scaling.mean / self.scaling.std
        constant = float(np.hypot(n_rows**-0.5, np.linalg.norm(means @ sqrt_factor)))
        return self._with_constant(constant, unit / self.scaling.std)

    def _with_constant(self, constant: float, slopes: Floats) -> Floats:
        """Slopes (M,) in x / scale become slopes in x, behind the constant if there is one."""
        if self.basis.kind in POWERS:
            with np.errstate(over="ignore", divide="ignore"):
                # A column is a product of powers: at x = scale it is what scaling divided by.
                slopes = slopes / self.basis.evaluate(self.scale[None, :])[0][-slopes.size :]
        return np.concatenate([[constant], slopes]) if self.basis.intercept else slopes


def build(
    kind: str,
    X: Floats,
    t: Floats,
    degree: int,
    *,
    intercept: bool,
    scaled: bool,
    weights: Floats | None = None,
    related: Related = UNRELATED,
) -> Design:
    """The design of one degree on training rows ``X`` (N, D), ``t`` (N,).

    Args:
        scaled: False leaves the columns unscaled (still centred when there is an intercept).
        weights: how often each row counts in the means, (N,); None: once.
        related: features whose products may add nothing. Products that are combinations of other
            columns on these rows are left out: a penalty would share a coefficient among them.
    """
    scale = np.ones(X.shape[1])
    if kind in POWERS:
        largest = np.abs(X).max(axis=0)
        scale = np.where(largest > 0, largest, 1.0) if scaled else scale
    has_products = kind in PRODUCTS and degree > 1
    basis = fit_basis(
        kind,
        X.min(axis=0) / scale,
        X.max(axis=0) / scale,
        degree,
        intercept=intercept,
        redundant=find_redundant(X, *related) if has_products else NOTHING,
    )
    Phi = basis.evaluate(X / scale)
    if intercept:
        Phi = Phi[:, 1:]  # (N, M)
    A, b, scaling = standardize(Phi, t, intercept=intercept, weights=weights)
    if not scaled:
        A = A * scaling.std
        scaling = ColumnScaling(scaling.mean, np.ones_like(scaling.std), scaling.t_mean)
    return Design(basis, scale, scaling, A, b)
