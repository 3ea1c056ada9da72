"""Which keys an order claims on the way through a batch: every one of them must be locked before."""

from services.status.claiming import claims_on_the_way, is_claiming, wanted_claims
from services.status.order_facts import StoredEvent
from tests.builders import KEY
from tests.unit.status.making import told


def keys(events: list[StoredEvent]) -> set[str]:
    return {key for key, _ in wanted_claims(KEY, events)}


def test_an_order_claims_what_its_shipments_name_after_all_corrections() -> None:
    created = told("shipment_created", shipment="S1", carrier="Royal Mail", number="AB1")
    corrected = told("shipment_corrected", shipment="S1", number="AB2")
    assert keys([told("placed"), created]) == {"royal-mail:AB1"}
    assert keys([told("placed"), created, corrected]) == {"royal-mail:AB2"}
    assert claims_on_the_way(KEY, [created], [corrected]) == {"royal-mail:AB1", "royal-mail:AB2"}


def test_other_events_claim_nothing_and_take_nothing_away() -> None:
    created = told("shipment_created", shipment="S1", carrier="Royal Mail", number="AB1")
    others = [told("placed"), told("picking_started"), told("shipment_voided", shipment="S1")]
    assert not any(is_claiming(one) for one in others)
    assert claims_on_the_way(KEY, [created], others) == keys([created, *others]) == {"royal-mail:AB1"}


def test_a_number_that_a_contradiction_brings_back_is_locked_too() -> None:
    """Of two contents under one id the smaller hash counts: another kind of event can take a correction's place."""
    created = told("shipment_created", shipment="S1", carrier="Royal Mail", number="AB1")
    corrected = told("shipment_corrected", event_id="e", shipment="S1", number="AB2")
    note = told("note", event_id="e", text="the number was right")
    smaller = StoredEvent(note.source, note.id, note.event, "")
    assert claims_on_the_way(KEY, [created, corrected], [smaller]) == {"royal-mail:AB1", "royal-mail:AB2"}
    assert claims_on_the_way(KEY, [created], [corrected, smaller]) == {"royal-mail:AB1", "royal-mail:AB2"}
