"""`fit-poly` on a file that is larger than memory: one pass, one small R factor per part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.split import test_mask
from mlcli.datasets.streaming import StreamSource
from mlcli.errors import DataError
from mlcli.experiments.fit_poly.config import FitPolyConfig
from mlcli.experiments.fit_poly.prepare import FitPolyPrepared
from mlcli.experiments.fit_poly.replicate import FitPolyOutcome, FitScores, residual_variances
from mlcli.experiments.linear_fits import Coefficients, LinearFits, LinearModelSpec, terms
from mlcli.linear.arnoldi import ArnoldiBasis
from mlcli.linear.polynomial import PolynomialAccumulator, PolynomialFit, StreamPlan, stream_plans
from mlcli.linear.r_factor import IllConditioned, RFactor, ranks, solve_nested
from mlcli.models.functions import Polynomials
from mlcli.result import Progress
from mlcli.rng import stream

Array = NDArray[np.float64]


@dataclass
class _Part:
    """The rows of one part of one seed, as far as they were read."""

    rows: PolynomialAccumulator
    n_rows: int = 0
    # Of t - centre and of its square; without an intercept the centre is 0.
    sums: Array = field(default_factory=lambda: np.zeros(2))

    def add(self, X: Array, t: Array, centre: float) -> None:
        if t.size:
            self.rows.add(X, t)
            about = t - centre
            self.n_rows += t.size
            self.sums += [about.sum(), about @ about]

    def total(self, centred: bool) -> float:
        """Sum of squares about the mean, or about 0 for a model without an intercept."""
        if not self.n_rows:
            return np.nan
        return float(self.sums[1] - (self.sums[0] ** 2 / self.n_rows if centred else 0.0))


def run_streamed(
    prepared: FitPolyPrepared, source: StreamSource, progress: Progress
) -> tuple[list[FitPolyOutcome], LinearFits]:
    """Fit and score every seed's random part in one pass over the rows.

    The basis comes from a sample of the rows, and so does a first guess c0; the R factors hold the
    problem t - P c0 on all rows, which is solved exactly. Where rows that the sample does not stand
    for would cost digits, all are read again by a safer method (`linear.polynomial`).
    """
    config, spec, sample = prepared.config, prepared.spec, source.sample
    top, n_seeds = spec.degrees[-1], prepared.n_replicates
    for plan in stream_plans(
        sample.X, sample.t, source.low, source.high, top, intercept=config.intercept
    ):
        parts = _read(config, source, n_seeds, progress, plan)
        try:
            found = [plan.r_factor(both[k].rows) for both in parts for k in ("train", "test")]
        except IllConditioned:
            continue
        basis, found = plan.settled(found, found[0].merge(found[1]))
        _refuse_few(prepared, basis, parts)
        outcomes = [
            _outcome(prepared, basis, both, found[2 * i : 2 * i + 2])
            for i, both in enumerate(parts)
        ]
        return outcomes, _fits(spec, source, basis, found[0])
    raise AssertionError("the last plan always works")


def _read(
    config: FitPolyConfig,
    source: StreamSource,
    n_seeds: int,
    progress: Progress,
    plan: StreamPlan,
) -> list[dict[str, _Part]]:
    """One pass over the file: every row goes to one part of every seed."""
    centre = float(source.sample.t.mean()) if config.intercept else 0.0
    parts = [{k: _Part(plan.start()) for k in ("train", "test")} for _ in range(n_seeds)]
    rngs = [stream(config.seed, "split", index) for index in range(n_seeds)]
    done = 0
    for X, t in source.batches():
        for both, rng in zip(parts, rngs, strict=True):
            test = test_mask(t.size, config.test_fraction, rng)
            both["train"].add(X[~test], t[~test], centre)
            both["test"].add(X[test], t[test], centre)
        done += t.size
        progress(done, source.n_rows)
    return parts


def _fits(
    spec: LinearModelSpec, source: StreamSource, basis: ArnoldiBasis, r_factor: RFactor
) -> LinearFits:
    """The first seed's fits with their coefficients in powers of x."""
    degrees = spec.degrees
    n_columns = [basis.size(degree) for degree in degrees]
    W, rss = solve_nested(r_factor, n_columns)
    rank = ranks(r_factor, n_columns).astype(np.float64)
    on_all_rows = replace(basis, factor=r_factor.R[:-1, :-1])

    def coefficients(index: int) -> Coefficients:
        size = n_columns[index]
        w, unit = on_all_rows.monomials(W[:size, index], degrees[index])
        names = terms(spec, source.sample.X, degrees[index], source.feature_names)
        return Coefficients(names, w, unit)

    fit = PolynomialFit(on_all_rows, W, rss, degrees, rank.astype(np.int64), r_factor.n_rows)
    return LinearFits(
        degrees, rss, rank, rank, fit.predict, coefficients, functions=lambda: [Polynomials(fit)]
    )


def _refuse_few(
    prepared: FitPolyPrepared, basis: ArnoldiBasis, parts: Sequence[Mapping[str, _Part]]
) -> None:
    """Each row falls into a part by itself, so that of few rows a part may have too few."""
    needed = basis.size(prepared.spec.degrees[-1])
    for index, both in enumerate(parts):
        n_train, n_test = both["train"].n_rows, both["test"].n_rows
        if n_train < needed or (prepared.config.test_fraction > 0 and n_test == 0):
            raise DataError(
                f"repeat {index} has {n_train} training and {n_test} test rows, too few for "
                f"{needed} columns and a test error",
                hint="a file with more complete rows, or a lower --degrees",
            )


def _outcome(
    prepared: FitPolyPrepared,
    basis: ArnoldiBasis,
    both: Mapping[str, _Part],
    r_factors: Sequence[RFactor],
) -> FitPolyOutcome:
    config, train, test = prepared.config, both["train"], both["test"]
    n_columns = [basis.size(degree) for degree in prepared.spec.degrees]
    W, train_rss = solve_nested(r_factors[0], n_columns)
    rank = ranks(r_factors[0], n_columns).astype(np.float64)
    nan = np.full(rank.size, np.nan)
    test_rss = r_factors[1].rss(W) if test.n_rows else nan
    scores = FitScores(
        train_mse=train_rss / train.n_rows,
        test_mse=test_rss / test.n_rows if test.n_rows else nan,
        train_r2=1 - train_rss / train.total(config.intercept),
        test_r2=1 - test_rss / test.total(config.intercept),
        residual_variance=residual_variances(train_rss, train.n_rows, rank),
        effective_rank=rank,
        degrees_of_freedom=rank,
        relative_gap=nan,
    )
    return FitPolyOutcome({config.solver: scores}, {}, None, None, train.n_rows, test.n_rows)
