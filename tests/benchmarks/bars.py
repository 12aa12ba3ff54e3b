"""Every speed that this package is held to: what is timed, against what, and what it must reach.

A ratio is a peer's time over ours, pair by pair in one run, unless its bar is `at_most`: then it is
our time over the other's.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """One line of `reports/benchmarks.md`.

    Attributes:
        group: the heading it stands below.
        work: what is timed.
        at_least: the ratio to reach.
        at_most: the ratio, or with `seconds` the whole time, not to exceed.
        seconds: whether the figure is a time in seconds rather than a ratio.
    """

    group: str
    work: str
    at_least: float | None = None
    at_most: float | None = None
    seconds: bool = False

    @property
    def asked(self) -> str:
        """The bar in words."""
        unit = " s" if self.seconds else ""
        if self.at_least is not None:
            return f"at least {self.at_least:g}{unit}"
        return "" if self.at_most is None else f"at most {self.at_most:g}{unit}"

    def met(self, figure: float) -> bool | None:
        """Whether a figure reaches the bar; None: there is none, it is for knowing only."""
        if self.at_least is not None:
            return figure >= self.at_least
        return None if self.at_most is None else figure <= self.at_most


_LS = "Least squares, 1,000,000 rows"
_CV = "Cross-validation"
_BAYES = "Bayes and logistic regression"
_NETS = "Networks, 64-128-128-10, batch 64, SGD with momentum"
_CNN = "Convolutional networks, `basic` on 28 x 28 pixels, Adam"
_WHOLE = "Whole processes"

BARS: dict[str, Bar] = {
    "least-squares": Bar(_LS, "degree 10", at_least=3),
    "all-degrees": Bar(_LS, "all degrees 0..30", at_most=1.5),
    "ten-folds": Bar(_CV, "10 folds of 1,000,000 rows, degree 10", at_least=30),
    "ten-folds-own-fit": Bar(_CV, "10 folds of 1,000,000 rows, degree 10", at_most=2),
    "strengths": Bar(_CV, "10 folds x 100 ridge strengths, 100,000 rows, degree 20", at_least=300),
    "leave-one-out": Bar(_CV, "leaving out each of 100,000 rows in turn, degree 10"),
    "evidence": Bar(_BAYES, "evidence maximisation, 1,000,000 rows, degree 10", at_least=10),
    "evidence-ready": Bar(
        _BAYES,
        "evidence maximisation, 1,000,000 rows, degree 10; theirs from ready-made columns",
        at_least=10,
    ),
    "logistic": Bar(_BAYES, "logistic regression, 100,000 rows x 50", at_most=1.5),
    "logistic-newton": Bar(_BAYES, "logistic regression, 100,000 rows x 50", at_most=1.5),
    "numpy-network-float64": Bar(_NETS, "the network in NumPy, float64", at_least=1),
    "numpy-network-float32": Bar(_NETS, "the network in NumPy, float32", at_least=1),
    "member-loop": Bar(_NETS, "1 member with all metrics", at_least=1),
    "members-loop": Bar(_NETS, "8 members in one program", at_least=4),
    "members-scikit-learn": Bar(_NETS, "8 members in one program", at_least=3),
    "members-lightning": Bar(_NETS, "8 members in one program", at_least=12),
    "members-skorch": Bar(_NETS, "8 members in one program", at_least=25),
    "images-loop": Bar(_CNN, "training, batch 256", at_least=1.4),
    "images-lightning": Bar(_CNN, "training, batch 256", at_least=2),
    "images-loop-64": Bar(_CNN, "training, batch 64"),
    "images-lightning-64": Bar(_CNN, "training, batch 64"),
    "images-evaluation": Bar(_CNN, "evaluation, in images per second", at_least=2.5),
    "help": Bar(_WHOLE, "`mlcli --help`", at_most=2),
    "default-run": Bar(_WHOLE, "`mlcli fit-poly --no-plots`", at_most=1, seconds=True),
    "predict": Bar(_WHOLE, "`mlcli predict` of a linear model, 1,000,000 rows, CSV", at_most=1.5),
    "baseline": Bar(_WHOLE, "`mlcli baseline`, 20,000 x 30, 5 folds", at_most=120, seconds=True),
    "stream-fit-poly": Bar(_WHOLE, "fit-poly, 10,000,000 rows of Parquet, degree 10", seconds=True),
    "stream-kfold": Bar(_WHOLE, "kfold, 10,000,000 rows of Parquet, degree 10", seconds=True),
    "stream-bayes": Bar(_WHOLE, "bayes, 10,000,000 rows of Parquet, degree 10", seconds=True),
    "repro": Bar(_WHOLE, "a `dvc repro` that has nothing to do, less 2 s", at_most=3),
}
