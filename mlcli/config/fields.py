"""What a field of a config model may be, and how it is described to a person.

A field declares its default, range, unit and help once, with `param`. From that one declaration
come the flag, its help, the check of params.yaml, the JSON schema and the sentence of an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.fields import FieldInfo

from mlcli.lists import split_names

LABEL = "a number or a word"
RANGE = re.compile(r"(\d+)-(\d+)")
LONGEST_RANGE = 1_000_000
# How lists of some kinds are better put, and what they look like.
LISTS = {
    "names": "names, as a,b",
    "numbers above 0": "numbers above 0, as 0.1,0.5",
    "integers at least 0": "integers from 0 on, as 1,3,5 or 0-15",
}


class Section(BaseModel):
    """One section of params.yaml: frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    def identity(self) -> dict[str, Any]:
        """The values that decide a result, in JSON's types.

        A field that is declared `optional` is left out while it has its default, so that runs made
        before there was such a field keep their hash.
        """
        values: dict[str, Any] = self.model_dump(mode="json")
        fields = type(self).model_fields
        return {
            key: value
            for key, value in values.items()
            if not (extra(fields[key], "optional") and getattr(self, key) == fields[key].default)
        }

    def remarks(self) -> tuple[str, ...]:
        """What to say before the work, where values may mean something else than was intended."""
        return ()


def param(
    default: Any,
    help: str,
    *,
    unit: str | None = None,
    example: str | None = None,
    is_file: bool = False,
    optional: bool = False,
    also_called: Mapping[str, str] | None = None,
    **limits: Any,
) -> Any:
    """A field with its help, its unit and an example that is right; `limits` are pydantic's.

    What is in the file of a field with `is_file` is part of a run's key; an `optional` field is
    part of it only with another value than its default. `also_called` has the field's word for
    other names of it, to be tried by whoever gives one.
    """
    given = (("unit", unit), ("example", example), ("is_file", is_file), ("optional", optional))
    extra: dict[str, Any] = {key: value for key, value in given if value}
    if also_called:
        extra["also_called"] = dict(also_called)
    return Field(default, description=help, json_schema_extra=extra or None, **limits)


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(value, Sequence):
        return value
    return [value]


def expand_integers(value: Any) -> Any:
    """``1,3,5`` and ``0-15`` (and lists of both) become the integers they name."""
    found: list[Any] = []
    for part in _parts(value):
        ends = RANGE.fullmatch(part) if isinstance(part, str) else None
        if ends is None:
            found.append(part)
            continue
        first, last = int(ends[1]), int(ends[2])
        if not first <= last < first + LONGEST_RANGE:
            raise ValueError(f"the range {part} runs backwards or is too long")
        found.extend(range(first, last + 1))
    return found


def split_list(value: Any) -> Any:
    """``a,b`` becomes ``["a", "b"]``; a list stays one."""
    return None if value is None else list(_parts(value))


def _split_names(value: Any) -> Any:
    """``a,"b, c"`` becomes ``["a", "b, c"]``; a list stays one."""
    return split_names(value) if isinstance(value, str) else split_list(value)


def _no_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("true and false are not numbers")
    return value


def _finite_text(value: Any) -> Any:
    """A flag's empty text, ``null`` or ``none`` means 'not set'."""
    return None if isinstance(value, str) and value.lower() in {"", "null", "none", "~"} else value


def _list_schema(items: dict[str, Any], pattern: str) -> dict[str, Any]:
    """The JSON schema of a list that may also be written as text."""
    listed = {"type": "array", "items": items, "minItems": 1}
    return {"anyOf": [listed, items, {"type": "string", "pattern": pattern}]}


def _distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    for place, value in enumerate(values):
        if value in values[:place]:
            raise ValueError(f"must name each value once, got {value} twice")
    return values


class _OneOrList:
    """The JSON schema of a list that may also be its only item, or text with commas."""

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: Any) -> dict[str, Any]:
        listed = handler(core_schema)
        return {"anyOf": [listed, listed["items"], {"type": "string", "pattern": "^.+,.+$"}]}


def as_label(value: Any) -> Any:
    """A class's label: text that is a finite number becomes it, other text stays a word.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, str):
        word = value.strip()
        try:
            # Python reads 1_000 as a number, and no table means one by it.
            found = float(word.replace("_", "?"))
        except ValueError:
            return word
        return found if isfinite(found) else word
    if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
        return float(value)
    raise ValueError(f"must be {LABEL}, got {value}")


T = TypeVar("T")
# One value, or several that are compared.
Several = Annotated[
    tuple[T, ...],
    BeforeValidator(split_list),
    Field(min_length=1),
    AfterValidator(_distinct),
    _OneOrList(),
]
Number = BeforeValidator(_no_boolean)
Unset = BeforeValidator(_finite_text)
Int = Annotated[int, Number]
Float = Annotated[float, Number, Field(allow_inf_nan=False)]
# A class's, or none. Any word may be a class's, `none` too, but for those that are gaps in a table.
Label = Annotated[
    Annotated[float | str, BeforeValidator(as_label)] | None,
    BeforeValidator(lambda value: None if value in ("", "null") else value),
]
Degrees = Annotated[
    tuple[Annotated[int, Field(ge=0)], ...],
    BeforeValidator(expand_integers),
    Field(min_length=1),
    WithJsonSchema(_list_schema({"type": "integer", "minimum": 0}, r"^[0-9]+(-[0-9]+)?(,.*)?$")),
]
Floats = Annotated[
    tuple[Annotated[float, Field(allow_inf_nan=False, gt=0)], ...],
    BeforeValidator(split_list),
    Field(min_length=1),
    WithJsonSchema(_list_schema({"type": "number", "exclusiveMinimum": 0}, r"^[0-9.eE+-]+(,.*)?$")),
]
Names = Annotated[
    tuple[str, ...],
    BeforeValidator(_split_names),
    Field(min_length=1),
    WithJsonSchema(_list_schema({"type": "string"}, "^.+$")),
]


def _is_optional(annotation: Any) -> bool:
    return type(None) in get_args(annotation)


def _core(annotation: Any) -> Any:
    """The type under Annotated and Optional."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif _is_optional(annotation):
            annotation = next(a for a in get_args(annotation) if a is not type(None))
        else:
            return annotation


def _item(field: FieldInfo) -> Any:
    """The annotation of one value of a field: of a list, that of its items."""
    core = _core(field.annotation)
    return get_args(core)[0] if get_origin(core) is tuple else core


def choices(field: FieldInfo) -> tuple[str, ...] | None:
    """The words a field accepts, if it is a choice of one word or several."""
    item = _core(_item(field))
    return get_args(item) if get_origin(item) is Literal else None


def is_several(field: FieldInfo) -> bool:
    """Whether a field is a list."""
    return get_origin(_core(field.annotation)) is tuple


def is_flag(field: FieldInfo) -> bool:
    """Whether a field is true or false."""
    return _core(field.annotation) is bool


def metavar(field: FieldInfo) -> str:
    """What stands behind the flag in the help."""
    if choices(field):
        return "WORDS" if is_several(field) else "WORD"
    kind = {int: "INTEGER", float: "NUMBER"}.get(_core(_item(field)), "TEXT")
    if is_several(field):
        return {"TEXT": "NAMES"}.get(kind, kind + "S")
    return kind


def _limits(field: FieldInfo) -> Iterable[Any]:
    """The limits on a field's value, or on each item of a list."""
    if not is_several(field):
        return field.metadata
    item = _item(field)
    declared = get_args(item)[1:] if get_origin(item) is Annotated else ()
    return [limit for one in declared if isinstance(one, FieldInfo) for limit in one.metadata]


def bounds(field: FieldInfo) -> str:
    """The range of a field in words, empty if it has none."""
    sign = {Ge: ("at least", "ge"), Gt: ("above", "gt"), Le: ("at most", "le"), Lt: ("below", "lt")}
    return " and ".join(
        f"{sign[type(limit)][0]} {getattr(limit, sign[type(limit)][1])}"
        for limit in _limits(field)
        if type(limit) in sign
    )


def requirement(field: FieldInfo) -> str:
    """What a value of the field must be, for an error message."""
    core = _core(field.annotation)
    if words := choices(field):
        return ("one or several of " if is_several(field) else "one of ") + ", ".join(words)
    if core is bool:
        return "true or false"
    if get_origin(core) is tuple:
        kind = {str: "names", float: "numbers", int: "integers"}[_core(_item(field))]
        listed = " ".join(part for part in (kind, bounds(field)) if part)
        return LISTS.get(listed, listed)
    kind = {int: "an integer", float: "a finite number", float | str: LABEL}.get(core, "text")
    return " ".join(part for part in (kind, bounds(field)) if part)


def extra(field: FieldInfo, key: str) -> Any:
    """The unit or example that `param` stored with a field."""
    return field.json_schema_extra.get(key) if isinstance(field.json_schema_extra, dict) else None
