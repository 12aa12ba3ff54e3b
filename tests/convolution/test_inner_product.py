"""The Frobenius inner product in each form that the notes give it."""

from __future__ import annotations

import numpy as np
import pytest

from mlcli.convolution.convolution import frobenius

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3))


def test_frobenius_is_the_trace_of_a_b_transposed() -> None:
    assert frobenius(A, B) == pytest.approx(np.trace(A @ B.T), rel=1e-13)
    assert frobenius(A, A) == pytest.approx(np.linalg.norm(A) ** 2, rel=1e-13)


def test_frobenius_is_the_sum_of_the_hadamard_product() -> None:
    product = np.array([[A[i, j] * B[i, j] for j in range(3)] for i in range(4)])
    np.testing.assert_array_equal(product, A * B)
    assert frobenius(A, B) == pytest.approx(product.sum(), rel=1e-13)


def test_frobenius_is_the_inner_product_of_unrolled_arrays() -> None:
    assert frobenius(A, B) == pytest.approx(float(A.ravel() @ B.ravel()), rel=1e-13)
    assert frobenius(A[::-1].T, B[::-1].T) == pytest.approx(frobenius(A, B), rel=1e-13)


def test_frobenius_adds_up_over_channels() -> None:
    C, D = RNG.normal(size=(4, 3, 2)), RNG.normal(size=(4, 3, 2))
    each = sum(frobenius(C[:, :, k], D[:, :, k]) for k in range(2))
    assert frobenius(C, D) == pytest.approx(each, rel=1e-13)


def test_frobenius_rejects_arrays_of_different_shapes() -> None:
    with pytest.raises(ValueError, match="one shape"):
        frobenius(A, B.T)
