"""Every digit right: NIST's certified values, and exact fractions as the other route."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nist import NAMES, load, lre

from mlcli.errors import DataError
from mlcli.linear.certified import certified_polynomial
from mlcli.linear.dyadic import ratio_to_float, root_to_float

BAR = 13.0
EXACT = ("Wampler1", "Wampler2")

# Longley (1967), public domain: total employment, then deflator, GNP, unemployed, armed forces,
# population, year.
LONGLEY = np.array(
    [
        [60323, 83.0, 234289, 2356, 1590, 107608, 1947],
        [61122, 88.5, 259426, 2325, 1456, 108632, 1948],
        [60171, 88.2, 258054, 3682, 1616, 109773, 1949],
        [61187, 89.5, 284599, 3351, 1650, 110929, 1950],
        [63221, 96.2, 328975, 2099, 3099, 112075, 1951],
        [63639, 98.1, 346999, 1932, 3594, 113270, 1952],
        [64989, 99.0, 365385, 1870, 3547, 115094, 1953],
        [63761, 100.0, 363112, 3578, 3350, 116219, 1954],
        [66019, 101.2, 397469, 2904, 3048, 117388, 1955],
        [67857, 104.6, 419180, 2822, 2857, 118734, 1956],
        [68169, 108.4, 442769, 2936, 2798, 120445, 1957],
        [66513, 110.8, 444546, 4681, 2637, 121950, 1958],
        [68655, 112.6, 482704, 3813, 2552, 123366, 1959],
        [69564, 114.2, 502601, 3931, 2514, 125368, 1960],
        [69331, 115.7, 518173, 4806, 2572, 127852, 1961],
        [70551, 116.9, 554894, 4007, 2827, 130081, 1962],
    ]
)
LONGLEY_W = (
    -3482258.63459582,
    15.0618722713733,
    -0.0358191792925910,
    -2.02022980381683,
    -1.03322686717359,
    -0.0511041056535807,
    1829.15146461355,
)
LONGLEY_SE = (
    890420.383607373,
    84.9149257747669,
    0.0334910077722432,
    0.488399681651699,
    0.214274163161675,
    0.226073200069370,
    455.478499142212,
)


@pytest.mark.parametrize("name", NAMES)
def test_nist_sets_to_thirteen_digits(name: str) -> None:
    data = load(name)
    fit = certified_polynomial(data.x, data.t, data.w.size - 1)
    assert lre(fit.w, data.w) >= BAR
    assert lre(fit.r_squared, data.r_squared) >= BAR
    if name in EXACT:
        # Wampler2's decimals are not binary fractions, so its residual is rounding, not 0.
        assert fit.residual_std < 1e-14
    else:
        assert lre(fit.std_error, data.std_error) >= BAR
        assert lre(fit.residual_std, data.residual_std) >= BAR


def test_an_exact_fit_has_standard_errors_of_exactly_zero() -> None:
    data = load("Wampler1")
    fit = certified_polynomial(data.x, data.t, 5)
    assert fit.rss == 0.0
    np.testing.assert_array_equal(fit.std_error, np.zeros(6))
    np.testing.assert_array_equal(fit.w, np.ones(6))


def test_longley() -> None:
    fit = certified_polynomial(LONGLEY[:, 1:], LONGLEY[:, 0], 1)
    assert lre(fit.w, LONGLEY_W) >= BAR
    assert lre(fit.std_error, LONGLEY_SE) >= BAR
    assert lre(fit.residual_std, 304.854073561965) >= BAR
    assert lre(fit.r_squared, 0.995479004577296) >= BAR


def test_no_intercept() -> None:
    one = certified_polynomial(np.arange(60.0, 71), np.arange(130.0, 141), 1, intercept=False)
    assert lre(one.w, 2.07438016528926) >= BAR
    assert lre(one.std_error, 0.0165289256198347) >= BAR
    assert lre(one.r_squared, 0.999365492298663) >= BAR
    two = certified_polynomial([4.0, 5.0, 6.0], [3.0, 4.0, 4.0], 1, intercept=False)
    assert lre(two.w, 0.727272727272727) >= BAR
    assert lre(two.std_error, 0.0420827318078432) >= BAR
    assert lre(two.residual_std, 0.369274472937998) >= BAR


FLOATS = st.floats(-1e6, 1e6).map(lambda v: round(v, 3))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(FLOATS, FLOATS), min_size=4, max_size=9, unique_by=lambda row: row[0]))
def test_it_is_the_rounded_exact_solution(rows: list[tuple[float, float]]) -> None:
    x, t = (np.array(column) for column in zip(*rows, strict=True))
    fit = certified_polynomial(x, t, 2)
    exact, inverse = _by_fractions(x, t, 2)
    np.testing.assert_array_equal(fit.w, [float(w) for w in exact])
    residual = [
        Fraction(b) - sum(w * Fraction(a) ** j for j, w in enumerate(exact))
        for a, b in zip(x.tolist(), t.tolist(), strict=True)
    ]
    rss = sum(r * r for r in residual)
    assert fit.rss == float(rss)
    squares = [rss / (x.size - 3) * inverse[j][j] for j in range(3)]
    for found, square in zip(fit.std_error.tolist(), squares, strict=True):
        assert found == pytest.approx(math.sqrt(square), rel=4e-16, abs=0)


def _by_fractions(
    x: np.ndarray, t: np.ndarray, degree: int
) -> tuple[list[Fraction], list[list[Fraction]]]:
    xs, ts = [Fraction(v) for v in x.tolist()], [Fraction(v) for v in t.tolist()]
    p = degree + 1
    rows = [
        [sum((a ** (i + j) for a in xs), Fraction()) for j in range(p)]
        + [Fraction(int(i == j)) for j in range(p)]
        for i in range(p)
    ]
    for i in range(p):
        rows[i] = [v / rows[i][i] for v in rows[i]]
        for k in range(p):
            if k != i:
                rows[k] = [a - rows[k][i] * b for a, b in zip(rows[k], rows[i], strict=True)]
    inverse = [row[p:] for row in rows]
    g = [sum((b * a**i for a, b in zip(xs, ts, strict=True)), Fraction()) for i in range(p)]
    solution = [sum((v * w for v, w in zip(r, g, strict=True)), Fraction()) for r in inverse]
    return solution, inverse


def test_two_features_agree_with_least_squares_on_a_tame_problem() -> None:
    rng = np.random.default_rng(1)
    X, t = rng.normal(size=(50, 2)), rng.normal(size=50)
    fit = certified_polynomial(X, t, 2)
    x, y = X.T
    Phi = np.column_stack([np.ones(50), x, y, x * x, x * y, y * y])
    np.testing.assert_allclose(fit.w, np.linalg.lstsq(Phi, t, rcond=None)[0], rtol=1e-12)


def test_units_far_from_one_change_nothing_but_the_power_of_two() -> None:
    rng = np.random.default_rng(2)
    x, t = rng.normal(size=12), rng.normal(size=12)
    plain = certified_polynomial(x, t, 2)
    scaled = certified_polynomial(x * 2.0**400, t * 2.0**-300, 2)
    np.testing.assert_array_equal(scaled.w[0] * 2.0**300, plain.w[0])
    np.testing.assert_array_equal(scaled.w[1] * 2.0**700, plain.w[1])
    assert scaled.r_squared == plain.r_squared


def test_as_many_rows_as_columns_have_no_standard_errors() -> None:
    fit = certified_polynomial([0.0, 1.0, 3.0], [1.0, 2.0, 10.0], 2)
    np.testing.assert_array_equal(fit.w, [1.0, 0.0, 1.0])
    assert fit.rss == 0.0
    assert math.isnan(fit.residual_std)
    assert np.isnan(fit.std_error).all()


def test_refusals_are_sentences() -> None:
    with pytest.raises(DataError, match="must be linearly independent on the 3 rows"):
        certified_polynomial([1.0, 1.0, 2.0], [1.0, 2.0, 3.0], 2)
    with pytest.raises(DataError, match="must be at most 64, got 65"):
        certified_polynomial(np.arange(99.0), np.arange(99.0), 64)
    with pytest.raises(DataError, match="about a minute"):
        certified_polynomial(np.random.default_rng(0).normal(size=70), np.zeros(70), 63)
    with pytest.raises(DataError, match="must be finite"):
        certified_polynomial([1.0, np.nan], [1.0, 2.0], 1)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        certified_polynomial([1.0, 2.0], [1.0, 2.0], 0, intercept=False)


def test_a_root_just_above_a_tie_is_rounded_up() -> None:
    tie = 2**53 + 1
    assert root_to_float(tie**2 << 200, 1, -200) == 2.0**53
    assert root_to_float((tie**2 << 200) + 1, 1, -200) == 2.0**53 + 2


@given(st.integers(0, 2**200), st.integers(1, 2**200), st.integers(-300, 300))
def test_roots_and_ratios_are_rounded_once(a: int, b: int, power: int) -> None:
    exact = Fraction(a, b) * Fraction(2) ** power
    assert ratio_to_float(a, b, power) == float(exact)
    root = root_to_float(a, b, power)
    below, above = Fraction(math.nextafter(root, 0)), Fraction(math.nextafter(root, math.inf))
    middle = Fraction(root)
    assert ((below + middle) / 2) ** 2 <= exact <= ((middle + above) / 2) ** 2
