"""Mutants of the table of words, where it decides: who must act, and whether anything goes on without them."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.mutation.changes import set_to
from tests.mutation.mutants import ROOT, Mutant

FOLDER: Final = ROOT / "schemas" / "words"
_ROW: Final = "Words"


def mutants_of_words(folder: Path = FOLDER) -> Iterator[Mutant]:
    """Give two mutants of each row: another who acts, and the need to act turned."""
    fields = _fields(folder / "row.py")
    for path in sorted(folder.glob("*.py")):
        module, tree = f"schemas.words.{path.stem}", ast.parse(path.read_text())
        for key, call in _rows(tree):
            row = ast.unparse(key)
            told = {field: _told(call, fields.index(field), field) for field in ("acts", "required")}
            changed: dict[str, str | bool] = {
                "acts": "carrier" if told["acts"] != "carrier" else "shop",
                "required": not told["required"],
            }
            for field, value in changed.items():
                undo = set_to(call, fields.index(field), field, ast.Constant(value))()
                code = compile(ast.fix_missing_locations(tree), str(path), "exec", dont_inherit=True)
                undo()
                yield Mutant(module, path, key.lineno, "words", f"{field} = {value}", row, code)


def _rows(tree: ast.Module) -> Iterator[tuple[ast.expr, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(value, ast.Call) and ast.unparse(value.func) == _ROW and key is not None:
                    yield key, value


def _told(call: ast.Call, position: int, name: str) -> object:
    """Return what a row says in a field; None where it leaves it as it is."""
    told = {one.arg: one.value for one in call.keywords}.get(name)
    told = told or (call.args[position] if position < len(call.args) else None)
    return told.value if isinstance(told, ast.Constant) else None


def _fields(path: Path) -> list[str]:
    """Return the fields of a row in the order of its class."""
    body = next(one for one in ast.parse(path.read_text()).body if isinstance(one, ast.ClassDef) and one.name == _ROW)
    return [ast.unparse(one.target) for one in body.body if isinstance(one, ast.AnnAssign)]
