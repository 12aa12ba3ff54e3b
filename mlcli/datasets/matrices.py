"""A synthetic set of matrices whose whole rows and whole columns mean something."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlcli.datasets.curves import CurveDraws
from mlcli.datasets.dataset import Array, Dataset, Truth
from mlcli.datasets.spec import Spec, check_rows


@dataclass(frozen=True, kw_only=True)
class MatricesSpec(Spec):
    """t = f(A) + w for matrices A of independent whole numbers, each of 0, ..., `most`.

    Attributes:
        truth: f, from (n, h w) to (n,).
        image_shape: (h, w).
        most: the largest entry.
    """

    truth: Truth
    image_shape: tuple[int, int]
    most: int


SHAPE = (12, 15)


def _imbalance(X: Array) -> Array:
    """Left half against right half of each row, upper half against lower of each column.

    The middle column belongs to neither half.
    """
    (h, w), A = SHAPE, X.reshape(-1, *SHAPE)
    rows = A[:, :, : w // 2].sum(axis=2) - A[:, :, -(w // 2) :].sum(axis=2)  # (n, h)
    columns = A[:, : h // 2].sum(axis=1) - A[:, -(h // 2) :].sum(axis=1)  # (n, w)
    t: Array = np.abs(rows).sum(axis=1) + np.abs(columns).sum(axis=1)
    return t


MATRICES = (
    MatricesSpec(
        name="imbalance",
        summary="12 x 15 matrices of whole numbers; how unbalanced their rows and columns are",
        equation="t = sum over rows |left - right| + sum over columns |upper - lower| + w",
        truth=_imbalance,
        image_shape=SHAPE,
        most=2,
        x_name="a",
        n_samples=20_000,
        noise_std=0.0,
        n_features=SHAPE[0] * SHAPE[1],
        note="Its targets are whole numbers from about 30 to 100 with a standard deviation of 9.4.",
    ),
)


@dataclass(frozen=True)
class MatricesGenerator:
    """A set of matrices with its settings: as many independent data sets as one likes.

    Attributes:
        spec: the set.
        chosen: its rows and noise.
    """

    spec: MatricesSpec
    chosen: CurveDraws

    @property
    def class_probability(self) -> Truth | None:
        """None: t is no class."""
        return None

    def draw(self, rng: np.random.Generator, n_samples: int | None = None) -> Dataset:
        """One independent data set: first all A are drawn, then all w.

        Args:
            rng: where the numbers come from.
            n_samples: matrices instead of the generator's own number, at least 2.

        Returns:
            X (N, h w), t (N,).

        Raises:
            DataError: there are too few.
        """
        spec, n = self.spec, self.chosen.n_samples if n_samples is None else n_samples
        check_rows(n)
        X = rng.integers(spec.most + 1, size=(n, spec.n_features)).astype(np.float64)  # (N, h w)
        w = self.chosen.noise_std * rng.standard_normal(n)  # (N,)
        return Dataset(
            spec.name,
            X,
            spec.truth(X) + w,
            spec.feature_names,
            spec.t_name,
            truth=spec.truth,
            noise_std=self.chosen.noise_std,
        )
