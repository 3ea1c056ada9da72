"""`orders`: our own order events under the Standard Webhooks signature, for shops that do not write to Kafka.

Documented in docs/carriers/orders.md. The body is one order event (`schemas.order_events`) or a list of them, each with
an `id` of its own where the shop has one. Pure.

Identity: the event's own `id` (or `ce_id`), else its type and a hash of what it says without contacts.
`webhook-id` is the delivery's and stays out, so that an event that is sent again in another message is still one.
"""

from typing import Final

from services.ingest.carriers.base import OrderTold, Problem, Reading, Webhook
from services.ingest.carriers.documents import number_in, read_json
from services.ingest.carriers.standard import Standard
from services.ingest.shops.telling import given_id, identity, read_event
from services.runtime.errors import Poison

PROVIDER: Final = "orders"
MAP_VERSION: Final = 1
MAX_EVENTS: Final = 1000
MAX_BODY_BYTES: Final = 1024 * 1024


class Orders(Standard):
    """The provider `orders`: signed as `standard` is."""

    provider = PROVIDER
    map_version = MAP_VERSION
    max_body_bytes = MAX_BODY_BYTES

    def number(self, body: bytes) -> str | None:
        """Return the first order number: it spreads the load as a tracking number would."""
        return number_in(body, "order")

    def parse(self, webhook: Webhook) -> Reading:
        """Return the order events of one body; a bad one in a list costs only itself."""
        document = read_json(webhook.body)
        items = document if isinstance(document, list) else [document]
        if not items:
            raise Poison("bad_shape", "the list is empty")
        if len(items) > MAX_EVENTS:
            raise Poison("too_many_events", f"a list has at most {MAX_EVENTS} order events")
        told: list[OrderTold] = []
        problems: list[Problem] = []
        for position, item in enumerate(items):
            try:
                one = _told(item)
            except ValueError as error:
                problems.append(Problem("bad_event", f"event {position}: {error}"))
            else:
                told += [] if one in told else [one]
        return Reading(orders=tuple(told), problems=tuple(problems))


def _told(item: object) -> OrderTold:
    """Return one event with its identity. The texts of its ValueErrors are ours and name no input."""
    if not isinstance(item, dict):
        message = "it is no JSON object"
        raise ValueError(message)  # noqa: TRY004 - a wrong type of a stranger's is a wrong value
    event = read_event(item)
    own = given_id(item.get("id", item.get("ce_id")))
    return OrderTold(event=event, source=source_of(event.shop), id=own or identity("event", event))


def source_of(shop: str) -> str:
    """Return `ce_source` of what a shop says by this webhook."""
    return f"trackfold/ingest/{PROVIDER}/{shop}"


ORDERS: Final = Orders()
