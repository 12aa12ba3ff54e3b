"""Constructor arguments as the validated config of a command, and its defaults."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

import numpy as np
from pydantic import ValidationError
from sklearn.utils import check_random_state

from mlcli.config.fields import Section, is_several, requirement
from mlcli.errors import InputError

Config = TypeVar("Config", bound=Section)
LARGEST_SEED = 2**31 - 1


class ParameterError(InputError, ValueError):
    """A parameter or an input is invalid; scikit-learn's own tools expect a `ValueError`."""


def default(model: type[Section], name: str) -> Any:
    """The default of a config's field; for a list of variants, its only value."""
    field = model.model_fields[name]
    value = field.default
    return value[0] if is_several(field) and isinstance(value, tuple) else value


def configured(model: type[Config], owner: str, values: Mapping[str, Any]) -> Config:
    """The validated config of an estimator's parameters.

    Args:
        model: the config class of the command.
        owner: the name of the estimator.
        values: by name; for a field that lists variants, one value.

    Raises:
        ParameterError: a value is invalid, or two are incompatible; names the first one.
    """
    plain = {name: _plain(value) for name, value in values.items()}
    try:
        return model(**plain)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_context=False)[0]
    key = str(detail["loc"][0]) if detail["loc"] else ""
    if detail["type"] == "extra_forbidden":
        known = ", ".join(get_close_matches(key, model.model_fields)) or "those of the command"
        raise ParameterError(f"{owner}: there is no parameter {key}", hint=known)
    if detail["type"] == "value_error":
        sentence = str(detail["msg"]).removeprefix("Value error, ")
        raise ParameterError(f"{owner}: {key} {sentence}" if key else f"{owner}: {sentence}")
    field = model.model_fields[key]
    must = requirement(field).replace("one or several of", "one of")
    got = plain[key]
    raise ParameterError(f"{owner}: {key}", must=must, got=repr(got))


def _plain(value: Any) -> Any:
    """A NumPy scalar, which grid searches use, as a Python number."""
    return value.item() if isinstance(value, np.generic) else value


def seed_of(random_state: Any) -> int:
    """The seed of all streams: an integer as it is, or one drawn by a generator or for None."""
    if isinstance(random_state, int | np.integer) and not isinstance(random_state, bool):
        if random_state < 0:
            raise ParameterError(
                "random_state",
                must="an integer at least 0, a RandomState or None",
                got=str(random_state),
            )
        return int(random_state)
    return int(check_random_state(random_state).randint(LARGEST_SEED))
