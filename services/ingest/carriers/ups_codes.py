"""UPS's vocabulary as data: description codes, manifest, update and movement codes, and activity types.

Sources: UPS's tracking appendix and its sample messages. The long tables stand in files of their own; which of them is
asked first, and how they go together, in `ups_reading.py`. Pure.
"""

from typing import Final

from schemas.vocabulary import Condition
from services.ingest.carriers.meanings import (
    ARRIVED,
    AT_DELIVERY_OFFICE,
    AT_POST_OFFICE,
    BAD_ADDRESS,
    CUSTOMS_HELD,
    CUSTOMS_PRESENTED,
    CUSTOMS_RELEASED,
    DAMAGED,
    DELAYED,
    DELIVERED,
    DEPARTED,
    DROPPED_OFF,
    EXCEPTION,
    FOR_PICKUP,
    HANDED_TO_PARTNER,
    INFORMATION,
    LABEL_CREATED,
    LABEL_VOIDED,
    LOST,
    NOBODY_HOME,
    NOT_MAPPED,
    ON_VEHICLE,
    PICKED_UP,
    PROCESSED,
    RETURNED,
    RETURNING,
    problem,
)
from services.ingest.carriers.ups_meanings import (
    AT_ACCESS_POINT,
    ATTEMPTED,
    CUSTOMS_ASKED,
    HELD,
    INVESTIGATION_CLOSED,
    INVESTIGATION_OPENED,
    NOT_PAID,
    PAYMENT_DUE,
    PICKUP_FAILED,
    PICKUP_PLANNED,
    REDIRECT_ASKED,
    REDIRECTED,
    WEATHER_DELAY,
    listed,
)

#: `descriptionCode` of Track Alert, `statusCode` of the Track API: what UPS tells people who know nothing of transport.
DESCRIPTIONS: Final = listed(
    (NOT_MAPPED, "000 148 163"),  # "not available": nobody knows, so a person shall look
    (LABEL_CREATED, "003 080 157 166"),
    (LABEL_VOIDED, "007"),
    (PICKUP_PLANNED, "077"),
    (PICKUP_FAILED, "065 131 135"),
    (PICKED_UP, "038 160"),
    (DROPPED_OFF, "167 168 169"),
    (PROCESSED, "005 010 016 025 039 044 045 047 057 071 075 079 087 138 158 159 164 165"),
    (HANDED_TO_PARTNER, "073 074 137"),
    (CUSTOMS_PRESENTED, "012 092"),
    (CUSTOMS_RELEASED, "014 084 134"),  # comes with type X all the same
    (CUSTOMS_ASKED, "058 124 125"),
    (CUSTOMS_HELD, "123 126"),
    (ON_VEHICLE, "006 021 037 072 078 089 091 146 162"),
    (FOR_PICKUP, "017 040"),
    (AT_POST_OFFICE, "144"),
    (AT_ACCESS_POINT, "161"),  # told with type D: it is at the access point, and not with the customer
    (ATTEMPTED, "022 023 024 060 066 145"),
    (NOBODY_HOME, "061"),  # no adult was there to sign
    (NOT_PAID, "062"),
    (DELIVERED, "011 026 143 156"),
    (RETURNING, "035 036"),
    (RETURNED, "034 067"),  # told with type D: delivered to the sender (R6)
    (DAMAGED, "059 081"),
    (LOST, "068 147 149"),  # lost and found, seized, destroyed: UPS has it no longer, and nobody gets it
    (EXCEPTION, "013 030 069 070 076"),
    (problem("exception", Condition.HELD, Condition.DOCUMENTS_MISSING), "029"),
    (DELAYED, "046 048 049 086 090 132"),
    (WEATHER_DELAY, "032 051 052 053"),
    (BAD_ADDRESS, "050"),
    (problem("refused", Condition.REFUSED), "064"),  # what becomes of it is told next
    (HELD, "019 083 139"),
    (PAYMENT_DUE, "085"),
    (REDIRECT_ASKED, "027 097"),
    (REDIRECTED, "028 096"),
    (INVESTIGATION_OPENED, "129"),
    (INVESTIGATION_CLOSED, "127 128"),
    # Requests, confirmations, claims, upgrades and updates; 088 is UPS's own test.
    (
        INFORMATION,
        (
            "018 020 033 041 042 043 054 055 056 063 082 088 093 094 095 098 099 100 101 102 103 104 105 106 107 "
            "108 109 110 111 112 113 114 115 116 117 118 119 120 121 122 130 133 136 140 141 142 153 154 155"
        ),
    ),
)

#: Type M and MV.
MANIFESTS: Final = listed((LABEL_CREATED, "DP MP RD"), (LABEL_VOIDED, "VP"))

#: Type U: the photo, a new day, a new hour.
UPDATES: Final = listed((INFORMATION, "PX UP UT"))

#: Type I (the table calls it ULD). `DP` under M is the manifest's.
MOVEMENTS: Final = listed(
    (LABEL_CREATED, "OC PL"),
    (PICKUP_PLANNED, "SP"),
    (PICKED_UP, "OR PC PT PU"),
    (DROPPED_OFF, "XD"),
    (DEPARTED, "DP UD"),
    (ARRIVED, "AR UA"),
    (AT_DELIVERY_OFFICE, "DS XA XR YH"),
    (HANDED_TO_PARTNER, "YM YN"),
    (ON_VEHICLE, "OD OF OT YF YI"),
    # Scans inside, and YP: preparing, which may be two days before the delivery.
    (PROCESSED, "AG AT DL EP HU IP LC LM UL WH YP"),
    (INFORMATION, "CA CD CL VP"),  # a scan or a pickup is taken back
)

#: The activity type alone: what is left where no code is told.
TYPES: Final = {
    "M": LABEL_CREATED,
    "MV": LABEL_VOIDED,
    "P": PICKED_UP,  # of the Track API
    "I": PROCESSED,
    "X": EXCEPTION,  # R10: a condition
    "D": DELIVERED,
    "U": INFORMATION,  # R11: a date or a photo
    # Freight: the station before the sea or behind it is not the customer.
    "DO": ARRIVED,
    "DD": ARRIVED,
    "W": PROCESSED,
    "NA": NOT_MAPPED,
}
