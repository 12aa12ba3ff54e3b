"""Parse a function of x from text, without evaluating it as Python."""

from __future__ import annotations

import ast
import difflib
import operator
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mlcli.errors import ConfigError

Floats = NDArray[np.float64]
Function = Callable[[Floats], Floats]
FUNCTIONS: dict[str, Callable[[Floats], Floats]] = {
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "tanh": np.tanh,
    "sign": np.sign,
}
CONSTANTS = {"pi": np.pi, "e": np.e}
OPERATORS: dict[type[ast.operator], Callable[[Floats, Floats], Floats]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: np.power,
}
LONGEST = 500


def parse(text: str) -> Function:
    """The function of a formula in x such as ``sin(2*pi*x) + x^2 / 2``.

    The text becomes a tree of numbers, x, the operators + - * / ^ and the functions of `FUNCTIONS`;
    anything else raises an error, so that a formula can only do arithmetic.

    Raises:
        ConfigError: the text is not such a formula.
    """
    if len(text) > LONGEST:
        raise ConfigError("--function", must=f"at most {LONGEST} characters", got=str(len(text)))
    try:
        tree = ast.parse(text.replace("^", "**"), mode="eval").body
        return _build(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ConfigError(
            "--function", must="a formula in x", got=repr(text), hint="'sin(2*pi*x)'"
        ) from None


def _build(node: ast.expr) -> Function:
    number = node.value if isinstance(node, ast.Constant) else None
    if isinstance(number, int | float) and not isinstance(number, bool):
        value = float(number)
        return lambda x: np.full_like(x, value)
    if isinstance(node, ast.Name):
        return _name(node.id)
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        left, right, combine = _build(node.left), _build(node.right), OPERATORS[type(node.op)]
        return lambda x: combine(left(x), right(x))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        inside, sign = _build(node.operand), -1.0 if isinstance(node.op, ast.USub) else 1.0
        return lambda x: sign * inside(x)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1:
        apply, inside = _function(node.func.id), _build(node.args[0])
        if not node.keywords:
            return lambda x: apply(inside(x))
    raise ValueError("not arithmetic")


def _name(name: str) -> Function:
    if name == "x":
        return lambda x: x
    if name not in CONSTANTS:
        raise _unknown(name, ["x", *CONSTANTS, *FUNCTIONS])
    return lambda x: np.full_like(x, CONSTANTS[name])


def _function(name: str) -> Callable[[Floats], Floats]:
    if name not in FUNCTIONS:
        raise _unknown(name, list(FUNCTIONS))
    return FUNCTIONS[name]


def _unknown(name: str, known: list[str]) -> ConfigError:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    return ConfigError(
        f"--function uses the unknown name '{name}'", hint=near[0] if near else ", ".join(known)
    )
