"""`bayes` on a table that is larger than memory: one pass, one small R factor a degree."""

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
from mlcli.linear.polynomial import StreamPlan, stream_plans
from mlcli.linear.r_factor import (
    GramAccumulator,
    IllConditioned,
    QRAccumulator,
    RFactor,
    changed,
    triangular,
)
from mlcli.result import Progress

Array = NDArray[np.float64]


class _Rows(Protocol):
    """Rows in, R factor out, by one method."""

    def add(self, X: Array, t: Array) -> None: ...
    def r_factor(self) -> RFactor: ...


def read(config: BayesConfig, source: StreamSource, progress: Progress) -> Data:
    """The R factor of every degree of a run, in one pass over the rows.

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
        of_tops = dict(zip(tops, _r_factors(bases, source, progress), strict=True))
    if len(tops) == 1:
        of_tops = {d: _leading(of_tops[tops[0]], bases[0], d) for d in wanted}
    return Data(source.batches, source.low, source.high, source.n_rows, of_tops)


def _is_nested(config: BayesConfig) -> bool:
    """Whether the columns of a degree are among those of every higher one."""
    return basis_of(config, np.zeros(1), np.ones(1), 1).kind in (*PRODUCTS, "fourier", "linear")


def _leading(r_factor: RFactor, basis: Basis, degree: int) -> RFactor:
    """The R factor of the columns up to a degree."""
    columns = np.flatnonzero(basis.degrees() <= degree)
    return RFactor(triangular(r_factor.R[:, [*columns, -1]]), r_factor.n_rows)


def _r_factors(bases: list[Basis], source: StreamSource, progress: Progress) -> list[RFactor]:
    """The R factor of each basis: all in one pass, or those that it did not serve in another."""
    stream_plans = [_stream_plans(basis, source.sample) for basis in bases]
    found: list[RFactor | None] = [None] * len(bases)
    while left := [i for i, one in enumerate(found) if one is None]:
        rows = {i: stream_plans[i].pop(0)() for i in left}
        done = 0
        for X, t in source.batches():
            for one in rows.values():
                one.add(X, t)
            done += t.size
            progress(done, source.n_rows)
        for i in left:
            try:
                found[i] = rows[i].r_factor()
            except IllConditioned:
                continue
    return [one for one in found if one is not None]


def _stream_plans(basis: Basis, sample: Dataset) -> list[Callable[[], _Rows]]:
    """The methods that can add up the rows, the fastest first: those that work on the sample."""
    if basis.kind in (*PRODUCTS, "linear"):
        # With the constant even where the basis has none: its columns need it all the same.
        found = stream_plans(sample.X, sample.t, basis.low, basis.high, basis.degree)
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
        rows.r_factor()
    except IllConditioned:
        return False
    return True


class _Polynomials:
    """Through polynomials that are nearly orthonormal on the rows, and from them to a basis."""

    def __init__(self, plan: StreamPlan, basis: Basis) -> None:
        self._plan, self._basis, self._rows = plan, basis, plan.start()

    def add(self, X: Array, t: Array) -> None:
        self._rows.add(X, t)

    def r_factor(self) -> RFactor:
        # The columns of the basis as combinations of the polynomials, (p, p) or (p + 1, p).
        to_basis = self._plan.Q.T @ self._basis.evaluate(self._plan.points)
        return changed(self._plan.r_factor(self._rows), to_basis)


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

    def r_factor(self) -> RFactor:
        rest = self._rows.r_factor()
        if isinstance(self._rows, GramAccumulator):
            refuse_gram(rest, self._c0)
        return rest.with_target(self._c0)
