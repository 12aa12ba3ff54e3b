"""A class's label, given as a flag, in YAML or in JSON: a number, a word, or not set."""

from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from mlcli.experiments.logistic.config import LogisticConfig


@pytest.mark.parametrize(
    ("given", "label"),
    [
        (None, None),
        ("", None),
        ("null", None),
        ("none", "none"),
        (1, 1.0),
        ("1", 1.0),
        ("-1e2", -100.0),
        (" yes ", "yes"),
        ("1_000", "1_000"),
        ("inf", "inf"),
        ("nan", "nan"),
        ("mäßig", "mäßig"),
    ],
)
def test_what_a_label_becomes(given: object, label: object) -> None:
    found = LogisticConfig(positive=given).positive
    assert (found, type(found)) == (label, type(label))


@pytest.mark.parametrize("given", [True, math.nan, math.inf, [1], {}])
def test_what_is_no_label(given: object) -> None:
    with pytest.raises(ValidationError, match="must be a number or a word"):
        LogisticConfig(positive=given)
