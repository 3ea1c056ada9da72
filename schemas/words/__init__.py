"""The one table of words: what every status means, what people read, what happens next, who acts. Pure data.

State documents, pages, agents' texts and messages take theirs from here, and a test finds such a text anywhere else.
A status without a row fails a test.
"""

from schemas.words.conditions import CONDITION_WORDS, ORDER_CONDITION_WORDS
from schemas.words.messages import MILESTONE_WORDS, MessageWords
from schemas.words.orders import (
    ASKING_UNITS,
    COLLECTION_STEPS,
    DELIVERY_STEPS,
    NOT_COLLECTED,
    ORDER_SUBSTATUS_WORDS,
    ORDER_WORDS,
    POINT_STEPS,
    SHIPPED_WITHOUT_NUMBER,
    order_words,
)
from schemas.words.parcels import (
    BUCKET_WORDS,
    NO_NUMBER_YET,
    NO_PARCEL_YET,
    NO_SCAN_YET,
    NOT_REALLY_ATTEMPTED,
    OVERRULED,
    PARCEL_SUBSTATUS_WORDS,
    PARCEL_WORDS,
    RETURN_ANNOUNCED,
    RETURNING,
    SHIPPED,
    SHIPPED_WITHOUT_SCAN,
    parcel_words,
)
from schemas.words.row import WHO_ACTS, Words

__all__ = [
    "ASKING_UNITS", "BUCKET_WORDS", "COLLECTION_STEPS", "CONDITION_WORDS", "DELIVERY_STEPS", "MILESTONE_WORDS",
    "NOT_COLLECTED", "NOT_REALLY_ATTEMPTED", "NO_NUMBER_YET", "NO_PARCEL_YET", "NO_SCAN_YET", "ORDER_CONDITION_WORDS",
    "ORDER_SUBSTATUS_WORDS", "ORDER_WORDS", "OVERRULED", "PARCEL_SUBSTATUS_WORDS", "PARCEL_WORDS", "POINT_STEPS",
    "RETURNING", "RETURN_ANNOUNCED", "SHIPPED", "SHIPPED_WITHOUT_NUMBER", "SHIPPED_WITHOUT_SCAN", "WHO_ACTS",
    "MessageWords", "Words", "order_words", "parcel_words",
]  # fmt: skip
