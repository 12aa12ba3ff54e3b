"""A figure's SVG -> a small part of a page: no shared ids, no style for others, few digits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree

Element = ElementTree.Element

SVG = "{http://www.w3.org/2000/svg}"
XLINK = "{http://www.w3.org/1999/xlink}"
REFERENCE = re.compile(r"url\(#([^)]+)\)")
NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
SERIES = re.compile(r"series-(\d+)-\d+$")
NUMERIC = ("transform", "x", "y", "points", "width", "height", "r", "cx", "cy")
# Said once for the whole figure, or what SVG takes anyway.
USUAL = {
    ("stroke-linejoin", "round"),
    ("stroke-linecap", "butt"),
    ("stroke-opacity", "1"),
    ("fill-opacity", "1"),
    ("text-anchor", "start"),
}


def part_of_page(svg: str, prefix: str, title: str, theme: Mapping[str, str]) -> str:
    """The `svg` element to put into a page.

    Args:
        svg: what matplotlib wrote.
        prefix: begins every id, so that no two figures of a page share one.
        title: what the figure shows, for those who can't see it.
        theme: colour -> name of the page's variable for it; empty keeps the colours.
    """
    root = ElementTree.fromstring(svg)
    # In order of appearance: matplotlib's own names depend on addresses in memory.
    used = dict.fromkeys(_references(root))
    names = {old: f"{prefix}-{i}" for i, old in enumerate(used)}
    for element in root.iter():
        _shorten(element, names, theme)
    _drop(root)
    _share_styles(root)
    _unwrap(root)
    box = root.attrib["viewBox"]
    root.attrib.clear()
    own = {"id": f"{prefix}-drawing", "viewBox": box, "role": "img"}
    root.attrib.update(own | {"aria-labelledby": f"{prefix}-title"})
    heading = ElementTree.Element("title", {"id": f"{prefix}-title"})
    heading.text = title
    root.insert(0, heading)
    for element in root.iter():
        # Line breaks between elements are matplotlib's; those inside a text are not.
        if element.tag not in ("text", "tspan", "title"):
            element.text = None
        if element.tag != "tspan":
            element.tail = None
    return ElementTree.tostring(root, encoding="unicode", short_empty_elements=True)


def size(svg: str) -> tuple[float, float]:
    """Width and height of an `svg` element in its own units."""
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert found, "a figure has a viewBox"
    return float(found[1]), float(found[2])


def _references(root: Element) -> Iterator[str]:
    for element in root.iter():
        for key, value in element.attrib.items():
            yield from REFERENCE.findall(value)
            if key in ("href", f"{XLINK}href") and value.startswith("#"):
                yield value[1:]


def _shorten(element: Element, names: Mapping[str, str], theme: Mapping[str, str]) -> None:
    element.tag = element.tag.removeprefix(SVG)
    found = {key.removeprefix(XLINK): value for key, value in element.attrib.items()}
    series = SERIES.match(found.get("id", ""))
    own = found.pop("id", None)
    if series:
        found["data-series"] = series[1]
    if own is not None and own in names:
        found["id"] = names[own]
    for key, value in found.items():
        if key == "d":
            found[key] = _path(value)
        elif key in NUMERIC:
            found[key] = _round(value)
        elif key == "href" and value.startswith("#"):
            found[key] = "#" + names[value[1:]]
        elif key == "clip-path":
            found[key] = REFERENCE.sub(lambda match: f"url(#{names[match[1]]})", value)
        elif key == "style":
            found[key] = _style(value, names, theme)
    if not found.get("style", "x"):
        del found["style"]
    if found.get("transform", "").startswith(("rotate(-0 ", "rotate(0 ")):
        del found["transform"]
    element.attrib.clear()
    element.attrib.update(found)


def _round(text: str) -> str:
    """A tenth of a unit is less than a reader sees; markers are small and get one digit more."""

    def rounded(match: re.Match[str]) -> str:
        value = float(match[0])
        short = f"{value:.{1 if abs(value) >= 10 else 2}f}".rstrip("0").rstrip(".")
        return "0" if short in ("-0", "") else short

    return NUMBER.sub(rounded, text)


def _path(text: str) -> str:
    """The same path, without blanks that mean nothing."""
    return re.sub(r"\s*([A-Za-z])\s*", r"\1", _round(text)).replace("\n", " ").strip()


def _style(text: str, names: Mapping[str, str], theme: Mapping[str, str]) -> str:
    kept: list[str] = []
    for declaration in text.split(";"):
        key, _, value = (part.strip() for part in declaration.partition(":"))
        if not key or key == "font-family" or (key, value) in USUAL:
            continue
        if key == "font":
            kept += _font(value)
            continue
        if key in ("fill", "stroke") and value.lower() in theme:
            value = f"var(--{theme[value.lower()]})"
        value = REFERENCE.sub(lambda match: f"url(#{names[match[1]]})", value)
        kept.append(f"{key}:{_round(value)}")
    return ";".join(kept)


def _font(value: str) -> Iterator[str]:
    """Size, slant and weight of a font; the family is the page's."""
    for word in value.partition("'")[0].split():
        if word.endswith("px"):
            yield f"font-size:{_round(word)}"
        elif word in ("italic", "oblique"):
            yield "font-style:italic"
        elif word in ("bold", "600", "700"):
            yield "font-weight:700"


def _drop(root: Element) -> None:
    """Without the metadata, the style for everything, and the sheet below the figure."""
    for unwanted in ("metadata", "style", "defs"):
        for element in root.iter():
            for child in list(element):
                if child.tag == unwanted and not (unwanted == "defs" and len(child)):
                    element.remove(child)
    figure = next((child for child in root if child.tag == "g"), None)
    if figure is not None and len(figure) and figure[0].tag == "g" and len(figure[0]) == 1:
        figure.remove(figure[0])


def _share_styles(root: Element) -> None:
    """What every child says, the parent says once: a cloud of points has one colour."""
    for element in root.iter("g"):
        styles = {child.get("style") for child in element}
        alike = len(element) > 1 and len(styles) == 1 and None not in styles
        if alike and all(child.tag == "use" for child in element):
            element.set("style", ";".join(filter(None, (element.get("style"), *map(str, styles)))))
            for child in element:
                del child.attrib["style"]


def _unwrap(element: Element) -> None:
    """Groups that say nothing give way to what is in them."""
    place = 0
    while place < len(element):
        child = element[place]
        _unwrap(child)
        if child.tag == "g" and not child.attrib:
            element[place : place + 1] = list(child)
            place += len(child)
        else:
            place += 1
