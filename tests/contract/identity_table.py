"""What of each provider's body may change without another scan coming of it (rule R1); what is left out, and why."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

Document = Any
_PUSHED: Final = {"event", "description", "resource_url"}
"""Names that stand in webhooks alone."""
Changes = Callable[[str], str]


def reworded(text: str) -> str:
    """Return other words."""
    return f"In other words: {text}" if text else text


def decorated(text: str) -> str:
    """Return the same words, written otherwise: in capitals, with blanks and a full stop."""
    return f"  {text.upper()}." if text and not text.endswith(".") else text


@dataclass(frozen=True, kw_only=True)
class Sender:
    """One provider."""

    histories: tuple[str, ...] = ()
    """Names of the lists that hold what happened, in any order; empty where a body holds one event."""
    wording: tuple[str, ...] = ()
    """Names of texts for people in an entry; `status.description` stands in an object in it."""
    words: Changes = reworded
    times: tuple[str, ...] = ()
    """Names of the times of what happened, as texts."""
    zones: tuple[str, ...] = ()
    """Those of them whose offset is believed: the same instant at another offset is the same scan."""
    newest: tuple[str, ...] = ()
    """Names of objects that repeat the newest entry: another one would be newest in a shorter body."""
    ids: tuple[str, ...] = ()
    """Names of ids and times of the telling: another webhook, or another read of the API, has others."""
    polled: Callable[[Document], Document | None] = lambda _: None
    """The answer of the provider's API to what a webhook tells; None where this is no webhook."""
    but: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """What is not asked of this provider, and why: each is a name of the tests below."""


def inside(
    name: str, wrap: Callable[[Document], Document] = lambda held: held
) -> Callable[[Document], Document | None]:
    """Return how an answer is made of a webhook whose parcel stands under `name`."""

    def polled(document: Document) -> Document | None:
        pushed = isinstance(document, dict) and _PUSHED & document.keys()
        held = document.get(name) if pushed else None
        return wrap(held) if isinstance(held, dict) else None

    return polled


def _of_shipengine(document: Document) -> Document | None:
    """Return the bare object, with its carrier where a webhook's address has it."""
    held = inside("data")(document)
    named = re.search(r"(?:carrier_code=|/tracking/)([a-z_]+)", str(document.get("resource_url")) if held else "")
    return held if named is None else {**(held or {}), "carrier_code": named[1]}


SENDERS: Final[dict[str, Sender]] = {
    "aftership": Sender(
        histories=("checkpoints",), wording=("message", "subtag_message", "title"), times=("checkpoint_time",),
        zones=("checkpoint_time",), ids=("event_id", "created_at", "updated_at", "hash"),
        polled=inside("msg", lambda told: {"meta": {"code": 200}, "data": {"tracking": told}}),
    ),
    "australiapost": Sender(
        histories=("events", "trackable_items"), wording=("description",), words=decorated, times=("date",),
        zones=("date",),
        but={"reworded": "the description is the code: only capitals, blanks and a full stop may differ",
             "polled": "it has no webhooks"},
    ),
    "canadapost": Sender(
        histories=("occurrence",), wording=("event-description", "event-retail-name"), times=("event-time",),
        but={"zoned": "the zone is an abbreviation beside the time", "polled": "it has no webhooks",
             "ids": "it sends none", "shifted": "XML: asked in its own file"},
    ),
    "dhl": Sender(
        histories=("events",), wording=("description", "remark", "nextSteps"), times=("timestamp",),
        zones=("timestamp",),
        newest=("status",),
        polled=lambda told: {"shipments": told["shipments"]} if isinstance(told, dict) and "scope" in told else None,
        but={"zoned": "a Z or +00:00 is not believed: DHL writes it behind local times", "ids": "it sends none"},
    ),
    "easypost": Sender(
        histories=("tracking_details",), wording=("message", "description"), times=("datetime",), zones=("datetime",),
        ids=("created_at", "updated_at", "shipment_id"), polled=inside("result"),
    ),
    "fedex": Sender(
        histories=("scanEvents",), wording=("eventDescription", "exceptionDescription", "statusByLocale"),
        times=("date",),
        zones=("date",), ids=("transactionId",),
        but={"polled": "a webhook and an answer have the same shape"},
    ),
    "orders": Sender(but={"everything": "a shop tells orders here, and no scans"}),
    "sendcloud": Sender(
        histories=("statuses",), wording=("carrier_message",), times=("carrier_update_timestamp",),
        zones=("carrier_update_timestamp",), ids=("parcel_status_history_id",),
        but={"polled": "an answer about a parcel tells no time of its status, so it has no scans"},
    ),
    "shipengine": Sender(
        histories=("events",), wording=("description", "event_description", "status_description"),
        times=("occurred_at",),
        zones=("occurred_at",), ids=("label_url",), polled=_of_shipengine,
    ),
    "shippo": Sender(
        histories=("tracking_history",), wording=("status_details", "substatus.text"), times=("status_date",),
        zones=("status_date",),
        ids=("object_id", "object_created", "object_updated", "transaction"), polled=inside("data"),
    ),
    "shopify": Sender(
        wording=("message",), times=("happened_at",), zones=("happened_at",),
        ids=("created_at", "updated_at", "admin_graphql_api_id"),
        but={"polled": "the API's fulfilment events are the webhook's objects", "shifted": "a body holds one event"},
    ),
    "standard": Sender(wording=("description",), times=("occurred_at",), zones=("occurred_at",),
                       but={"polled": "it has no API", "ids": "they stand in headers"}),
    "track17": Sender(
        histories=("events", "providers"), wording=("description", "description_translation"), times=("time_utc",),
        zones=("time_utc", "time_iso"), newest=("latest_event",), ids=("providers_hash", "events_hash"),
        polled=inside("data", lambda told: {"code": 0, "data": {"accepted": [told], "rejected": []}}),
    ),
    "ups": Sender(
        histories=("activity",), wording=("status.description", "location.slic"), times=("gmtTime",),
        but={"zoned": "days, times and offset stand in fields of their own",
             "polled": "a webhook is one event in another shape: tests/unit/ingest/test_ups.py",
             "ids": "it sends none"},
    ),
    "usps": Sender(
        histories=("trackingEvents",), wording=("statusSummary", "firm", "name"), times=("GMTTimestamp",),
        zones=("GMTTimestamp",), ids=("uniqueMailPieceID", "uniqueTrackingID"), but={"polled": "it has no webhooks"},
    ),
}  # fmt: skip
