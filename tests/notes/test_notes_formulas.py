"""Each equation has a formula in LaTeX, the one in plain text, that a browser can draw."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from mlcli.notes import Entry, entries
from mlcli.report.notes_index import mathml

EQUATIONS = [one for one in entries() if one.kind == "equation"]
GREEK = {
    **{"alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "varepsilon": "ε", "eta": "η"},
    **{"lambda": "λ", "mu": "μ", "pi": "π", "sigma": "σ", "phi": "φ", "Phi": "Φ", "Theta": "Θ"},
    **{"partial": "∂", "nabla": "∇", "sum": "Σ", "prod": "Π", "int": "∫", "iint": "∬"},
}
RAISED = str.maketrans("⁽ˡ⁾⁺¹⁻ᴸᵀᵒᵘᵗʲᵏᵐᵖᶜⁿ⁰²³₀", "(l)+1-LToutjkmpcn0230")


def letters(latex: str) -> set[str]:
    """The letters and signs of a formula, without its words and the commands that lay it out."""
    bare = re.sub(r"\\(text|begin|end|operatorname|mathbf)\{[^}]*\}", " ", latex)
    names = set(re.findall(r"\\([A-Za-z]+)", bare))
    return {GREEK[name] for name in names if name in GREEK} | set(
        re.findall(r"[A-Za-z]", re.sub(r"\\[A-Za-z]+", " ", bare))
    )


@pytest.mark.parametrize("entry", EQUATIONS, ids=lambda one: one.label)
def test_the_latex_has_no_letter_that_the_plain_text_has_not(entry: Entry) -> None:
    assert entry.latex
    # What a function is taken at goes without saying in some.
    missing = letters(entry.latex) - set(entry.formula.translate(RAISED)) - {"x"}
    assert not missing


@pytest.mark.parametrize("entry", EQUATIONS, ids=lambda one: one.label)
def test_a_formula_becomes_mathml_without_a_trace_of_latex(entry: Entry) -> None:
    for latex in filter(None, (entry.latex, entry.printed)):
        drawn = ElementTree.fromstring(mathml(latex))
        text = "".join(drawn.itertext())
        assert drawn.tag == "math"
        assert text
        assert not set(text) & set("\\$&_")
        assert not any(one.tag == "merror" for one in drawn.iter())


def test_what_is_printed_differs_and_is_explained() -> None:
    printed = [one for one in entries() if one.printed]
    assert len(printed) > 40
    assert all(one.printed != one.latex and one.correction and one.errata for one in printed)
    assert not [one for one in entries() if one.kind != "equation" and (one.latex or one.printed)]
