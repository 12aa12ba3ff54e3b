"""`kfold` on a file that is larger than memory: one pass, one small R factor per fold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.streaming import StreamSource
from mlcli.errors import DataError
from mlcli.experiments.cross_validation.scores import CrossValidationScores
from mlcli.experiments.kfold.model import ModelFiles, regression_model
from mlcli.experiments.kfold.prepare import KfoldPrepared
from mlcli.experiments.kfold.replicate import KfoldOutcome
from mlcli.experiments.linear_fits import Coefficients, LinearFits
from mlcli.linear.arnoldi import ArnoldiBasis
from mlcli.linear.basis import fit_basis
from mlcli.linear.column_families import NestedColumns
from mlcli.linear.polynomial import PolynomialAccumulator, PolynomialFit, StreamPlan, stream_plans
from mlcli.linear.r_factor import IllConditioned, RFactor, ranks, solve_nested
from mlcli.models.functions import Polynomials
from mlcli.result import Progress
from mlcli.rng import stream
from mlcli.selection.cross_validation import fold_losses, inner_losses, least_squares_fits, merged
from mlcli.selection.folds import every_block_once

Array = NDArray[np.float64]


class StreamedKfold:
    """All partitions of one file, each fold an R factor.

    Args:
        prepared: the run.
        source: its file; it is read once, or again where a faster method loses digits.
        progress: told how many rows were read.
    """

    def __init__(self, prepared: KfoldPrepared, source: StreamSource, progress: Progress) -> None:
        self._config, self._source = prepared.config, source
        self._n_partitions = prepared.n_replicates * prepared.config.n_repeats
        self._degrees = prepared.spec.degrees
        self._basis, self._partitions = self._read(progress)

    def outcomes(self) -> list[KfoldOutcome]:
        """Every partition's scores; leave-one-out would need a second pass and is left out."""
        return [self._outcome(parts) for parts in self._partitions]

    def model(self, degree: int, error: float | None) -> ModelFiles:
        """Least squares on all rows, in powers of x."""
        config, source = self._config, self._source
        r_factor = merged(self._partitions[0])
        size = self._basis.size(degree)
        W, rss = solve_nested(r_factor, [size])
        on_all_rows = replace(self._basis, factor=r_factor.R[:-1, :-1])
        fixed = fit_basis(config.basis, source.low, source.high, degree, intercept=config.intercept)
        rank = ranks(r_factor, [size]).astype(np.float64)
        fit = PolynomialFit(on_all_rows, W, rss, (degree,), rank.astype(np.int64), r_factor.n_rows)

        def coefficients(index: int) -> Coefficients:
            w, unit = on_all_rows.monomials(W[:size, 0], degree)
            return Coefficients(fixed.terms(source.feature_names), w, unit)

        fits = LinearFits(
            (degree,),
            rss,
            rank,
            rank,
            fit.predict,
            coefficients,
            functions=lambda: [Polynomials(fit)],
        )
        return regression_model(config, source.sample, degree, 0.0, fits, r_factor.n_rows, error)

    def _read(self, progress: Progress) -> tuple[ArnoldiBasis, list[list[RFactor]]]:
        source, sample = self._source, self._source.sample
        for plan in stream_plans(
            sample.X,
            sample.t,
            source.low,
            source.high,
            self._degrees[-1],
            intercept=self._config.intercept,
        ):
            found = self._pass(plan, progress)
            try:
                r_factors = [[plan.r_factor(one) for one in parts] for parts in found]
            except IllConditioned:
                continue
            flat = [one for parts in r_factors for one in parts]
            basis, flat = plan.settled(flat, merged(r_factors[0]))
            k = self._config.n_folds
            return basis, [flat[start : start + k] for start in range(0, len(flat), k)]
        raise AssertionError("the last plan always works")

    def _pass(self, plan: StreamPlan, progress: Progress) -> list[list[PolynomialAccumulator]]:
        """Each row goes to a random fold of every partition."""
        config, k = self._config, self._config.n_folds
        total = self._n_partitions
        found = [[plan.start() for _ in range(k)] for _ in range(total)]
        rngs = [stream(config.seed, "folds", index) for index in range(total)]
        done = 0
        for X, t in self._source.batches():
            for parts, rng in zip(found, rngs, strict=True):
                fold = rng.integers(k, size=t.size)
                order = np.argsort(fold, kind="stable")
                ends = np.searchsorted(fold[order], np.arange(1, k))
                for part, rows in zip(parts, np.split(order, ends), strict=True):
                    if rows.size:
                        part.add(X[rows], t[rows])
            done += t.size
            progress(done, self._source.n_rows)
        return found

    def _outcome(self, parts: list[RFactor]) -> KfoldOutcome:
        basis = self._basis
        sizes = tuple(basis.size(degree) for degree in self._degrees)
        columns = NestedColumns(
            self._degrees, sizes, _no_rows, basis.evaluate, self._config.intercept
        )
        # Only the sizes of the blocks are known, and all that is needed.
        folds = every_block_once([np.broadcast_to(np.int64(0), part.n_rows) for part in parts])
        fits = least_squares_fits(parts, folds, sizes)
        losses = fold_losses(columns, np.empty(0), folds, fits, parts=parts)
        everything = merged(parts)
        n = everything.n_rows
        _, rss = solve_nested(everything, sizes)
        rank = ranks(everything, sizes)
        nothing = np.full((len(sizes), 1), np.nan)
        inner = inner_losses(parts, folds, lambda p, f: least_squares_fits(p, f, sizes))
        scores = CrossValidationScores(
            losses.test[:, None],
            (rss / n)[:, None],
            (n * rss / (n - rank) ** 2)[:, None],
            nothing,
            nothing,
            inner[:, None],
        )
        return KfoldOutcome(scores, folds.n_train, folds.n_test, 1)


def _no_rows(index: Any) -> Array:
    raise DataError("a file that is read in batches has no rows at hand")
