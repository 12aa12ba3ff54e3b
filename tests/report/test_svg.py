"""A drawing becomes part of a page: what matplotlib calls its parts leaves no trace."""

from __future__ import annotations

from mlcli.report.svg import part_of_page

DRAWING = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 4">
<defs><clipPath id="{a}"><path d="M0 0L1 1"/></clipPath>
<clipPath id="{b}"><path d="M2 2L3 3"/></clipPath></defs>
<path d="M0 0L4 4" clip-path="url(#{a})"/><path d="M4 0L0 4" clip-path="url(#{b})"/></svg>"""


def test_names_that_change_from_run_to_run_change_nothing() -> None:
    """They come from addresses in memory, so that either may be first in the alphabet."""
    one, other = (
        part_of_page(DRAWING.format(a=a, b=b), "x", "a cross", {})
        for a, b in (("p1", "p2"), ("p2", "p1"))
    )
    assert one == other
    assert one.count('id="x-0"') == one.count('id="x-1"') == 1
    assert one.index('id="x-0"') < one.index('id="x-1"')
