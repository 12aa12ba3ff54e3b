"""The check of an exported file against its model: the rows, and the differences."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mlcli.errors import MlcliError
from mlcli.export.graph import Tensor
from mlcli.models.bayes import BayesModel
from mlcli.models.functions import InBasis, LinearFunction, Polynomials, Standardised
from mlcli.models.linear import LinearClasses, LinearNumbers
from mlcli.models.networks import Networks
from mlcli.models.prediction import ClassPredictions, Model

Floats = NDArray[np.float64]
TOLERANCE = 1e-5
N_ROWS = 512


def random_rows(model: Model) -> Floats:
    """Rows (N_ROWS, D) drawn evenly from the ranges that the model knows of its inputs."""
    low, high = _ranges(model)
    return np.random.default_rng(0).uniform(low, high, size=(N_ROWS, len(low)))


def _ranges(model: Model) -> tuple[Floats, Floats]:
    if isinstance(model, BayesModel):
        return model.basis.low, model.basis.high
    if isinstance(model, LinearNumbers):
        return _range_of(model.function)
    if isinstance(model, LinearClasses):
        return _range_of(model.functions[0])
    assert isinstance(model, Networks)
    restored = model.programs[0].restored
    # Most of the rows of a column that was standardised lie here.
    return restored.shift[0] - 2 * restored.scale[0], restored.shift[0] + 2 * restored.scale[0]


def _range_of(function: LinearFunction) -> tuple[Floats, Floats]:
    if isinstance(function, Polynomials):
        basis = function.fit.basis
        # On half of it the data lie for certain: the scale is the next power of two.
        return basis.shift - basis.scale / 2, basis.shift + basis.scale / 2
    if isinstance(function, InBasis):
        return function.basis.low, function.basis.high
    assert isinstance(function, Standardised)
    unit = function.design.scale
    return function.design.basis.low * unit, function.design.basis.high * unit


def ours(model: Model, X: Floats, level: float) -> dict[str, Tensor]:
    """The outputs of the model itself at rows X (n, D), by the names of a graph's outputs."""
    with np.errstate(all="ignore"):
        said = model.predict(X, level)
    if isinstance(said, ClassPredictions):
        found: dict[str, Tensor] = {"class": said.predicted}
        return found if said.P is None else found | {"probabilities": said.P}
    return said.columns()


def differences(
    mine: Mapping[str, Tensor], theirs: Mapping[str, Tensor], threshold: float | None
) -> dict[str, float]:
    """The largest difference of each output over the rows, relative to its largest value.

    For classes it is the share of rows with another class, without rows whose probabilities
    are so close that either class is right.

    Args:
        mine: outputs of the model, by name.
        theirs: outputs of the file; those that the model lacks are ignored.
        threshold: p_0 of two classes; None: the likeliest class is predicted.
    """
    found = {}
    for name, values in mine.items():
        if name not in theirs:
            continue
        if name == "class":
            clear = _clear(mine.get("probabilities"), len(values), threshold)
            # Where classes have names, their numbers are an output too.
            called = theirs.get("class_number", theirs[name])
            found[name] = float(np.mean((called != values) & clear))
            continue
        gap = np.abs(np.asarray(theirs[name], dtype=np.float64) - values).max()
        size = np.abs(values).max()
        found[name] = float(gap / size) if size > 0 else float(gap)
    return found


def _clear(P: Tensor | None, n: int, threshold: float | None) -> NDArray[np.bool_]:
    """Rows (n,) whose class does not hang on the last digits."""
    if P is None:
        return np.ones(n, dtype=bool)
    if threshold is not None and P.shape[1] == 2:
        return np.asarray(np.abs(P[:, 1] - threshold) > TOLERANCE)
    ordered = np.sort(P, axis=1)
    return np.asarray(ordered[:, -1] - ordered[:, -2] > TOLERANCE)


def refuse_differences(found: Mapping[str, float], reader: str) -> None:
    """Hold each to the tolerance.

    Raises:
        MlcliError: one is larger, or no number.
    """
    for name, value in found.items():
        if not value <= TOLERANCE:
            raise MlcliError(
                f"the {name} of the exported file, run by {reader}",
                must=f"within {TOLERANCE:g} of the model's, relative to the largest",
                got=f"{value:.1e}; nothing was written",
            )
