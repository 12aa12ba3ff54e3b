"""The model of bayes: a posterior over the weights, and its predictive distribution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.linear.basis import Basis
from mlcli.linear.bayes.posterior import Posterior
from mlcli.linear.bayes.unknown_noise import StudentPosterior
from mlcli.models.functions import decode_basis, encode_basis
from mlcli.models.linear import TENSORS
from mlcli.models.parts import ModelFiles
from mlcli.models.prediction import BATCH_ROWS, Array, ModelDescription, NumberPredictions

AnyPosterior = Posterior | StudentPosterior


def predictive(posterior: AnyPosterior, Phi: Array, level: float) -> tuple[Array, Array, Array]:
    """Mean, standard deviation and half width of the central interval of t at Phi, (n,) each."""
    mean, scale = posterior.predict(Phi)
    tail = (1 + level) / 2
    if isinstance(posterior, Posterior):
        return mean, scale, NormalDist().inv_cdf(tail) * scale
    std = posterior.predictive_std_factor() * scale
    return mean, std, posterior.quantile(tail) * scale


@dataclass(frozen=True)
class BayesModel:
    """Bayesian linear regression."""

    described: ModelDescription
    basis: Basis
    posterior: AnyPosterior
    batch_rows: int = BATCH_ROWS

    def predict(self, X: Array, level: float) -> NumberPredictions:
        """See `Model`."""
        mean, std, half = predictive(self.posterior, self.basis.evaluate(X), level)
        return NumberPredictions(mean, std, mean - half, mean + half)


def encode(basis: Basis, posterior: AnyPosterior) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Metadata for model.json, and arrays."""
    metadata, tensors = encode_basis(basis)
    if isinstance(posterior, Posterior):
        metadata["noise"] = {"kind": "gaussian", "precision": float(posterior.noise_precision)}
    else:
        shape, rate = float(posterior.shape), float(posterior.rate)
        metadata["noise"] = {"kind": "student", "shape": shape, "rate": rate}
    tensors |= {"mean": posterior.mean, "factor": posterior.factor}
    return metadata, {name: np.ascontiguousarray(array) for name, array in tensors.items()}


def load_bayes(parts: ModelFiles, info: Mapping[str, Any]) -> BayesModel:
    """The posterior of the first data set."""
    tensors, metadata = parts.tensors(TENSORS), info["predictor"]
    basis, noise = decode_basis(metadata, tensors), metadata["noise"]
    mean, factor = tensors["mean"], tensors["factor"]
    if mean.shape != (basis.n_columns,) or len(factor) != basis.n_columns or factor.ndim != 2:
        raise ValueError("the posterior is not one of these columns")
    posterior: AnyPosterior
    if noise["kind"] == "gaussian":
        posterior = Posterior(mean, factor, float(noise["precision"]))
    else:
        posterior = StudentPosterior(mean, factor, float(noise["shape"]), float(noise["rate"]))
    described = ModelDescription(
        "bayes",
        tuple(info["features"]),
        str(info["target"]),
        interval="the posterior predictive distribution",
    )
    return BayesModel(described, basis, posterior)
