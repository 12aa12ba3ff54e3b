"""Every number of a model's predictions against its formula, and what a model says of itself."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save
from scipy import stats

from mlcli.errors import ConfigError, DataError
from mlcli.linear.basis import fit_basis
from mlcli.linear.bayes.posterior import Posterior
from mlcli.linear.bayes.unknown_noise import StudentPosterior
from mlcli.linear.polynomial import fit_polynomial
from mlcli.models import bayes, functions, linear, load
from mlcli.models.networks import ENSEMBLE, SINGLE, Networks, load_networks
from mlcli.models.parts import ModelFiles
from mlcli.models.prediction import ClassPredictions, ModelDescription, NumberPredictions

RNG = np.random.default_rng(5)
X = RNG.normal(size=(40, 2))
T = X[:, 0] - X[:, 1] ** 2 + RNG.normal(size=40)
NEW = RNG.normal(size=(6, 2))
NAMES = {"features": ["x", "z"], "target": "t"}


def written(folder: Path, info: Any, name: str, tensors: dict[str, Any]) -> ModelFiles:
    """The files of a model as a run leaves them."""
    (folder / "model").mkdir(exist_ok=True)
    contents = {"model/model.json": json.dumps(info).encode(), name: save(tensors)}
    for part, content in contents.items():
        (folder / part).write_bytes(content)
    return ModelFiles(folder, {k: hashlib.sha256(v).hexdigest() for k, v in contents.items()})


def assert_interval(found: NumberPredictions, std: np.ndarray, quantile: float) -> None:
    np.testing.assert_allclose(found.std, std, rtol=1e-9)
    np.testing.assert_allclose(found.low, found.mean - quantile * std, rtol=1e-9)
    np.testing.assert_allclose(found.high, found.mean + quantile * std, rtol=1e-9)


# ------------------------------------------------------------------ linear models


FITS = [
    {"degree": d, "residual_std": 0.5 * d, "degrees_of_freedom": 7 + d}
    | {"held_out_mse": 2.0 * d, "n_held_out": 9}
    for d in (1, 2, 4)
]


def poly(folder: Path, fits: Any = FITS, degrees: tuple[int, ...] = (1, 2, 4)) -> ModelFiles:
    words, tensors = functions.encode([functions.Polynomials(fit_polynomial(X, T, degrees))])
    info = {"schema": 2, "kind": "fit-poly", **NAMES, "functions": words, "fits": fits}
    return written(folder, info | {"best_degree": 2}, linear.TENSORS, tensors)


@pytest.mark.parametrize(("degree", "index"), [(None, 1), (1, 0), (4, 2)])
def test_each_degree_predicts_with_its_own_weights_and_error(
    tmp_path: Path, degree: int | None, index: int
) -> None:
    parts = poly(tmp_path)
    model = linear.load_fit_poly(parts, parts.info(), degree)
    found, power = model.predict(NEW, 0.8), (1, 2, 4)[index]
    basis = fit_basis("polynomial", X.min(axis=0), X.max(axis=0), power)
    Phi, inverse = basis.evaluate(NEW), np.linalg.pinv(basis.evaluate(X))
    np.testing.assert_allclose(found.mean, Phi @ inverse @ T, rtol=1e-8)
    leverage = ((Phi @ inverse) ** 2).sum(axis=1)
    std = 0.5 * power * np.sqrt(1 + leverage)
    assert_interval(found, std, stats.t.ppf(0.9, 7 + power))
    why = "the least held-out error" if degree is None else "as chosen"
    chosen = f"degree {power} of 1, 2, 4 ({why})"
    assert model.described == ModelDescription(
        "fit-poly", ("x", "z"), "t", chosen, linear.LEAST_SQUARES
    )


def test_a_degree_that_is_not_there_is_refused_with_the_nearest(tmp_path: Path) -> None:
    parts = poly(tmp_path)
    for degree, nearest in ((0, 1), (3, 2), (5, 4), (9, 4)):
        with pytest.raises(ConfigError, match=f"one of 1, 2, 4, got {degree}; try {nearest}$"):
            linear.load_fit_poly(parts, parts.info(), degree)


def test_without_a_leverage_the_held_out_error_is_the_interval(tmp_path: Path) -> None:
    """Student's with as many degrees of freedom as rows; without such rows there is none."""
    basis = fit_basis("gaussian", X.min(axis=0), X.max(axis=0), 2)
    weights = RNG.normal(size=basis.n_columns)
    words, tensors = functions.encode([functions.InBasis(basis, weights)] * 2)
    info = {"schema": 2, "kind": "fit-poly", **NAMES, "functions": words, "best_degree": 2}
    for held_out in ({}, {"n_held_out": 0}, {"held_out_mse": None}):
        one = {"degree": 2} | linear.error_entry(0.5, 7.0, 4.0, 9) | held_out
        parts = written(tmp_path, info | {"fits": [one]}, linear.TENSORS, tensors)
        model = linear.load_fit_poly(parts, parts.info(), None)
        found = model.predict(NEW, 0.8)
        np.testing.assert_allclose(found.mean, basis.evaluate(NEW) @ weights, rtol=1e-12)
        if held_out:
            assert found.std is found.low is found.high is None
        else:
            assert_interval(found, np.full(6, 2.0), stats.t.ppf(0.9, 9))
        interval = "" if held_out else linear.HELD_OUT
        # Nothing to choose among: nothing said of it.
        assert model.described == ModelDescription("fit-poly", ("x", "z"), "t", "", interval)
        kfold = linear.load_kfold(parts, parts.info())
        assert (kfold.predict(NEW, 0.8).mean == found.mean).all()
        assert kfold.described == model.described
    assert set(linear.error_entry(None, np.inf, np.nan, 0).values()) == {None, 0}
    # A leverage without degrees of freedom is of no use.
    lacking = linear.PredictionError(0.5, None, 4.0, 9).half_width(np.ones(6), 6, 0.8)
    np.testing.assert_allclose(lacking, [np.full(6, 2), np.full(6, 2 * stats.t.ppf(0.9, 9))])


def test_classes_are_called_from_activations_and_a_threshold(tmp_path: Path) -> None:
    basis = fit_basis("polynomial", X.min(axis=0), X.max(axis=0), 1)
    W = RNG.normal(size=(3, basis.n_columns))
    A = basis.evaluate(NEW) @ W.T
    info = {"schema": 2, "kind": "kfold", **NAMES, "threshold": 0.8}
    for names, values in ((("a", "b", "c"), [1.0, 2.0, None]), (("no", "yes"), [0.0, 1.0])):
        count = 3 if len(names) == 3 else 1
        words, tensors = functions.encode([functions.InBasis(basis, w) for w in W[:count]])
        say = {"classes": names, "class_values": values, "functions": words}
        described = ModelDescription(
            "kfold", ("x", "z"), "t", classes=names, class_values=tuple(values)
        )
        odds = np.exp(A) if count == 3 else np.column_stack([np.ones(6), np.exp(A[:, 0])])
        P = odds / odds.sum(axis=1, keepdims=True)
        for model_name in ("logistic", "least-squares"):
            parts = written(tmp_path, info | say | {"model": model_name}, linear.TENSORS, tensors)
            model = linear.load_kfold(parts, parts.info())
            assert model.described == described
            found = model.predict(NEW, 0.9)
            assert found.names == names
            if model_name == "logistic":
                np.testing.assert_allclose(found.P, P, rtol=1e-9)
                assert (found.predicted == P.argmax(axis=1)).all()
            else:
                assert found.P is None
                assert (found.predicted == A[:, :count].argmax(axis=1)).all()
        found = linear.load_logistic(parts, parts.info()).predict(NEW, 0.9)
        np.testing.assert_allclose(found.P, P, rtol=1e-9)
        expected = P.argmax(axis=1) if count == 3 else P[:, 1] > 0.8
        assert (found.predicted == expected).all()


@pytest.mark.parametrize("student", [False, True])
def test_a_posterior_is_read_back_with_its_predictive_distribution(
    tmp_path: Path, student: bool
) -> None:
    basis = fit_basis("legendre", X.min(axis=0), X.max(axis=0), 2)
    mean, factor = RNG.normal(size=6), RNG.normal(size=(6, 6))
    made = StudentPosterior(mean, factor, 3.0, 5.0) if student else Posterior(mean, factor, 4.0)
    words, tensors = bayes.encode(basis, made)
    info = {"schema": 2, "kind": "bayes", **NAMES, "predictor": words}
    parts = written(tmp_path, info, linear.TENSORS, tensors)
    model = bayes.load_bayes(parts, parts.info())
    found, Phi = model.predict(NEW, 0.8), basis.evaluate(NEW)
    np.testing.assert_allclose(found.mean, Phi @ mean, rtol=1e-9)
    spread = ((Phi @ factor) ** 2).sum(axis=1)
    if student:
        # nu = 6 degrees of freedom; the standard deviation is sqrt(6 / 4) scales.
        scale = np.sqrt(5 / 3 * (1 + spread))
        assert_interval(found, scale * 1.5**0.5, stats.t.ppf(0.9, 6) / 1.5**0.5)
    else:
        assert_interval(found, np.sqrt(0.25 + spread), stats.norm.ppf(0.9))
    sentence = "the posterior predictive distribution"
    assert model.described == ModelDescription("bayes", ("x", "z"), "t", interval=sentence)
    for wrong in ({"mean": mean[:5]}, {"factor": factor[:5]}, {"factor": mean}):
        bad = written(tmp_path, info, linear.TENSORS, tensors | wrong)
        with pytest.raises(ValueError, match="not one of these columns"):
            bayes.load_bayes(bad, bad.info())


# ------------------------------------------------------------------ networks


def member(variant: str, seed: int, activation: str) -> dict[str, Any]:
    return {
        "variant": variant,
        "activation": activation,
        "seed_index": seed,
        "input_shift": [0.1 * seed, 0.3],
        "input_scale": 2.0,
        "output_shift": 10.0 + seed,
        "output_scale": 3.0,
    }


MEMBERS = [member("a", 0, "tanh"), member("a", 1, "tanh"), member("b", 0, "relu")]
MEMBERS += [member("b", 1, "relu")]
H = {"tanh": np.tanh, "relu": lambda a: np.maximum(a, 0)}


def weights(n_outputs: int = 1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    shapes = {"W1": (2, 5), "b1": (1, 5), "W2": (5, n_outputs), "b2": (1, n_outputs)}
    return {name: rng.normal(size=(4, *shape)) for name, shape in shapes.items()}


def by_hand(arrays: dict[str, np.ndarray], m: int) -> np.ndarray:
    """Outputs of one network, (n, K)."""
    one = {name: array[m] for name, array in arrays.items()}
    Z = (NEW - MEMBERS[m]["input_shift"]) / MEMBERS[m]["input_scale"]
    return H[MEMBERS[m]["activation"]](Z @ one["W1"] + one["b1"]) @ one["W2"] + one["b2"]


def network_run(
    folder: Path, arrays: dict[str, np.ndarray], **changed: Any
) -> tuple[ModelFiles, dict[str, Any]]:
    program = {
        "n_trained": 4,
        "multiplications": 50,
        "batch_size": 8,
        "sizes": [2, 5, arrays["W2"].shape[2]],
        "normalisation": "none",
        "members": MEMBERS,
    }
    variants = [
        {"variant": "a", "label": "tanh", "held_out_mse": 0.36, "n_held_out": 12},
        {"variant": "b", "label": "rectified", "held_out_mse": 0.25, "n_held_out": 9},
    ]
    info = {
        "schema": 2,
        "kind": "mlp",
        **NAMES,
        "classes": [],
        "class_values": [],
        "variants": variants,
        "best_variant": 1,
        "precision": "float64",
        "resize": None,
        "views": None,
        "image_shape": None,
        "judged": "last",
        "programs": [program],
    } | changed
    tensors = {f"program0.{name}": array for name, array in arrays.items()}
    return written(folder, info, "model/last.safetensors", tensors), info


def loaded(
    at: tuple[ModelFiles, dict[str, Any]], variant: str | None = None, seed: int | None = None
) -> Networks:
    return load_networks(*at, "train-mlp", variant, seed, "cpu")


@pytest.mark.parametrize(
    ("variant", "seed", "networks", "said"),
    [
        (None, None, [2, 3], "variant rectified of 2 (the least validation loss), {}"),
        ("tanh", None, [0, 1], "variant tanh of 2 (as chosen), {}"),
        ("a", 1, [1], "variant tanh of 2 (as chosen), the network of seed 1"),
        (None, 0, [2], "variant rectified of 2 (the least validation loss), {}"),
    ],
)
def test_networks_predict_the_mean_of_their_members(
    tmp_path: Path, variant: str | None, seed: int | None, networks: list[int], said: str
) -> None:
    arrays = weights()
    model = loaded(network_run(tmp_path, arrays), variant, seed)
    found = model.predict(NEW, 0.8)
    every = np.array([3 * by_hand(arrays, m)[:, 0] + MEMBERS[m]["output_shift"] for m in networks])
    np.testing.assert_allclose(found.mean, every.mean(axis=0), rtol=1e-9)
    mse, n_rows = (0.36, 12) if networks[0] < 2 else (0.25, 9)
    many = len(networks) == 2
    spread = every.std(axis=0, ddof=1) if many else np.zeros(6)
    assert_interval(found, np.sqrt(mse + spread**2), stats.t.ppf(0.9, n_rows))
    if many:
        np.testing.assert_allclose(found.spread, spread, rtol=1e-9)
    else:
        assert found.spread is None
    what = "the mean of 2 networks" if many else f"the network of seed {seed}"
    interval = ENSEMBLE if many else SINGLE
    assert model.described == ModelDescription(
        "train-mlp", ("x", "z"), "t", said.format(what), interval
    )
    assert model.batch_rows == model.programs[0].restored.batch_rows


def test_networks_of_classes_average_their_probabilities(tmp_path: Path) -> None:
    arrays = weights(3)
    run = network_run(tmp_path, arrays, classes=["u", "v", "w"], class_values=[0, 1, 5])
    odds = np.exp([by_hand(arrays, m) for m in range(4)])
    P = odds / odds.sum(axis=2, keepdims=True)
    model = loaded(run)
    found = model.predict(NEW, 0.9)
    mean = P[2:].mean(axis=0)
    np.testing.assert_allclose(found.P, mean, rtol=1e-9)
    assert (found.predicted == mean.argmax(axis=1)).all()
    each = P[2:, np.arange(6), mean.argmax(axis=1)]
    np.testing.assert_allclose(found.spread, each.std(axis=0, ddof=1), rtol=1e-8)
    table = found.columns()
    assert list(table) == ["class", "probability", "spread", "p_u", "p_v", "p_w"]
    np.testing.assert_allclose(table["probability"], mean.max(axis=1), rtol=1e-9)
    assert list(table["class"]) == [("u", "v", "w")[k] for k in mean.argmax(axis=1)]
    one = loaded(run, seed=1).predict(NEW, 0.9)
    np.testing.assert_allclose(one.P, P[3], rtol=1e-9)
    assert one.spread is None
    assert (model.described.classes, model.described.class_values) == (("u", "v", "w"), (0, 1, 5))
    assert model.described.interval == ""
    plain = ClassPredictions(("a", "b"), np.array([1, 0]))
    assert {k: list(v) for k, v in plain.columns().items()} == {"class": ["b", "a"]}


def test_networks_that_diverged_are_left_out(tmp_path: Path) -> None:
    arrays = weights()
    arrays["W2"][3, 0] = np.nan
    model = loaded(network_run(tmp_path, arrays))
    found = model.predict(NEW, 0.9)
    np.testing.assert_allclose(found.mean, 3 * by_hand(arrays, 2)[:, 0] + 10, rtol=1e-9)
    assert model.described.warnings == ("1 networks diverged and are left out",)
    assert model.described.interval == SINGLE
    assert model.described.chosen.endswith("(the least validation loss)")
    arrays["b1"][2] = np.inf
    with pytest.raises(DataError, match=r"every network of .* diverged; try another --variant"):
        loaded(network_run(tmp_path, arrays))


def test_networks_without_held_out_rows_have_no_interval(tmp_path: Path) -> None:
    only = {"variant": "a", "label": "tanh", "held_out_mse": None, "n_held_out": 9}
    for change in ({}, {"held_out_mse": 1.0, "n_held_out": 0}):
        shape = {"image_shape": [1, 2], "resize": [4, 6], "best_variant": 0}
        model = loaded(network_run(tmp_path, weights(), variants=[only | change], **shape))
        found = model.predict(NEW, 0.9)
        assert found.std is found.low is found.high is None
        assert list(found.columns()) == ["prediction", "spread"]
        assert (model.described.image_shape, model.described.resize) == ((1, 2), (4, 6))
        assert model.described.chosen == "the mean of 2 networks"
        assert model.described.interval == ("" if not change else ENSEMBLE)


def test_variants_and_seeds_that_are_not_there_are_refused(tmp_path: Path) -> None:
    run = network_run(tmp_path, weights())
    for word, near in (("rectifed", "rectified"), ("qqqq", "tanh")):
        with pytest.raises(ConfigError, match=f"one of tanh, rectified, got '{word}'; try {near}"):
            loaded(run, word)
    with pytest.raises(ConfigError, match=r"one of 0, 1, got 2$"):
        loaded(run, "a", 2)
    program = run[1]["programs"][0] | {"members": MEMBERS[1:3]}
    with pytest.raises(ConfigError, match="one of 1, got 0; try --keep-weights all"):
        loaded(network_run(tmp_path, weights(), programs=[program]), "a", 0)


def test_images_are_averaged_over_views_and_computed_as_they_were_trained(tmp_path: Path) -> None:
    """A linear network on images of 3 x 4 pixels, whose ground is 0.5, in units of its own."""
    rng = np.random.default_rng(4)
    W, b, rows = rng.normal(size=(1, 12, 2)), rng.normal(size=(1, 2)), rng.random((5, 12))
    units = {"input_shift": [0.2] * 12, "input_scale": list(1 + np.arange(12.0))}
    one = member("a", 0, "none") | units
    program = {"n_trained": 1, "multiplications": 24, "batch_size": 8, "members": [one]}
    program |= {"input_shape": [1, 3, 4], "layers": ["flatten"]}
    variant = {"variant": "a", "label": "a", "held_out_mse": None, "n_held_out": 5}
    info = {"kind": "cnn", "features": [f"p{k}" for k in range(12)], "classes": ["u", "v"]}
    info |= {"class_values": [0, 1], "programs": [program], "variants": [variant]}
    info |= {"best_variant": 0, "image_shape": [3, 4]}
    images = rows.reshape(5, 3, 4)
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)), constant_values=0.5)
    corners = ((1, 1), (0, 1), (2, 1), (1, 0), (1, 2))
    shifted = [padded[:, top : top + 3, left : left + 4] for top, left in corners]
    for flips in (None, False, True):
        seen = [images] if flips is None else shifted
        seen = [*seen, *(view[:, :, ::-1] for view in seen)] if flips else seen
        for origin in (0.0, 0.05):
            # The ground is that of rows from which the origin is subtracted.
            views = None if flips is None else {"ground": 0.5 - origin, "flips": flips}
            program["members"] = [one | ({"input_origin": [origin] * 12} if origin else {})]
            _, whole = network_run(tmp_path, weights(), **info, views=views)
            tensors = {"program0.W2": W, "program0.b2": b}
            parts = written(tmp_path, whole, "model/last.safetensors", tensors)
            model = load_networks(parts, whole, "train-cnn", None, None, "cpu")
            units_of = [(view.reshape(5, 12) - 0.2) / (1 + np.arange(12)) for view in seen]
            expected = np.mean([Z @ W[0] + b[0] for Z in units_of], axis=0)
            np.testing.assert_allclose(model.programs[0].outputs(rows)[0], expected, rtol=1e-9)
            assert model.described.command == "train-cnn"
            assert not model.programs[0].restored.autocast
    whole |= {"precision": "bf16"}
    again = load_networks(parts, whole, "train-cnn", None, None, "cpu")
    assert again.programs[0].restored.autocast


def test_batches_are_whole_for_every_program(tmp_path: Path) -> None:
    (one,) = loaded(network_run(tmp_path, weights())).programs
    few = replace(one, restored=replace(one.restored, n_beside=one.restored.n_beside * 3))
    both = Networks(ModelDescription("train-mlp", (), "t"), (one, few), None, 0)
    rows = [program.restored.batch_rows for program in (one, few)]
    assert rows[0] != rows[1]
    assert both.batch_rows == np.lcm(*rows)


# ------------------------------------------------------------------ a whole run folder


def digests(folder: Path) -> dict[str, str]:
    return {
        f"model/{one.name}": hashlib.sha256(one.read_bytes()).hexdigest()
        for one in (folder / "model").iterdir()
    }


def test_a_folder_becomes_a_model_if_its_words_fit_its_arrays(tmp_path: Path) -> None:
    parts, info = poly(tmp_path), poly(tmp_path).info()
    for degree in (None, 4):
        model = load.load(tmp_path, "fit-poly", digests(tmp_path), degree=degree)
        direct = linear.load_fit_poly(parts, info, degree)
        assert (model.predict(NEW, 0.9).mean == direct.predict(NEW, 0.9).mean).all()
        assert model.described == direct.described
    text = json.dumps(info)

    def change(**words: Any) -> Any:
        (tmp_path / "model/model.json").write_text(json.dumps(json.loads(text) | words))
        return load.load(tmp_path, "fit-poly", digests(tmp_path)).described

    assert change(image_shape=[1, 2]).image_shape == (1, 2)
    assert change(image_shape=[1, 1, 2]).image_shape == (1, 1, 2)
    assert change(image_shape=None).image_shape is None
    damaged = (
        {"image_shape": [2]},
        {"image_shape": [1, 3]},
        {"image_shape": [1, 1, 1, 2]},
        {"features": ["x", "\n"]},
        {"target": "a\tb"},
        {"classes": ["a"]},
        {"classes": ["\r"], "class_values": [1.0]},
        {"fits": []},
    )
    for words in damaged:
        with pytest.raises(DataError, match="does not hold a model that can be read"):
            change(**words)


@pytest.mark.parametrize(
    ("command", "choice", "sentence"),
    [
        ("bayes", {"degree": 2}, "--degree chooses among the models of fit-poly; this run of"),
        ("kfold", {"variant": "a"}, "--variant chooses among the models of train-mlp and train"),
        ("fit-poly", {"seed_index": 0}, "--seed-index chooses among the models of train-mlp"),
        ("train-cnn", {"degree": 0}, "--degree chooses among the models of fit-poly"),
    ],
)
def test_a_choice_among_other_models_is_refused(
    tmp_path: Path, command: str, choice: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        load.load(tmp_path, command, {}, **choice)


def test_a_run_of_networks_is_read_with_its_choices(tmp_path: Path) -> None:
    arrays = weights()
    network_run(tmp_path, arrays)
    choice = {"variant": "a", "seed_index": 1, "device": "cpu"}
    model = load.load(tmp_path, "train-mlp", digests(tmp_path), **choice)
    expected = 3 * by_hand(arrays, 1)[:, 0] + 11
    np.testing.assert_allclose(model.predict(NEW, 0.9).mean, expected, rtol=1e-9)
