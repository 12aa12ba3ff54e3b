"""Synthetic classes along curves: first the class is drawn, then x around a place on its curve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mlcli.datasets.dataset import Array, Dataset, Truth
from mlcli.datasets.spec import Spec, check_noise, check_rows

Curve = Callable[[Array, Array], Array]


@dataclass(frozen=True, kw_only=True)
class CurvesSpec(Spec):
    """x = c_t(u) + w with t uniform on 0..K-1, u ~ U(0, 1) and w ~ N(0, noise_std^2 I).

    Rows are independent, so the number of rows of a class is random. x has no range that could be
    set, and p(t|x) no closed form: it isn't known.

    Attributes:
        curve: c, from the classes t (n,) and the places u (n,) to (n, D).
        n_classes: K.
    """

    curve: Curve
    n_classes: int


def _moons(t: Array, u: Array) -> Array:
    angle, sign = np.pi * u, 1.0 - 2.0 * t
    return np.column_stack([t + sign * np.cos(angle), 0.5 * t + sign * np.sin(angle)])  # (n, 2)


def _spirals(t: Array, u: Array) -> Array:
    angle = 2.0 * np.pi * (u + t / 3.0)
    return np.column_stack([u * np.cos(angle), u * np.sin(angle)])  # (n, 2)


CURVES = (
    CurvesSpec(
        name="two-moons",
        summary="Two interleaving half circles, blurred: two classes that no line separates",
        equation="x = (cos pi u, sin pi u) + w, or (1 - cos pi u, 1/2 - sin pi u) + w for t = 1",
        curve=_moons,
        n_samples=400,
        noise_std=0.2,
        note="The best possible classifier has an accuracy of 0.97, a line 0.87.",
        n_features=2,
        n_classes=2,
    ),
    CurvesSpec(
        name="spirals",
        summary="Three intertwined spiral arms of one turn each, blurred",
        equation="x = u (cos a, sin a) + w with a = 2 pi (u + t/3)",
        curve=_spirals,
        n_samples=600,
        noise_std=0.05,
        note="The best possible classifier has an accuracy of 0.96, lines 0.37, chance 0.33.",
        n_features=2,
        n_classes=3,
    ),
)


@dataclass(frozen=True)
class CurveDraws:
    """How a set without a range of x is drawn: the rows and the noise, checked."""

    n_samples: int
    noise_std: float


def curve_settings(
    spec: Spec, n_samples: int | None = None, noise_std: float | None = None
) -> CurveDraws:
    """The given values, the set's own for those left out.

    Raises:
        DataError: fewer than 2 rows, negative or infinite noise.
    """
    chosen = CurveDraws(
        n_samples=spec.n_samples if n_samples is None else n_samples,
        noise_std=spec.noise_std if noise_std is None else float(noise_std),
    )
    check_rows(chosen.n_samples)
    check_noise(chosen.noise_std)
    return chosen


@dataclass(frozen=True)
class CurvesGenerator:
    """A set along curves with its settings: as many independent data sets as one likes.

    Attributes:
        spec: the set.
        chosen: its rows and noise.
    """

    spec: CurvesSpec
    chosen: CurveDraws

    @property
    def class_probability(self) -> Truth | None:
        """None: p(t|x) isn't known."""
        return None

    def draw(self, rng: np.random.Generator, n_samples: int | None = None) -> Dataset:
        """One independent data set: first all t are drawn, then all u, then all w.

        Args:
            rng: where the numbers come from.
            n_samples: rows N instead of the generator's own, at least 2.

        Returns:
            X (N, D), t (N,).

        Raises:
            DataError: there are too few rows.
        """
        spec, n = self.spec, self.chosen.n_samples if n_samples is None else n_samples
        check_rows(n)
        t = rng.integers(spec.n_classes, size=n).astype(np.float64)  # (N,)
        u = rng.uniform(size=n)  # (N,)
        w = self.chosen.noise_std * rng.standard_normal((n, spec.n_features))  # (N, D)
        return Dataset(spec.name, spec.curve(t, u) + w, t, spec.feature_names, spec.t_name)
