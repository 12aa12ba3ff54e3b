"""The licences of everything that an installation of mlcli needs, as the packages state them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution

UNKNOWN = "not stated"
# A package that pastes a whole licence into the field for its name.
MOST_CHARACTERS = 60
CLASSIFIER = "License :: "


def licences(root: str = "mlcli") -> list[tuple[str, str, str]]:
    """Name, version and licence of a package and of all that it needs without extras, by name.

    What is needed and not here is passed over; `mlcli doctor` names it.
    """
    found = {}
    waiting = [root]
    while waiting:
        name = _canonical(waiting.pop())
        if name in found:
            continue
        try:
            one = distribution(name)
        except PackageNotFoundError:
            continue
        found[name] = (name, one.version, licence_of(one))
        waiting += _needed(one)
    return sorted(found.values())


def licence_of(one: Distribution) -> str:
    """The SPDX expression of a package, else its field or classifiers, else "not stated"."""
    metadata = one.metadata
    # Readers differ in what they do about a field that is not there.
    fields = [metadata[name] for name in ("License-Expression", "License") if name in metadata]
    text = next((field.strip() for field in fields if field), "")
    if text and "\n" not in text and len(text) <= MOST_CHARACTERS and text != "UNKNOWN":
        return text
    classifiers = metadata.get_all("Classifier") or []
    named = [line.rpartition(" :: ")[2] for line in classifiers if line.startswith(CLASSIFIER)]
    return ", ".join(named) or (text.splitlines() or [UNKNOWN])[0][:MOST_CHARACTERS]


def _needed(one: Distribution) -> Iterator[str]:
    from packaging.requirements import Requirement

    for text in one.requires or []:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement.name


def _canonical(name: str) -> str:
    from packaging.utils import canonicalize_name

    return str(canonicalize_name(name))
