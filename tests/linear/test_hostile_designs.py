"""Every linear solver on designs that hurt, against independent optima."""

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

few = settings(max_examples=25, deadline=None, derandomize=True)


@few
@given(designs(), st.booleans(), st.sampled_from([0.0, 0.1]))
def test_lasso_and_elastic_net_reach_the_minimum(
    design: Design, scaled: bool, second: float
) -> None:
    check_elastic_net(design, scaled, second)


@few
@given(designs(), st.sampled_from([1e-8, 1e-3, 1.0, 1e6]))
def test_ridge_is_the_minimum(design: Design, l2: float) -> None:
    check_ridge(design, l2)


@few
@given(designs(), st.sampled_from([1e-12, 1e-6, 1e-2]))
def test_least_squares_with_a_cut_is_the_minimum(design: Design, rcond: float) -> None:
    check_least_squares(design, rcond)


@few
@given(designs())
def test_no_start_leads_to_a_higher_evidence(design: Design) -> None:
    check_evidence(design)


@few
@given(designs())
def test_relevance_ends_at_a_maximum(design: Design) -> None:
    check_relevance(design)


@few
@given(small_designs(), st.booleans())
def test_small_problems_have_an_answer_or_a_reason(design: Design, scaled: bool) -> None:
    check_answer_or_reason(design, scaled)
