"""Watched parcels and the pace of the poller, for its tests: valid by default."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from services.ingest.apis.base import Rate, Traits
from services.ingest.poller.schedule import Pace
from services.ingest.poller.watched import Registration, Telling, Watched

START: Final = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)

PACE: Final = Pace(
    poll=timedelta(hours=4),
    poll_near=timedelta(hours=1),
    poll_early=timedelta(hours=12),
    silent=timedelta(hours=24),
    silent_again=timedelta(days=7),
    leave=timedelta(days=60),
    end=timedelta(days=1),
    refused_again=timedelta(days=1),
    hint=timedelta(seconds=5),
)


def after(**parts: float) -> datetime:
    """Return a time so long after the start of every story."""
    return START + timedelta(**parts)


def traits(provider: str = "easypost", **own: Any) -> Traits:
    """Return a provider that pushes, wants numbers registered and can be asked."""
    fields: dict[str, Any] = {"reads": 1, "registers": 1, "ends": 1, "rate": Rate(5, 1), "base_url": "https://x"}
    return Traits(provider=provider, **fields | own)


def pulling(provider: str = "usps", **own: Any) -> Traits:
    """Return a carrier that is polled."""
    return traits(provider, pushes=False, registers=0, ends=0, **own)


def parcel(**own: Any) -> Watched:
    """Return a parcel that is registered with the provider of `traits()` since the start."""
    fields: dict[str, Any] = {
        "shipment": "royal-mail:AB1",
        "carrier": "royal-mail",
        "number": "AB1",
        "provider": "easypost",
        "registration": Registration.REGISTERED,
        "stage": "in_transit",
        "opened_at": START,
        "registered_at": START,
    }
    return Watched(**fields | own)


def polled(**own: Any) -> Watched:
    """Return a parcel of the carrier of `pulling()`."""
    return parcel(provider="usps", registration=Registration.PULL, registered_at=None, **own)


def telling(event: int = 1, *, hours: float = 1, told: float | None = None, **own: Any) -> Telling:
    """Return a scan so many hours after the start, told at once unless `told` says later."""
    return Telling(after(hours=hours if told is None else told), after(hours=hours), event, **{"pulled": False} | own)
