"""UPS's dates and times (`20240423`, `091519`): an instant in GMT, the wall clock beside it, and windows.

Pure. Called by `ups_alert.py` and `ups_track.py`.
"""

import re
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from schemas.order_events import Window
from services.ingest.carriers.times import Told, read_time, with_wall_clock

_DATE: Final = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})")
_OFFSET: Final = re.compile(r"([+-][0-9]{2})[.:]?([0-9]{2})")


@dataclass(frozen=True, slots=True)
class Clock:
    """One instant as UPS writes it: twice, and with how far they differ."""

    local_date: str | None
    local_time: str | None
    gmt_date: str | None
    gmt_time: str | None
    offset: str | None
    """As in `-04.00` or `-04:00`."""

    def told(self, zone: str | None) -> Told:
        """Return the instant on the wall clock of its place; ValueError where neither date can be read.

        GMT is the instant. The local time is only believed as far as a zone on earth could show it: in UPS's own
        samples GMT stands before the local time of an American town. `zone` is for a local time that stands alone.
        """
        local = _joined(self.local_date, self.local_time)
        gmt = _joined(self.gmt_date, self.gmt_time)
        if gmt is not None and self.gmt_time is not None:
            told = replace(read_time(f"{gmt}Z"), text=f"{self.gmt_date} {self.gmt_time}")
            return told if local is None or self.local_time is None else with_wall_clock(told, local)
        if local is None:
            message = "neither a GMT nor a local time"
            raise ValueError(message)
        text = " ".join(part for part in (self.local_date, self.local_time, self.offset) if part)
        offset = _OFFSET.fullmatch(self.offset or "")
        if offset is None or self.local_time is None:
            return replace(read_time(local, zone=zone), text=text)
        return replace(read_time(f"{local}{offset[1]}:{offset[2]}"), text=text)


def day_of(written: str | None) -> date | None:
    """Return a date; None where there is none."""
    found = _DATE.fullmatch(written or "")
    try:
        return None if found is None else date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return None


def window_of(day: date, starts: str | None, ends: str | None, zone: str | None) -> Window:
    """Return a day, or its hours where the zone they are told in is known: they are the receiver's wall clock."""
    first, last = _hour(day, starts, zone), _hour(day, ends, zone)
    if last is None or (first is not None and first >= last):
        return Window(day=day)
    return Window(starts=first, ends=last)


def _hour(day: date, written: str | None, zone: str | None) -> datetime | None:
    clock = _clock(written)
    if clock is None or zone is None:
        return None
    try:
        return datetime.fromisoformat(f"{day.isoformat()}T{clock}").replace(tzinfo=ZoneInfo(zone))
    except ValueError:
        return None


def _joined(written: str | None, clock: str | None) -> str | None:
    """Return a date and a time of day as ISO 8601; a date alone where there is no time."""
    found = _DATE.fullmatch(written or "")
    if found is None:
        return None
    local = f"{found[1]}-{found[2]}-{found[3]}"
    time = _clock(clock)
    if clock is not None and time is None:
        message = "no time of day"
        raise ValueError(message)
    return local if time is None else f"{local}T{time}"


def _clock(written: str | None) -> str | None:
    """Return `HH:MM:SS`; UPS leaves zeros in front away (`74700`), and writes colons in some answers."""
    digits = (written or "").replace(":", "")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 6:  # noqa: PLR2004 - HHMMSS
        return None
    digits = digits.zfill(6)
    return f"{digits[:2]}:{digits[2:4]}:{digits[4:]}"
