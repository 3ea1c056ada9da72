"""What stands beside a body on its way to Kafka: its delivery's id, and the carrier that the poller asked about."""

import pytest

from services.ingest.carriers.base import ASKED_CARRIER, Request, Webhook, read
from services.ingest.carriers.shipengine import SHIPENGINE
from services.ingest.handler import Deliveries, to_record
from services.ingest.normalise import normalise
from services.runtime.kafka import Record
from tests.unit.ingest.samples import TOLD_AT

BODY = b'{"tracking_number": "AB12345678", "status_code": "IT", "events": []}'
REQUEST = Request(
    method="GET", path="/webhooks/shipengine", headers=((ASKED_CARRIER.encode(), b"royal-mail"),), body=BODY
)


def test_a_second_body_under_a_delivery_s_id_is_noticed_and_a_repeat_is_not() -> None:
    deliveries = Deliveries(10)
    assert not deliveries.differs("easypost", "evt_1", b"one")
    assert not deliveries.differs("easypost", "evt_1", b"one")
    assert deliveries.differs("easypost", "evt_1", b"two")
    assert not deliveries.differs("aftership", "evt_1", b"two"), "another provider's id is another id"


def test_only_so_many_deliveries_are_remembered() -> None:
    deliveries = Deliveries(2)
    for number in range(3):
        assert not deliveries.differs("easypost", f"evt_{number}", b"one")
    assert not deliveries.differs("easypost", "evt_0", b"two"), "forgotten by now"
    assert deliveries.differs("easypost", "evt_2", b"two")


@pytest.mark.parametrize(("via", "key"), [("pull", "royal-mail:AB12345678"), ("push", "unknown:AB12345678")])
def test_an_answer_that_names_no_carrier_is_of_the_one_that_was_asked_about_and_no_sender_can_say_so(
    via: str, key: str
) -> None:
    _, value, headers = to_record(SHIPENGINE, REQUEST, told_at=TOLD_AT, via=via)
    record = Record("carrier.webhooks.v1", 0, 0, int(TOLD_AT.timestamp() * 1000), None, value, tuple(headers))
    assert {one.key.decode() for one in normalise(record, allow_test=False).outgoing} == {key}


def test_a_carrier_that_the_answer_names_comes_first() -> None:
    body = BODY.replace(b"{", b'{"carrier_code": "ups", ', 1)
    webhook = Webhook(body=body, told_at=TOLD_AT, headers={ASKED_CARRIER: "royal-mail"})
    assert {scan.carrier for scan in read(SHIPENGINE, webhook).scans} == {"ups"}
