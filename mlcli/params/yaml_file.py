"""Reading params.yaml and dvc.yaml: YAML 1.2, plain values, and the place of every key.

DVC reads the same files with the same library, so that ``1e-3`` is a number for both.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from itertools import accumulate
from pathlib import Path
from typing import Any

from mlcli.errors import ConfigError
from mlcli.partials import replacing_file
from mlcli.run.files import write_text, yaml_text

# Indentations that are tried until one gives a text back as it is: of keys, of items, of dashes.
INDENTS = ((2, 2, 0), (2, 4, 2), (4, 4, 0), (4, 6, 2), (4, 6, 4))


Path_ = tuple[str | int, ...]
DEFAULT_FILE = Path("params.yaml")
# A hundred times what the largest of our own files has. The parser takes a second for each 50 KB,
# and an alias in an alias in an alias names more values than memory holds.
MOST_CHARACTERS = 2**17
MOST_VALUES = 20_000
MOST_MERGES = 20
MOST_LEVELS = 20
MOST_BRACKETS = 200


@dataclass(frozen=True)
class YamlFile:
    """A mapping read from a file, and the line and column (from 1) of each key and list item."""

    name: str
    values: dict[str, Any]
    places: Mapping[Path_, tuple[int, int]] = field(default_factory=dict)

    def place(self, *keys: str | int) -> str:
        """``file:line:column`` of a key, or of the nearest key above it that has a place."""
        for end in range(len(keys), 0, -1):
            if keys[:end] in self.places:
                line, column = self.places[keys[:end]]
                return f"{self.name}:{line}:{column}"
        return self.name


def read_yaml(path: Path) -> YamlFile:
    """Read a YAML file whose top is a mapping.

    Raises:
        ConfigError: the file is missing, isn't text, isn't YAML 1.2, repeats a key, uses tags, has
            something else than a mapping at the top, or is larger than any such file is.
    """
    name = str(path)
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(MOST_CHARACTERS + 1)
    except FileNotFoundError:
        raise ConfigError(f"{name} does not exist", hint="another --params file") from None
    except UnicodeDecodeError:
        raise ConfigError(name, must="UTF-8 text", got="binary data") from None
    except OSError as error:
        raise ConfigError(f"{name} can't be read ({error.strerror})") from None
    _refuse_size(text, name)
    tree = _parse(text, name)
    if tree is None:
        return YamlFile(name, {})
    if not isinstance(tree, Mapping):
        kind = "a list" if isinstance(tree, Sequence) and not isinstance(tree, str) else "a value"
        raise ConfigError(f"{name}:1:1: the top", must="sections such as `fit_poly:`", got=kind)
    places: dict[Path_, tuple[int, int]] = {}
    return YamlFile(name, _plain(tree, (), places, name, [0]), places)


def parse_value(text: str) -> Any:
    """The value that a piece of text has in params.yaml (``1e-3`` is a number, ``[1, 2]`` a list).

    Raises:
        ConfigError: the text isn't a YAML value.
    """
    return _plain(_parse(text, "the value"), (), {}, "the value", [0])


def _refuse_size(text: str, name: str) -> None:
    if len(text) > MOST_CHARACTERS:
        raise ConfigError(name, must=f"at most {MOST_CHARACTERS:,} characters", got="more")
    if text.count("<<") > MOST_MERGES:
        raise ConfigError(f"the merges (<<) in {name}", must=f"at most {MOST_MERGES}", got="more")
    steps = (1 if mark in "[{" else -1 for mark in text if mark in "[]{}")
    if max(accumulate(steps), default=0) > MOST_BRACKETS:
        # Each open one makes the parser slower.
        raise ConfigError(f"{name} is nested too deeply")


def _parse(text: str, name: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.constructor import DuplicateKeyError
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return YAML(typ="rt", pure=True).load(text)
    except DuplicateKeyError as error:
        mark = error.problem_mark
        problem = str(error.problem).split(" with value")[0].strip()
        raise ConfigError(f"{name}:{mark.line + 1}:{mark.column + 1}: {problem}") from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise ConfigError(f"{where}: {_explain(error)}") from None
    except (YAMLError, ValueError, RecursionError) as error:
        first = (str(error).splitlines() or ["unreadable"])[0]
        raise ConfigError(f"{name} is not YAML: {first}") from None


def _explain(error: Any) -> str:
    problem = str(error.problem or error.context or "not YAML")
    if "\\t" in problem or "\t" in problem:
        return "tabs can't indent YAML; use spaces"
    return f"not YAML: {problem.splitlines()[0]}"


def _plain(
    node: Any, at: Path_, places: dict[Path_, tuple[int, int]], name: str, count: list[int]
) -> Any:
    """Plain Python values, while the places of keys and items are noted, and values counted."""
    count[0] += 1
    if count[0] > MOST_VALUES:
        raise ConfigError(f"{name} has more than {MOST_VALUES:,} values, aliases counted each time")
    if len(at) > MOST_LEVELS:
        raise ConfigError(f"{name} is nested too deeply")
    tag = getattr(getattr(node, "tag", None), "value", None)
    if isinstance(node, Mapping) and not tag:
        plain = {}
        # A key that a merge (`<<: *name`) brings in has no place here: that of the mapping serves.
        marked = getattr(getattr(node, "lc", None), "data", None) or {}
        for key, value in node.items():
            _refuse_half_pairs(str(key), name)
            if key in marked:
                line, column = marked[key][:2]
                places[(*at, str(key))] = (line + 1, column + 1)
            plain[str(key)] = _plain(value, (*at, str(key)), places, name, count)
        return plain
    if isinstance(node, list) and not tag:
        marks: Any = node
        for index in range(len(node)):
            line, column = marks.lc.item(index)
            places[(*at, index)] = (line + 1, column + 1)
        return [_plain(v, (*at, i), places, name, count) for i, v in enumerate(node)]
    _refuse_half_pairs(node, name)
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    if node is None:
        return None
    line, column = places.get(at, (1, 1))
    raise ConfigError(
        f"{name}:{line}:{column}: {'.'.join(map(str, at))}",
        must="a plain number, text, list or mapping",
        got=f"one with the tag {tag}" if tag else type(node).__name__,
    )


def _refuse_half_pairs(node: Any, name: str) -> None:
    """An escape in quotes can name half of a character, which no file or terminal takes."""
    if isinstance(node, str):
        try:
            node.encode("utf-8")
        except UnicodeEncodeError:
            raise ConfigError(f"{name}: {node!a}", must="whole characters") from None


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
    before = {key: _plain_value((tree.get(section) or {}).get(key)) for key in values}
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


def _plain_value(value: Any) -> Any:
    return list(value) if isinstance(value, list) else value
