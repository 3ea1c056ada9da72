"""What a carrier's English wording adds to a status that is too coarse, in tables by what the status says already.

Wording is the last resort: a provider's file asks here only where it has no code. Each table only refines: what stands
in `TRAVELLING` can happen to a parcel in the network, and none of it ends the journey. First match wins. Pure.
"""

import re
from collections.abc import Sequence
from typing import Final

from schemas.vocabulary import Condition, Stage
from services.ingest.carriers.meanings import (
    ARRIVED,
    AT_POST_OFFICE,
    BAD_ADDRESS,
    CLOSED,
    COLLECTED,
    CUSTOMS_HELD,
    CUSTOMS_PRESENTED,
    CUSTOMS_RELEASED,
    DAMAGED,
    DELAYED,
    DEPARTED,
    FOR_PICKUP,
    LABEL_CREATED,
    LOST,
    NEIGHBOUR,
    NO_ACCESS,
    NOBODY_HOME,
    ON_VEHICLE,
    PICKED_UP,
    PROCESSED,
    REFUSED,
    RETURNED,
    RETURNING,
    SAFE_PLACE,
    Meaning,
    problem,
)

Table = Sequence[tuple[re.Pattern[str], Meaning]]


def _table(*rows: tuple[str, Meaning]) -> Table:
    return tuple((re.compile(pattern, re.IGNORECASE), meaning) for pattern, meaning in rows)


_SENDER: Final = r"(to|by|at) (the )?(original )?(sender|shipper|merchant)\b"
#: "Departed Shipping Partner Facility, USPS Awaiting Item" is said of a parcel that is on its way.
_AWAITED: Final = (
    r"^(?!.*\b(arrived|departed|picked up)\b.*\bshipping partner\b).*("
    r"\blabel (has been |was )?(created|printed)|\bawaiting (the )?(item|package|parcel)\b"
    r"|\belectronic (shipment|shipping) info(rmation)?\b"
    r"|\b(shipment|shipping|shipper|order|billing) info(rmation)? (was |is |has been )?(received|sent|transmitted)\b)"
)
_NO_ANSWER: Final = (
    r"\bnotice (was )?left\b|(?<!no )(?<!not )(?<!pickup )\b(delivery attempt(ed)?|attempted( delivery| to deliver))\b"
    r"|\b(recipient|receiver|addressee|customer) (was )?(unavailable|not (available|home|in))\b"
    r"|\b(no ?one|nobody) (was )?(available|home|in)\b"
)
_ADDRESS: Final = (
    r"\b(incorrect|insufficient|incomplete|wrong|bad|invalid) address\b|\baddress (is )?(incorrect|incomplete)"
)

#: The parcel is not there yet, or nobody says where it is.
AWAITED: Final = _table((_AWAITED, LABEL_CREATED))

#: Customs, whatever else is said: held before released before presented, because a text on one names the others.
_CUSTOMS: Final = (
    (r"\b(held|hold|delay(ed)?|documents?|paperwork)\b.*\bcustoms\b|\bcustoms\b.*\b(held|hold|delay)", CUSTOMS_HELD),
    (
        r"\b(clear(ed|ance complete)|released?)\b.*\bcustoms\b|\bcustoms\b.*\b(cleared|complete|released?)",
        CUSTOMS_RELEASED,
    ),
    (r"\bcustoms\b", CUSTOMS_PRESENTED),
)
CUSTOMS: Final = _table(*_CUSTOMS)

#: In the carrier's network.
TRAVELLING: Final = _table(
    (r"(?<!be )\bout for delivery\b|\bon (\w+ )?vehicle for delivery\b", ON_VEHICLE),
    (_NO_ANSWER, NOBODY_HOME),
    (r"\b(available|ready) for (pick ?up|collection)\b|\bawaiting (pick ?up|collection) (at|by)\b", FOR_PICKUP),
    (r"\breturn(ed|ing)? to (the )?(original )?(sender|shipper)\b", RETURNING),
    *_CUSTOMS,
    (_AWAITED, LABEL_CREATED),
    (r"\bdepart(ed|ure)\b|\bleft the\b", DEPARTED),
    # "Accepted at the origin facility", but not "accepted by the recipient".
    (r"\baccept(ed|ance)\b(?! by the (recipient|customer))|\b(origin|pickup) scan\b|\bin possession\b", PICKED_UP),
    (r"(?<!individual )\bpicked up\b(?!.*\b(customer|recipient|individual)\b)", PICKED_UP),
    (r"\barriv(ed|al)\b", ARRIVED),
    (r"\bin (transit|motion)\b|\bprocess(ed|ing)\b|\bsort(ed|ing)\b", PROCESSED),
)

#: Delivered, the provider says; where and to whom is in the text (rule R6: at the sender it has come back).
DELIVERED_TO: Final = _table(
    (rf"\b(returned|delivered|received),? {_SENDER}", RETURNED),
    (r"(?<!be )\b(picked up|collected) (by|at|from)\b", COLLECTED),
    (r"\b(access ?point|pick-?up point|parcel ?shop|collection point|service ?point)\b", FOR_PICKUP),
    (r"\bneighbou?r\b", NEIGHBOUR),
    (r"\bmail ?room\b", Meaning(Stage.DELIVERED, "mail_room")),
    (r"\b(porch|front door|garage|safe ?place|patio)\b", SAFE_PLACE),
)

#: On its way back, or back: back only where somebody received it.
GOING_BACK: Final = _table((rf"\b(delivered|received),? {_SENDER}", RETURNED))

#: Something is wrong. What ends a journey does so only by its name (rule R10).
WRONG: Final = _table(
    (rf"\b(delivered),? {_SENDER}", RETURNED),
    (r"\breturn(ed|ing)? to (the )?(original )?(sender|shipper)\b|\bbeing returned\b", RETURNING),
    (r"\brefused\b", REFUSED),
    (r"\b(business|office|location) (was |is )?closed\b", CLOSED),
    (r"\b(no|unable to|could not) (gain )?access\b", NO_ACCESS),
    (_NO_ANSWER, NOBODY_HOME),
    (_ADDRESS, BAD_ADDRESS),
    (r"\bdamaged?\b", DAMAGED),
    (r"\b(declared|presumed|is|was|been|package|parcel|shipment) lost\b", LOST),
    *_CUSTOMS,
    (r"\bweather\b", problem("exception", Condition.WEATHER, Condition.DELAYED)),
    (r"\bdelay(ed|s)?\b", DELAYED),
    (r"\b(held|available) (at|for) (the |a )?post office\b", AT_POST_OFFICE),
)


def worded(table: Table, text: str | None) -> Meaning | None:
    """Return what the first pattern that is found in a text means; None where nothing is."""
    if text is None:
        return None
    return next((meaning for pattern, meaning in table if pattern.search(text)), None)
