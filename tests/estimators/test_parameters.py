"""One home of every default, sentences for what is wrong, and nothing heavy too early."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import mlcli.estimators
from mlcli.config import config_class
from mlcli.config.fields import is_several
from mlcli.estimators import (
    BayesianRegressor,
    CNNClassifier,
    LogisticClassifier,
    MLPClassifier,
    MLPRegressor,
    PolynomialRegressor,
)

# Parameters without a field of that name in the command's config.
OWN = {"class_weight", "image_shape", "n_members", "random_state", "settings"}
SECTIONS = {
    PolynomialRegressor: "fit_poly",
    BayesianRegressor: "bayes",
    LogisticClassifier: "logistic",
    MLPClassifier: "train_mlp",
    MLPRegressor: "train_mlp",
    CNNClassifier: "train_cnn",
}
X = np.linspace(-1, 1, 12)[:, None]
T = np.sin(3 * X[:, 0])
C = (X[:, 0] > 0).astype(int)


def test_every_estimator_is_tested() -> None:
    assert sorted(cls.__name__ for cls in SECTIONS) == sorted(mlcli.estimators.__all__)
    assert dir(mlcli.estimators) == sorted(mlcli.estimators.__all__)


@pytest.mark.parametrize("cls", SECTIONS)
def test_defaults_are_those_of_the_command(cls: type) -> None:
    fields = config_class(SECTIONS[cls]).model_fields
    for name, parameter in inspect.signature(cls).parameters.items():
        if name in OWN:
            continue
        if cls is PolynomialRegressor and name == "degree":
            fields = fields | {"degree": config_class("bayes").model_fields["degree"]}
        default = fields[name].default
        if is_several(fields[name]) and default is not None:
            (default,) = default
        assert parameter.default == default, name


@pytest.mark.parametrize(
    ("estimator", "sentence"),
    [
        (PolynomialRegressor(degree=-1), "degree must be an integer at least 0, got -1"),
        (PolynomialRegressor(degree="0-3"), "degree must be an integer at least 0, got '0-3'"),
        (PolynomialRegressor(basis="cubic"), "basis must be one of polynomial, .*, got 'cubic'"),
        (PolynomialRegressor(penalty="l1", solver="lapack"), "penalty solver lapack is for plain"),
        (PolynomialRegressor(basis="legendre", solver="certified"), "must be with the basis poly"),
        (BayesianRegressor(prior="general"), "prior must be isotropic or ard, got 'general'"),
        (BayesianRegressor(noise_precision=0), "noise_precision must be a finite number above 0"),
        (LogisticClassifier(l2=-1.0), "l2 must be a finite number at least 0, got -1.0"),
        (LogisticClassifier(class_weight={0: 1.0}), "class_weight must be None, 'balanced' or"),
        (MLPClassifier(hidden="64-"), "hidden must be sizes of hidden layers, as 256-128"),
        (MLPClassifier(hidden=["8-4", "8"]), "hidden must be sizes of hidden layers"),
        (MLPClassifier(activation=("relu", "tanh")), "activation must be one value"),
        (MLPClassifier(activation="swishy"), "activation must be one of sigmoid, .*'swishy'"),
        (MLPClassifier(settings={"alpha": 0.3}), "MLPClassifier: alpha is no parameter of relu"),
        (
            MLPClassifier(activation="elu", settings={"alpha": (0.3, 0.4)}),
            "alpha must be one value",
        ),
        (
            MLPRegressor(activation="prelu", settings={"alpha": 1.5}),
            "alpha must be above 0 and below 1 for",
        ),
        (MLPClassifier(n_members=0), "n_members must be an integer at least 1, got 0"),
        (MLPClassifier(random_state=-1), "random_state must be an integer at least 0"),
        (MLPClassifier(settings={"momentun": 0.5}), "no parameter momentun; try momentum"),
        (MLPClassifier(settings={"momentum": 1.5}), "momentum must be a finite number above 0"),
        (MLPClassifier(n_epochs=0), "n_epochs must be an integer at least 1"),
        (CNNClassifier(image_shape=(3, 3)), "image_shape must be of 1 pixels, .* which has 9"),
        (CNNClassifier(image_shape=(0, 1)), "image_shape must be .h, w. or .c, h, w."),
        (CNNClassifier(architecture=["conv 4 3x3"]), "layer 1, .*must fit into the image"),
        (CNNClassifier(architecture=["conf 4 3x3"]), "must be one of conv, .*did you mean conv"),
        (CNNClassifier(augment_crop=1), "augment_crop must be at most 0 for these images"),
    ],
)
def test_invalid_parameters_give_a_one_sentence_error(estimator: Any, sentence: str) -> None:
    t = T if hasattr(estimator, "_training_rows") and "Regressor" in type(estimator).__name__ else C
    with pytest.raises(ValueError, match=sentence) as caught:
        estimator.fit(X, t)
    assert str(caught.value).count("\n") == 0


def test_numpy_scalars_are_accepted_as_parameters() -> None:
    PolynomialRegressor(degree=np.int64(2), l2=np.float64(0.1)).fit(X, T)
    MLPRegressor("4", n_members=np.int64(2), n_epochs=np.int64(2), l2=np.float32(0)).fit(X, T)


def test_an_alpha_is_that_of_the_activation() -> None:
    outputs = [
        MLPRegressor("4", activation="leaky-relu", settings=settings, n_epochs=2, random_state=0)
        .fit(X, T)
        .predict(X)
        for settings in ({}, {"alpha": 0.01}, {"alpha": 0.4})
    ]
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert np.abs(outputs[0] - outputs[2]).max() > 1e-3


@pytest.mark.parametrize("hidden", ["8-4", (8, 4), [8, 4]])
def test_sizes_may_be_a_sequence(hidden: Any) -> None:
    model = MLPClassifier(hidden, n_epochs=1, random_state=0).fit(X, C)
    assert model._model.config.hidden == ("8-4",)


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, mlcli.estimators, mlcli.__main__ as m; m.call(['--help']);"
        "bad = {'torch', 'sklearn', 'numpy', 'mlcli.estimators.base'} & set(sys.modules);"
        "assert not bad, bad;"
        "from mlcli.estimators import PolynomialRegressor, LogisticClassifier, BayesianRegressor;"
        "assert 'sklearn' in sys.modules and 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
