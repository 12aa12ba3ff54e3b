"""Certificates of iterative answers: what counts as converged, and what a run does without one."""

import math

import pytest

from mlcli.certificate import (
    Certificate,
    by_solve,
    refuse_uncertified,
    require,
    summarise,
    worst_of,
)
from mlcli.errors import NoAnswerError
from mlcli.result import Result
from mlcli.run.execute import certified

GOOD = Certificate("largest KKT violation", 3e-12, 1e-8)
BAD = Certificate("largest KKT violation", 0.3, 1e-8)
NOTHING = Certificate("largest KKT violation", math.nan, 1e-8)


@pytest.mark.parametrize(
    ("value", "tolerance", "expected"),
    [
        (0.0, 0.0, True),
        (1e-8, 1e-8, True),
        (1.1e-8, 1e-8, False),
        (math.nan, 1e-8, False),
        (math.inf, 1e-8, False),
        (1e-300, 0.0, False),
    ],
)
def test_converged_means_value_at_most_tolerance(value, tolerance, expected):
    assert Certificate("gradient norm", value, tolerance).converged is expected


def test_summary_holds_the_worst_seed_and_counts_the_certified_ones():
    found = summarise({"fit": [GOOD, NOTHING, BAD]})["fit"]
    assert math.isnan(found["largest"])
    assert (found["n"], found["n_certified"]) == (3, 1)
    assert summarise({"fit": [GOOD, BAD]})["fit"]["largest"] == 0.3


def test_no_certified_seed_is_no_answer_with_the_number():
    with pytest.raises(NoAnswerError, match=r"fit .* largest KKT violation must be .* got 0\.3"):
        refuse_uncertified({"fit": [BAD, BAD]})
    with pytest.raises(NoAnswerError, match="got nan; try --max-steps 900"):
        refuse_uncertified({"fit": [NOTHING]}, "--max-steps 900")


def test_single_uncertified_seeds_are_named_in_a_warning():
    (warning,) = refuse_uncertified({"fit": [GOOD, BAD, GOOD], "path": [GOOD]})
    assert "1 of 3 seeds (seed index 1)" in warning
    assert "0.3" in warning


def test_certificates_reach_the_metrics_and_the_warnings_of_a_result():
    result = Result({"loss": 1.0}, {}, certificates={"fit": [GOOD, BAD]}, warnings=["first"])
    found = certified(result)
    assert found.metrics["certificates"]["fit"]["n_certified"] == 1
    assert found.metrics["loss"] == 1.0
    assert found.warnings[0] == "first"
    assert len(found.warnings) == 2
    assert certified(Result({"loss": 1.0}, {})).metrics == {"loss": 1.0}


def test_unfinished_work_is_a_warning_even_for_every_seed():
    found = certified(Result({}, {}, unfinished={"descent": [BAD, BAD]}))
    assert found.metrics["certificates"]["descent"]["n_certified"] == 0
    (warning,) = found.warnings
    assert "2 of 2 seeds" in warning


def test_solves_in_closed_form_have_no_certificate():
    assert by_solve({"ridge": [None, None], "lasso": [GOOD, None]}) == {"lasso": [GOOD]}
    assert worst_of(None, GOOD, BAD, GOOD) == BAD
    assert worst_of(None) is None
    require(None, "ridge")
    with pytest.raises(NoAnswerError, match="lasso did not converge"):
        require(BAD, "lasso")
