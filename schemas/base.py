"""What all contract models share: frozen models, bounded text, aware times.

Bounds are here so that nothing that parses can be refused later by Postgres (NUL, lone surrogates, huge numbers) or
grow a message without end. Free text is cleaned and cut; identifiers that do not fit are errors, because cutting one
would make it another's.
"""

import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetPydanticSchema,
    StringConstraints,
)
from pydantic_core import core_schema

#: Characters that carry no meaning for us but can break displays: controls, bidi overrides, zero-width joiners.
_UNWANTED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})

#: Nothing to take away: printable ASCII that neither begins nor ends with a space.
_CLEAN = r"^(?:[!-~](?:[ -~]*[!-~])?)?$"

_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def clean_text(text: str) -> str:
    """Return `text` without control and formatting characters; line breaks and tabs become spaces."""
    if text.isascii() and text.isprintable():
        return text.strip()
    spaced = (" " if char in "\r\n\t" else char for char in text)
    return "".join(char for char in spaced if unicodedata.category(char) not in _UNWANTED_CATEGORIES).strip()


def _cleaned(limit: int) -> Callable[[object], object]:
    def clean_and_cut(value: object) -> object:
        return clean_text(value)[:limit].rstrip() if isinstance(value, str) else value

    return clean_and_cut


def _cut(limit: int) -> GetPydanticSchema:
    # What is clean is recognized without a call of Python: most texts are, and a scan has nine of them.
    clean = core_schema.str_schema(pattern=_CLEAN, max_length=limit)
    other = core_schema.no_info_before_validator_function(_cleaned(limit), core_schema.str_schema())
    either = core_schema.union_schema([clean, other], mode="left_to_right", custom_error_type="string_type")
    return GetPydanticSchema(lambda *_: either, lambda *_: {"type": "string"})


def _clean_identifier(value: str) -> str:
    if clean_text(value) != value or not value:
        message = "an identifier is not empty and holds no control characters"
        raise ValueError(message)
    return value


Identifier = Annotated[str, StringConstraints(strip_whitespace=True, max_length=128), AfterValidator(_clean_identifier)]
"""A foreign id: kept letter for letter, at most 128 characters, no control characters."""

Word = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
"""A member of an open vocabulary: readers that do not know it keep it and let it move nothing."""

ShortText = Annotated[str, _cut(200)]
LongText = Annotated[str, _cut(1000)]
FilledText = Annotated[str, Field(min_length=1), BeforeValidator(_cleaned(1000))]
"""As `LongText`; where cleaning leaves nothing, it is an error."""

Instant = Annotated[AwareDatetime, Field(ge=_EARLIEST, le=_LATEST)]
"""An RFC 3339 time with an offset, between 1990 and 2200. The offset that was sent is kept."""

Quantity = Annotated[int, Field(ge=0, le=1_000_000)]


class Model(BaseModel):
    """Base of all contract models: frozen, unknown fields ignored, and no input in error texts (it may be personal)."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, allow_inf_nan=False, use_attribute_docstrings=True
    )
