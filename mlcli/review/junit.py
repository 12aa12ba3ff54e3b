"""Verdicts as a JUnit file, which CI services show as tests."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from mlcli.review.gates import Verdict

# What XML 1.0 can't hold, even escaped.
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_text(verdicts: Sequence[Verdict], sentences: Sequence[str]) -> str:
    """One test case a gate, those that fail with their sentence.

    Args:
        verdicts: of the gates.
        sentences: why each came out as it did.
    """
    counts = {
        "tests": str(len(verdicts)),
        "failures": str(sum(not one.passed for one in verdicts)),
        "errors": "0",
    }
    suite = ElementTree.Element("testsuite", {"name": "mlcli check"} | counts)
    for verdict, sentence in zip(verdicts, sentences, strict=True):
        names = {"classname": _clean(verdict.gate.section), "name": _clean(verdict.gate.text)}
        case = ElementTree.SubElement(suite, "testcase", names)
        if not verdict.passed:
            failure = ElementTree.SubElement(case, "failure", {"message": _clean(sentence)})
            failure.text = _clean(verdict.place)
    ElementTree.indent(suite)
    body = ElementTree.tostring(suite, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _clean(text: str) -> str:
    return NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
