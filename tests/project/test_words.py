"""Words of an earlier dialect that must not come back: a reader should not have to learn ours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
# Each with what is said instead.
INSTEAD = {
    r"\bdoors?\b": "a reader, or an entry point",
    r"\bhouse (style|rule)": "the style of the program",
    r"\bhush(ed)?\b": "silence",
    r"\blessons?\b": "a fit",
    r"\btaught\b": "fitted",
    r"\b[Ww]hat is no\b": "a sentence that says what a thing is",
    r"\bthat is no [a-z]": "is not a",
    r"\bleave_word\b": "report_exit",
    r"\b(put_back|take_arrays)\b": "load_state_dict",
    r"\bin_lines\b": "has_analytic_gradient",
    r"\bfrom_words\b": "from_dict",
    r"\bonly room\b": "module",
    r"# fmt: skip": "the formatter's own line breaks",
}
FILES = sorted(
    path
    for folder in ("mlcli", "tests")
    for path in (PROJECT / folder).rglob("*")
    if path.suffix in (".py", ".md") and path != Path(__file__)
)


@pytest.mark.parametrize("word", INSTEAD)
def test_a_word_stays_away(word: str) -> None:
    found = [
        f"{path.relative_to(PROJECT)}:{number}"
        for path in [PROJECT / "README.md", *FILES]
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if re.search(word, line)
    ]
    assert found == [], f"say {INSTEAD[word]}"
