"""The methods of the notes as scikit-learn estimators: thin adapters over the commands' code.

They work in pipelines, grid searches and cross-validation. A parameter that a command and an
estimator share has the name and the default of the command's config. Nothing heavy is imported
before the first estimator is accessed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlcli.estimators.bayesian import BayesianRegressor
    from mlcli.estimators.cnn import CNNClassifier
    from mlcli.estimators.logistic import LogisticClassifier
    from mlcli.estimators.mlp import MLPClassifier, MLPRegressor
    from mlcli.estimators.polynomial import PolynomialRegressor

__all__ = [
    "BayesianRegressor",
    "CNNClassifier",
    "LogisticClassifier",
    "MLPClassifier",
    "MLPRegressor",
    "PolynomialRegressor",
]

_HOMES = {
    "BayesianRegressor": "bayesian",
    "CNNClassifier": "cnn",
    "LogisticClassifier": "logistic",
    "MLPClassifier": "mlp",
    "MLPRegressor": "mlp",
    "PolynomialRegressor": "polynomial",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
