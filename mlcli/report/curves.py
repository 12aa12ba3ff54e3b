"""Which curves of a command are laid over each other when runs are compared: the one list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Curve:
    """Columns of a CSV file of a run that are a curve.

    Attributes:
        file: its name, without .csv.
        x, y: columns.
        low, high: columns of the band; left out, y with _ci_low and _ci_high behind it.
        by: columns whose values tell apart the curves of one file.
        log_x, log_y: which axes are logarithmic.
    """

    file: str
    x: str
    y: str
    low: str = ""
    high: str = ""
    by: tuple[str, ...] = ()
    log_x: bool = False
    log_y: bool = False

    @property
    def band(self) -> tuple[str, str]:
        """The columns of the band."""
        return self.low or f"{self.y}_ci_low", self.high or f"{self.y}_ci_high"


ENDS = ("ci_low", "ci_high")
MIDDLE = ("low", "high")
CURVES: Mapping[str, tuple[Curve, ...]] = {
    "fit_poly": (
        Curve("errors", "degree", "train_mse", "train_ci_low", "train_ci_high", ("estimator",),
              log_y=True),
        Curve("errors", "degree", "test_mse", "test_ci_low", "test_ci_high", ("estimator",),
              log_y=True),
        Curve("path", "strength", "test_mse", log_x=True),
    ),
    "kfold": (
        Curve("errors", "degree", "cv"),
        Curve("strengths", "strength", "cv", log_x=True),
    ),
    "bias_variance": (
        Curve("decomposition", "degree", "bias_squared"),
        Curve("decomposition", "degree", "variance"),
    ),
    "bayes": (
        Curve("evidence", "degree", "mean_log_evidence", "log_evidence_ci_low",
              "log_evidence_ci_high"),
        Curve("calibration", "level", "mean", *ENDS, ("method",)),
    ),
    "descent": (
        Curve("loss", "step", "median", *MIDDLE, log_y=True),
        Curve("noise", "rate", "measured", *ENDS, ("batch_size",), log_x=True, log_y=True),
    ),
    "logistic": (
        Curve("thresholds", "threshold", "accuracy"),
        Curve("calibration", "predicted", "observed", *ENDS),
    ),
    "perceptron": (Curve("rate", "n_bins", "rms_error", log_x=True, log_y=True),),
    "propagate": (
        Curve("signals", "layer", "log10_backward",
              by=("normalisation", "activation", "init", "depth")),
    ),
    "train_mlp": (
        Curve("curves", "epoch", "train_loss", by=("variant",), log_y=True),
        Curve("curves", "epoch", "validation_loss", by=("variant",), log_y=True),
        Curve("curves", "epoch", "validation_accuracy", by=("variant",)),
    ),
    "lr_find": (
        Curve("sweep", "rate", "loss_median", "loss_low", "loss_high", ("variant",), log_x=True,
              log_y=True),
    ),
    "filters": (Curve("shifts", "shift", "similarity", by=("representation",)),),
    "train_cnn": (
        Curve("curves", "epoch", "train_loss", by=("variant",), log_y=True),
        Curve("curves", "epoch", "validation_accuracy", by=("variant",)),
        Curve("shifts", "shift", "score", by=("network",)),
    ),
}  # fmt: skip
