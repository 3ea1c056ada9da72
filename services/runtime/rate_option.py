"""`--rate`, the same in every command that brings much at once. Only typer is imported, so that `--help` is quick."""

import math
from typing import Annotated, Final

import typer

#: Records in a second: a third of a core of status, where their orders are in no cache.
RECORDS: Final = 200.0
#: Orders in a second: each is read and folded whole, a third of a core.
ORDERS: Final = 50.0
#: More than anything of ours does; above it 0 is meant.
HIGHEST: Final = 1_000_000


def _number(given: float) -> float:
    if math.isnan(given):
        raise typer.BadParameter("a number is wanted")
    return given


def option(what: str) -> typer.models.OptionInfo:
    """Return the option of a command whose rate counts these."""
    text = f"So many {what} a second at most, so that live events do not wait; 0: as fast as it goes."
    found: typer.models.OptionInfo = typer.Option("--rate", min=0, max=HIGHEST, callback=_number, help=text)
    return found


RecordRate = Annotated[float, option("records")]
OrderRate = Annotated[float, option("orders")]
