"""SQL is text of our own: what comes from outside goes into it as a parameter, and nowhere else.

Walks every call that hands SQL to the database. Its text must be a constant, or a constant with one of our own words
put in (a schema's name cannot be a parameter): those few places are listed here, one by one.
"""

import ast
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
#: Methods of a connection whose first argument is SQL.
CALLS: Final = {"execute", "executemany", "fetch", "fetchrow", "fetchval", "fetchmany", "cursor", "prepare"}
#: Put into a statement with `format`: a name of a schema of ours, never input.
OUR_WORDS: Final = {"schema"}
#: Where a statement is not written out: module, and the expressions that may stand there.
PASSED_ON: Final[dict[str, set[str]]] = {
    "services/runtime/migrate.py": {"migration.sql"},  # a file of ours, whose checksum is kept
    # Constants with the schema put in once, in `__init__`.
    "services/runtime/fence.py": {f"self._sql['{name}']" for name in ("marks", "create", "advance", "gap")}
    | {"self._sql[name]"},
    "services/status/repeats.py": {"statement"},  # a loop over two constants
    "services/local/commands.py": {"chosen(names)"},  # no SQL: prepares scenarios
}


def statements(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield the SQL argument of every call that runs SQL."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in CALLS
            and node.args
        ):
            yield node.args[0]


def is_ours(sql: ast.expr, allowed: set[str], constants: set[str]) -> bool:
    """Tell whether SQL is a constant, or one with only our own words in it."""
    if isinstance(sql, ast.Constant) or ast.unparse(sql) in allowed:
        return True
    if isinstance(sql, ast.Name):
        return sql.id in constants
    if isinstance(sql, ast.Attribute):  # a constant of another module
        return isinstance(sql.value, ast.Name) and sql.attr.isupper()
    if isinstance(sql, ast.IfExp):
        return is_ours(sql.body, allowed, constants) and is_ours(sql.orelse, allowed, constants)
    if isinstance(sql, ast.Call) and isinstance(sql.func, ast.Attribute) and sql.func.attr == "format":
        words = {keyword.arg for keyword in sql.keywords}
        return not sql.args and words <= OUR_WORDS and is_ours(sql.func.value, allowed, constants)
    return False


def constants_of(tree: ast.Module) -> set[str]:
    """Return the names of a module's constants and of imported ones: made when nothing came from outside yet."""
    found = {
        alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    found |= {
        node.target.id for node in tree.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    found |= {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return {name for name in found if name.strip("_").isupper()}


def faults(source: str, allowed: Collection[str] = ()) -> list[str]:
    """Return the SQL of a module that is put together from something else."""
    tree = ast.parse(source)
    constants = constants_of(tree)
    return [ast.unparse(sql) for sql in statements(tree) if not is_ours(sql, set(allowed), constants)]


FILES: Final = [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "services").rglob("*.py"))]


@pytest.mark.parametrize("file", FILES)
def test_no_statement_is_put_together_from_anything_but_our_own_words(file: str) -> None:
    assert faults((ROOT / file).read_text(), PASSED_ON.get(file, set())) == []


@pytest.mark.parametrize(
    "sql",
    [
        'f"select {name}"',
        '"select " + name',
        '"select %s" % name',
        '"select {}".format(name)',
        '"select {order}".format(order=order)',
        "name",
        "make(name)",
        '" ".join(names)',
        "SQL if name else name",
    ],
)
def test_a_statement_with_something_else_in_it_is_found(sql: str) -> None:
    source = f'SQL: Final = "select 1"\nconnection.fetch({sql}, 1)'
    assert faults(source) == [ast.unparse(ast.parse(sql, mode="eval").body)]


@pytest.mark.parametrize(
    "sql", ['"select 1"', "SQL", "BOTH", "rows.SQL", "SQL.format(schema=schema)", "SQL if a else BOTH"]
)
def test_a_constant_with_our_own_words_is_none(sql: str) -> None:
    source = f'SQL: Final = "select 1"\nBOTH: Final = f"{{SQL}} and 2"\nconnection.fetch({sql}, 1)'
    assert faults(source) == []


def test_there_is_something_to_walk() -> None:
    found = [sql for file in FILES for sql in statements(ast.parse((ROOT / file).read_text()))]
    assert len(found) > 100
    assert not set(PASSED_ON) - set(FILES)
