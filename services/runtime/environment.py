"""Reads settings from the environment: names, files for secrets, well-known names, and a suggestion for a wrong name.

A variable `X_FILE` names a file that holds the value of `X`, for every setting. A `TRACKFOLD_*` name that no setting
has is an error: a misspelt limit must not be silently the default.
"""

import difflib
import os
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource

from services.runtime.errors import Misconfigured
from services.runtime.settings import PREFIX, WELL_KNOWN, Settings, SharedSettings

S = TypeVar("S", bound=Settings)

#: Sections of the services: a process does not judge the names of another one (the CLI judges all of them).
SERVICE_SECTIONS = ("INGEST", "STATUS", "NOTIFY", "LOCAL")


@dataclass(frozen=True, slots=True)
class Field:
    """One setting: its variable, its place in the model and what is known about it."""

    variable: str
    path: tuple[str, ...]
    info: FieldInfo
    secret: bool
    open_ended: bool
    """A mapping whose keys are the operator's own: every longer name is known."""


def load(cls: type[S], environ: Mapping[str, str] | None = None) -> S:
    """Return the settings of this process; raises Misconfigured with the name of the variable at fault."""
    environ = os.environ if environ is None else environ
    check_names((cls, SharedSettings), environ)
    variables = resolve(fields(cls), environ)
    source = _Source(cls, variables)
    try:
        return cls(**source())
    except ValidationError as exc:
        raise _as_misconfigured(exc) from None
    except ValueError:
        raise _not_json(cls, variables) from None


def check_names(classes: Iterable[type[Settings]], environ: Mapping[str, str], *, every: bool = False) -> None:
    """Raise Misconfigured for the first `TRACKFOLD_*` name that no setting has.

    Names in another service's section pass, unless `every` says that `classes` holds all services.
    """
    known = [field for cls in classes for field in fields(cls)]
    for name in sorted(environ):
        if not name.startswith(PREFIX) or _is_known(name, known):
            continue
        section = name.removeprefix(PREFIX).partition("__")[0]
        own = {field.path[0].upper() for field in known}
        if not every and section in SERVICE_SECTIONS and section not in own:
            continue
        raise Misconfigured("unknown_setting", f"no setting is called {name}", hint=_suggestion(name, known))


def fields(cls: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[Field]:
    """Yield every setting of a class, in the order of its source."""
    for name, info in cls.model_fields.items():
        here = (*path, name)
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from fields(info.annotation, here)
            continue
        yield Field(
            variable=PREFIX + "__".join(here).upper(),
            path=here,
            info=info,
            secret=_mentions(info.annotation, SecretStr),
            open_ended=_mentions(info.annotation, dict),
        )


def resolve(known: Iterable[Field], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables as settings read them: own names before well-known ones, `*_FILE` replaced by contents."""
    known = list(known)
    found: dict[str, str] = {}
    for common, own in WELL_KNOWN.items():
        if any(field.variable == own for field in known) and (value := _value(common, environ)) is not None:
            found[own] = value
    for name in environ:
        base = name.removesuffix("_FILE") if not _exactly(name, known) else name
        if base.startswith(PREFIX) and _is_known(base, known) and (value := _value(base, environ)) is not None:
            found[base] = value
    return found


def _value(name: str, environ: Mapping[str, str]) -> str | None:
    file = environ.get(f"{name}_FILE")
    if file is None:
        return environ.get(name)
    if name in environ:
        raise Misconfigured("doubled_setting", f"both {name} and {name}_FILE are set", hint="keep one of them")
    try:
        return Path(file).read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as exc:
        raise Misconfigured("unreadable_file", f"{name}_FILE: cannot read {file} ({type(exc).__name__})") from None


def _exactly(name: str, known: Iterable[Field]) -> bool:
    return any(field.variable == name for field in known)


def _is_known(name: str, known: Iterable[Field]) -> bool:
    names = {name, name.removesuffix("_FILE")}
    return any(
        field.variable in names or (field.open_ended and name.startswith(f"{field.variable}__")) for field in known
    )


def _suggestion(name: str, known: Iterable[Field]) -> str:
    names = [field.variable.removeprefix(PREFIX) for field in known]
    close = difflib.get_close_matches(name.removeprefix(PREFIX), names, n=1, cutoff=0.6)
    return f"did you mean {PREFIX}{close[0]}?" if close else "`trackfold config show` lists all settings"


def _mentions(annotation: Any, wanted: type) -> bool:
    if annotation is wanted or typing.get_origin(annotation) is wanted:
        return True
    return any(_mentions(part, wanted) for part in typing.get_args(annotation))


def _as_misconfigured(exc: ValidationError) -> Misconfigured:
    faults = [
        f"{PREFIX}{'__'.join(str(part) for part in error['loc']).upper()}: {error['msg']}"
        for error in exc.errors(include_input=False, include_url=False)
    ]
    return Misconfigured("bad_setting", "; ".join(faults), hint="`trackfold config show` describes every setting")


def _not_json(cls: type[Settings], variables: Mapping[str, str]) -> Misconfigured:
    mappings = [field.variable for field in fields(cls) if field.open_ended and field.variable in variables]
    hint = f"or set one name each: {mappings[0]}__NAME=value" if mappings else ""
    return Misconfigured("bad_setting", f"{' or '.join(mappings)}: a mapping is a JSON object", hint=hint)


class _Source(EnvSettingsSource):
    """pydantic-settings' reader, on variables that were resolved before."""

    def __init__(self, cls: type[Settings], variables: Mapping[str, str]) -> None:
        self._variables = variables
        super().__init__(cls)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._variables.items()}
