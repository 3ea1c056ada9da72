"""Writes the settings down for people, from the classes: `.env.example` and the table in deploy/README.md.

`python -m services.local.settings_table` writes (`make docs`), with `--check` it only compares (`make check`). Reads no
environment; runs from the project's root.
"""

import shlex
import sys
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

from services.ingest.settings import IngestSettings
from services.local.settings import LocalSettings
from services.notify.settings import NotifySettings
from services.runtime import describe, environment
from services.runtime.environment import Field
from services.runtime.settings import PREFIX, WELL_KNOWN, Settings
from services.status.settings import StatusSettings

CLASSES: Final[tuple[type[Settings], ...]] = (IngestSettings, StatusSettings, NotifySettings, LocalSettings)
ENV_FILE: Final = Path(".env.example")
README: Final = Path("deploy/README.md")
BEGIN: Final = "<!-- settings: written by `make docs`, not by hand -->"
END: Final = "<!-- end of the settings -->"

_HEAD: Final = """\
# Every setting with its default, written by `make docs` from the settings classes. Copy it to .env, take the # off what
# you change, and give it to the services: `set -a; . ./.env; set +a`, or as an env_file. Nothing reads .env by itself.
# Any NAME can instead be NAME_FILE, the path of a file that holds the value: the way for secrets.
"""


def env_text() -> str:
    """Return the text of `.env.example`."""
    return _HEAD + "".join(_env_section(name, rows) for name, rows in _sections())


def readme_text(text: str) -> str:
    """Return the README's text with the table brought up to date; ValueError where it has no place for it."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{README} has no place for the table: {BEGIN} ... {END}")
    tables = "".join(_readme_section(name, rows) for name, rows in _sections())
    return f"{before}{begin}\n{tables}\n{end}{after}"


def main(arguments: list[str]) -> int:
    """Write both, or with `--check` say what is not up to date."""
    wanted = {ENV_FILE: env_text(), README: readme_text(README.read_text("utf-8"))}
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text]
    for path in stale:
        if "--check" in arguments:
            sys.stderr.write(f"{path} is not what the settings say: make docs\n")
        else:
            path.write_text(wanted[path], "utf-8")
    return 1 if stale and "--check" in arguments else 0


def _sections() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Give (section, rows): `kafka` for TRACKFOLD_KAFKA__..., and `process` for what belongs to none."""
    # With no environment at all, every value is the default.
    rows = [_as_default(row) for row in describe.rows(CLASSES, {})]
    order = list(dict.fromkeys(_section(row) for row in rows))
    ordered = sorted(rows, key=lambda row: order.index(_section(row)))
    for name, group in groupby(ordered, key=_section):
        yield name, list(group)


def _section(row: dict[str, Any]) -> str:
    section, nested, _ = str(row["variable"]).removeprefix(PREFIX).partition("__")
    return section.lower() if nested else "process"


def _as_default(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row with its default as text, secrets too: what stands in the code is no secret."""
    field = next(one for one in _fields() if one.variable == row["variable"])
    default = field.info.get_default(call_default_factory=True, validated_data={})
    if hasattr(default, "get_secret_value"):
        default = default.get_secret_value()
    if isinstance(default, tuple):
        default = ",".join(str(one) for one in default)
    what = str(row["description"])
    if get_origin(field.info.annotation) is Literal:
        what += f" One of: {', '.join(map(str, get_args(field.info.annotation)))}."
    shown = {"default": _text(default), "description": what, "secret": field.secret, "open_ended": field.open_ended}
    return row | shown


def _fields() -> Iterator[Field]:
    for cls in CLASSES:
        yield from environment.fields(cls)


def _text(default: object) -> str:
    if default is None or default == {}:
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default)


def _known_as(variable: str) -> str | None:
    return next((common for common, own in WELL_KNOWN.items() if own == variable), None)


def _env_section(name: str, rows: Iterable[dict[str, Any]]) -> str:
    lines = ["", f"# --- {name}"]
    for row in rows:
        common = _known_as(row["variable"])
        lines.append(f"# {row['description']}" + (f" Also as {common}." if common else ""))
        variable = f"{row['variable']}__NAME" if row["open_ended"] else row["variable"]
        lines.append(f"#{variable}={shlex.quote(row['default']) if row['default'] else ''}")
    return "\n".join(lines) + "\n"


def _readme_section(name: str, rows: Iterable[dict[str, Any]]) -> str:
    lines = ["", f"### {name}", "", "| variable | default | read by | what it is |", "|---|---|---|---|"]
    lines += [_readme_row(row) for row in rows]
    return "\n".join(lines) + "\n"


def _readme_row(row: dict[str, Any]) -> str:
    common = _known_as(row["variable"])
    variable = f"`{row['variable']}`" + ("`__…`" if row["open_ended"] else "") + (f" or `{common}`" if common else "")
    default = f"`{row['default']}`" if row["default"] else ""
    what = row["description"].replace("|", "\\|") + (" Secret." if row["secret"] else "")
    return f"| {variable} | {default} | {', '.join(row['services'])} | {what} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
