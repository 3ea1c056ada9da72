"""Finds the rule tables of a file and makes one mutant per row and change. Reads source, runs nothing.

A table is a literal at the top of a module (tuple, list, set, dict, however it is wrapped), a table of rows or a few
named members inside a function, or the arms of a `match`. Tuples and lists have an order, so a table without one is
best written as a set. Rows made by a call (`Row(...)`) stand under their first cell; a tuple in a row is a set.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.mutation.changes import alternatives, entries, flipped, longer, members, named_rows, rows, without_arm
from tests.mutation.mutants import Change, Mutant

Site = tuple[int, str, Change]
"""Line, row in words, change."""

_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_COMPREHENSIONS: Final = (ast.GeneratorExp, ast.ListComp, ast.SetComp, ast.DictComp)


def mutants_of(module: str, path: Path) -> Iterator[Mutant]:
    """Give every mutant of the rule tables of a file."""
    tree = ast.parse(path.read_text(), filename=str(path))
    for table, (line, row, (change, do)) in [*_of_the_module(tree), *_of_functions(tree)]:
        undo = do()
        code = compile(ast.fix_missing_locations(tree), str(path), "exec", dont_inherit=True)
        undo()
        yield Mutant(module, path, line, table, change, row, code)


def _of_the_module(tree: ast.Module) -> Iterator[tuple[str, Site]]:
    for node in tree.body:
        name = _name_of(node)
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if name is None or value is None or name == "__all__":
            continue
        yield from ((name, site) for site in _table(value))


def _name_of(node: ast.stmt) -> str | None:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return next((one.id for one in targets if isinstance(one, ast.Name)), None)


def _table(node: ast.expr) -> Iterator[Site]:
    """Give the changes of a table, through whatever it is wrapped in."""
    match node:
        case ast.Tuple(elts=[ast.Call(args=[_, _, *_]), *_] as elts):
            yield from rows(elts, ordered=False)
            yield from named_rows(elts)
            yield from _inside(elts)
        case ast.Tuple(elts=elts) | ast.List(elts=elts):
            yield from rows(elts, ordered=True)
            yield from _inside(elts)
        case ast.Set(elts=elts):
            yield from rows(elts, ordered=False)
        case ast.Dict(values=values):
            yield from entries(node)
            yield from _inside(values)
        case ast.Call() | ast.BinOp() | ast.IfExp():
            yield from _wrapped(node)
        case _ if isinstance(node, _COMPREHENSIONS):
            yield from (site for part in node.generators for site in _table(part.iter))
        case _:
            pass


def _wrapped(node: ast.Call | ast.BinOp | ast.IfExp) -> Iterator[Site]:
    if isinstance(node, ast.Call):
        yield from longer(node)
        yield from flipped(node)
    within = [one for one in ast.iter_child_nodes(node) if isinstance(one, ast.expr)]
    within += [one.value for one in getattr(node, "keywords", ())]
    for one in within:
        yield from _table(one)


def _inside(values: list[ast.expr]) -> Iterator[Site]:
    """Give the changes within rows: of the sets they name, of their times and flags."""
    for value in values:
        for node in ast.walk(value):
            match node:
                case ast.Call():
                    yield from longer(node)
                    yield from flipped(node)
                    yield from rows(node.args, ordered=False) if _is_a_set(node) else ()
                case ast.Set(elts=elts):
                    yield from rows(elts, ordered=False)
                case ast.Tuple(elts=elts) | ast.List(elts=elts) if node is not value and members(elts):
                    yield from rows(elts, ordered=False)
                case _:
                    pass


def _is_a_set(node: ast.Call) -> bool:
    """Tell whether a call only lists members, as `_to(Stage.LOST)` does."""
    return isinstance(node.func, ast.Name) and node.func.id.islower() and members(node.args)


def _of_functions(tree: ast.Module) -> Iterator[tuple[str, Site]]:
    for function in ast.walk(tree):
        if isinstance(function, _FUNCTIONS):
            for node in _own(function):
                yield from ((f"{function.name}()", site) for site in _in_function(node))


def _own(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    """Give the nodes of a function's statements: not its annotations, not another function's."""
    found: list[ast.AST] = list(function.body)
    while found:
        node = found.pop()
        yield node
        if isinstance(node, ast.AnnAssign):
            found += [] if node.value is None else [node.value]
        elif not isinstance(node, (*_FUNCTIONS, ast.ClassDef, ast.pattern)):
            found += ast.iter_child_nodes(node)


def _in_function(node: ast.AST) -> Iterator[Site]:
    match node:
        case ast.Match():
            yield from without_arm(node)
            yield from alternatives(node)
        case ast.Tuple(elts=[ast.Tuple(), ast.Tuple(), *_] as elts, ctx=ast.Load()) if _are_rows(elts):
            yield from rows(elts, ordered=True)
        case ast.Tuple(elts=elts) | ast.List(elts=elts) | ast.Set(elts=elts) if members(elts):
            yield from rows(elts, ordered=False)
        case ast.Dict(keys=keys) if members([one for one in keys if one is not None]):
            yield from entries(node)
        case _:
            pass


def _are_rows(elts: list[ast.expr]) -> bool:
    return all(isinstance(one, ast.Tuple) for one in elts)
