"""`bayes` on a table that is larger than memory: one pass, one small triangle a degree."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.dataset import Dataset
from mlcli.datasets.streaming import StreamSource
from mlcli.experiments.bayes.columns import (
    CHUNK,
    Data,
    basis_of,
    degrees_of,
    model_degree,
    refuse_gram,
)
from mlcli.experiments.bayes.config import BayesConfig
from mlcli.linear.basis import PRODUCTS, Basis
from mlcli.linear.moments import changed
from mlcli.linear.streams import Way, ways
from mlcli.linear.triangle import (
    GramAccumulator,
    IllConditioned,
    QRAccumulator,
    Triangle,
    triangular,
)
from mlcli.result import Progress

Array = NDArray[np.float64]


class _Rows(Protocol):
    """Rows in, triangle out, by one method."""

    def add(self, X: Array, t: Array) -> None: ...
    def triangle(self) -> Triangle: ...


def read(config: BayesConfig, source: StreamSource, progress: Progress) -> Data:
    """The triangle of every degree that a run asks for, in one pass over the rows.

    What the pass holds is a correction to the fit of the source's sample, so that even of a nearly
    exact fit no digits are lost. A method that serves the sample but not all rows is found out at
    the end of the pass; the rows are then read again by one that always serves.

    Args:
        config: validated parameters.
        source: the table.
        progress: told how many rows were read.
    """
    from threadpoolctl import threadpool_limits

    wanted = sorted({model_degree(config), *degrees_of(config)})
    tops = wanted[-1:] if _is_nested(config) else wanted
    bases = [basis_of(config, source.low, source.high, degree) for degree in tops]
    with threadpool_limits(1):
        of_tops = dict(zip(tops, _triangles(bases, source, progress), strict=True))
    if len(tops) == 1:
        of_tops = {d: _leading(of_tops[tops[0]], bases[0], d) for d in wanted}
    return Data(source.batches, source.low, source.high, source.n_rows, of_tops)


def _is_nested(config: BayesConfig) -> bool:
    """Whether the columns of a degree are among those of every higher one."""
    return basis_of(config, np.zeros(1), np.ones(1), 1).kind in (*PRODUCTS, "fourier", "linear")


def _leading(triangle: Triangle, basis: Basis, degree: int) -> Triangle:
    """The triangle of the columns up to a degree."""
    columns = np.flatnonzero(basis.degrees() <= degree)
    return Triangle(triangular(triangle.R[:, [*columns, -1]]), triangle.n_rows)


def _triangles(bases: list[Basis], source: StreamSource, progress: Progress) -> list[Triangle]:
    """The triangle of each basis: all in one pass, or those that it did not serve in another."""
    ways = [_ways(basis, source.sample) for basis in bases]
    found: list[Triangle | None] = [None] * len(bases)
    while left := [i for i, one in enumerate(found) if one is None]:
        rows = {i: ways[i].pop(0)() for i in left}
        done = 0
        for X, t in source.batches():
            for one in rows.values():
                one.add(X, t)
            done += t.size
            progress(done, source.n_rows)
        for i in left:
            try:
                found[i] = rows[i].triangle()
            except IllConditioned:
                continue
    return [one for one in found if one is not None]


def _ways(basis: Basis, sample: Dataset) -> list[Callable[[], _Rows]]:
    """How the rows can be taken in, the fastest first: those that serve the sample."""
    if basis.kind in (*PRODUCTS, "linear"):
        # With the constant even where the basis has none: its columns need it all the same.
        found = ways(sample.X, sample.t, basis.low, basis.high, basis.degree)
        if found[0].basis.rank == found[0].basis.n_columns:
            starts: list[Callable[[], _Rows]] = [partial(_Polynomials, one, basis) for one in found]
            return [start for start in starts[:-1] if _serves(start, sample)] + starts[-1:]
    c0 = np.asarray(np.linalg.lstsq(basis.evaluate(sample.X), sample.t)[0], dtype=np.float64)
    quick: Callable[[], _Rows] = partial(_Columns, basis, c0, GramAccumulator)
    always: Callable[[], _Rows] = partial(_Columns, basis, np.zeros_like(c0), QRAccumulator)
    return [quick, always] if _serves(quick, sample) else [always]


def _serves(start: Callable[[], _Rows], sample: Dataset) -> bool:
    rows = start()
    rows.add(sample.X, sample.t)
    try:
        rows.triangle()
    except IllConditioned:
        return False
    return True


class _Polynomials:
    """Through polynomials that are nearly orthonormal on the rows, and from them to a basis."""

    def __init__(self, way: Way, basis: Basis) -> None:
        self._way, self._basis, self._rows = way, basis, way.start()

    def add(self, X: Array, t: Array) -> None:
        self._rows.add(X, t)

    def triangle(self) -> Triangle:
        # The columns of the basis as combinations of the polynomials, (p, p) or (p + 1, p).
        to_basis = self._way.Q.T @ self._basis.evaluate(self._way.points)
        return changed(self._way.triangle(self._rows), to_basis)


class _Columns:
    """Through the columns of the basis themselves.

    Args:
        basis: of p columns.
        c0: the sample's own weights, (p,).
        kind: how rows are added up.
    """

    def __init__(
        self, basis: Basis, c0: Array, kind: type[GramAccumulator] | type[QRAccumulator]
    ) -> None:
        self._basis, self._c0, self._rows = basis, c0, kind(basis.n_columns)

    def add(self, X: Array, t: Array) -> None:
        for start in range(0, t.size, CHUNK):
            part = slice(start, start + CHUNK)
            Phi = self._basis.evaluate(X[part])  # (n, p)
            self._rows.add(Phi, t[part] - Phi @ self._c0)

    def triangle(self) -> Triangle:
        rest = self._rows.triangle()
        if isinstance(self._rows, GramAccumulator):
            refuse_gram(rest, self._c0)
        return rest.with_target(self._c0)
