"""Addresses: one normal form for an e-mail address or a phone number, or a refusal with its reason.

Decides what may be handed to a channel: exactly one recipient, nothing that could become a header or a second address.
Never asks the network whether it exists. Called by the policy, once per message.
"""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from phonenumbers import PhoneNumberType, ValidationResult

_HASH_HEX: Final = 16

#: Types that cost the customer or the shop, or that no SMS reaches. A number of no known type is let through: carriers
#: and regulators give out ranges faster than the tables follow.
_REFUSED_TYPES: Final = frozenset(
    {
        PhoneNumberType.PREMIUM_RATE,
        PhoneNumberType.SHARED_COST,
        PhoneNumberType.TOLL_FREE,
        PhoneNumberType.FIXED_LINE,
        PhoneNumberType.PAGER,
        PhoneNumberType.UAN,
        PhoneNumberType.VOICEMAIL,
    }
)
_NON_GEOGRAPHIC: Final = "001"


@dataclass(frozen=True, slots=True)
class Refused:
    """An address that is not used, and why, in one word that says nothing of the address."""

    reason: str


def email_address(text: str) -> str | Refused:
    """Return the address in the form that is put into an envelope: ASCII, domain in lower case and punycode."""
    try:
        checked = validate_email(text.strip(), check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError:
        return Refused("not_an_email_address")
    return checked.ascii_email or Refused("not_an_email_address")


def phone_number(text: str, *, country: str | None) -> str | Refused:
    """Return the number as E.164; without a country code in it, `country` (ISO 3166) says which plan it belongs to."""
    if any(char.isalpha() for char in text):
        return Refused("letters_in_number")
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return Refused("not_a_phone_number")
    if phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE or number.extension:
        return Refused("not_a_phone_number")
    if phonenumbers.region_code_for_country_code(number.country_code or 0) == _NON_GEOGRAPHIC:
        return Refused("satellite_or_international_network")
    if phonenumbers.number_type(number) in _REFUSED_TYPES:
        return Refused("no_sms_to_this_kind_of_number")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def recipient_hash(role: str, address: str, *, key_id: str, secret: bytes) -> str:
    """Return `role:key id:hash`: tells two recipients apart in outcomes without saying who they are."""
    digest = hmac.digest(secret, b"notify-recipient\0" + address.casefold().encode(), hashlib.sha256)
    return f"{role}:{key_id}:{digest.hex()[:_HASH_HEX]}"


def same_recipient(one: str, other: str) -> bool:
    """Tell whether two recipient hashes are of one address, in whatever roles."""
    mine, theirs = (hashed.partition(":")[2] for hashed in (one, other))
    return bool(mine) and mine == theirs


def masked(address: str) -> str:
    """Return an address as people who look for a fault may see it: `a…@e…`, `+44…23`."""
    local, at, domain = address.partition("@")
    if at:
        return f"{local[:1]}…@{domain[:1]}…"
    return f"{address[:3]}…{address[-2:]}"
