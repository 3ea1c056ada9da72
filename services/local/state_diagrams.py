"""The diagrams of docs/state-machine.md, in Mermaid, drawn from the transition table's answers and the fold. Pure.

Every move of the fold is an edge. Stages that lead to each other and from there to the same ones are drawn as one
group, so that people can read it; the tables beside the diagrams say each pair.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from schemas.scans import SCAN, Scan
from schemas.vocabulary import Leg, Stage
from services.local.state_ladder import Rung
from services.status import machine
from services.status.transitions import PHYSICAL, POSITIONS, RANK, Answer, answer

#: What a parcel can be on each leg: a return ends in `returned`, never in `delivered` (R6).
STAGES: Final[Mapping[Leg, tuple[Stage, ...]]] = {
    Leg.OUTBOUND: tuple(stage for stage in RANK if stage is not Stage.RETURNED),
    Leg.RETURN: tuple(stage for stage in RANK if stage is not Stage.DELIVERED),
}

ON_THE_ROAD: Final = "on_the_road"
OTHER_LEG: Final = "outbound_leg"

#: Nothing depends on the day.
_AT: Final = datetime(2026, 11, 20, 9, tzinfo=UTC)

#: From each stage to which others, and how the edge is called: the rule, and what else happens.
_Edges = Mapping[Stage, Mapping[Stage, str]]


def outbound() -> list[str]:
    """Return the way to the customer, with what takes a delivery back."""
    edges = _edges(Leg.OUTBOUND)
    edges = {**edges, Stage.DELIVERED: {**edges[Stage.DELIVERED], **_reopened()}}
    return [*_head(), *(f"    [*] --> {stage}" for stage in (Stage.NOT_FOUND, Stage.ANNOUNCED)), *_leg(edges)]


def return_leg() -> list[str]:
    """Return the way back: onto it from wherever a parcel is, and along it."""
    edges = _edges(Leg.RETURN)
    lines = [f'    state "wherever it is on the outbound leg" as {OTHER_LEG}', f"    [*] --> {Stage.ANNOUNCED}"]
    lines += _lines(OTHER_LEG, _onto(), group=_group(edges))
    return [*_head(), *lines, *_leg(edges)]


def order(rungs: Sequence[Rung]) -> list[str]:
    """Return the order's state as a ladder of questions: the first yes decides."""
    lines = ["flowchart TD", '    q0{{"The data were erased."}} -- yes --> s0(["erased"])', "    q0 -- no --> q1"]
    for number, rung in enumerate(rungs[:-1], 1):
        lines.append(f'    q{number}{{{{"{_text(rung.why)}"}}}} -- yes --> s{number}(["{rung.state}"])')
        lines.append(f"    q{number} -- no --> {f'q{number + 1}' if number + 1 < len(rungs) else 'last'}")
    lines.append(f'    last(["{rungs[-1].state}"])')
    return lines


def _head() -> list[str]:
    return ["stateDiagram-v2", "    direction LR"]


def _edges(leg: Leg) -> _Edges:
    """Return what each stage of a leg leads to along it: whatever is followed, in the table or flagged outside it."""
    positions = POSITIONS[leg]
    found = {now: {then: answer(positions[now], positions[then]) for then in STAGES[leg] if then is not now}
             for now in STAGES[leg]}  # fmt: skip
    return {now: {then: _label(made) for then, made in answers.items() if made.follows}
            for now, answers in found.items()}  # fmt: skip


def _onto() -> dict[Stage, str]:
    """Return where the return leg can begin for a parcel on the outbound leg, by every rule that says so."""
    back, found = POSITIONS[Leg.RETURN], {}
    for then in STAGES[Leg.RETURN]:
        answers = (answer(POSITIONS[Leg.OUTBOUND][now], back[then]) for now in STAGES[Leg.OUTBOUND])
        labels = [_label(made) for made in answers if made.follows]
        if labels:
            found[then] = _any_of(labels)
    return found


def _reopened() -> dict[Stage, str]:
    """Return where a parcel can stand after a delivery that is taken back (R4): as the fold does it, stage by stage.

    The history of each: delivered, then on the next day somewhere else, then in that stage at a third place.
    """
    before = [_scan(Stage.DELIVERED, 0, "London"), _scan(Stage.IN_TRANSIT, 24, "Leeds")]
    found: dict[Stage, str] = {}
    for stage in STAGES[Leg.OUTBOUND]:
        if stage in PHYSICAL and stage is not Stage.DELIVERED:
            state = machine.fold([*before, _scan(stage, 30, "York")])
            if state.stage is stage and state.corrections:
                last = state.verdicts[-1]
                found[stage] = f"{last.rule} {state.corrections[-1].reason}"
    return found


def _scan(stage: Stage, hours: int, city: str) -> Scan:
    at = _AT + timedelta(hours=hours)
    named = {"kind": "scan", "event_key": f"k{hours}", "provider": "shop", "carrier": "royal-mail", "number": "AB1"}
    when = {"occurred_at": at, "told_at": at, "stage": stage.value, "place": {"city": city}}
    return SCAN.validate_python(named | when)


def _group(edges: _Edges) -> list[Stage]:
    """Return the largest group of stages that lead to each other and from there to the same ones."""
    groups: dict[frozenset[Stage], list[Stage]] = {}
    for now, targets in edges.items():
        groups.setdefault(frozenset({now, *targets}), []).append(now)
    return max(groups.values(), key=len)


def _leg(edges: _Edges) -> list[str]:
    group = _group(edges)
    lines = [f"    state {ON_THE_ROAD} {{", *(f"        {stage}" for stage in group), "    }"]
    for now, targets in edges.items():
        if now == group[0]:
            outside = {then: _any_of(edges[one][then] for one in group) for then in targets if then not in group}
            lines += _lines(ON_THE_ROAD, outside, group=group)
        elif now not in group:
            lines += _lines(now.value, targets, group=group)
    return [*lines, *(f"    {now} --> [*]" for now, targets in edges.items() if not targets)]


def _lines(source: str, targets: Mapping[Stage, str], *, group: Sequence[Stage]) -> list[str]:
    """Return the edges of a source, with one edge to the group where all its stages can follow in the same way."""
    labels = {targets.get(stage) for stage in group}
    whole = None if len(labels) > 1 else labels.pop()
    edges = [] if whole is None else [(ON_THE_ROAD, whole)]
    edges += [(then.value, label) for then, label in targets.items() if whole is None or then not in group]
    return [f"    {source} --> {target}: {label}" for target, label in edges]


def _label(made: Answer) -> str:
    return f"{made.rule} flagged" if made.raises else made.rule


def _any_of(labels: Iterable[str]) -> str:
    return " or ".join(dict.fromkeys(labels))


def _text(sentence: str) -> str:
    """Return a sentence that cannot end its label early."""
    return sentence.replace('"', "'").replace("#", "")
