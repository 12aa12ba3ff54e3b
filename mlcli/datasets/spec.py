"""What every synthetic set says about itself, however it is drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mlcli.datasets.dataset import Task
from mlcli.errors import DataError


@dataclass(frozen=True, kw_only=True)
class Spec:
    """The name, the formula and the defaults of a synthetic set.

    Attributes:
        name: the registry name.
        summary: one line for a listing.
        equation: the formula, with its number in the notes where it has one.
        n_samples: rows of one draw.
        noise_std: standard deviation of the noise w.
        x_name, t_name: the names of x and t.
        units: the units of x and t.
        note: what a reader should know about the defaults.
        n_features: D.
        n_classes: K, or None for a regression.
    """

    name: str
    summary: str
    equation: str
    n_samples: int
    noise_std: float
    x_name: str = "x"
    t_name: str = "t"
    units: str = "dimensionless"
    note: str = ""
    n_features: int = 1
    n_classes: int | None = None

    @property
    def feature_names(self) -> tuple[str, ...]:
        """D names."""
        if self.n_features == 1:
            return (self.x_name,)
        return tuple(f"{self.x_name}{i}" for i in range(1, self.n_features + 1))

    @property
    def task(self) -> Task:
        """Whether t is a number or the number of a class."""
        return "regression" if self.n_classes is None else "classification"

    @property
    def parameters(self) -> dict[str, float]:
        """What can be set when the set is drawn, with the set's own values."""
        return {"n_samples": self.n_samples, "noise_std": self.noise_std}


def check_rows(n_samples: int) -> None:
    """Refuse a draw of fewer than 2 rows.

    Raises:
        DataError: there are fewer.
    """
    if n_samples < 2:
        raise DataError("n_samples", must="at least 2", got=str(n_samples))


def check_noise(noise_std: float) -> None:
    """Refuse what can't be a standard deviation.

    Raises:
        DataError: it is negative, infinite or not a number.
    """
    if not (math.isfinite(noise_std) and noise_std >= 0):
        raise DataError("noise_std", must="finite and at least 0", got=f"{noise_std:g}")
