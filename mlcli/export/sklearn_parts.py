"""Trained models as scikit-learn's own estimators, where it has the parts for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.linear_model import BayesianRidge, LinearRegression, LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import LabelBinarizer, LabelEncoder, PolynomialFeatures, StandardScaler

from mlcli.export.monomials import Monomials, in_powers, monomials_of
from mlcli.export.networks import member_arrays
from mlcli.linear.bayes.posterior import Posterior
from mlcli.models.bayes import BayesModel
from mlcli.models.linear import LinearClasses, LinearNumbers
from mlcli.models.networks import Networks, Program
from mlcli.neural.cnn import CNN
from mlcli.neural.normalisation import EPSILON

Floats = NDArray[np.float64]
# Their activations by scikit-learn's names.
ACTIVATIONS = {"relu": "relu", "tanh": "tanh", "sigmoid": "logistic", "linear": "identity"}


def linear_numbers(model: LinearNumbers) -> Any | None:
    """A Pipeline that ends in LinearRegression; None: the model is not a polynomial."""
    found = monomials_of(model.function)
    if found is None or found.C.shape[1] != 1:
        return None
    last = LinearRegression()
    last.coef_, last.intercept_ = found.C[1:, 0], float(found.C[0, 0])
    return _pipeline(found, last, n_outputs=1)


def bayes(model: BayesModel) -> Any | None:
    """A Pipeline that ends in BayesianRidge, whose std is the predictive one; None: there is none.

    The constant is a column like others, as its weight has a posterior too.
    """
    posterior, constant = model.posterior, model.basis.intercept
    if not isinstance(posterior, Posterior):
        return None
    both = np.column_stack([posterior.mean, posterior.factor])
    found = in_powers(model.basis, both)
    if found is None or not constant:
        return None
    last = BayesianRidge(fit_intercept=False)
    factor = found.C[:, 1:]
    last.coef_, last.intercept_ = found.C[:, 0], 0.0
    last.sigma_, last.alpha_ = factor @ factor.T, float(posterior.noise_precision)
    last.X_offset_, last.X_scale_ = np.zeros(len(found.C)), np.ones(len(found.C))
    return _pipeline(found, last, n_outputs=1, bias=True)


def linear_classes(model: LinearClasses) -> Any | None:
    """A Pipeline that ends in LogisticRegression; None: it isn't logistic or no polynomial.

    A threshold other than one half is put around it.
    """
    forms = [monomials_of(function) for function in model.functions]
    found = _beside(forms) if model.is_logistic else None
    if found is None:
        return None
    classes = np.array(model.described.classes)
    if len(classes) == 2 and found.C.shape[1] == 2:
        # One row of weights there: the logarithm of the ratio of the two.
        found = replace(found, C=found.C[:, 1:] - found.C[:, :1])
    last = LogisticRegression()
    last.coef_, last.intercept_ = np.ascontiguousarray(found.C[1:].T), found.C[0].copy()
    last.classes_, last.n_iter_ = classes, np.zeros(1, dtype=np.int32)
    pipeline = _pipeline(found, last, n_outputs=len(last.coef_))
    if len(classes) != 2 or model.threshold in (None, 0.5):
        return pipeline
    whole = FixedThresholdClassifier(
        pipeline,
        threshold=model.threshold,
        pos_label=str(classes[1]),
        response_method="predict_proba",
    )
    whole.estimator_ = pipeline
    return whole


def _beside(forms: Sequence[Monomials | None]) -> Monomials | None:
    """Functions of the same powers as one of several outputs."""
    known = [form for form in forms if form is not None]
    if len(known) < len(forms):
        return None
    first = known[0]
    for other in known[1:]:
        units = np.array_equal([first.shift, first.scale], [other.shift, other.scale])
        if first.degree != other.degree or not units:
            return None
    C = np.column_stack([form.C for form in known])
    return Monomials(first.shift, first.scale, first.degree, C)


def scaler(shift: Floats, scale: Floats) -> StandardScaler:
    """(x - shift) / scale as if it had been fitted."""
    found = StandardScaler()
    found.mean_, found.scale_ = np.array(shift, dtype=float), np.array(scale, dtype=float)
    found.var_, found.n_samples_seen_ = found.scale_**2, 1
    found.n_features_in_ = len(found.mean_)
    return found


def _pipeline(form: Monomials, last: Any, n_outputs: int, bias: bool = False) -> Pipeline:
    steps: list[tuple[str, Any]] = [("scale", scaler(form.shift, form.scale))]
    if form.degree > 1 or bias:
        powers = PolynomialFeatures(form.degree, include_bias=bias)
        # Fitting only sets the number of input columns.
        steps.append(("powers", powers.fit(np.zeros((1, len(form.shift))))))
    last.n_features_in_ = len(form.C) - int(not bias)
    return Pipeline([*steps, ("model", last)])


def with_names(model: Any, features: Sequence[str]) -> Any:
    """The estimator with the names of the features in every part that takes the columns."""
    for one in _meeting(model):
        one.feature_names_in_ = np.array(features, dtype=object)
    return model


def _meeting(model: Any) -> list[Any]:
    """The estimators that take the columns unchanged, the outermost first."""
    if isinstance(model, Pipeline):
        return [model.steps[0][1]]
    if isinstance(model, FixedThresholdClassifier):
        return [model, *_meeting(model.estimator_)]
    if isinstance(model, VotingClassifier | VotingRegressor):
        return [model, *(one for member in model.estimators_ for one in _meeting(member))]
    return [model]


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
        # Its classes are sorted as strings.
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
