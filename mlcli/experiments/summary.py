"""Many values of one quantity as a mean with its interval, or as a band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from mlcli.linear.statistics import (
    ANY,
    AT_MOST_ONE,
    CORRELATION,
    NON_NEGATIVE,
    SHARE,
    SHARE_OF_ROWS,
    Range,
    mean_interval,
)
from mlcli.result import Summary

Array = NDArray[np.float64]
INTERVAL = ("mean", "std", "ci_low", "ci_high", "n")
# The central 95 % of independent draws.
CENTRAL = (0.025, 0.975)


# The range of every quantity that an interval is made for: the last key of its path, or a pattern.
RANGES: Mapping[str, Range] = {
    pattern: range_
    for range_, patterns in (
        (
            SHARE_OF_ROWS,
            "accuracy *_accuracy *_accuracy_one_view converged same_class disagreement",
        ),
        (
            SHARE,
            "test_roc_auc test_average_precision test_f1 test_precision test_recall precision"
            " recall share observed confidence coverage level_* batch_* bright_pixels_kept"
            " largest_share live_units distinct_units dead saturated calibration_error"
            " calibration_error_by_chance"
            " *_calibration_error error_rate *_error_rate false_positive_rate absolute_difference",
        ),
        (Range(0.0, 2.0), "brier *_brier"),
        (CORRELATION, "similarity others"),
        (SHARE_OF_ROWS, "true_positives false_positives false_negatives true_negatives"),
        (AT_MOST_ONE, "r2 *_r2"),
        (Range(most=0.0), "log_likelihood"),
        (
            NON_NEGATIVE,
            "loss *_loss loss_* mse *_mse *_mse_one_view rmse mae *_mae"
            " cross_entropy cross-entropy *_cross_entropy entropy divergence"
            " cv train loo expected gcv selection_error"
            " generalisation_error bias_squared bias_squared_plus_noise"
            " variance *_variance noise sum median_error norm_*"
            " degrees_of_freedom effective_rank effective_parameters"
            " noise_precision prior_precision n_nonzero n_steps mistakes best_epoch rows"
            " largest_violation relative_gap change factor distance condition_number"
            " *_rate floor measured measured_over_critical final_excess final_distance"
            " rms_error largest_error error_rms gradient_rms *_std *_norm eta_*"
            " valley steep slide minimum"
            # A shift: accuracy, or of a regression the mean squared error.
            " score [0-9][0-9]",
        ),
        (
            ANY,
            "log_evidence log10_* bias_squared_unbiased difference excess flow_order* slope_*"
            " cross_term* integral conditional_mean"
            " preactivation_mean activation_mean error_mean penalised_mean",
        ),
    )
    for pattern in patterns.split()
}


def range_of(path: str) -> Range:
    """The range of a quantity by its name or its path.

    Raises:
        LookupError: RANGES has no such name.
    """
    if " - " in path:
        # The difference of two variants, in the units of what they are compared on.
        return ANY
    name = path.rpartition(".")[2]
    for pattern, range_ in RANGES.items():
        if fnmatchcase(name, pattern):
            return range_
    raise LookupError(f"no range is declared for {name!r} in mlcli.experiments.summary.RANGES")


def summary(
    values: Sequence[float] | Array, quantity: str | Range, rows: float | None = None
) -> dict[str, float | int | None]:
    """``mean, std, ci_low, ci_high, n`` of independent values.

    The interval is the 95 % one of `mlcli.linear.statistics.mean_interval`.

    Args:
        values: one per seed.
        quantity: its name, which has a range in `RANGES`, or the range itself.
        rows: the number of rows behind each value, where it is known.
    """
    within = range_of(quantity) if isinstance(quantity, str) else quantity
    finite = np.asarray(values, dtype=float)
    by_seed = finite.tolist()
    if not np.isfinite(finite).all():
        return Summary(dict.fromkeys(INTERVAL[:-1], None) | {"n": int(finite.size)}, by_seed)
    every = None if rows is None else rows * finite.size
    ends = mean_interval(finite, within=within, rows=every)
    return Summary(dict(zip(INTERVAL, ends, strict=True)), by_seed)


def geometric_summary(values: Sequence[float] | Array) -> dict[str, float | int | None]:
    """The same of the positive values that are there, on a logarithmic scale.

    `mean` is the geometric mean and the ends are those of Student's interval of log10, taken back;
    `std` is the standard deviation of log10, in decades.
    """
    there = np.asarray(values, dtype=float)
    there = there[np.isfinite(there)]
    if not there.size:
        return dict.fromkeys(INTERVAL[:-1], None) | {"n": 0}
    found: dict[str, float | int | None] = dict(summary(np.log10(there), ANY))
    for key in ("mean", "ci_low", "ci_high"):
        value = found[key]
        found[key] = None if value is None else 10.0**value
    return found


def interval_columns(
    name: str, stacked: Array, quantity: str | Range = "", rows: float | Array | None = None
) -> dict[str, list[object]]:
    """Means over the first axis, (n_seeds, k), with the ends of their intervals: three columns.

    Args:
        name: of the column of the means.
        stacked: one row per seed.
        quantity: as of `summary`; by default the name.
        rows: as of `summary`, the same of every column or one number per column, (k,).
    """
    of = rows.tolist() if isinstance(rows, np.ndarray) else [rows] * stacked.shape[1]
    every = [summary(values, quantity or name, n) for values, n in zip(stacked.T, of, strict=True)]
    return {
        name: [one["mean"] for one in every],
        f"{name}_ci_low": [one["ci_low"] for one in every],
        f"{name}_ci_high": [one["ci_high"] for one in every],
    }


def band(stacked: Array) -> tuple[Array, Array, Array]:
    """Median and central 95 % over the first axis, (n_seeds, ...) -> three of (...)."""
    low, median, high = np.quantile(stacked, [CENTRAL[0], 0.5, CENTRAL[1]], axis=0)
    return low, median, high
