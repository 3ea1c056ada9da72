"""Several pieces under one number: each has a state of its own, and the shipment stands where the slowest stands (R22).

A scan that names no piece, or one that no scan has brought to a stage, speaks of all of them. Pieces that nobody has
named yet stand together, where such scans alone bring them. Pure; called where some scan names a piece.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from schemas.scans import Scan
from schemas.vocabulary import Bucket, Leg, Milestone, ScanKind, Stage
from services.status import machine
from services.status.corrections import voided_keys
from services.status.milestones import BY_STAGE
from services.status.positions import SLOWNESS
from services.status.sequence import instant, rank
from services.status.shipment import MAX_OCCASIONS, Episode, Override, Reached, Route, ShipmentState, Verdict
from services.status.transitions import ENDS, Position

#: Kinds that can name a piece.
_NAMING: Final = frozenset({ScanKind.SCAN, ScanKind.SUMMARY})

#: What a piece makes of an event that means another one.
_OF_ANOTHER: Final = frozenset({"voids_nothing", "not_expected"})

#: Milestones of the whole shipment: told when all pieces have come to their end, never of one piece alone.
_OF_ALL: Final = frozenset({Milestone.DELIVERED, Milestone.RETURNED, Milestone.LOST})

#: As many as a shop can declare; what names more of them is set aside.
MAX_PIECES: Final = 200


@dataclass(frozen=True, slots=True)
class Telling:
    """What every piece is folded with: the parameters of `machine.fold`."""

    zone: str | None = None
    route: Route | None = None
    overrides: tuple[Override, ...] = ()

    def fold(self, scans: Iterable[Scan]) -> ShipmentState:
        """Fold one piece."""
        return machine.fold(scans, zone=self.zone, route=self.route, overrides=self.overrides)


def names_of(scans: Sequence[Scan]) -> list[str]:
    """Return the pieces that a scan or a summary has brought to a stage, and that was not withdrawn (R15)."""
    named = [scan for scan in scans if scan.piece is not None and scan.kind in _NAMING and rank(scan)]
    if not named:
        return []
    withdrawn = voided_keys(scans)
    return sorted({scan.piece for scan in named if scan.piece is not None and scan.event_key not in withdrawn})


def fold_pieces(scans: Sequence[Scan], names: Sequence[str], *, declared: int, told: Telling) -> ShipmentState:
    """Return the state of a shipment of which the shop `declared` so many pieces, and scans named some."""
    known, beyond = set(names[:MAX_PIECES]), set(names[MAX_PIECES:])
    # What withdraws a scan speaks of that scan, wherever it was read.
    of_all = [scan for scan in scans if scan.kind == ScanKind.VOID or scan.piece not in known | beyond]
    own: dict[str, list[Scan]] = {name: [] for name in sorted(known)}
    for scan in scans:
        if scan.piece in known and scan.kind != ScanKind.VOID:
            own[scan.piece].append(scan)
    states = {name: told.fold([*of_all, *found]) for name, found in own.items()}
    unnamed = told.fold(of_all) if len(states) < declared else None
    ordered = machine.sort_scans(scans, told.zone)
    aside = [Verdict(scan, False, "too_many_pieces", "R22") for scan in ordered if scan.piece in beyond]  # noqa: FBT003 - not moved
    return _together(states, unnamed, places={scan.event_key: place for place, scan in enumerate(ordered)}, aside=aside)


def fold_unclaimed(scans: Sequence[Scan]) -> ShipmentState:
    """Return the state of a shipment of which only its scans are known."""
    names, told = names_of(scans), Telling()
    return fold_pieces(scans, names, declared=0, told=told) if names else told.fold(scans)


def parts_of(state: ShipmentState) -> list[ShipmentState]:
    """Return the pieces of a shipment; itself where none is named."""
    return _parts(state.pieces, state.unnamed) if state.pieces else [state]


def _parts(named: Mapping[str, ShipmentState], unnamed: ShipmentState | None) -> list[ShipmentState]:
    return [*named.values(), *([] if unnamed is None else [unnamed])]


def slowest(parts: Sequence[ShipmentState]) -> ShipmentState:
    """Return the piece that the others wait for, of several the last to come there; a cancelled one only at the end."""
    return min(parts, key=_slowness)


def _slowness(state: ShipmentState) -> tuple[int, float]:
    entered = 0.0 if state.entered is None else instant(state.entered).timestamp()
    return _place_of(Position(state.stage, state.leg)), -entered


def _place_of(position: Position) -> int:
    back = position.leg is Leg.RETURN and position.stage not in ENDS
    return SLOWNESS[Bucket.RETURNING if back else position.stage]


def _together(
    named: dict[str, ShipmentState],
    unnamed: ShipmentState | None,
    *,
    places: Mapping[str, int],
    aside: Sequence[Verdict],
) -> ShipmentState:
    """Return the slowest piece's state with what is true of any piece: proof, problems, verdicts, milestones."""
    parts = _parts(named, unnamed)
    last = slowest(parts)
    return replace(
        last,
        conditions=_conditions(parts, places),
        episodes=_episodes(parts),
        pod=tuple(sorted({kind for part in parts for kind in part.pod})),
        first_physical=min(
            (part.first_physical for part in parts if part.first_physical is not None),
            key=lambda scan: places[scan.event_key],
            default=None,
        ),
        newest=max((part.last for part in parts if part.last), key=lambda scan: places[scan.event_key], default=None),
        milestones=_milestones(parts, last, places),
        verdicts=_verdicts(parts, places, aside),
        pieces=named,
        unnamed=unnamed,
    )


def _conditions(parts: Sequence[ShipmentState], places: Mapping[str, int]) -> dict[str, Scan]:
    """Return what is wrong with any piece, each since it first was."""
    found: dict[str, Scan] = {}
    for name, scan in (one for part in parts for one in part.conditions.items()):
        held = found.get(name)
        if held is None or places[scan.event_key] < places[held.event_key]:
            found[name] = scan
    return found


def _episodes(parts: Sequence[ShipmentState]) -> list[Episode]:
    """Return what was wrong with any piece; what a scan of all pieces brought stands once."""
    found: dict[tuple[str, str], Episode] = {}
    for episode in (one for part in parts for one in part.episodes):
        held = found.get((episode.name, episode.source))
        if held is None or held.cleared_at is not None:
            found[episode.name, episode.source] = episode
    return sorted(found.values(), key=lambda one: (one.since, one.name, one.source))


def _milestones(parts: Sequence[ShipmentState], last: ShipmentState, places: Mapping[str, int]) -> list[Reached]:
    """Return what can be told: on the way of any piece, once an occasion; of the end when all have come to it."""
    found: dict[tuple[Milestone, str | None], Reached] = {}
    told = [*(one for part in parts for one in part.milestones if one.name not in _OF_ALL), *_ends(parts, places)]
    if last.override is not None:
        told += [one for one in last.milestones if one.event_key == last.override.key]
    counts: Counter[Milestone] = Counter()
    for reached in sorted(told, key=lambda one: (one.at, one.name, one.event_key)):
        if (reached.name, reached.occasion) not in found and counts[reached.name] < MAX_OCCASIONS:
            found[reached.name, reached.occasion] = reached
            counts[reached.name] += 1
    return list(found.values())


def _ends(parts: Sequence[ShipmentState], places: Mapping[str, int]) -> Iterator[Reached]:
    """Give the moments at which the last piece came to its end; each after a delivery was taken back is an occasion."""
    now = [Position(Stage.ANNOUNCED)] * len(parts)
    moves = sorted(
        (places[one.scan.event_key], index, Position(one.stage, one.leg), one.scan)
        for index, part in enumerate(parts)
        for one in part.verdicts
        if one.stage is not None and one.leg is not None
    )
    ended, reopened = False, 0
    for _, at_this_scan in itertools.groupby(moves, key=lambda move: move[0]):
        before = ended
        for _, index, position, told in at_this_scan:
            now[index], scan = position, told
        ended = all(one.stage in ENDS for one in now)
        name = BY_STAGE.get(min(now, key=_place_of).stage)
        if ended and not before and name in _OF_ALL:
            occasion = f"correction:{reopened}" if reopened and name is Milestone.DELIVERED else None
            yield Reached(name, occasion, scan.event_key, instant(scan))
        reopened += before and not ended


def _verdicts(parts: Sequence[ShipmentState], places: Mapping[str, int], aside: Sequence[Verdict]) -> list[Verdict]:
    """Return one verdict a scan: of a scan of all pieces, that of a piece it did most to."""
    found = {verdict.scan.event_key: verdict for verdict in aside}
    for verdict in (one for part in parts for one in part.verdicts):
        held = found.get(verdict.scan.event_key)
        if held is None or _weight(verdict) > _weight(held):
            found[verdict.scan.event_key] = verdict
    return sorted(found.values(), key=lambda one: places[one.scan.event_key])


def _weight(verdict: Verdict) -> tuple[bool, bool]:
    return verdict.moved, verdict.reason not in _OF_ANOTHER
