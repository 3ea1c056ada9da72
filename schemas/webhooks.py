"""Raw webhooks: the verified body as received, and the headers that are needed to read it again.

The value of `carrier.webhooks.v1` is the provider's own body, byte for byte (photos and secrets that providers put
into bodies are taken out first); everything else stands in headers. A restricted topic: bodies hold personal data.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from schemas.base import Instant, Model, ShortText, Word
from schemas.envelope import RawHeaders, header

PROVIDER: Final = "trackfold_provider"
TOLD_AT: Final = "trackfold_told_at"
DELIVERY: Final = "trackfold_delivery"
VIA: Final = "trackfold_via"
"""How we came to hear it, where that was not a webhook; on the scans that are read from it too."""
PUSH: Final = "push"
PULL: Final = "pull"
KEPT_PREFIX: Final = "trackfold_http_"
"""Prefix of the provider's own HTTP headers that its file asked to keep."""


class WebhookMeta(Model):
    """What the headers of a raw webhook say."""

    provider: Word
    told_at: Instant
    delivery: ShortText
    """The provider's delivery id, else a hash of the body: saves work, never identifies a scan."""
    via: Word = PUSH
    """`push`: its webhook; `pull`: its API's answer to our question."""

    def to_headers(self, kept: Mapping[str, str]) -> dict[str, str]:
        """Return the extra headers of the Kafka record."""
        own = {PROVIDER: self.provider, TOLD_AT: self.told_at.isoformat(), DELIVERY: self.delivery}
        if self.via != PUSH:
            own[VIA] = self.via
        return own | {KEPT_PREFIX + name.lower(): value for name, value in kept.items()}


def webhook_meta(headers: RawHeaders) -> WebhookMeta:
    """Return what the headers say; ValueError (pydantic's) when one is missing or wrong."""
    pairs = list(headers)
    told_at = header(pairs, TOLD_AT)
    return WebhookMeta.model_validate(
        {
            "provider": header(pairs, PROVIDER),
            "told_at": None if told_at is None else datetime.fromisoformat(told_at),
            "delivery": header(pairs, DELIVERY),
            "via": header(pairs, VIA) or PUSH,
        }
    )


def kept_headers(headers: RawHeaders) -> dict[str, str]:
    """Return the provider's own HTTP headers that were kept, lower-case names."""
    pairs = list(headers)
    names = [name for name, _ in pairs if name.startswith(KEPT_PREFIX)]
    return {name.removeprefix(KEPT_PREFIX): value for name in names if (value := header(pairs, name)) is not None}
