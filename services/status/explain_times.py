"""Times as agents read them: the clock of the place, its offset and its zone, at the precision that was told. Pure."""

from datetime import UTC, datetime

from schemas.scans import Scan
from schemas.vocabulary import ScanKind, TimeKind, TimePrecision
from services.status.explain_answers import When
from services.status.sequence import instant, known_zone

NOT_TOLD = "zone not told"


def when(moment: datetime, zone: str | None) -> When:
    """Return a time of the shop or of ours, in the order's zone where there is one."""
    place = known_zone(zone)
    local = moment if place is None else moment.astimezone(place)
    return When(at=local.isoformat(), text=_text(local, "minutes", zone if place is not None else None))


def when_of_scan(scan: Scan, zone: str | None) -> When:
    """Return where a scan stands: on the clock of its place; `zone` is the order's, for what is told in UTC."""
    moment = instant(scan)
    if scan.time_precision == TimePrecision.DAY and scan.kind != ScanKind.TIME:
        return When(at=moment.isoformat(), text=f"{moment.date().isoformat()}, day only")
    if scan.time_kind == TimeKind.UNKNOWN_ZONE:
        return When(at=moment.isoformat(), text=f"{_clock(moment, _precision(scan))}, {NOT_TOLD}")
    named = scan.place.time_zone if scan.place is not None else None
    if known_zone(named) is None:
        named = zone if scan.time_kind == TimeKind.UTC and known_zone(zone) is not None else None
    place = known_zone(named)
    local = moment if place is None else moment.astimezone(place)
    assumed = ", zone assumed" if scan.time_kind == TimeKind.ASSUMED_ZONE else ""
    return When(at=local.isoformat(), text=f"{_text(local, _precision(scan), named)}{assumed}")


def told(scan: Scan) -> When:
    """Return when we were told: our own clock, in UTC."""
    moment = scan.told_at.astimezone(UTC)
    return When(at=moment.isoformat(), text=_text(moment, "seconds", None))


def _precision(scan: Scan) -> str:
    return "seconds" if scan.time_precision == TimePrecision.SECOND and scan.occurred_at.second else "minutes"


def _clock(moment: datetime, precision: str) -> str:
    return moment.replace(tzinfo=None).isoformat(" ", precision)


def _text(local: datetime, precision: str, zone: str | None) -> str:
    offset = local.strftime("%z")
    shown = "UTC" if not offset.strip("+0") and zone is None else f"{offset[:3]}:{offset[3:5]}"
    return f"{_clock(local, precision)} {shown}" + (f" ({zone})" if zone is not None else "")
