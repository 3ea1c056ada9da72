"""When the fold takes something back: premature deliveries (R4), withdrawn scans (R15), agents' overrides (R17). Pure.

Each answer depends on the set of events alone. A delivery that comes after a correction has an occasion of its own, so
that the true delivery is told again.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from schemas.scans import Place, Scan
from schemas.vocabulary import Leg, ScanKind, Stage
from services.status import conditions, milestones
from services.status.sequence import instant, local_date
from services.status.shipment import Correction, Override, ShipmentState

#: R4: so long after a delivery its own scans still trickle in.
BATCH: Final = timedelta(hours=2)

#: R4: nobody is out with a parcel again that was delivered the day before.
_NEW_CYCLE: Final = frozenset({Stage.OUT_FOR_DELIVERY, Stage.ATTEMPTED})

BATCH_NOISE: Final = "batch_noise"
CONTRADICTION: Final = "contradiction"
REOPENED: Final = "reopened"


def after_delivery(state: ShipmentState, delivery: Scan, scan: Scan, *, zone: str | None) -> str:
    """Return what an outbound physical scan after a delivery is (R4, tested in this order).

    (c) `reopened`: another delivery cycle on a later local day, or a second scan at another place. (a) `batch_noise`:
    within two hours, or at the same place. (b) `contradiction`.
    """
    late = instant(scan) - instant(delivery) > BATCH
    elsewhere = apart(scan.place, delivery.place)
    if late and scan.stage in _NEW_CYCLE and local_date(scan, zone) > local_date(delivery, zone):
        return REOPENED
    if late and elsewhere and state.elsewhere is not None:
        return REOPENED
    if not late or elsewhere is False:
        return BATCH_NOISE
    state.elsewhere = scan if elsewhere else state.elsewhere
    return CONTRADICTION


def reopen(state: ShipmentState, scan: Scan) -> None:
    """Take the delivery back: its proof was of something else, and the next one is told again."""
    state.corrections.append(Correction(scan.event_key, instant(scan), REOPENED))
    _forget_delivery(state)


def voided_keys(scans: Iterable[Scan]) -> frozenset[str]:
    """Return the event keys that their carrier withdrew (R15). A withdrawal itself cannot be withdrawn."""
    return frozenset(scan.voids for scan in scans if scan.kind == ScanKind.VOID and scan.voids is not None)


def note_void(state: ShipmentState, void: Scan, target: Scan | None) -> str:
    """Take note of a withdrawal at its place; the withdrawn scan has moved nothing.

    Where it was a delivery told before, and nothing else says "delivered", the true one is told again.
    """
    if target is None:
        return "voids_nothing"
    was_delivery = target.stage == Stage.DELIVERED and target.leg == Leg.OUTBOUND and instant(target) <= instant(void)
    if was_delivery and state.stage is not Stage.DELIVERED:
        state.corrections.append(Correction(void.event_key, instant(void), "voided"))
    return "void"


def word_of(scan: Scan) -> Override:
    """Return what an agent told with the shipment's scans, of a stage and leg that we know."""
    by = scan.by
    return Override(
        key=scan.event_key,
        at=instant(scan),
        stage=None if scan.stage is None else Stage(scan.stage),
        leg=Leg(scan.leg),
        substatus=scan.substatus,
        pinned=bool(scan.pinned),
        until=scan.until,
        author=None if by is None else by.name or by.kind,
        reason=scan.reason,
        by_scan=True,
    )


def note_override(state: ShipmentState, override: Override) -> None:
    """Begin or end an agent's override (R17)."""
    if override.stage is None:
        _end(state, override.key, override.at, delivered=False)
    else:
        state.override = override
    conditions.note_override(state, override)


def end_override(state: ShipmentState, scan: Scan, *, pinned: bool) -> None:
    """End the override that holds; a pinned one only if `pinned`: later physical scans do not end it."""
    if state.override is not None and (pinned or not state.override.pinned):
        delivered = scan.stage == Stage.DELIVERED and scan.leg == Leg.OUTBOUND
        _end(state, scan.event_key, instant(scan), delivered=delivered)


def _end(state: ShipmentState, key: str, at: datetime, *, delivered: bool) -> None:
    """End an agent's word; where it alone said "delivered", the true delivery is told again."""
    word, state.override = state.override, None
    if word is None:
        return
    state.open_since = at
    alone = word.stage is Stage.DELIVERED and word.leg is Leg.OUTBOUND and state.stage is not Stage.DELIVERED
    if alone and not delivered:
        state.corrections.append(Correction(key, at, "override_ended"))


def overlaid(state: ShipmentState) -> ShipmentState:
    """Return the state as it shows: the agent's word over the fold of the scans, which goes on beneath it."""
    override = state.override
    if override is None or override.stage is None:
        return state
    back = override.leg is Leg.RETURN or override.stage is Stage.RETURNED
    shown = replace(
        state,
        stage=Stage.RETURNED if back and override.stage is Stage.DELIVERED else override.stage,
        leg=Leg.RETURN if back else Leg.OUTBOUND,
        substatus=override.substatus,
        beneath=state.stage,
        milestones=list(state.milestones),
    )
    milestones.reach_by_override(shown, override)
    return shown


def apart(one: Place | None, other: Place | None) -> bool | None:
    """Tell whether two places differ; None where that cannot be known. Two addresses in one town are one place."""
    if one is None or other is None:
        return None
    if _code(one.country) and _code(other.country) and _code(one.country) != _code(other.country):
        return True
    for mine, theirs in ((one.city, other.city), (one.postcode, other.postcode)):
        if mine and theirs:
            return mine.casefold() != theirs.casefold()
    return None


def _code(country: str | None) -> str | None:
    """Return a two-letter country code; None for a name, which another source may write otherwise."""
    return country.upper() if country is not None and len(country) == 2 else None  # noqa: PLR2004 - ISO 3166-1 alpha-2


def _forget_delivery(state: ShipmentState) -> None:
    state.pod, state.delivery, state.elsewhere = (), None, None
