"""Trained perceptrons as scikit-learn's own, and ensembles of them as votes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import LabelBinarizer, LabelEncoder

from mlcli.export.networks import member_arrays
from mlcli.export.sklearn_parts import scaler
from mlcli.models.networks import Networks, Program
from mlcli.neural.cnn import CNN
from mlcli.neural.normalisation import EPSILON

Floats = NDArray[np.float64]
# Their activations by scikit-learn's names.
ACTIVATIONS = {"relu": "relu", "tanh": "tanh", "sigmoid": "logistic", "linear": "identity"}


def networks(model: Networks) -> Any | None:
    """A Pipeline of StandardScaler and MLP, or a vote of several.

    None: scikit-learn's have no such activation or layers. Batch normalisation is none, as it is
    an affine map after training and is taken into the weights.
    """
    found = []
    for program in model.programs:
        for m in range(program.n_members):
            net = program.restored.net
            if isinstance(net, CNN) or net.normalisation == "layer" or program.restored.views:
                return None
            if net.activations[m] not in ACTIVATIONS:
                return None
            found.append(_member(program, m, model.described.classes))
    if len(found) == 1:
        return found[0]
    named = [(f"network{number}", one) for number, one in enumerate(found)]
    vote: Any
    if model.described.classes:
        vote = VotingClassifier(named, voting="soft")
        vote.le_ = LabelEncoder().fit(np.array(model.described.classes))
        vote.classes_ = vote.le_.classes_
    else:
        vote = VotingRegressor(named)
    vote.estimators_ = found
    return vote


def _member(program: Program, m: int, classes: tuple[str, ...]) -> Pipeline:
    restored, net = program.restored, program.restored.net
    weights = _folded(program, m)
    (W, b), inner = weights[-1], weights[:-1]
    hidden = tuple(len(b) for _, b in inner)
    common = {"hidden_layer_sizes": hidden, "activation": ACTIVATIONS[net.activations[m]]}
    model: Any
    if classes:
        model, last = MLPClassifier(**common), "softmax"
        # Its classes are sorted as words.
        order = np.argsort(np.array(classes))
        W, b = W[:, order], b[order]
        if len(classes) == 2:
            # One output there: the logarithm of the ratio of the two.
            W, b, last = W[:, 1:] - W[:, :1], b[1:] - b[:1], "logistic"
        model.classes_ = np.array(classes)[order]
        model._label_binarizer = LabelBinarizer().fit(model.classes_)
    else:
        model, last = MLPRegressor(**common), "identity"
        W, b = W * program.output_scale[m], b * program.output_scale[m] + program.output_shift[m]
    model.coefs_, model.intercepts_ = [*(w for w, _ in inner), W], [*(v for _, v in inner), b]
    model.n_layers_, model.n_outputs_ = len(hidden) + 2, len(b)
    model.out_activation_, model.n_features_in_ = last, len(model.coefs_[0])
    steps = [("scale", scaler(restored.shift[m], restored.scale[m])), ("model", model)]
    return Pipeline(steps)


def _folded(program: Program, m: int) -> list[tuple[Floats, Floats]]:
    """W (n_in, n_out) and b (n_out,) of each layer, batch normalisation taken into them."""
    own = {k: v.astype(np.float64) for k, v in member_arrays(program, m).items()}
    found = []
    for layer in range(1, len(program.restored.net.sizes)):
        W = own[f"W{layer}"]
        b = own.get(f"b{layer}", np.zeros(W.shape[1])).reshape(-1)
        if f"gamma{layer}" in own:
            gain = own[f"gamma{layer}"].reshape(-1) / np.sqrt(own[f"var{layer}"] + EPSILON)
            W, b = W * gain, (b - own[f"mean{layer}"]) * gain + own[f"beta{layer}"].reshape(-1)
        found.append((W, b))
    return found
