"""What UPS's codes say, where the shared meanings of `meanings.py` say less. Pure. Called by the tables of UPS."""

from typing import Final

from schemas.vocabulary import Condition, Leg, Stage
from services.ingest.carriers.meanings import INFORMATIONAL, Meaning, moving, problem

AT_DESTINATION: Final = moving("at_destination_country")
#: An access point is a shop.
AT_ACCESS_POINT: Final = Meaning(Stage.AVAILABLE_FOR_PICKUP, "store")
EXPIRING: Final = Meaning(Stage.AVAILABLE_FOR_PICKUP, "store", (Condition.PICKUP_EXPIRING,))
ATTEMPTED: Final = Meaning(Stage.ATTEMPTED)
NOT_PAID: Final = Meaning(Stage.ATTEMPTED, None, (Condition.PAYMENT_DUE,))
APPOINTMENT: Final = problem("appointment", Condition.APPOINTMENT_BOOKED)
CUSTOMS_ASKED: Final = moving("customs_held", Condition.CUSTOMS_HOLD, Condition.DOCUMENTS_MISSING)
DOCUMENTS: Final = problem("exception", Condition.DOCUMENTS_MISSING)
HELD: Final = problem("held", Condition.HELD)
PAYMENT_DUE: Final = problem("held", Condition.PAYMENT_DUE)
WEATHER_DELAY: Final = problem("exception", Condition.WEATHER, Condition.DELAYED)
MISSORTED: Final = problem("missorted", Condition.MISSORTED)
#: At UPS's lost and found: nobody knows whose it is, and it can still be found.
MISLAID: Final = problem("exception", Condition.INVESTIGATION_OPEN, Condition.HELD)
SEARCHED: Final = problem("exception", Condition.INVESTIGATION_OPEN)
DAMAGED_BACK: Final = Meaning(Stage.IN_TRANSIT, "started", (Condition.DAMAGED,), Leg.RETURN)
MAIL_ROOM: Final = Meaning(Stage.DELIVERED, "mail_room")
ON_VEHICLE_UNPAID: Final = Meaning(Stage.OUT_FOR_DELIVERY, "on_vehicle", (Condition.PAYMENT_DUE,))
#: The driver goes to the sender: nothing has been scanned.
PICKUP_PLANNED: Final = Meaning(Stage.ANNOUNCED, "pickup_scheduled")
PICKUP_FAILED: Final = Meaning(Stage.ANNOUNCED, "pickup_failed")
PROBLEM_RESOLVED: Final = Meaning(Stage.IN_TRANSIT, "problem_resolved", clears=(Condition.HELD,))

# These move nothing; they raise or end a condition all the same.
PAID: Final = Meaning(None, INFORMATIONAL, clears=(Condition.PAYMENT_DUE,))
REDIRECT_ASKED: Final = Meaning(None, INFORMATIONAL, (Condition.REDIRECT_PENDING,))
REDIRECTED: Final = Meaning(None, INFORMATIONAL, (Condition.REDIRECTED,), clears=(Condition.REDIRECT_PENDING,))
INVESTIGATION_OPENED: Final = Meaning(None, INFORMATIONAL, (Condition.INVESTIGATION_OPEN,))
INVESTIGATION_CLOSED: Final = Meaning(None, INFORMATIONAL, clears=(Condition.INVESTIGATION_OPEN,))


def listed(*groups: tuple[Meaning, str]) -> dict[str, Meaning]:
    """Return a table from groups of codes: UPS has hundreds of codes and a few dozen things to say.

    ValueError where a code stands twice.
    """
    table: dict[str, Meaning] = {}
    for meaning, codes in groups:
        for code in codes.split():
            if code in table:
                message = f"{code} stands twice"
                raise ValueError(message)
            table[code] = meaning
    return table
