"""From a row, the order's state and its book to a finished message: facts, link, texts. No I/O but the templates."""

from datetime import timedelta
from typing import Final

from schemas.order_status import OrderStatus
from services.notify.addresses import recipient_hash
from services.notify.channels.base import Message
from services.notify.contacts import Book
from services.notify.facts import facts
from services.notify.policy import instant
from services.notify.render import render
from services.notify.rows import Claimed
from services.notify.settings import NotifySettings
from services.runtime.links import KeyRing, key_ring, make_token

#: What the tracking page's tokens are for; status reads them (`services/status/web`).
TRACK: Final = "track"


class Composer:
    """Makes messages; the same row gives the same texts at every try."""

    def __init__(self, settings: NotifySettings) -> None:
        """Take brand and link settings; raises Misconfigured for malformed link keys."""
        self._brand = settings.notify.brand
        self._base = settings.links.tracking_base_url.rstrip("/")
        self._life = timedelta(days=settings.notify.link_days)
        keys = settings.links.keys
        self._keys: KeyRing | None = key_ring(keys) if keys else None

    def message(self, claimed: Claimed, status: OrderStatus, book: Book, *, address: str) -> Message:
        """Return the finished message to one address."""
        identity = claimed.identity
        entry = book.entries.get(identity.role)
        given = facts(
            identity,
            status,
            name=entry.contact.name if entry is not None else None,
            profile=book.profile,
            brand=self._brand,
            link=self.link(status, reached_at=claimed.reached_at),
            reached_at=claimed.reached_at,
        )
        texts = render(identity.channel, identity.milestone, given)
        return Message(
            id=claimed.id, at=claimed.due_at, to=address, text=texts.text, subject=texts.subject, html=texts.html
        )

    def link(self, status: OrderStatus, *, reached_at: str) -> str | None:
        """Return the signed link to the order's page; its expiry counts from the milestone, not from now."""
        at = instant(reached_at)
        if self._keys is None or at is None:
            return None
        token = make_token(self._keys, TRACK, shop=status.shop, order=status.order, expires_at=at + self._life)
        return f"{self._base}/t/{token}"

    def hashed(self, role: str, address: str) -> str:
        """Return how outcomes name a recipient."""
        if self._keys is None:
            return role
        key_id, secret = self._keys.keys[0]
        return recipient_hash(role, address, key_id=key_id, secret=secret)
