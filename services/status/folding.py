"""A fold that goes on: the next event on a known state, without folding the history again. Pure.

The common case is a scan that is newer than everything told before it. Whatever could change what was made of an
earlier event (a late one, another reading, a withdrawal, a remap, a day without a time) is refused here, and the caller
folds the whole set: both ways end in the same state.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from schemas.scans import Scan
from schemas.vocabulary import ScanKind, TimePrecision
from services.status import corrections, machine
from services.status.machine import Run
from services.status.sequence import instant, is_of_a_day, leads, local_date, moment_of
from services.status.shipment import Override, Route, ShipmentState
from services.status.transitions import ENDS

_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)

#: Kinds that can stand last without touching what stands before them; the others withdraw, correct or overrule.
_APPENDED: Final = frozenset({ScanKind.SCAN, ScanKind.SUMMARY, ScanKind.ESTIMATE, ScanKind.TIME})

#: Asked for at every scan: a plain name is found ten times as fast as a member of its class.
_SCAN: Final = ScanKind.SCAN
_DAY: Final = TimePrecision.DAY


@dataclass(slots=True)
class Folding:
    """The state of one shipment, and what tells whether the next event simply stands behind the others."""

    run: Run
    seen: set[str]
    """Every event key: a second reading of one is merged with the first, wherever that stands (E5)."""
    summed_up: set[str]
    """Providers of summaries, which count for less once their provider tells scans (R23)."""
    days: set[str]
    """Local days of events without a time: they stand behind the timed events of their day (R3)."""
    horizon: datetime
    """The latest instant of anything so far."""
    box: str | None
    """The carrier's own id in the scans so far: with another one it is to be asked whose scan it is (R18)."""
    last_teller: str | None
    """Whose final summary would stand right behind the last event (R23); None where that is nobody's scan or end."""

    @property
    def state(self) -> ShipmentState:
        """The state now, an agent's word over it (R17)."""
        return corrections.overlaid(self.run.state)

    def take(self, scan: Scan) -> bool:
        """Take an event that stands last; False where the whole history has to be folded again, and nothing is done."""
        at = instant(scan)
        if scan.event_key in self.seen or not self._stands_last(scan, at):
            return False
        state, told = self.run.state, self.run.told
        if scan.kind == _SCAN and scan.provider not in state.tellers:
            state.tellers |= {scan.provider}
        machine.take(state, scan, told)
        self.seen.add(scan.event_key)
        if scan.kind == ScanKind.SUMMARY:
            self.summed_up.add(scan.provider)
        self.last_teller = scan.provider if leads(scan) else None
        self.horizon = at
        return True

    def _stands_last(self, scan: Scan, at: datetime) -> bool:
        """Tell whether an event stands behind all others and changes nothing for them."""
        kind = scan.kind
        if kind not in _APPENDED or scan.piece is not None or scan.event_key in self.run.told.voided:
            return False
        if scan.unique_id is not None and scan.unique_id != self.box:
            return False
        if not moment_of(scan, at) > self.horizon:
            return False
        if kind == _SCAN:
            first = scan.provider in self.summed_up and scan.provider not in self.run.state.tellers
            return not (first or self._moves_a_day(scan)) and scan.time_precision != _DAY
        if kind == ScanKind.SUMMARY:
            told_scans = scan.provider in self.run.state.tellers
            return not (told_scans and scan.stage in ENDS) or self.last_teller == scan.provider
        return kind == ScanKind.TIME or scan.time_precision != _DAY

    def _moves_a_day(self, scan: Scan) -> bool:
        return bool(self.days) and local_date(scan, self.run.told.zone) in self.days


def begin(
    scans: Iterable[Scan],
    *,
    zone: str | None = None,
    route: Route | None = None,
    overrides: Iterable[Override] = (),
) -> Folding:
    """Fold a whole history so that it can go on; the parameters are those of `machine.fold`."""
    run = machine.run(scans, zone=zone, route=route, overrides=overrides)
    ordered, told = run.ordered, run.told
    last = ordered[-1] if ordered else None
    telling = last is not None and leads(last) and last.event_key not in told.voided
    instants = [instant(scan) for scan in ordered]
    return Folding(
        run=run,
        seen=set(told.scans),
        summed_up={scan.provider for scan in ordered if scan.kind == ScanKind.SUMMARY},
        days={instant(scan).date().isoformat() for scan in ordered if is_of_a_day(scan)},
        horizon=max([*instants, *(word.at for word in run.words)], default=_EARLIEST),
        box=next((scan.unique_id for scan in ordered if scan.unique_id is not None), None),
        last_teller=last.provider if telling and last is not None else None,
    )
