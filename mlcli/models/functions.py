"""Linear functions of fixed columns, and the arrays and words that bring one back.

An experiment fits one of these and writes it with `encode`; `decode` makes the same object again,
whose calls are then the same operations on the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mlcli.linear.arnoldi import ArnoldiBasis
from mlcli.linear.basis import PRODUCTS, Basis, fit_basis
from mlcli.linear.design import ColumnScaling, Design
from mlcli.linear.polynomial import PolynomialFit

Array = NDArray[np.float64]
Tensors = dict[str, NDArray[Any]]
# A few bytes could claim a matrix of any size.
MOST_COLUMNS = 20_000


class LinearFunction(Protocol):
    """Functions y_j(x), m of them, that are linear in their weights."""

    def __call__(self, X: Array) -> Array:
        """y_j at X (n, D): (n, m), or (n,) where there is one."""

    def leverage(self, X: Array) -> Array | None:
        """phi(x)^T (Phi^T Phi)^-1 phi(x) of each function, (n, m); None where it isn't known."""

    def encode(self) -> tuple[dict[str, Any], Tensors]:
        """Words for JSON, and arrays."""


@dataclass(frozen=True)
class Polynomials:
    """Polynomials of several degrees in one orthonormal basis."""

    fit: PolynomialFit

    def __call__(self, X: Array) -> Array:
        """See `LinearFunction`."""
        return self.fit.predict(X)

    def leverage(self, X: Array) -> Array | None:
        """The columns are orthonormal on the rows of the fit, or will be after one R factor."""
        basis = self.fit.basis
        with np.errstate(over="ignore", invalid="ignore"):
            P = basis.evaluate(X)  # (n, p)
            if basis.factor is not None:
                kept = np.flatnonzero(basis.kept)
                block = basis.factor[np.ix_(kept, kept)]
                P[:, kept] = np.linalg.solve(block.T, P[:, kept].T).T
            summed = np.cumsum(P**2, axis=1)
        return summed[:, [basis.size(degree) - 1 for degree in self.fit.degrees]]

    def encode(self) -> tuple[dict[str, Any], Tensors]:
        """See `LinearFunction`."""
        fit, basis = self.fit, self.fit.basis
        words = {
            "kind": "polynomials",
            "degree": basis.degree,
            "intercept": basis.intercept,
            "degrees": list(fit.degrees),
            "n_rows": fit.n_rows,
        }
        tensors: Tensors = {
            "weights": fit.coefficients,
            "rss": fit.rss,
            "effective_rank": np.asarray(fit.effective_rank, dtype=np.int64),
        }
        for name in ("shift", "scale", "features", "parents"):
            tensors[name] = getattr(basis, name)
        tensors |= _without_zeros("H", basis.H)
        if basis.factor is not None:
            tensors["factor"] = basis.factor
        return words, tensors


@dataclass(frozen=True)
class InBasis:
    """Phi(x) w in a basis with its own range.

    Attributes:
        basis: phi.
        weights: w, (p,).
        sqrt_factor: F (p, r) with F F^T = (Phi^T Phi)^-1, where it is known.
    """

    basis: Basis
    weights: Array
    sqrt_factor: Array | None = None

    def __call__(self, X: Array) -> Array:
        """See `LinearFunction`."""
        return np.asarray(self.basis.evaluate(X) @ self.weights)

    def leverage(self, X: Array) -> Array | None:
        """See `LinearFunction`."""
        if self.sqrt_factor is None:
            return None
        return np.asarray(((self.basis.evaluate(X) @ self.sqrt_factor) ** 2).sum(axis=1)[:, None])

    def encode(self) -> tuple[dict[str, Any], Tensors]:
        """See `LinearFunction`."""
        words, tensors = encode_basis(self.basis)
        tensors["weights"] = self.weights
        if self.sqrt_factor is not None:
            tensors["root"] = self.sqrt_factor
        return {"kind": "in-basis", **words}, tensors


@dataclass(frozen=True)
class Standardised:
    """A(x) w + mean of t, with A the columns of a `Design`, or [1, A(x)] W.

    Attributes:
        design: A; its rows at the data are not needed.
        weights: w (M,), or W (1 + M, K) with `constant`, or W (M, K).
        constant: whether the weights' first row is that of a column of ones; None: the design's
            own mean of t is added instead.
        order: columns of the design in the order of the weights, where that is another one.
        sqrt_factor: F (M, r) with F F^T = (A^T A)^-1, where it is known.
        n_rows: N, whose 1/N is the constant's share of the leverage.
    """

    design: Design
    weights: Array
    constant: bool | None = None
    order: NDArray[np.int64] | None = None
    sqrt_factor: Array | None = None
    n_rows: int = 0

    def __call__(self, X: Array) -> Array:
        """See `LinearFunction`."""
        if self.constant is None:
            return self.design.predict(X, self.weights)
        A = self.design.columns(X)
        if self.order is not None:
            A = A[:, self.order]
        if self.constant:
            A = np.column_stack([np.ones(A.shape[0]), A])
        return np.asarray(A @ self.weights)

    def leverage(self, X: Array) -> Array | None:
        """See `LinearFunction`."""
        if self.sqrt_factor is None:
            return None
        share = 1.0 / self.n_rows if self.design.basis.intercept else 0.0
        spread = ((self.design.columns(X) @ self.sqrt_factor) ** 2).sum(axis=1)
        return np.asarray(spread[:, None] + share)

    def encode(self) -> tuple[dict[str, Any], Tensors]:
        """See `LinearFunction`."""
        words, tensors = encode_basis(self.design.basis)
        scaling = self.design.scaling
        words |= {"kind": "standardised", "constant": self.constant, "n_rows": self.n_rows}
        words["t_mean"] = float(scaling.t_mean)
        tensors |= {"weights": self.weights, "unit": self.design.scale}
        tensors |= {"column_mean": scaling.mean, "column_std": scaling.std}
        for name, values in (("order", self.order), ("root", self.sqrt_factor)):
            if values is not None:
                tensors[name] = values
        return words, tensors


def encode_basis(basis: Basis) -> tuple[dict[str, Any], Tensors]:
    """A basis as words and arrays."""
    words = {"basis": basis.kind, "degree": basis.degree, "intercept": basis.intercept}
    words |= {"left_out": list(basis.left_out)} if basis.left_out else {}
    return words, {"low": basis.low, "high": basis.high}


def decode_basis(words: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> Basis:
    """The way back from `encode_basis`."""
    degree, intercept = int(words["degree"]), bool(words["intercept"])
    kind, left_out = str(words["basis"]), tuple(sorted({int(k) for k in words.get("left_out", ())}))
    basis = fit_basis(kind, tensors["low"], tensors["high"], degree, intercept=intercept)
    if left_out and (kind not in PRODUCTS or left_out[0] < 0 or left_out[-1] >= basis.n_columns):
        raise ValueError("a product that is left out is none of the basis")
    return replace(basis, left_out=left_out)


def _without_zeros(name: str, matrix: Array) -> Tensors:
    """A matrix, or only its entries where most are zero: the recurrence of one input has three."""
    places = np.flatnonzero(matrix)
    if 2 * places.size >= matrix.size:
        return {name: matrix}
    return {f"{name}_places": places.astype(np.int64), f"{name}_values": matrix.flat[places]}


def _with_zeros(name: str, size: int, tensors: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """The way back, (size, size)."""
    if name in tensors:
        return tensors[name]
    if size > MOST_COLUMNS:
        raise ValueError(f"more columns than {MOST_COLUMNS}")
    matrix = np.zeros((size, size))
    places = tensors[f"{name}_places"]
    if places.size and not 0 <= places.min() <= places.max() < matrix.size:
        raise ValueError(f"an entry is outside of {name}")
    matrix.flat[places] = tensors[f"{name}_values"]
    return matrix


def _polynomials(words: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> Polynomials:
    parts = {name: tensors[name] for name in ("shift", "scale", "features", "parents")}
    parts["H"] = _with_zeros("H", len(tensors["weights"]), tensors)
    basis = ArnoldiBasis(
        int(words["degree"]),
        intercept=bool(words["intercept"]),
        **parts,
        factor=tensors.get("factor"),
    )
    degrees = tuple(int(degree) for degree in words["degrees"])
    p = basis.n_columns
    if tensors["weights"].shape != (p, len(degrees)) or basis.size(max(degrees)) > p:
        raise ValueError("there must be one weight per column and degree")
    if basis.H.shape != (p, p) or basis.features.shape != (p,) or basis.parents.shape != (p,):
        raise ValueError("the recurrence is not one of these columns")
    if basis.features.max() >= basis.shift.size or (basis.parents >= np.arange(p)).any():
        raise ValueError("a column comes before its parent")
    return Polynomials(
        PolynomialFit(
            basis,
            tensors["weights"],
            tensors["rss"],
            degrees,
            tensors["effective_rank"],
            int(words["n_rows"]),
        )
    )


def _in_basis(words: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> InBasis:
    basis = decode_basis(words, tensors)
    if tensors["weights"].shape != (basis.n_columns,):
        raise ValueError("there must be one weight per column")
    return InBasis(basis, tensors["weights"], tensors.get("root"))


def _standardised(words: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> Standardised:
    basis, constant = decode_basis(words, tensors), words["constant"]
    mean, std, weights = (tensors[name] for name in ("column_mean", "column_std", "weights"))
    n_columns = basis.n_columns - int(basis.intercept)
    if mean.shape != (n_columns,) or len(weights) != n_columns + int(bool(constant)):
        raise ValueError("there must be one weight per column")
    nothing = np.empty((0, n_columns))
    scaling = ColumnScaling(mean, std, float(words["t_mean"]))
    design = Design(basis, tensors["unit"], scaling, nothing, np.empty(0))
    return Standardised(
        design, weights, constant, tensors.get("order"), tensors.get("root"), int(words["n_rows"])
    )


_KINDS: Mapping[str, Callable[..., LinearFunction]] = {
    "polynomials": _polynomials,
    "in-basis": _in_basis,
    "standardised": _standardised,
}


def encode(functions: Sequence[LinearFunction]) -> tuple[list[dict[str, Any]], Tensors]:
    """Several functions: words of each, and arrays named ``<number>.<name>``."""
    every: list[dict[str, Any]] = []
    together: Tensors = {}
    for number, function in enumerate(functions):
        words, tensors = function.encode()
        every.append(words)
        # A copy in one order of memory: what is read back lies so too.
        together |= {f"{number}.{k}": np.ascontiguousarray(v) for k, v in tensors.items()}
    return every, together


def decode(
    every: Sequence[Mapping[str, Any]], tensors: Mapping[str, NDArray[Any]]
) -> list[LinearFunction]:
    """The way back from `encode`.

    Raises:
        KeyError, TypeError, ValueError: words or arrays are missing, or don't fit each other.
    """
    found: list[LinearFunction] = []
    for number, words in enumerate(every):
        prefix = f"{number}."
        own = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        found.append(_KINDS[str(words["kind"])](words, own))
    return found


def evaluate(functions: Sequence[LinearFunction], X: Array) -> Array:
    """All outputs of several functions side by side, (n, m)."""
    return np.column_stack([function(X) for function in functions])


def leverages(functions: Sequence[LinearFunction], X: Array) -> Array | None:
    """The leverages of all outputs, (n, m); None unless all are known."""
    found = [function.leverage(X) for function in functions]
    known = [one for one in found if one is not None]
    return np.column_stack(known) if len(known) == len(found) else None
