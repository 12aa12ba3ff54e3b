"""The grammar of gates, and where its faults are."""

from __future__ import annotations

import pytest

from mlcli.config.gates import Gate, GateSyntaxError, parse_gate


@pytest.mark.parametrize(
    ("text", "metric", "operator", "bound"),
    [
        ("a.b >= 0.97", "a.b", ">=", 0.97),
        ("a.b>=1e-3", "a.b", ">=", 1e-3),
        ("  a.b  <  -2 ", "a.b", "<", -2.0),
        ("a.b.c == true", "a.b.c", "==", True),
        ("a.b > c.d", "a.b", ">", "c.d"),
        ("a.b within -1..1", "a.b", "within", (-1.0, 1.0)),
        ("a.b within 1e-3..0.5", "a.b", "within", (1e-3, 0.5)),
        # Keys of ours hold dots, blanks and minus signs.
        ("a.rate_0.01.x - y.mean <= 3", "a.rate_0.01.x - y.mean", "<=", 3.0),
        ("a.within.b == 1", "a.within.b", "==", 1.0),
    ],
)
def test_what_a_gate_means(text: str, metric: str, operator: str, bound: object) -> None:
    assert parse_gate(text) == Gate(text.strip(), metric, operator, bound)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "at", "words"),
    [
        ("", 1, "a comparison"),
        ("a.b", 4, "a comparison"),
        ("a.b = 3", 5, "try =="),
        ("a.b != 3", 5, "! is not a comparison"),
        (">= 3", 1, "a metric must come first"),
        ("a.b >=", 7, "a bound must follow"),
        ("a..b >= 3", 3, "a key is missing"),
        ("a.b. >= 3", 5, "a key is missing"),
        ("a.b >= 1 <= 2", 10, "one comparison"),
        ("a.b >= nan", 8, "finite number"),
        ("a.b >= 1,5", 8, "finite number"),
        ("a.b > true", 7, "only be compared with =="),
        ("a.b within 3", 12, "LOW..HIGH"),
        ("a.b within 2..1", 12, "backwards"),
        ("a.b == __import__('os').name", 8, ""),
    ],
)
def test_a_fault_names_its_character(text: str, at: int, words: str) -> None:
    if not words:
        # Never evaluated: it is the name of a metric that there is not.
        assert parse_gate(text).bound == "__import__('os').name"
        return
    with pytest.raises(GateSyntaxError, match=words) as caught:
        parse_gate(text)
    assert caught.value.at == at
    assert str(caught.value).startswith(f"character {at}: ")
