"""The work of `trackfold carriers detect`: whose number it can be, on the terminal."""

import sys

from schemas.carriers import carrier_name, carrier_page
from services.ingest.carriers.detection import Candidate, Detected, sole_carrier
from services.ingest.carriers.detection import detect as candidates_of
from services.ingest.printing import console, print_json, table
from services.ingest.tools import UsageError
from services.runtime.errors import ExitCode


def detect(number: str, *, as_json: bool) -> ExitCode:
    """Print the candidates of a number, best first; a failure when there is none."""
    try:
        found = candidates_of(number)
    except ValueError as error:
        hint = "as in 1Z5R89390357567127"
        raise UsageError("bad_number", f"{number[:80]!r} is no tracking number: {error}", hint=hint) from None
    if as_json:
        print_json(_document(found))
    elif found.candidates:
        _print_table(found)
    if not found.candidates:
        sys.stderr.write(f"no carrier that we know prints numbers like {found.number}, or its check digit is wrong\n")
        return ExitCode.FAILED
    return ExitCode.OK


def _document(found: Detected) -> dict[str, object]:
    return {"number": found.number, "candidates": [_as_json(one, found.number) for one in found.candidates]}


def _as_json(one: Candidate, number: str) -> dict[str, object]:
    return {
        "carrier": one.carrier,
        "service": one.service,
        "check_digit": one.check_digit,
        "score": one.score,
        "name": carrier_name(one.carrier),
        "link": carrier_page(one.carrier, number),
    }


def _print_table(found: Detected) -> None:
    shown = table("carrier", "service", "check digit", "score", "link")
    for one in found.candidates:
        link = carrier_page(one.carrier, found.number) or ""
        shown.add_row(carrier_name(one.carrier), one.service, one.check_digit, f"{one.score:.2f}", link)
    console().print(shown)
    sole = sole_carrier(found.number)
    open_end = "the number alone does not say which of these carriers it is"
    sys.stdout.write((f"this is a number of {carrier_name(sole)}" if sole else open_end) + "\n")
