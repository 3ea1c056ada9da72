"""No error of a model quotes what it was given: not of any model, adapter or setting (canary in every place)."""

import importlib
import json
import pkgutil
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Final

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

import schemas
import services
from services.runtime.environment import Field, fields
from services.runtime.errors import Misconfigured
from services.runtime.settings import Settings

CANARY: Final = "canary.person@example.com"
#: What a stranger could put where anything is read. Never as a name: errors tell places by names, and what a sender
#: may choose of those is cut off where it is told (`services/status/inputs.py`, `delivery.describe`).
INPUTS: Final = (CANARY, [CANARY], {"x": CANARY}, [[CANARY]], {"type": CANARY, "kind": CANARY}, {"type": {"x": CANARY}})


def modules() -> list[Any]:
    """Return every module of ours but the entry points."""
    names = [
        info.name
        for package in (schemas, services)
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
    return [importlib.import_module(name) for name in names if not name.endswith("__main__")]


MODULES: Final = modules()


def subclasses(cls: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Yield every class below a class that is ours."""
    for one in cls.__subclasses__():
        yield from subclasses(one)
        if one.__module__.partition(".")[0] in {"schemas", "services"}:
            yield one


MODELS: Final = sorted(set(subclasses(BaseModel)), key=lambda one: f"{one.__module__}.{one.__qualname__}")
ADAPTERS: Final = {
    f"{module.__name__}.{name}": value
    for module in MODULES
    for name, value in vars(module).items()
    if isinstance(value, TypeAdapter)
}


def inputs_for(model: type[BaseModel]) -> Iterator[object]:
    """Yield the canary in the place of the whole, and in the place of each field."""
    yield from INPUTS
    for name, field in model.model_fields.items():
        for one in INPUTS:
            yield {name: one, field.alias or name: one}


def error_of(read: Callable[[Any], object], value: object) -> str:
    """Return what the error says when a value is read; nothing where there is none."""
    try:
        read(value)
    except (ValidationError, Misconfigured) as error:
        return str(error)
    return ""


@pytest.mark.parametrize("model", MODELS, ids=lambda one: f"{one.__module__}.{one.__qualname__}")
def test_a_model_quotes_nothing_in_its_errors(model: type[BaseModel]) -> None:
    assert model.model_config.get("hide_input_in_errors"), "Model and Section have it: use one of them as base"
    for one in inputs_for(model):
        assert CANARY not in error_of(model.model_validate, one)
        assert CANARY not in error_of(model.model_validate_json, json.dumps(one))


@pytest.mark.parametrize("name", ADAPTERS)
def test_an_adapter_quotes_nothing_in_its_errors(name: str) -> None:
    for one in INPUTS:
        assert CANARY not in error_of(ADAPTERS[name].validate_python, one)
        assert CANARY not in error_of(ADAPTERS[name].validate_json, json.dumps(one))


def test_a_model_that_quotes_is_found() -> None:
    class Quoting(BaseModel):
        email: int

    assert CANARY in error_of(Quoting.model_validate, {"email": CANARY})


def test_there_is_something_to_walk() -> None:
    assert len(MODELS) > 60
    assert len(ADAPTERS) > 5


def secrets() -> list[tuple[type[Settings], Field]]:
    """Return every setting that is a secret."""
    known = {cls for cls in subclasses(Settings) if issubclass(cls, Settings)}
    found = {field.variable: (cls, field) for cls in known for field in fields(cls) if field.secret}
    return [found[name] for name in sorted(found)]


@pytest.mark.parametrize(("cls", "field"), secrets(), ids=lambda one: getattr(one, "variable", ""))
def test_a_secret_does_not_show_when_its_settings_are_printed(cls: type[Settings], field: Field) -> None:
    section: Any = cls
    for part in field.path[:-1]:
        section = section.model_fields[part].annotation
    told = section.model_fields[field.path[-1]]
    kind: Any = Annotated[told.annotation, None, *told.metadata]
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    hidden = 0
    for value in (CANARY, [CANARY], {"x": CANARY}, {"x": [CANARY]}):
        try:
            made = section.model_construct(**{field.path[-1]: adapter.validate_python(value)})
        except ValidationError:
            continue
        shown = f"{made!r} {made} {made.model_dump()} {made.model_dump_json(warnings=False)}"
        assert CANARY not in shown
        hidden += "**********" in shown
    assert hidden
