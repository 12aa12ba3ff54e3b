"""Values put into a params file: comments and all else in it stay, and it is never half written."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from mlcli.errors import ConfigError
from mlcli.partials import replacing_file
from mlcli.report.files import write_text, yaml_text

# Indentations that are tried until one gives a text back as it is: of keys, of items, of dashes.
INDENTS = ((2, 2, 0), (2, 4, 2), (4, 4, 0), (4, 6, 2), (4, 6, 4))


def put_values(path: Path, section: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Set keys of one section of a params file, which need not be there yet.

    Args:
        path: the file; a link is followed.
        section: its name.
        values: what to set.

    Returns:
        What each key was before; None where it was not there.

    Raises:
        ConfigError: the file can't be written, or is no file of sections.
    """
    target = path.resolve()
    text = target.read_text(encoding="utf-8-sig") if target.exists() else ""
    tree = _writer(INDENTS[0]).load(text)
    tree = {} if tree is None else tree
    if not isinstance(tree, dict) or not isinstance(tree.get(section) or {}, dict):
        raise ConfigError(f"{path}", must=f"sections with keys below them, {section} among them")
    before = {key: _plain((tree.get(section) or {}).get(key)) for key in values}
    _replace(target, _changed(text, tree, section, values))
    return before


def _changed(text: str, tree: Any, section: str, values: Mapping[str, Any]) -> str:
    """The text with other values in one section; the lines of all others as they are."""
    if section not in tree:
        gap = "" if not text or text.endswith("\n\n") else "\n" if text.endswith("\n") else "\n\n"
        return text + gap + yaml_text({section: values})
    lines = text.splitlines(keepends=True)
    starts = sorted(tree.lc.key(name)[0] for name in tree)
    first = tree.lc.key(section)[0]
    end = next((line for line in starts if line > first), len(lines))
    try:
        block = _with_values("".join(lines[first:end]), section, values)
        whole = "".join([*lines[:first], block, *lines[end:]])
        if _writer(INDENTS[0]).load(whole) == _updated(tree, section, values):
            return whole
    except Exception as error:
        # A section that can't be read without the others (an alias, braces around the whole file).
        if not type(error).__module__.startswith("ruamel"):
            raise
    return _with_values(text, section, values)


def _with_values(text: str, section: str, values: Mapping[str, Any]) -> str:
    """A YAML text with other values in one section, by ruamel's round trip."""
    for indent in INDENTS:
        writer = _writer(indent)
        tree, again = writer.load(text), StringIO()
        writer.dump(tree, again)
        if again.getvalue() == text:
            break
    else:
        writer = _writer(INDENTS[0])
        tree = writer.load(text)
    changed = StringIO()
    writer.dump(_updated(tree, section, values), changed)
    return changed.getvalue()


def _updated(tree: Any, section: str, values: Mapping[str, Any]) -> Any:
    if tree[section] is None:
        tree[section] = {}
    tree[section].update(values)
    return tree


def _replace(target: Path, text: str) -> None:
    """Write a file in one step, with the permissions that it had."""
    try:
        with replacing_file(target) as partial:
            write_text(partial, text)
            if target.exists():
                shutil.copymode(target, partial)
    except OSError as error:
        raise ConfigError(f"{target} can't be written to ({error.strerror})") from None


def _writer(indent: tuple[int, int, int]) -> Any:
    from ruamel.yaml import YAML

    writer = YAML(typ="rt", pure=True)
    writer.preserve_quotes = True
    # A long line stays one line.
    writer.width = 1 << 20
    mapping, sequence, offset = indent
    writer.indent(mapping=mapping, sequence=sequence, offset=offset)
    return writer


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, list) else value
