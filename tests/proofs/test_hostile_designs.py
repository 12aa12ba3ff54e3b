"""The linear solvers on many more of the designs that hurt."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.linear.hostile import (
    Design,
    check_answer_or_reason,
    check_elastic_net,
    check_evidence,
    check_least_squares,
    check_relevance,
    check_ridge,
    designs,
    small_designs,
)

many = settings(max_examples=500, deadline=None, derandomize=True)


@many
@given(designs(), st.booleans(), st.sampled_from([0.0, 1e-6, 0.1, 10.0]))
def test_penalised_fits(design: Design, scaled: bool, second: float) -> None:
    check_elastic_net(design, scaled, second)


@many
@given(designs(), st.floats(1e-9, 1e6), st.sampled_from([1e-12, 1e-6, 1e-2]))
def test_closed_forms(design: Design, l2: float, rcond: float) -> None:
    check_ridge(design, l2)
    check_least_squares(design, rcond)


@many
@given(designs())
def test_evidence(design: Design) -> None:
    check_evidence(design)


@many
@given(designs())
def test_relevance(design: Design) -> None:
    check_relevance(design)


@many
@given(small_designs(), st.booleans())
def test_small_problems_have_an_answer_or_a_reason(design: Design, scaled: bool) -> None:
    check_answer_or_reason(design, scaled)
