"""params.yaml of a new project: any text in it reads back as it was, and names stay readable."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlcli.params.yaml_file import read_yaml
from mlcli.projects.proposal import Proposal
from mlcli.projects.texts import params_text


def text_of(target: str, *features: str) -> str:
    section = {"data": "a.csv", "target": target, "features": list(features)}
    return params_text(Proposal("regression", {"fit_poly": section}, {}, {}))


@settings(max_examples=150, deadline=None)
@given(
    st.text(min_size=1, max_size=12), st.sampled_from(" -:#,[]{}&*!|>'\"%@`?._=~\\\x85\u2028\ufeff")
)
@example("Gr\u00f6\u00dfe\x07\x1b\x7f\x9f", "\x00")
@example("\U0001f377\U000e0001", "\u00a0")
@example("null", "~")
@example("_1", "_")
@example("yes", "1e5")
@example("Zucker (g) - x", "a: b")
def test_any_text_reads_back(
    tmp_path_factory: pytest.TempPathFactory, word: str, mark: str
) -> None:
    words = (word, f"{word}{mark}", f"{mark} {word}", f"a{mark} {word}", mark)
    path = tmp_path_factory.mktemp("texts") / "params.yaml"
    path.write_text(text_of(*words), encoding="utf-8")
    section = read_yaml(path).values["fit_poly"]
    assert (section["target"], *section["features"]) == words


def test_names_of_any_alphabet_stand_as_they_are() -> None:
    text = text_of(
        "G\u00fcte", "S\u00e4ure (g/l)", "\u5024\u6bb5", "\U0001f377", "Zucker, g", "a\x07"
    )
    assert "  target: G\u00fcte\n" in text
    assert (
        '  features: [S\u00e4ure (g/l), \u5024\u6bb5, "\U0001f377", "Zucker, g", "a\\u0007"]\n'
        in text
    )
