"""Names in one text: what is written reads back, by a shell too."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlcli.config.common import SourceFields
from mlcli.lists import in_shell, joined_names, split_names

# A heading has no line breaks, and no spaces at its ends.
NAME = st.text("ab ,\"'äß$`\\:", min_size=1, max_size=8).map(str.strip).filter(bool)


@given(st.lists(NAME, max_size=4))
def test_what_is_joined_is_split_again(names: list[str]) -> None:
    assert split_names(joined_names(names)) == names


@given(NAME)
def test_a_shell_hands_over_the_one_name(name: str) -> None:
    (word,) = shlex.split(in_shell(name))
    assert split_names(word) == [name]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a,b", ["a", "b"]),
        (" a , b ,", ["a", "b"]),
        ('"a, b",c', ["a, b", "c"]),
        ('c, "a, b"', ["c", "a, b"]),
        ('5" pipe,b', ['5" pipe', "b"]),
        ("", []),
        (",", []),
        ('"say ""x""",y', ['say "x"', "y"]),
    ],
)
def test_quotes_are_those_of_csv(text: str, names: list[str]) -> None:
    assert split_names(text) == names


@pytest.mark.parametrize("text", ['"a', '"a"b,c', "a\nb"])
def test_a_quote_that_stays_open_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match='as a,b or, where a name has a comma, "a, b",c'):
        split_names(text)


def test_the_flags_for_columns_take_quotes() -> None:
    found = SourceFields(features='"a, b",c,d', categorical='"a, b"', dates="c:mdy,d")
    assert found.features == ("a, b", "c", "d")
    assert (found.categorical, found.dates) == (("a, b",), ("c:mdy", "d"))
