"""International numbers (UPU S10): two letters, nine digits, the country of the post that issued the number.

The post is the country's own. For some services the number is worked by another operator of the same country: it
stands next to the post, so close behind that nobody takes the one for the other unasked. Pure.
"""

import re
from collections.abc import Iterator
from typing import Final

from schemas.national_posts import POST_OF_COUNTRY
from services.ingest.carriers.check_digits import S10
from services.ingest.carriers.detection_formats import Format

_NUMBER: Final = re.compile(r"(?P<service>[A-Z])[A-Z](?P<checked>[0-9]{9})(?P<country>[A-Z]{2})")
_SOURCE: Final = "UPU standard S10"
_TRUST: Final = 1.0
#: A service letter that the standard keeps in reserve: some posts use it at home, others print it for their own ends.
_RESERVED: Final = 0.9
_OTHER_OPERATOR: Final = 0.95
_COUNTRY_LETTERS: Final = 2

#: The first letter, which the standard gives to a service.
_SERVICES: Final = {
    "A": "domestic", "B": "domestic", "C": "parcel", "D": "domestic", "E": "EMS", "G": "domestic",
    "H": "e-commerce parcel", "L": "tracked letter", "M": "M-bag", "N": "domestic", "P": "domestic",
    "Q": "reply service", "R": "registered", "U": "untracked letter", "V": "insured", "Z": "domestic",
}  # fmt: skip

#: Who else of that country works the numbers of a service, by country and service letter.
_OTHER_OPERATORS: Final = {
    ("CN", "E"): "china-ems",
    ("DE", "C"): "dhl-parcel-de",
    ("DE", "E"): "dhl-parcel-de",
    ("DE", "H"): "dhl-parcel-de",
    ("FR", "E"): "chronopost",
    ("GB", "C"): "parcelforce",
    ("GB", "E"): "parcelforce",
}


def formats_of_posts(number: str) -> Iterator[Format]:
    """Yield the format of every operator that an international number can be of; its check digit is still to be read.

    A country without a post is no country: such a number is not an international one.
    """
    match = _NUMBER.fullmatch(number)
    post = POST_OF_COUNTRY.get(match["country"]) if match else None
    if match is None or post is None:
        return
    letter = match["service"]
    service = f"S10 {_SERVICES.get(letter, 'other')}"
    trust = _TRUST if letter in _SERVICES else _RESERVED
    yield Format(post, service, _NUMBER, S10, _COUNTRY_LETTERS, trust, _SOURCE)
    other = _OTHER_OPERATORS.get((match["country"], letter))
    if other is not None:
        yield Format(other, service, _NUMBER, S10, _COUNTRY_LETTERS, _OTHER_OPERATOR, _SOURCE)
