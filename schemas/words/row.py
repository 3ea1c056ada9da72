"""A row of the table of words. Pure."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Words:
    """How a status reads."""

    status: str
    """The short name."""
    definition: str
    """When it holds, for agents and developers."""
    sentence: str
    next: str
    """What happens next."""
    acts: str = "nobody"
    """Who acts next: `nobody`, `shop`, `carrier` or `customer`."""
    required: bool = False
    """Nothing goes on unless they do."""


#: Who acts next, as the customer reads it; `nobody` is left out.
WHO_ACTS: Final[dict[str, str]] = {"shop": "the shop", "carrier": "the carrier", "customer": "you"}
