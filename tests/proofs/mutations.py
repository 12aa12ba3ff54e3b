"""The small faults that can be put into a file: one operator, number, word or argument each."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from pathlib import Path

ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.Div,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
# Arguments that only guard against faults elsewhere: without them nothing else happens.
GUARDS = ("strict",)
# What a fault in these changes is not what the program does.
NOT_CHANGED = ("annotation", "returns", "decorator_list", "type_params")


@dataclass(frozen=True)
class Mutation:
    """One fault.

    Attributes:
        path: the file, relative to the project.
        node: its place among the nodes of the file that can be changed.
        change: which of the changes of that node.
        lines: first and last line of what is changed.
        text: what is there, and what is there instead.
    """

    path: str
    node: int
    change: int
    lines: tuple[int, int]
    text: str


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """What can be in the place of a node."""
    match node:
        case ast.Constant(value=bool()):
            yield ast.Constant(not node.value)
        case ast.Constant(value=int() | float()):
            yield ast.Constant(node.value + 1)
        case ast.Constant(value=str()):
            yield ast.Constant(f"XX{node.value}XX")
        case ast.BinOp() | ast.AugAssign() if type(node.op) in ARITHMETIC:
            yield _with(node, op=ARITHMETIC[type(node.op)]())
        case ast.Compare():
            for k, op in enumerate(node.ops):
                yield _with(node, ops=_put(node.ops, k, COMPARISONS[type(op)]()))
        case ast.BoolOp():
            yield _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
        case ast.UnaryOp():
            yield node.operand
        case ast.Assign(targets=[ast.Name()]) if not _is_none(node.value):
            yield _with(node, value=ast.Constant(None))
        case ast.Call():
            yield from _changed_calls(node)
        case ast.Break():
            yield ast.Continue()
        case ast.Continue():
            yield ast.Break()


def _changed_calls(node: ast.Call) -> Iterator[ast.AST]:
    """Calls with one argument replaced by None, or left out."""
    for k, argument in enumerate(node.args):
        if not isinstance(argument, ast.Starred) and not _is_none(argument):
            yield _with(node, args=_put(node.args, k, ast.Constant(None)))
        if len(node.args) + len(node.keywords) > 1:
            yield _with(node, args=[*node.args[:k], *node.args[k + 1 :]])
    for k, keyword in enumerate(node.keywords):
        if keyword.arg in GUARDS:
            continue
        if keyword.arg and not _is_none(keyword.value):
            none = _with(keyword, value=ast.Constant(None))
            yield _with(node, keywords=_put(node.keywords, k, none))
        yield _with(node, keywords=[*node.keywords[:k], *node.keywords[k + 1 :]])


def _with(node: ast.AST, **fields: object) -> ast.AST:
    found = copy(node)
    for name, value in fields.items():
        setattr(found, name, value)
    return found


def _put(items: list, k: int, item: object) -> list:
    return [*items[:k], item, *items[k + 1 :]]


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function that are run when it is called, in their order."""
    for name, field in ast.iter_fields(node):
        if name in NOT_CHANGED or (isinstance(node, ast.keyword) and node.arg in GUARDS):
            continue
        for one in field if isinstance(field, list) else [field]:
            if not isinstance(one, ast.AST) or _is_text(one):
                continue
            yield one
            yield from _inside(one)


def _is_text(node: ast.AST) -> bool:
    """Whether a statement is a docstring, or is for type checkers only."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return True
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _nodes(tree: ast.Module) -> list[ast.AST]:
    """Everything inside of the functions of a file that a fault can be put into."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    found = (one for function in functions for part in function.body for one in _of(part))
    return list({id(one): one for one in found}.values())


def _of(statement: ast.stmt) -> Iterator[ast.AST]:
    if not _is_text(statement):
        yield statement
        yield from _inside(statement)


def mutations(project: Path, path: str) -> list[Mutation]:
    """Every fault that can be put into a file."""
    found = []
    nodes = _nodes(ast.parse((project / path).read_text(encoding="utf-8")))
    for place, node in enumerate(nodes):
        for change, other in enumerate(changes(node)):
            text = f"{_short(node)}  ->  {_short(other)}"
            found.append(Mutation(path, place, change, (node.lineno, node.end_lineno), text))
    return found


def _short(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())[:120]


def mutated(source: str, mutation: Mutation) -> str:
    """The text of a file with a fault in it."""
    tree = ast.parse(source)
    target = _nodes(tree)[mutation.node]
    other = list(changes(target))[mutation.change]

    class Exchange(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return other if node is target else self.generic_visit(node)

    return ast.unparse(ast.fix_missing_locations(Exchange().visit(tree)))
