"""The channels there are: a new one is a file beside this one, a line here, and its folder of templates."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from schemas.order_events import Contact
from services.notify.addresses import Refused
from services.notify.channels import email, sms
from services.notify.channels.base import Channel
from services.notify.settings import NotifySection


@dataclass(frozen=True, slots=True)
class Kind:
    """One channel: its name in rows and outcomes, where it finds an address, how it is made from the settings."""

    name: str
    address: Callable[[Contact, str | None], str | Refused | None]
    build: Callable[[NotifySection], Channel]


_KINDS: Final = (
    Kind("email", email.address, email.EmailChannel),
    Kind("sms", sms.address, sms.SmsChannel),
)

CHANNELS: Final = {kind.name: kind for kind in _KINDS}


def address_of(channel: str, contact: Contact, country: str | None) -> str | Refused | None:
    """Return a contact's address for a channel; the policy's view of this registry."""
    return CHANNELS[channel].address(contact, country)
