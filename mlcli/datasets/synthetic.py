"""Synthetic sets: how each is drawn, and the table of all of them.

A set is a known function of uniform inputs with noise, classes along curves, or matrices of whole
numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mlcli.classification.softmax import sigmoid
from mlcli.datasets.checks import refuse_given
from mlcli.datasets.class_law import ClassLaw, law_along_curves, law_in_a_box
from mlcli.datasets.dataset import Array, Dataset, Task, Truth
from mlcli.errors import DataError

Curve = Callable[[Array, Array], Array]
SHAPE = (12, 15)
# Part of every synthetic set's identity: raise it when the same seed gives other numbers.
GENERATOR = 1


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

    @property
    def class_law(self) -> ClassLaw | None:
        """p(x|C_k) by sums along the curves; None where there is too little noise for that."""
        return law_along_curves(self.spec.curve, self.spec.n_classes, self.chosen.noise_std)

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
        """None: t is not a class."""
        return None

    @property
    def class_law(self) -> ClassLaw | None:
        """None: t is not a class."""
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


@dataclass(frozen=True, kw_only=True)
class SyntheticSpec(Spec):
    """t = f(x) + w with w ~ N(0, noise_std^2), or classes t = Theta(f(x) + w) with logistic w.

    The inputs are independent, each U(low, high). Logistic noise of scale s makes p(C_1|x) the
    sigmoid of f(x) / s, eq (5.7) with the ansatz (5.8) exactly right. w is in units of f.

    Attributes:
        truth: f, from (n, D) to (n,).
        low, high: range of each input.
    """

    truth: Truth
    low: float
    high: float

    @property
    def parameters(self) -> dict[str, float]:
        """What can be set when the set is drawn, with the set's own values."""
        return {
            "n_samples": self.n_samples,
            "x_min": self.low,
            "x_max": self.high,
            "noise_std": self.noise_std,
        }


def _cubic(X: Array) -> Array:
    x = X[:, 0]
    return ((0.5 * x + 0.3) * x - 0.25) * x + 1.0


def _sine(X: Array) -> Array:
    t: Array = np.sin(2.0 * np.pi * X[:, 0])
    return t


def _planes(X: Array) -> Array:
    return 0.5 + 2.0 * X[:, 0] - 1.5 * X[:, 1]


AnySpec = SyntheticSpec | CurvesSpec | MatricesSpec
SYNTHETIC: dict[str, AnySpec] = {
    spec.name: spec
    for spec in (
        SyntheticSpec(
            name="noisy-cubic",
            summary="The cubic of the notes with normal noise",
            equation="t = 0.5 x^3 + 0.3 x^2 - 0.25 x + 1 + w (3.12)",
            truth=_cubic,
            low=-2.0,
            high=2.0,
            n_samples=700,
            noise_std=1.95,
            note="The notes' text says noise 1, but the losses of their Table 1 need about 1.95.",
        ),
        SyntheticSpec(
            name="sine",
            summary="One period of a sine with normal noise, the classic curve-fitting example",
            equation="t = sin(2 pi x) + w",
            truth=_sine,
            low=0.0,
            high=1.0,
            n_samples=100,
            noise_std=0.2,
        ),
        SyntheticSpec(
            name="two-planes",
            summary="Two half-planes with a blurred border, p(C_1|x) known",
            equation="t = Theta(2 x1 - 1.5 x2 + 0.5 + w), w logistic (5.7)",
            truth=_planes,
            low=-2.0,
            high=2.0,
            n_samples=400,
            noise_std=1.8,
            note="With --noise-std 0 a line separates the classes.",
            n_features=2,
            n_classes=2,
        ),
        *CURVES,
        *MATRICES,
    )
}


@dataclass(frozen=True)
class Draws:
    """How a synthetic set is drawn: the rows, the range of x and the noise, all checked."""

    n_samples: int
    x_min: float
    x_max: float
    noise_std: float


def settings(
    spec: SyntheticSpec,
    n_samples: int | None = None,
    x_min: float | None = None,
    x_max: float | None = None,
    noise_std: float | None = None,
) -> Draws:
    """The given values, the set's own for those left out.

    Raises:
        DataError: fewer than 2 rows, an empty or infinite range, negative or infinite noise.
    """
    chosen = Draws(
        n_samples=spec.n_samples if n_samples is None else n_samples,
        x_min=spec.low if x_min is None else float(x_min),
        x_max=spec.high if x_max is None else float(x_max),
        noise_std=spec.noise_std if noise_std is None else float(noise_std),
    )
    check_rows(chosen.n_samples)
    if not (math.isfinite(chosen.x_min) and math.isfinite(chosen.x_max)):
        raise DataError("x_min and x_max", must="finite", got=f"{chosen.x_min} and {chosen.x_max}")
    if not chosen.x_min < chosen.x_max:
        raise DataError("x_min", must=f"below x_max = {chosen.x_max:g}", got=f"{chosen.x_min:g}")
    check_noise(chosen.noise_std)
    return chosen


def draw(
    spec: SyntheticSpec,
    rng: np.random.Generator,
    n_samples: int | None = None,
    x_min: float | None = None,
    x_max: float | None = None,
    noise_std: float | None = None,
) -> Dataset:
    """One independent data set, e.g. t = 0.5 x^3 + 0.3 x^2 - 0.25 x + 1 + w (3.12).

    Args:
        spec: which set.
        rng: where the numbers come from; first all x are drawn, then all w.
        n_samples: rows N, at least 2.
        x_min, x_max: range of x.
        noise_std: standard deviation of w, at least 0.

    Returns:
        X (N, D), t (N,), with the truth and the noise, or the true p(C_1|x) of classes.

    Raises:
        DataError: a parameter is out of range.
    """
    chosen = settings(spec, n_samples, x_min, x_max, noise_std)
    X = rng.uniform(chosen.x_min, chosen.x_max, size=(chosen.n_samples, spec.n_features))  # (N, D)
    if spec.n_classes is not None:
        return _thresholded(spec, X, chosen.noise_std, rng)
    w = chosen.noise_std * rng.standard_normal(chosen.n_samples)  # (N,)
    return Dataset(
        name=spec.name,
        X=X,
        t=spec.truth(X) + w,
        feature_names=spec.feature_names,
        target_name=spec.t_name,
        truth=spec.truth,
        noise_std=chosen.noise_std,
    )


def class_probability(spec: SyntheticSpec, noise_std: float) -> Truth:
    """p(t = 1|x) of a set of classes: sigma(f(x) / s), eq (5.7), with the noise's scale s."""
    scale = _logistic_scale(noise_std)

    def probability(X: Array) -> Array:
        f = spec.truth(X)
        # A noise of 0 is the limit in which the sigmoid is a step.
        return sigmoid(f / scale) if scale else np.asarray(0.5 * (1.0 + np.sign(f)))

    return probability


def _logistic_scale(noise_std: float) -> float:
    """s of the logistic distribution whose standard deviation is s pi / sqrt 3."""
    return noise_std * math.sqrt(3.0) / math.pi


def _thresholded(
    spec: SyntheticSpec, X: Array, noise_std: float, rng: np.random.Generator
) -> Dataset:
    """Classes 1 where f(x) + w > 0, else 0."""
    w = _logistic_scale(noise_std) * rng.logistic(size=X.shape[0])  # (N,)
    return Dataset(
        name=spec.name,
        X=X,
        t=(spec.truth(X) + w > 0).astype(np.float64),
        feature_names=spec.feature_names,
        target_name=spec.t_name,
        class_probability=class_probability(spec, noise_std),
    )


@dataclass(frozen=True)
class Generator:
    """A synthetic set with all its settings: as many independent data sets as one likes.

    Attributes:
        spec: the set.
        chosen: its rows, range of x and noise.
    """

    spec: SyntheticSpec
    chosen: Draws

    @property
    def class_probability(self) -> Truth | None:
        """p(t = 1|x) of a set of classes."""
        if self.spec.n_classes is None:
            return None
        return class_probability(self.spec, self.chosen.noise_std)

    @property
    def class_law(self) -> ClassLaw | None:
        """p(x|C_k) and p(C_k) of a set of classes; None where noise blurs no border."""
        spec, chosen, scale = self.spec, self.chosen, _logistic_scale(self.chosen.noise_std)
        if spec.n_classes is None or scale == 0:
            return None
        return law_in_a_box(
            lambda X: spec.truth(X) / scale, chosen.x_min, chosen.x_max, spec.n_features
        )

    def draw(self, rng: np.random.Generator, n_samples: int | None = None) -> Dataset:
        """One independent data set; `n_samples` rows instead of its own number, where given."""
        settings = vars(self.chosen) | ({} if n_samples is None else {"n_samples": n_samples})
        return draw(self.spec, rng, **settings)


AnyGenerator = Generator | CurvesGenerator | MatricesGenerator


def generator_of(
    spec: AnySpec,
    n_samples: int | None = None,
    x_min: float | None = None,
    x_max: float | None = None,
    noise_std: float | None = None,
) -> AnyGenerator:
    """A synthetic set with the given settings, the set's own for those left out.

    Raises:
        DataError: a setting is out of range, or a range of x is given to a set that has none.
    """
    if isinstance(spec, SyntheticSpec):
        return Generator(spec, settings(spec, n_samples, x_min, x_max, noise_std))
    ranges = {"x_min": x_min, "x_max": x_max}
    refuse_given(spec.name, ranges, "apply to sets with a range of x only")
    chosen = curve_settings(spec, n_samples, noise_std)
    if isinstance(spec, MatricesSpec):
        return MatricesGenerator(spec, chosen)
    return CurvesGenerator(spec, chosen)


def of_regression(generator: AnyGenerator) -> Generator | None:
    """The generator, if it draws t = f(x) + w of x in a range; None otherwise."""
    if isinstance(generator, Generator) and generator.spec.n_classes is None:
        return generator
    return None
