"""Linear functions written and read back, and the leverage of their intervals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mlcli.errors import DataError
from mlcli.linear.basis import fit_basis
from mlcli.linear.design import build
from mlcli.linear.least_squares import lapack_least_squares
from mlcli.linear.polynomial import fit_polynomial
from mlcli.models.functions import (
    InBasis,
    LinearFunction,
    Polynomials,
    Standardised,
    decode,
    encode,
    leverages,
)
from mlcli.models.parts import ModelFiles

RNG = np.random.default_rng(0)
X, NEW = RNG.normal(size=(60, 2)), RNG.normal(size=(37, 2))
T = X[:, 0] - X[:, 1] ** 2 + RNG.normal(size=60)


def polynomials() -> LinearFunction:
    return Polynomials(fit_polynomial(X, T, (0, 1, 4)))


def in_basis() -> LinearFunction:
    basis = fit_basis("gaussian", X.min(axis=0), X.max(axis=0), 3)
    return InBasis(basis, RNG.normal(size=7), RNG.normal(size=(7, 7)))


def standardised() -> LinearFunction:
    design = build("polynomial", X, T, 2, intercept=True, scaled=True)
    return Standardised(design, RNG.normal(size=5), sqrt_factor=RNG.normal(size=(5, 4)), n_rows=60)


def activations() -> LinearFunction:
    design = build("linear", X, T, 1, intercept=True, scaled=True)
    return Standardised(design, RNG.normal(size=(3, 4)), True, np.array([1, 0]))


@pytest.mark.parametrize("make", [polynomials, in_basis, standardised, activations])
def test_a_decoded_function_gives_the_same_predictions(make: object) -> None:
    function = make()  # type: ignore[operator]
    words, tensors = encode([function, function])
    back = decode(words, tensors)
    for one in back:
        assert (one(NEW) == function(NEW)).all()
        theirs, mine = one.leverage(NEW), function.leverage(NEW)
        assert (theirs is None) == (mine is None)
        assert mine is None or (theirs == mine).all()


def test_the_recurrence_of_one_input_is_written_without_its_zeros() -> None:
    function = Polynomials(fit_polynomial(X[:, :1], T, (3, 40)))
    words, tensors = encode([function])
    assert "0.H" not in tensors
    assert tensors["0.H_values"].size < 3 * 41
    (back,) = decode(words, tensors)
    assert (back(NEW[:, :1]) == function(NEW[:, :1])).all()
    with pytest.raises(ValueError, match="outside of H"):
        decode(words, tensors | {"0.H_places": tensors["0.H_places"] + 41 * 41})


def test_leverage_is_that_of_the_hat_matrix() -> None:
    """At the rows of the fit h_ii sums to the number of columns."""
    degrees = (0, 1, 4)
    found = leverages([Polynomials(fit_polynomial(X, T, degrees))], X)
    assert found is not None
    assert found.sum(axis=0) == pytest.approx([1, 3, 15])
    for j, degree in enumerate(degrees):
        basis = fit_basis("legendre", X.min(axis=0), X.max(axis=0), degree)
        Phi = basis.evaluate(X)
        hat = Phi @ np.linalg.pinv(Phi)
        assert found[:, j] == pytest.approx(np.diagonal(hat))


def test_leverage_of_a_basis_that_was_made_on_some_of_the_rows() -> None:
    some = fit_polynomial(X[:40], T[:40], (2,))
    factor = np.linalg.qr(some.basis.evaluate(X), mode="r")
    on_all = replace(some, basis=replace(some.basis, factor=factor))
    found = Polynomials(on_all).leverage(X)
    whole = Polynomials(fit_polynomial(X, T, (2,))).leverage(X)
    assert found is not None
    assert found == pytest.approx(whole)


def test_leverage_of_standardised_columns_has_the_share_of_the_constant() -> None:
    design = build("polynomial", X, T, 2, intercept=True, scaled=True)
    factor = lapack_least_squares(design.A, design.b).unit_std_error(design.A).sqrt_factor
    found = Standardised(design, np.zeros(5), sqrt_factor=factor, n_rows=60).leverage(X)
    assert found is not None
    whole = Polynomials(fit_polynomial(X, T, (2,))).leverage(X)
    assert found == pytest.approx(whole)


def test_metadata_that_does_not_match_its_arrays_is_rejected() -> None:
    words, tensors = encode([in_basis()])
    with pytest.raises(ValueError, match="one weight per column"):
        decode(words, tensors | {"0.weights": np.zeros(6)})
    with pytest.raises(KeyError):
        decode(words, {})
    with pytest.raises(KeyError):
        decode([{"kind": "os.system"}], tensors)


def parts(folder: Path, name: str, content: bytes) -> ModelFiles:
    import hashlib

    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return ModelFiles(folder, {name: hashlib.sha256(content).hexdigest()})


@pytest.mark.parametrize("text", ["[]", "{", '{"schema": 1}', "[" * 100_000])
def test_another_schema_is_rejected(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError):
        parts(tmp_path, "model/model.json", text.encode()).info()


def test_arrays_must_be_finite_numbers(tmp_path: Path) -> None:
    from safetensors.numpy import save

    name = "model/predictor.safetensors"
    with pytest.raises(DataError, match="must be finite"):
        parts(tmp_path, name, save({"w": np.array([1.0, np.nan])})).tensors(name)
    with pytest.raises(DataError, match="must be numbers of"):
        parts(tmp_path, name, save({"w": np.array([1], dtype=np.uint8)})).tensors(name)
    claim = (2**40).to_bytes(8, "little") + b"{}"
    with pytest.raises(DataError, match="does not hold a model"):
        parts(tmp_path, name, claim).tensors(name)


def test_a_model_file_that_is_too_large_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("mlcli.models.parts").models.parts.MOST_BYTES, ".json", 10)
    with pytest.raises(DataError, match="must be at most 10 bytes"):
        parts(tmp_path, "model/model.json", b'{"schema": 2}').info()
