"""Which provider's API serves a carrier. Pure.

The operator's word first; then the carrier's own API where it is configured; then the one aggregator. Two aggregators
and no word is an error: each parcel that is registered costs money, so nobody guesses.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from schemas.carriers import canonical_carrier
from services.ingest.apis.base import Traits
from services.runtime.errors import Misconfigured

REST: Final = "*"
"""All carriers that no other entry names."""
NOBODY: Final = "none"
_SECTION: Final = "TRACKFOLD_INGEST__POLLER__"
_VARIABLE: Final = f"{_SECTION}SERVE"


@dataclass(frozen=True, slots=True)
class Serving:
    """Who serves whom."""

    by_carrier: Mapping[str, Traits | None]
    rest: Traits | None = None

    def provider_of(self, carrier: str) -> Traits | None:
        """Return who serves a carrier, by its canonical slug; None: nobody."""
        return self.by_carrier.get(carrier, self.rest)


def make_serving(entries: Iterable[str], configured: Mapping[str, Traits]) -> Serving:
    """Return who serves whom, from entries `carrier=provider` and the APIs that have a key.

    Raises Misconfigured where an entry cannot be read, names an API without a key or one that serves other carriers,
    or where it is not clear who serves the rest.
    """
    said = dict(_entry(text, configured) for text in entries)
    own = {
        carrier: traits for traits in configured.values() if traits.carriers is not None for carrier in traits.carriers
    }
    return Serving({**own, **{name: one for name, one in said.items() if name != REST}}, _rest(said, configured))


def _rest(said: Mapping[str, Traits | None], configured: Mapping[str, Traits]) -> Traits | None:
    if REST in said:
        return said[REST]
    aggregators = [one for one in configured.values() if one.carriers is None]
    if len(aggregators) > 1:
        names = ", ".join(sorted(one.provider for one in aggregators))
        raise Misconfigured(
            "serve_ambiguous",
            f"{names} can each serve any carrier, and nobody says which one does",
            hint=f"{_VARIABLE}={REST}={aggregators[0].provider}, or carrier=provider for each carrier",
        )
    return aggregators[0] if aggregators else None


def _entry(text: str, configured: Mapping[str, Traits]) -> tuple[str, Traits | None]:
    name, equals, provider = (part.strip() for part in text.partition("="))
    if not (name and equals and provider):
        raise Misconfigured(
            "serve_entry", f"{text[:60]!r} is not `carrier=provider`", hint=f"{_VARIABLE}=usps=usps,*=easypost"
        )
    carrier = name if name == REST else _slug(name)
    if provider == NOBODY:
        return carrier, None
    traits = configured.get(provider)
    if traits is None:
        hint = f"{_SECTION}API_KEYS__{provider.upper()}, or another provider in {_VARIABLE}"
        raise Misconfigured("serve_unknown", f"{provider} shall serve {carrier}, and its API has no key", hint=hint)
    if traits.carriers is not None and carrier not in traits.carriers:
        serves = ", ".join(sorted(traits.carriers))
        raise Misconfigured("serve_other", f"{provider} cannot serve {carrier}", hint=f"it serves {serves}")
    return carrier, traits


def _slug(name: str) -> str:
    try:
        return canonical_carrier(name)
    except ValueError:
        raise Misconfigured(
            "serve_entry", f"{name[:60]!r} is no carrier's name", hint="`trackfold carriers list`"
        ) from None
