"""The tables of docs/state-machine.md, from the tables of the code, and every pair of stages asked. Pure.

Called by `state_document.py`. What the rows mean is told in docs/state-model.md.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final

from schemas.vocabulary import Bucket, Condition, Leg, Milestone, Stage
from schemas.words import BUCKET_WORDS, CONDITION_WORDS, PARCEL_WORDS
from services.local.state_diagrams import STAGES
from services.local.state_ladder import Rung
from services.notify.policy import Told, told
from services.status import conditions, milestones, positions
from services.status.expectations import LIMITS, SETS, Rule
from services.status.order_parts import EXCEPTIONS
from services.status.transitions import ENDS, PHYSICAL, POSITIONS, RANK, ROWS, Answer, Position, answer

#: How an answer reads in the matrix.
LEGEND: Final[Mapping[str, str]] = {
    "same": "the same stage again: always legal",
    "moves": "legal, by the rule beside it",
    "R4": "judged by time and place: taken back, kept and flagged, or noise",
    "followed": "outside the table, and somebody held the parcel: followed, raises `contradiction`",
    "void": "the label was void: followed, raises `contradiction` and `action_required`",
    "flagged": "outside the table, after an end: kept, raises `contradiction`",
    "label": "a return that is only labelled: kept",
    "kept": "outside the table, and nobody held the parcel: kept (`illegal`)",
}
_ANSWERS: Final[Mapping[str, str]] = {
    "same_stage": "same",
    "shipped_although_cancelled": "void",
    "return_announced": "label",
    "illegal": "kept",
}

#: Of what each rule of time is, and the event that it is counted from (`expectations.py`).
COUNTED: Final[Mapping[Rule, tuple[str, str]]] = {
    Rule.SILENT: ("parcel", "the last scan, else the dispatch, else the label"),
    Rule.DELAYED: ("parcel", "the carrier's estimate"),
    Rule.PICKUP_EXPIRING: ("parcel", "the arrival at the point"),
    Rule.EXPIRED_TRACKING: ("parcel", "the last scan, else the dispatch, else the label"),
    Rule.OVERRIDE_EXPIRED: ("parcel", "the override"),
    Rule.DAY_ENDED: ("parcel", "the last scan that said out for delivery (R20)"),
    Rule.PROMISE_MISSED: ("order", "the promise that holds"),
    Rule.NEVER_DISPATCHED: ("order", "payment, or whatever else let the order go"),
}
#: How a limit reads; the others are a time after that event.
DUE: Final[Mapping[str, str]] = {
    "silent.in_customs": "{} in customs",
    "delayed": "when it has passed",
    "pickup_expiring.before_until": "{} before its last day",
    "pickup_expiring.after_arrival": "{} later where no last day is known",
    "override_expired": "at its date",
    "day_ended.local_time": "{} into the next local day",
    "promise_missed": "when it has passed",
    "never_dispatched.before_promise": "{} before the promise, if that is earlier",
}

Rows = Iterable[Sequence[str]]


def table(head: Sequence[str], rows: Rows) -> list[str]:
    """Return a Markdown table."""
    return [_row(head), "|" + "---|" * len(head), *(_row(row) for row in rows)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def code(word: str) -> str:
    """Return a word as code."""
    return f"`{word}`"


def codes(words: Iterable[str]) -> str:
    """Return words as code, in one cell."""
    return ", ".join(code(word) for word in words)


def _yes(holds: bool) -> str:  # noqa: FBT001 - a cell
    return "yes" if holds else ""


def stages() -> list[str]:
    """Return the stages with their rank (R3), whether somebody holds the parcel there, and whether they are an end."""
    head = ("rank", "stage", "somebody holds it", "end (R23)", "in words", "when it holds")
    return table(
        head,
        (
            (str(rank), code(stage), _yes(stage in PHYSICAL), _yes(stage in ENDS), PARCEL_WORDS[stage].status,
             PARCEL_WORDS[stage].definition)
            for stage, rank in RANK.items()
        ),
    )  # fmt: skip


def moves() -> list[str]:
    """Return every row of the transition table."""
    ranked = sorted(RANK, key=lambda stage: RANK[stage])
    return table(
        ("from", "to", "rule", "why"),
        (
            (
                code(row.source),
                codes(stage for stage in ranked if stage in row.targets - {row.source}),
                row.rule,
                row.why,
            )
            for row in ROWS
        ),
    )


def matrix(leg: Leg, to: Leg) -> list[str]:
    """Return the answer for every pair of stages, from the rows to the columns."""
    return table(
        ("", *(code(stage) for stage in STAGES[to])),
        (
            (code(now), *(cell(POSITIONS[leg][now], POSITIONS[to][then]) for then in STAGES[to]))
            for now in STAGES[leg]
        ),
    )  # fmt: skip


def cell(now: Position, then: Position) -> str:
    """Return what a parcel in `now` makes of a scan that tells `then`."""
    if _after_a_delivery(now, then):
        return "R4"
    return _answer(answer(now, then))


def _answer(made: Answer) -> str:
    if made.reason == "moved":
        return f"moves {made.rule}"
    return _ANSWERS.get(made.reason) or ("followed" if made.follows else "flagged")


def _after_a_delivery(now: Position, then: Position) -> bool:
    """Tell whether `corrections` is asked before the table (R4)."""
    outbound = now == Position(Stage.DELIVERED) and then.leg is Leg.OUTBOUND
    return outbound and then.stage in PHYSICAL and then.stage is not Stage.DELIVERED


def exceptions() -> list[str]:
    """Return where the first word of a parcel, or a provider's summary, is answered otherwise than in the matrix."""
    head = ("told by", "from", "to", "answer", "instead of")
    return table(head, (*_otherwise("the first word", first=True), *_otherwise("a summary", summary=True)))


def _otherwise(by: str, *, first: bool = False, summary: bool = False) -> Iterator[tuple[str, ...]]:
    for now, then in pairs():
        if first and now != Position(Stage.ANNOUNCED):
            continue  # a parcel of which nobody told anything stands there
        made, usual = answer(now, then, first=first, summary=summary), answer(now, then)
        if made != usual:
            yield by, _where(now), _where(then), _answer(made), _answer(usual)


def pairs() -> Iterator[tuple[Position, Position]]:
    """Give every pair of positions that can meet: on its way back all scans of a parcel are of the return leg."""
    for leg, to in ((Leg.OUTBOUND, Leg.OUTBOUND), (Leg.OUTBOUND, Leg.RETURN), (Leg.RETURN, Leg.RETURN)):
        for now in STAGES[leg]:
            yield from ((POSITIONS[leg][now], POSITIONS[to][then]) for then in STAGES[to])


def _where(position: Position) -> str:
    return code(position.stage) if position.leg is Leg.OUTBOUND else f"{code(position.stage)} on the return leg"


def endings() -> list[str]:
    """Return for each condition what ends it and whose problem it is."""
    ended = (
        ("the next physical scan", conditions.ENDED_BY_MOVING),
        ("any newer scan", conditions.ENDED_BY_ANY_SCAN),
        ("the delivery", conditions.ENDED_BY_DELIVERY),
        ("the delivery that settles a doubted one (R4)", {Condition.CONTRADICTION}),
        ("an agent's override", conditions.ENDED_BY_AN_AGENT),
        ("a new latest date that has not passed (R11)", {Condition.DELAYED}),
        (f"the redirect's scan ({codes(sorted(conditions.REDIRECT_SCANS))})", {Condition.REDIRECT_PENDING}),
    )
    return table(
        ("condition", "in words", "ended by a code that says so, and by", "cause", "exception badge"),
        (
            (code(name), CONDITION_WORDS[name].status, "; ".join(what for what, names in ended if name in names),
             conditions.CAUSES.get(name, "carrier"), _yes(name in EXCEPTIONS))
            for name in Condition
        ),
    )  # fmt: skip


def reached() -> list[str]:
    """Return the milestones: of what, once per which occasion, and whether customers are told."""
    head = ("milestone", "of", "stages", "once per", "on the return leg too", "customers are told")
    stages_of = {name: [stage for stage, one in milestones.BY_STAGE.items() if one is name] for name in Milestone}
    return table(
        head,
        (
            (code(name), _subject(name, stages_of[name]), codes(stages_of[name]), _occasion(name, stages_of[name]),
             _yes(name in milestones.EITHER_LEG), _policy(told(name)))
            for name in Milestone
        ),
    )  # fmt: skip


def _subject(name: Milestone, stages_of: Sequence[Stage]) -> str:
    return "parcel" if stages_of or name is Milestone.SHIPPED else "order"


def _occasion(name: Milestone, stages_of: Sequence[Stage]) -> str:
    if name in milestones.DAILY:
        return "local date (R8)"
    if name is Milestone.DELIVERED:
        return "shipment, and correction (R4)"
    return _subject(name, stages_of).replace("parcel", "shipment")


def _policy(how: Told | None) -> str:
    return "" if how is None else f"{', '.join(how.roles)}; for {_span(how.max_age)}"


def times() -> list[str]:
    """Return the rules of time: what each is counted from, when it is due, and what it sets."""
    head = ("rule", "of", "counted from", "due", "sets")
    return table(
        head,
        (
            (code(rule), *COUNTED[rule], "; ".join(_due(name) for name in LIMITS if name.split(".")[0] == rule),
             codes([SETS[rule]] if rule in SETS else []) or "ends the override")
            for rule in Rule
        ),
    )  # fmt: skip


def _due(name: str) -> str:
    return DUE.get(name, "{} later").format(_span(LIMITS[name]))


def _span(span: timedelta) -> str:
    hours, days = span // timedelta(hours=1), span // timedelta(days=1)
    if hours % 24 or days == 2:  # noqa: PLR2004 - two days are told as 48 hours
        return f"{hours} hours"
    return f"{days} day{'s' if days > 1 else ''}"


def ladder(rungs: Sequence[Rung]) -> list[str]:
    """Return the rows of the order's fold."""
    numbered = enumerate(rungs, 1)
    return table(
        ("", "state", "the first row that holds", "row", "an order of which it is true"),
        ((str(number), code(rung.state), rung.why, code(rung.row), rung.example) for number, rung in numbered),
    )


def buckets() -> list[str]:
    """Return where a unit can be."""
    return table(("bucket", "in words"), ((code(bucket), BUCKET_WORDS[bucket]) for bucket in Bucket))


def slowest_first() -> str:
    """Return where units stand that no parcel names: with the slowest parcel that names no lines."""
    return codes(positions.SLOWEST_FIRST)


def said(texts: Mapping[str, str], head: Sequence[str]) -> list[str]:
    """Return a table of words with their sentences."""
    return table(head, ((code(word), sentence) for word, sentence in texts.items()))
