"""Mutants that no test can catch, for they change nothing: each with its reason. Rather delete the row."""

from typing import Final

_EVERYTHING: Final = "all units of these buckets are moved, whichever is first"
_NEVER_BOTH: Final = "units that are all in the one are not all in the other: the two rows never hold together"

_WORDS_ONLY: Final = "the two rows differ in their words alone; the page made from them is compared by `make check`"

#: By table, row and change. What is no longer made fails the run.
_NO_CHANGE: Final = (
    ("returns._ARRIVED", "Bucket.RETURNING", "swapped with the next", _EVERYTHING),
    ("returns._ARRIVED", "Bucket.DELIVERED", "swapped with the next", _EVERYTHING),
    (
        "units._ALL_IN",
        "((Bucket.DELIVERED, Bucket.COLLECTED), Row(OrderState.DELIVERED, 'all_delivered'))",
        "swapped with the next",
        _NEVER_BOTH,
    ),
    (
        "units._ALL_IN",
        "((Bucket.RETURNED,), Row(OrderState.RETURNED, 'all_returned'))",
        "swapped with the next",
        _NEVER_BOTH,
    ),
    ("units._ALL_IN", "((Bucket.LOST,), Row(OrderState.LOST, 'all_lost'))", "swapped with the next", _NEVER_BOTH),
    (
        "transitions.ROWS",
        "Row(Stage.IN_TRANSIT, _ON_THE_ROAD, 'R21', 'on the road')",
        "exchanged its value with the next",
        _WORDS_ONLY,
    ),
)

#: By the mutant's name, as the list of survivors has it.
EQUIVALENT: Final = {f"{table}: {row}: {change}": reason for table, row, change, reason in _NO_CHANGE}
