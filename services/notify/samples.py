"""Sample messages: what `trackfold notify preview` shows and the golden files hold. Made up, no order of anyone."""

from datetime import date
from typing import Final

from schemas.order_events import Window
from schemas.order_status import (
    Cause,
    Change,
    Collection,
    Display,
    LineState,
    OrderStatus,
    Parcel,
    ParcelLine,
    ReachedMilestone,
)
from schemas.vocabulary import Milestone, OrderState
from schemas.words import ORDER_WORDS
from services.notify.contacts import Profile, Stamp
from services.notify.facts import Facts, facts
from services.notify.policy import Identity

AT: Final = "2026-11-21T16:05:00+00:00"
LINK: Final = "https://track.example.com/t/AWkg8uAEBGsxbWFpbjEwMDE.kJ3vPq0fYzR8mC5tW2xN7aLb"
_WHOLE_ORDER: Final = frozenset({Milestone.READY_TO_COLLECT})


def sample_facts(milestone: str, *, channel: str, brand: str = "Northwind Home", printed: str | None = None) -> Facts:
    """Return the facts of the sample message of a milestone; `printed` is the number that its customer knows."""
    parcel = "" if milestone in _WHOLE_ORDER else "S1"
    return facts(
        Identity("main:1001", parcel, milestone, "sample", channel, "buyer"),
        sample_status(milestone, printed=printed),
        name="Ada Example",
        profile=_profile(),
        brand=brand,
        link=LINK,
        reached_at=AT,
    )


def sample_status(milestone: str, *, printed: str | None = None) -> OrderStatus:
    """Return the state of the sample order once it has reached a milestone."""
    collecting = milestone in _WHOLE_ORDER
    state = OrderState.READY_TO_COLLECT if collecting else OrderState.IN_TRANSIT
    words = ORDER_WORDS[state]
    reached = ReachedMilestone(name=milestone, occasion="sample", event_key="sample", at=AT)
    return OrderStatus(
        shop="main",
        order="1001",
        state=state.value,
        display=Display(status=words.status, sentence=words.sentence, next=words.next, acts=words.acts),
        placed_at="2026-11-20T09:00:00.000Z",
        delivery_method="click_and_collect" if collecting else "standard",
        time_zone="Europe/London",
        promised=Window(day=date(2026, 11, 24)),
        collection=_collection() if collecting else None,
        conditions=(),
        lines=_lines("ready" if collecting else "shipped"),
        parcels=() if collecting else (_parcel(reached),),
        milestones=(reached,) if collecting else (),
        printed=printed,
        change=Change(
            version=3,
            previous=None,
            cause=Cause(topic="carrier.scans.v1", type="scan", event="sample", at=AT),
        ),
    )


def _parcel(reached: ReachedMilestone) -> Parcel:
    return Parcel(
        shipment="S1",
        key="royal-mail:AB123456785GB",
        carrier="royal-mail",
        carrier_name="Royal Mail",
        service="Tracked 48",
        number="AB123456785GB",
        tracking_page=None,
        pieces=1,
        stage="in_transit",
        leg="outbound",
        substatus=None,
        conditions=(),
        lines=(ParcelLine(line="1", quantity=2), ParcelLine(line="2", quantity=1)),
        window=None,
        pod=(),
        dispatched=True,
        last_scan=None,
        milestones=(reached,),
    )


def _collection() -> Collection:
    return Collection(store="Northwind Leeds", until="2026-11-28T18:00:00.000Z", hours="Monday to Saturday, 9 to 18")


def _lines(bucket: str) -> tuple[LineState, ...]:
    articles = (("1", "Wool blanket", 2), ("2", "Reading lamp & shade <brass>", 1))
    return tuple(
        LineState(line=line, name=name, sku=None, seller=None, ordered=count, buckets={bucket: count})
        for line, name, count in articles
    )


def _profile() -> Profile:
    placed = Stamp.model_validate({"at": AT, "source": "sample", "event": "sample", "digest": ""})
    return Profile(locale="en-GB", time_zone="Europe/London", country="GB", stamp=placed)
