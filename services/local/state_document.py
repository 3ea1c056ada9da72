"""Writes docs/state-machine.md from the code: diagrams, the answer of every pair of stages, all tables of the rules.

`python -m services.local.state_document` writes (`make docs`), with `--check` it only compares (`make check`). What the
tables mean is told in docs/state-model.md, by hand. Runs from the project's root.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Final

from schemas.vocabulary import Leg, Milestone, OrderState
from schemas.words import (
    COLLECTION_STEPS,
    CONDITION_WORDS,
    DELIVERY_STEPS,
    MILESTONE_WORDS,
    ORDER_CONDITION_WORDS,
    ORDER_SUBSTATUS_WORDS,
    ORDER_WORDS,
    OVERRULED,
    PARCEL_SUBSTATUS_WORDS,
    PARCEL_WORDS,
    POINT_STEPS,
    RETURN_ANNOUNCED,
    RETURNING,
    SHIPPED,
    SHIPPED_WITHOUT_SCAN,
    Words,
)
from services.local import state_diagrams, state_tables
from services.local.state_ladder import ladder
from services.local.state_tables import code, said, table
from services.status import reasons

DOCUMENT: Final = Path("docs/state-machine.md")

_OPENING: Final = """\
# The state machine

Written by `make docs` from the code, not by hand; `make check` fails where it is stale. What the parts mean, and the
rules R1 to R23 with their code and tests: [state-model.md](state-model.md). The rules called E:
[engine-rules.md](engine-rules.md)."""

Section = tuple[str, Callable[[], Iterable[str]]]


def document() -> str:
    """Return the whole document."""
    lines = [_OPENING]
    for title, body in _SECTIONS:
        written = list(body())
        lines += ["", title, *([""] if written else []), *written]
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """Write the document, or with `--check` say whether it is up to date and where the first difference is."""
    text, was = document(), DOCUMENT.read_text("utf-8") if DOCUMENT.exists() else ""
    if text == was:
        return 0
    if "--check" not in arguments:
        DOCUMENT.write_text(text, "utf-8")
        return 0
    sys.stderr.write(f"{DOCUMENT} is not what the code says: make docs\n{difference(was, text)}\n")
    return 1


def difference(was: str, now: str) -> str:
    """Return the first line that differs, as it is written and as it should be."""
    pairs = enumerate(zip_longest(was.splitlines(), now.splitlines(), fillvalue=""), 1)
    number, (old, new) = next((number, pair) for number, pair in pairs if pair[0] != pair[1])
    return f"line {number}:\n  written: {old}\n  code:    {new}"


def _mermaid(lines: Iterable[str]) -> list[str]:
    return ["```mermaid", *lines, "```"]


def _outbound() -> list[str]:
    return [
        *_mermaid(state_diagrams.outbound()),
        "",
        f"Inside `{state_diagrams.ON_THE_ROAD}` each stage leads to each. Flagged: followed outside the table, or",
        "although the label was void; it raises `contradiction`. Reopened: where time and place prove that the",
        "delivery was of something else (R4); other physical scans after a delivery move nothing.",
    ]


def _return_leg() -> list[str]:
    return [
        *_mermaid(state_diagrams.return_leg()),
        "",
        "All scans of a parcel on its way back are read as scans of the return leg, and its end is never `delivered`",
        "(R6). It begins in `announced` where the shop tells of a return parcel.",
    ]


def _legend() -> list[str]:
    opening = "What a parcel in the stage of the row makes of a later scan that tells the stage of the column."
    return [opening, "", *said(state_tables.LEGEND, ("answer", "which means"))]


def _steps() -> list[str]:
    ways = {
        "delivery": DELIVERY_STEPS,
        "delivery to a carrier's point": POINT_STEPS,
        "click & collect": COLLECTION_STEPS,
    }
    return table(
        ("way", "steps"), ((way, ", ".join(ORDER_WORDS[state].status for state in at)) for way, at in ways.items())
    )


def _words(rows: Mapping[str, Words]) -> list[str]:
    head = ("", "status", "definition", "sentence", "what happens next", "who acts")
    return table(
        head,
        (
            (
                code(name),
                row.status,
                row.definition,
                row.sentence,
                row.next,
                row.acts + (" (required)" if row.required else ""),
            )
            for name, row in rows.items()
        ),
    )


def _parcel_words() -> list[str]:
    beside = {
        "dispatched, not scanned": SHIPPED_WITHOUT_SCAN,
        "return leg, labelled": RETURN_ANNOUNCED,
        "return leg, under way": RETURNING,
        "override": OVERRULED,
        "milestone shipped": SHIPPED,
    }
    more = {f"{stage}: {substatus}": words for (stage, substatus), words in PARCEL_SUBSTATUS_WORDS.items()}
    return _words({stage.value: words for stage, words in PARCEL_WORDS.items()} | more | beside)


def _order_words() -> list[str]:
    more = {f"{state}: {substatus}": words for (state, substatus), words in ORDER_SUBSTATUS_WORDS.items()}
    return _words({state.value: ORDER_WORDS[state] for state in OrderState} | more)


def _causes() -> dict[str, str]:
    """Return the reasons of changes that no other table here tells."""
    told = {*reasons.REASONS, *reasons.EVENTS, *CONDITION_WORDS, *ORDER_CONDITION_WORDS}
    return {word: text for word, text in reasons.CHANGES.items() if word not in told}


def _messages() -> list[str]:
    head = ("milestone", "Your order 1001 ...", "status", "sentence", "what happens next", "step")
    return table(head, (_message(name) for name in Milestone))


def _message(name: Milestone) -> tuple[str, ...]:
    told = MILESTONE_WORDS[name]
    step = f"{told.step} of {len(told.steps)}" if told.step else ""
    return code(name), told.news, told.words.status, told.words.sentence, told.words.next, step


_SECTIONS: Final[tuple[Section, ...]] = (
    ("## A parcel", list),
    ("### Its stages", state_tables.stages),
    ("### The way to the customer", _outbound),
    ("### The way back", _return_leg),
    ("### The transition table", state_tables.moves),
    ("### Every pair of stages", _legend),
    ("#### On the outbound leg", lambda: state_tables.matrix(Leg.OUTBOUND, Leg.OUTBOUND)),
    ("#### From the outbound leg onto the return leg", lambda: state_tables.matrix(Leg.OUTBOUND, Leg.RETURN)),
    ("#### On the return leg", lambda: state_tables.matrix(Leg.RETURN, Leg.RETURN)),
    ("#### Told first, or by a summary", state_tables.exceptions),
    ("### Its conditions", state_tables.endings),
    ("### Time", state_tables.times),
    ("### Milestones", state_tables.reached),
    ("## An order", list),
    ("### Where its units are", state_tables.buckets),
    ("### Its state", lambda: state_tables.ladder(ladder())),
    ("### Its state, drawn", lambda: _mermaid(state_diagrams.order(ladder()))),
    ("### Parcels that name no lines, slowest first", lambda: [state_tables.slowest_first() + "."]),
    ("## Why", list),
    ("### What is made of an event", lambda: said(reasons.REASONS, ("reason", "in words"))),
    ("### What raised a condition", lambda: said(reasons.RAISED_BY, ("reason", "in words"))),
    ("### Why a version is a correction", lambda: said(reasons.CORRECTIONS, ("reason", "in words"))),
    ("### Why there is a version that corrects nothing", lambda: said(_causes(), ("reason", "in words"))),
    ("### The rules", lambda: said(reasons.RULES, ("rule", "what it says"))),
    ("## Words", list),
    ("### Of an order", _order_words),
    ("### Of its conditions", lambda: _words(ORDER_CONDITION_WORDS)),
    ("### Of a parcel", _parcel_words),
    ("### Of a parcel's conditions", lambda: _words(CONDITION_WORDS)),
    ("### Of messages", _messages),
    ("### Steps", _steps),
)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
