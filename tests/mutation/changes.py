"""The changes of one table: a row removed, two rows swapped, a value exchanged, a time moved, a flag turned.

Each change is given with its line and row in words; it is done to the tree only when asked, and can be undone.
"""

import ast
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from tests.mutation.mutants import Change

Site = tuple[int, str, Change]

REMOVED: Final = "removed"
SWAPPED: Final = "swapped with the next"
EXCHANGED: Final = "exchanged its value with the next"
_LONGEST: Final = 90


def members(elts: Sequence[ast.expr]) -> bool:
    """Tell whether all are members of an enumeration, rules or other members: `Stage.LOST`, `_silent`, `*_WAITING`."""
    return bool(elts) and all(_is_member(one) for one in elts)


def rows(elts: list[ast.expr], *, ordered: bool) -> Iterator[Site]:
    """Give each row removed, and where the order counts each row swapped with its neighbour."""
    for index, row in enumerate(elts):
        yield row.lineno, _said(row), (REMOVED, _removing(elts, index))
    if not ordered:
        return
    for index, (row, following) in enumerate(itertools.pairwise(elts)):
        if ast.dump(row) != ast.dump(following):
            yield row.lineno, _said(row), (SWAPPED, _swapping(elts, index))


def named_rows(elts: Sequence[ast.expr]) -> Iterator[Site]:
    """Give each row made by a call under the name of the next: what stands in its first cell."""
    calls = [one for one in elts if isinstance(one, ast.Call)]
    for row, following in itertools.pairwise(calls):
        if _dumped(row.args[:1]) != _dumped(following.args[:1]) and _dumped(row.args[1:]) != _dumped(
            following.args[1:]
        ):
            yield row.lineno, _said(row), (EXCHANGED, _swapping_names(row, following))


def entries(node: ast.Dict) -> Iterator[Site]:
    """Give each entry removed, and its value exchanged with the next one's."""
    for index, (key, value) in enumerate(zip(node.keys, node.values, strict=True)):
        line, said = value.lineno if key is None else key.lineno, _said(key or value)
        yield line, said, (REMOVED, _removing_entry(node, index))
        following = node.values[index + 1] if index + 1 < len(node.values) else value
        if ast.dump(value) != ast.dump(following):
            yield line, said, (EXCHANGED, _swapping(node.values, index))


def longer(node: ast.Call) -> Iterator[Site]:
    """Give a limit in time a little more, and a little less."""
    if not isinstance(node.func, ast.Name) or node.func.id != "timedelta":
        return
    for number in [one.value for one in node.keywords] + node.args:
        if isinstance(number, ast.Constant) and isinstance(number.value, int):
            for step in (1, -1):
                yield node.lineno, _said(node), (f"{step:+d}", _setting(number, "value", number.value + step))


def flipped(node: ast.Call) -> Iterator[Site]:
    """Give each flag of a row turned."""
    for flag in [one.value for one in node.keywords] + node.args:
        if isinstance(flag, ast.Constant) and isinstance(flag.value, bool):
            yield node.lineno, _said(node), (f"{flag.value} turned", _setting(flag, "value", not flag.value))


def without_arm(node: ast.Match) -> Iterator[Site]:
    """Give each arm removed; `case _` holds none."""
    for index, case in enumerate(node.cases):
        wild = isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None
        if not wild and len(node.cases) > 1:
            yield case.pattern.lineno, f"case {_said(case.pattern)}", (REMOVED, _removing(node.cases, index))


def alternatives(node: ast.Match) -> Iterator[Site]:
    """Give each alternative of an arm removed."""
    for part in (part for case in node.cases for part in ast.walk(case.pattern)):
        if isinstance(part, ast.MatchOr):
            for index, pattern in enumerate(part.patterns):
                yield pattern.lineno, f"case {_said(pattern)}", (REMOVED, _removing_alternative(part, index))


def set_to(node: ast.Call, position: int, name: str, value: ast.Constant) -> Callable[[], Callable[[], None]]:
    """Return what sets an argument, wherever it stands; it need not be there yet."""
    held = next((one for one in node.keywords if one.arg == name), None)
    if held is not None:
        return _setting(held, "value", value)
    if position < len(node.args):
        return _replacing(node.args, position, value)
    return _adding(node.keywords, ast.keyword(name, value))


def _is_member(node: ast.expr) -> bool:
    match node:
        case ast.Attribute(value=ast.Name(id=owner), attr=attr):
            return owner[:1].isupper() and attr.isupper()
        case ast.Name(id=name):
            return name.strip("_").isupper() or name.startswith("_")
        case ast.Starred(value=value):
            return _is_member(value)
        case _:
            return False


def _dumped(nodes: Sequence[ast.AST]) -> list[str]:
    return [ast.dump(one) for one in nodes]


def _said(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _removing(elts: list[Any], index: int) -> Callable[[], Callable[[], None]]:
    def do() -> Callable[[], None]:
        held = elts.pop(index)
        return lambda: elts.insert(index, held)

    return do


def _removing_entry(node: ast.Dict, index: int) -> Callable[[], Callable[[], None]]:
    without_key, without_value = _removing(node.keys, index), _removing(node.values, index)

    def do() -> Callable[[], None]:
        key, value = without_key(), without_value()
        return lambda: (key(), value())[0]

    return do


def _removing_alternative(node: ast.MatchOr, index: int) -> Callable[[], Callable[[], None]]:
    def do() -> Callable[[], None]:
        held = list(node.patterns)
        left = [one for at, one in enumerate(held) if at != index]
        node.patterns = left if len(left) > 1 else [left[0], left[0]]  # an alternative of one is no syntax
        return lambda: setattr(node, "patterns", held)

    return do


def _swapping(elts: list[ast.expr], index: int) -> Callable[[], Callable[[], None]]:
    def swap() -> None:
        elts[index], elts[index + 1] = elts[index + 1], elts[index]

    def do() -> Callable[[], None]:
        swap()
        return swap

    return do


def _swapping_names(row: ast.Call, following: ast.Call) -> Callable[[], Callable[[], None]]:
    def swap() -> None:
        row.args[0], following.args[0] = following.args[0], row.args[0]

    def do() -> Callable[[], None]:
        swap()
        return swap

    return do


def _setting(node: ast.AST, field: str, value: object) -> Callable[[], Callable[[], None]]:
    def do() -> Callable[[], None]:
        held = getattr(node, field)
        setattr(node, field, value)
        return lambda: setattr(node, field, held)

    return do


def _replacing(elts: list[ast.expr], index: int, value: ast.expr) -> Callable[[], Callable[[], None]]:
    def do() -> Callable[[], None]:
        held, elts[index] = elts[index], value
        return lambda: elts.__setitem__(index, held)

    return do


def _adding(keywords: list[ast.keyword], keyword: ast.keyword) -> Callable[[], Callable[[], None]]:
    def do() -> Callable[[], None]:
        keywords.append(keyword)
        return lambda: keywords.remove(keyword)

    return do
