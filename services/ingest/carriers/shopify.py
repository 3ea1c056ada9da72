"""Shopify: orders, fulfilments, refunds and fulfilment events, of as many shops as the app is installed in.

What a shop says of orders is read in `services/ingest/shops/shopify_*.py`; here are the signature, the topics and the
fulfilment events, which carry no tracking number: they are kept under the fulfilment's id, a reference that the order's
shipment has as well. Pure.

Identity: a fulfilment event by the fulfilment's id, instant, status and place, never by Shopify's event id, which a
shop's app can write twice. Order events as in `services/ingest/shops/telling.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from schemas.order_events import Window
from schemas.scans import Scan
from schemas.vocabulary import ScanKind
from services.ingest.carriers import shopify_codes, shopify_topics, signatures
from services.ingest.carriers.base import Carrier, Problem, Reading, Request, Webhook
from services.ingest.carriers.documents import day, read_object, rows, text
from services.ingest.carriers.shipment import Shipment, joined, told_reading, told_scans
from services.ingest.carriers.shopify_topics import Kind
from services.ingest.carriers.times import read_time
from services.ingest.shops.shopify_fulfillments import UNKNOWN, tell_fulfillment
from services.ingest.shops.shopify_orders import has_goods, tell_order
from services.ingest.shops.shopify_refunds import tell_refund
from services.ingest.shops.shopify_values import REFERENCE, Order, id_of, shop_of
from services.ingest.shops.telling import Telling
from services.runtime.errors import Poison

PROVIDER: Final = "shopify"
MAP_VERSION: Final = 1
MAX_BODY_BYTES: Final = 2 * 1024 * 1024
"""An order of 500 lines with its fulfilments and refunds."""

_SIGNATURE: Final = "x-shopify-hmac-sha256"
_TOPIC: Final = "x-shopify-topic"
_SHOP: Final = "x-shopify-shop-domain"
_TEST: Final = "x-shopify-test"
#: The event's id stays when several subscriptions tell it; the other is the delivery's.
_DELIVERIES: Final = ("x-shopify-webhook-id", "x-shopify-event-id")
#: What the API wraps one object or a list of them in.
_WRAPPED: Final = ("order", "fulfillment", "refund", "fulfillment_event")

Body = Mapping[str, object]


class Shopify(Carrier):
    """The provider `shopify`."""

    provider = PROVIDER
    map_version = MAP_VERSION
    max_body_bytes = MAX_BODY_BYTES
    kept_headers = (_TOPIC, _SHOP, _TEST)

    def secret_key(self, secret: str) -> bytes:
        """Return the app's client secret as the key."""
        return signatures.text_key(secret)

    def verify(self, request: Request, keys: Sequence[bytes], *, now: datetime) -> bool:  # noqa: ARG002 - signs no time
        """Tell whether any secret signed the body."""
        sent = signatures.single(request.headers, _SIGNATURE) or b""
        expected = [signatures.base64_mac(key, request.body) for key in signatures.keys_or_dummy(keys)]
        return signatures.any_equal((sent,), expected) and bool(keys)

    def sign(self, body: bytes, key: bytes, *, at: datetime, path: str, delivery: str) -> dict[str, str]:  # noqa: ARG002 - not signed
        """Return the headers; without a topic, which the body's shape says as well."""
        return {
            "X-Shopify-Hmac-Sha256": signatures.base64_mac(key, body).decode(),
            "X-Shopify-Webhook-Id": delivery,
            "Content-Type": "application/json",
        }

    def delivery(self, request: Request) -> str | None:
        """Return the delivery's id, else the event's: one event may go to several subscriptions, with other fields."""
        sent = (signatures.single(request.headers, name) for name in _DELIVERIES)
        return next((value.decode("latin-1")[:128] for value in sent if value and value.isascii()), None)

    def number(self, body: bytes) -> str | None:  # noqa: ARG002 - fulfilment events have none
        """Return nothing: what an order says may come in any order."""
        return None

    def parse(self, webhook: Webhook) -> Reading:
        """Return the scans or order events of one body."""
        topic = webhook.headers.get(_TOPIC, "").strip().lower()
        if (reason := shopify_topics.ignored(topic)) is not None:
            return Reading(ignored=reason)
        if webhook.headers.get(_TEST, "").strip().lower() == "true" and not webhook.allow_test:
            return Reading(ignored="test_mode")
        document = read_object(webhook.body)
        bodies = _unwrapped(document)
        kind = shopify_topics.kind_of(topic, bodies[0] if bodies else {})
        if kind is Kind.EVENT or kind is Kind.EVENT_DELETED:
            told = joined(_event(one, webhook) for one in bodies)
            return told if kind is Kind.EVENT else replace(told, scans=_withdrawn(told.scans))
        if kind is Kind.REDACT:
            return _erasure(document, webhook.told_at)
        shop = shop_of(webhook.headers.get(_SHOP))
        telling = Telling(source=f"trackfold/ingest/{PROVIDER}/{shop}")
        ignored = [_tell(telling, kind, shop, body, topic, allow_test=webhook.allow_test) for body in bodies]
        silent = not telling.orders and not telling.problems
        why = next((one for one in ignored if one is not None), "nothing_to_ship") if silent else None
        return Reading(orders=tuple(telling.orders), problems=tuple(telling.problems), ignored=why)


def _tell(telling: Telling, kind: Kind, shop: str, body: Body, topic: str, *, allow_test: bool) -> str | None:
    """Note what one object says of its order; return why it says nothing."""
    order = id_of(body, "id" if kind is Kind.ORDER else "order_id")
    if order is None:
        telling.problems.append(Problem("no_order", "the body names no order"))
        return None
    if kind is Kind.ORDER and body.get("test") is True and not allow_test:
        return "test_mode"
    if kind is Kind.ORDER and not has_goods(body):
        return "nothing_to_ship"
    known = Order(shop, order)
    try:
        if kind is Kind.ORDER:
            tell_order(telling, known, body, topic)
        else:
            _OF_AN_ORDER[kind](telling, known, body)
    except ValueError as error:
        telling.problems.append(Problem("bad_event", f"{kind}: {error}"))
    return None


_OF_AN_ORDER: Final[dict[Kind, Callable[[Telling, Order, object], None]]] = {
    Kind.FULFILLMENT: tell_fulfillment,
    Kind.REFUND: tell_refund,
}


def _erasure(body: Body, told_at: datetime) -> Reading:
    """Return the erasure of the orders of one customer: Shopify asks for it in law's name, and signs which shop's."""
    domain = text(body, "shop_domain")
    if domain is None:
        raise Poison("bad_shop", "the body names no shop")
    shop = shop_of(domain)
    telling = Telling(source=f"trackfold/ingest/{PROVIDER}/{shop}", may_erase=True)
    for one in rows(body, "orders_to_redact"):
        if (order := id_of({"id": one}, "id")) is None:
            telling.problems.append(Problem("bad_event", "erased: an order without an id"))
        else:
            telling.add(f"order/{order}", Order(shop, order).event("erased", told_at))
    silent = not telling.orders and not telling.problems
    return Reading(
        orders=tuple(telling.orders), problems=tuple(telling.problems), ignored="no_orders_to_erase" if silent else None
    )


def _event(body: Body, webhook: Webhook) -> Reading:
    try:
        scans, problems = told_scans([body], lambda one: _scan(one, webhook))
    except Poison as poison:
        return Reading(problems=(Problem(poison.reason, poison.message),))
    return told_reading(scans, problems, [_estimate(body, webhook)])


def _scan(body: object, webhook: Webhook) -> Scan:
    shipment = _shipment(body, webhook)
    status = (text(body, "status") or "").lower()
    at = text(body, "happened_at") or text(body, "created_at")
    if not status or at is None:
        raise Poison("bad_shape", "a fulfilment event has a status and a time")
    place = shipment.place(
        city=text(body, "city"),
        region=text(body, "province"),
        postcode=text(body, "zip"),
        country=text(body, "country"),
    )
    meaning = shopify_codes.meaning_of(status)
    return shipment.scan(read_time(at), status, meaning, place=place, wording=text(body, "message"))


def _estimate(body: Body, webhook: Webhook) -> Scan | None:
    """Return the expected delivery: Shopify writes a local day, with a time of day that means nothing."""
    expected, at = day(body, "estimated_delivery_at"), text(body, "happened_at") or text(body, "created_at")
    if expected is None or at is None:
        return None
    try:
        return _shipment(body, webhook).estimate(read_time(at), Window(day=expected))
    except ValueError:
        return None  # its time cannot be read: the scan says so


def _shipment(body: object, webhook: Webhook) -> Shipment:
    fulfillment = id_of(body, "fulfillment_id")
    if fulfillment is None:
        raise Poison("no_number", "a fulfilment event names its fulfilment")
    return Shipment(
        provider=PROVIDER,
        map_version=MAP_VERSION,
        told_at=webhook.told_at,
        carrier=UNKNOWN,
        number=None,
        references={REFERENCE: fulfillment},
    )


def _withdrawn(scans: Sequence[Scan]) -> tuple[Scan, ...]:
    """Return the withdrawal of each scan (rule R15)."""
    silent = {
        "kind": ScanKind.VOID.value,
        "stage": None,
        "substatus": None,
        "conditions_set": (),
        "conditions_cleared": (),
    }
    told = (scan for scan in scans if scan.kind == ScanKind.SCAN)
    return tuple(
        one.model_copy(update={**silent, "event_key": f"void:{one.event_key}", "voids": one.event_key}) for one in told
    )


def _unwrapped(document: dict[str, object]) -> list[dict[str, object]]:
    """Return the objects of a body: a webhook is one, an answer of the API wraps one or several."""
    for name in _WRAPPED:
        if isinstance(inner := document.get(name), dict):
            return [inner]
        if isinstance(several := document.get(f"{name}s"), list) and "id" not in document:
            return [one for one in several if isinstance(one, dict)]
    return [document]


SHOPIFY: Final = Shopify()
