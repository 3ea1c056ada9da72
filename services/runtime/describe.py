"""Settings as a list for people: variable, value, source and meaning. Of a secret only whether it is set."""

import os
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from services.runtime import environment
from services.runtime.environment import Field
from services.runtime.settings import WELL_KNOWN, Settings

HIDDEN = "********"


def rows(classes: Iterable[type[Settings]], environ: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """Return one row per setting of all classes; raises Misconfigured when they cannot be read."""
    environ = os.environ if environ is None else environ
    found: dict[str, dict[str, Any]] = {}
    for cls in classes:
        settings = environment.load(cls, environ)
        for field in environment.fields(cls):
            row = found.setdefault(field.variable, _row(field, settings, environ))
            row["services"].append(cls.__name__.removesuffix("Settings").lower())
    return list(found.values())


def _row(field: Field, settings: BaseModel, environ: Mapping[str, str]) -> dict[str, Any]:
    return {
        "variable": field.variable,
        "value": _value(field, settings),
        "source": _source(field, environ),
        "description": " ".join((field.info.description or "").split()),
        "services": [],
    }


def _value(field: Field, settings: BaseModel) -> Any:
    value: Any = settings
    for name in field.path:
        value = getattr(value, name)
    if field.secret:
        return HIDDEN if value else ""
    if isinstance(value, tuple):
        return ",".join(str(part) for part in value)
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value


def _source(field: Field, environ: Mapping[str, str]) -> str:
    common = [name for name, own in WELL_KNOWN.items() if own == field.variable]
    for name in (field.variable, *common):
        for candidate in (name, f"{name}_FILE"):
            if candidate in environ:
                return candidate
    if field.open_ended and any(name.startswith(f"{field.variable}__") for name in environ):
        return f"{field.variable}__*"
    return "default"
