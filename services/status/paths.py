"""How an order is named in a path: the parameters of the query API's routes and the key they mean. Decides nothing."""

from typing import Annotated, Final

from fastapi import Path
from pydantic import ConfigDict, StringConstraints, TypeAdapter

from schemas.base import Identifier
from schemas.keys import order_key
from services.status.edge import segment

UNKNOWN_ORDER: Final = "no order of this shop has that number"
_ORDER: Final = TypeAdapter(
    Annotated[Identifier, StringConstraints(max_length=64)], config=ConfigDict(hide_input_in_errors=True)
)

Shop = Annotated[str, Path(description="The shop; `main` where there is only one.", examples=["main"])]
Order = Annotated[
    str, Path(description="The shop's number or id of the order, not a printed one; URL-encoded.", examples=["1001"])
]


def order_named(shop: str, number: str) -> str:
    """Return the order key that two path segments name; raises ValueError where they cannot name any."""
    return order_key(segment(shop), _ORDER.validate_python(segment(number)))
