"""Every reason and rule in a sentence for agents: why something moved a state, or moved nothing. Pure data.

The one table of such texts, as `schemas/words` is that of the statuses. Reason words are those of verdicts, of the
state document and of `change`; a test produces all of them and finds none without a sentence.
"""

from collections.abc import Mapping
from typing import Final

from schemas.words import CONDITION_WORDS, MILESTONE_WORDS, ORDER_CONDITION_WORDS

#: What was made of a scan, an order event or another record of a history.
REASONS: Final[Mapping[str, str]] = {
    "moved": "It brought the parcel to where it says.",
    "same_stage": "It says that the parcel is where it was known to be.",
    "reopened": "It proves that the parcel had not been delivered: the delivery was taken back.",
    "shipped_although_cancelled": "The label was void, and yet somebody holds the parcel: it is really there.",
    "contradiction": "It contradicts what was known: somebody must look at it.",
    "batch_noise": "It comes too soon after the delivery, or from its place: the driver's device sent it late.",
    "illegal": "Nothing leads from where the parcel was to what this says, and nobody held the parcel: kept only.",
    "superseded": "A source that counts more speaks of the same.",
    "too_many_pieces": "It names one piece too many: a parcel has at most two hundred.",
    "voided": "The carrier withdrew it.",
    "void": "It withdraws an earlier scan.",
    "voids_nothing": "It withdraws a scan that we do not have, or that cannot be withdrawn.",
    "estimate": "It tells when the carrier expects to deliver, and not where the parcel is.",
    "time": "A time that was waited for has passed without the news that should have come.",
    "not_expected": "A time has passed that nothing waited for any more.",
    "informational": "It tells nothing of where the parcel is.",
    "unmapped": "We do not know this code yet: it waits for a row in the carrier's map.",
    "unknown_stage": "It names a stage that this version does not know.",
    "unknown_leg": "It names a direction that this version does not know.",
    "set_aside": "It is a record of a kind that this version does not know.",
    "return_announced": "A label for the way back exists, and nobody has scanned it: nothing has moved.",
    "override": "An agent said so. The word stands over the scans, which go on beneath it.",
    "override_ended": "An agent took the override back: the scans count again.",
    "override_expired": "The override came to its date: the scans count again.",
    "label_voided": "The shop withdrew the label before anybody scanned the parcel.",
    "contradicts": "Another content under the same id counts; this one went to the dead letters.",
    "unknown_type": "It is an event of a later version.",
    "unknown_shipment": "It names a shipment that the shop has not created.",
    "unknown_line": "It names only lines that the order does not have.",
    "placed_before": "The order had been placed already: the first word counts.",
    "known_shipment": "A shipment of that id had been created already: the first word counts.",
    "voided_before": "The shipment had been withdrawn already.",
    "dispatched_before": "What it speaks of had been dispatched already.",
}

#: Why a version corrects what was said before, and why nobody was told of it.
CORRECTIONS: Final[Mapping[str, str]] = {
    "shipment_corrected": "The shop corrected the number, the carrier or the references of a parcel.",
    "shipment_voided": "The shop withdrew a parcel.",
    "override": "An agent said where a parcel is, or took that back.",
    "override_set": "An agent said where a parcel is.",
    "override_ended": "An agent's word on a parcel was taken back.",
    "void": "The carrier withdrew a scan.",
    "withdrawn": "A milestone that had been told for good is gone.",
    "reopened": "Later scans proved that a parcel had not been delivered.",
    "found": "A parcel that was declared lost has turned up.",
    "shipped_although_cancelled": "A parcel with a void label was scanned on its way.",
    "regrouped": "Another order's claim on the number gave scans to this order or took them from it.",
    "reread": "A newer version of the rules reads the same history differently: nobody was told.",
    "remap": "A carrier's code is read differently now: nobody was told.",
    "restored": "The state was restored from its history: nobody was told.",
}

#: What raised a condition, where neither a sub-status nor a carrier's code did.
RAISED_BY: Final[Mapping[str, str]] = {
    "after_delivery": "Somebody scanned the parcel after it was delivered, and that proves nothing yet.",
    "contradiction": "A scan that cannot follow what was known.",
    "shipped_although_cancelled": "A parcel with a void label is on its way.",
    "silent": "No scan for longer than is usual.",
    "delayed": "The latest date that was told has passed.",
    "day_ended": "It was out for delivery, and the day ended without a result.",
    "pickup_expiring": "Its last days at the pickup point have begun.",
    "expired_tracking": "The carrier has said nothing for so long that no more is expected.",
}

#: The row of the order's fold that matched first (`units.py`).
ROWS: Final[Mapping[str, str]] = {
    "nothing_left": "Nothing is left of the order: every unit was cancelled.",
    "on_hold": "The shop put the order on hold, and units are still with it.",
    "payment_open": "The money is awaited or was refused, and every unit is still with the shop.",
    "all_collected": "Every unit was collected at the store.",
    "all_delivered": "Every unit has arrived.",
    "all_returned": "Every unit came back.",
    "all_lost": "No unit can arrive any more.",
    "all_ended_none_lost": "Every unit is at its end, some of them back at the shop.",
    "all_ended_some_lost": "Every unit is at its end, and not all of them could arrive.",
    "all_ended_or_returning": "Every unit is at its end or on its way back.",
    "some_arrived": "Some units have arrived, and others are still to come.",
    "some_out_for_delivery": "A parcel is out for delivery.",
    "some_waiting": "A parcel waits at a pickup point, or units wait at the store.",
    "some_attempted": "A delivery failed, and that parcel is not out again.",
    "some_returning": "Something is on its way back, and nothing else is nearer to its end.",
    "all_gone_and_scanned": "Every unit has left, and a carrier has scanned a parcel.",
    "all_gone": "Every unit has left, and no carrier has scanned a parcel yet.",
    "some_gone": "Some units have left, and others have not.",
    "some_picked": "Nothing has left, and units are picked or packed.",
    "nothing_picked": "Nothing has left, and nothing is picked yet.",
    "erased": "The order's data were erased.",
}

#: What each order event does where it counts.
EVENTS: Final[Mapping[str, str]] = {
    "placed": "The customer ordered: lines, destination and first promise come from here.",
    "lines_edited": "The lines of the order are now these.",
    "address_changed": "The order goes elsewhere.",
    "promise_changed": "The promise to the customer is now this one.",
    "payment_failed": "The payment was refused: the order waits for the money.",
    "payment_confirmed": "The money is there.",
    "on_hold": "The order is held back until it is released.",
    "released": "The hold is over.",
    "backordered": "Units are out of stock and follow later.",
    "picking_started": "Units are being picked.",
    "packed": "Units are packed.",
    "ready_to_collect": "Units wait at the store.",
    "collection_expired": "Nobody came: units went back to stock.",
    "collection_extended": "The goods wait longer at the store.",
    "collected": "The customer took units at the store.",
    "shipment_created": "A parcel exists: the order claims its number.",
    "shipment_corrected": "The number, carrier or references of a parcel are now these.",
    "shipment_voided": "The parcel will not be sent.",
    "dispatched": "The goods left the warehouse.",
    "cancelled": "Units, or the whole order, are not to be delivered; what has left goes on.",
    "return_requested": "The customer wants to send units back.",
    "return_shipment_created": "A parcel back to the shop exists: the order claims its number.",
    "returned": "Units are back at the shop.",
    "refunded": "Money went back: a fact, which moves no unit.",
    "replaced": "Another order takes the place of this one: a fact, which moves no unit.",
    "override_set": "An agent said where a parcel is: the word stands over its scans.",
    "override_ended": "The agent's word was taken back: the scans count again.",
    "contact_changed": "Contacts changed: a fact for messages only.",
    "preference_changed": "The wishes for messages changed: a fact for messages only.",
    "note": "A note of the shop: it moves nothing.",
    "time_reached": "A time that was waited for has passed without the news that should have come.",
    "erased": "The order's data are to be erased.",
}

#: What a version says of its cause where nothing else is to be said.
_BESIDE: Final[Mapping[str, str]] = {
    "units_moved": "It moved units of the order.",
    "scan": "It tells more of the way, and moves nothing.",
    "remap": "A code of the carrier's is read in another way now.",
    "summary": "A provider summed up what it knows, and nothing moved.",
}

#: The reason of a version that corrects nothing: what was made of its cause (`changes.py`).
CHANGES: Final[Mapping[str, str]] = {
    **EVENTS,
    **{name: f"The customer's order {told.news}." for name, told in MILESTONE_WORDS.items()},
    **{name: f"A condition began or ended: {words.status}." for name, words in ORDER_CONDITION_WORDS.items()},
    **{name: f"A condition began or ended: {words.status}." for name, words in CONDITION_WORDS.items()},
    **REASONS,
    **_BESIDE,
}

#: Each rule in one line (docs/state-model.md, docs/engine-rules.md).
RULES: Final[Mapping[str, str]] = {
    "R1": "What is told once counts once.",
    "R2": "A late scan takes its place in the history, and nothing goes back.",
    "R3": "At one instant the more trusted source counts, then the stage that comes earlier on the way.",
    "R4": "Scans after a delivery are noise, a contradiction, or proof that it was premature.",
    "R5": "Delivered once more brings proof, and no second message.",
    "R6": "What is delivered to the sender came back: returned, on the way back.",
    "R7": "Out again after a failed attempt is the next attempt.",
    "R8": "Out for delivery and attempted are told once a local day.",
    "R9": "An attempt that the courier did not really make is not the customer's failure.",
    "R10": "A problem sets or clears a condition, and moves no stage.",
    "R11": "A new expected date moves no stage; one that has not passed ends a delay.",
    "R12": "What nobody knows is kept, and moves nothing.",
    "R13": "Scans may come before their order: it claims them when it comes.",
    "R14": "A time in the future stands where we were told of it; a time without a zone gets that of its place.",
    "R15": "A scan that its carrier withdrew moves nothing.",
    "R16": "After a handover the carrier that holds the parcel counts.",
    "R17": "An agent's word stands over the scans until it ends.",
    "R18": "A number that is used again is another box.",
    "R19": "Another reading of a code is published only when approved.",
    "R20": "Out for delivery and the day has ended: delayed.",
    "R21": "The table of moves says where a stage may lead; who held the parcel is believed.",
    "R22": "Several numbers of one parcel are one parcel, and it has arrived when all its pieces have.",
    "R23": "A provider's summary counts where its end stage outranks its scans, or where it told none.",
    "E3": "Of a number that several orders claim, each order sees only its own box.",
    "E9": "Erasure absorbs everything before and after it.",
    "E15": "A time event counts only if the state at its place still waits for it.",
}

#: Who acts next, as agents say it.
ACTS: Final[Mapping[str, str]] = {
    "nobody": "nobody",
    "shop": "the shop",
    "carrier": "the carrier",
    "customer": "the customer",
}


def sentence(table: Mapping[str, str], word: str) -> str:
    """Return the sentence of a word; for one of an open vocabulary that has none, the word itself."""
    return table.get(word) or f"“{word}”."
