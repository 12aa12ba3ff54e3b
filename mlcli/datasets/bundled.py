"""The sets that come inside scikit-learn, and the one that comes with this package."""

from __future__ import annotations

import numpy as np

from mlcli.datasets.dataset import Dataset


def load_bundled(name: str) -> Dataset:
    """A bundled set by its registry name; sources and licences are in `registry.DATASETS`.

    Returns:
        X (N, D) in the units of the source (diabetes: standardised columns), t (N,): the measure of
        disease progression for diabetes, the number of the class for the others.

    Raises:
        DataError: the file that comes with this package is damaged.
    """
    if name == "fashion-mini":
        from mlcli.datasets.fashion_mini import load

        return load()
    from sklearn import datasets

    loaders = {
        "diabetes": datasets.load_diabetes,
        "breast-cancer": datasets.load_breast_cancer,
        "iris": datasets.load_iris,
        "wine": datasets.load_wine,
        "digits": datasets.load_digits,
    }
    bunch = loaders[name]()
    return Dataset(
        name=name,
        X=np.ascontiguousarray(bunch.data, dtype=np.float64),
        t=np.asarray(bunch.target, dtype=np.float64),
        feature_names=tuple(str(feature) for feature in bunch.feature_names),
        target_name="progression" if name == "diabetes" else "class",
    )
