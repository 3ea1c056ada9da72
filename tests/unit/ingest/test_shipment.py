"""What every provider's file does alike: names stay behind, a carrier is never guessed, one of several costs itself."""

import pytest

from services.ingest.carriers.base import Problem, Reading
from services.ingest.carriers.shipment import (
    MAX_SHIPMENTS,
    UNKNOWN_CARRIER,
    Shipment,
    carrier_told,
    read_each,
    signer_of,
)
from services.runtime.errors import Poison
from tests.unit.ingest.samples import TOLD_AT


def of_signer(name: str | None) -> Shipment:
    return Shipment(
        provider="easypost", map_version=1, told_at=TOLD_AT, carrier="ups", number="1Z999AA10123456784", signed_by=name
    )


@pytest.mark.parametrize(
    ("name", "wording", "left"),
    [
        ("SAMPLE", "Delivered, signed by Sample", "Delivered, signed by ***"),
        ("..SAMPLE", "Delivered to ..Sample.", "Delivered to ***."),
        ("LEE", "Sleeping parcel taken by Lee", "Sleeping parcel taken by ***"),
        ("ANN", "It cannot be delivered", "It cannot be delivered"),
        ("Al", "Taken by Al", "Taken by Al"),
        ("SAMPLE", None, None),
        (None, "Delivered", "Delivered"),
    ],
)
def test_a_name_is_taken_out_as_a_word_and_never_out_of_one(
    name: str | None, wording: str | None, left: str | None
) -> None:
    assert of_signer(name).unnamed(wording) == left


@pytest.mark.parametrize(
    "said",
    ["Signature not required", "No signature", "WAIVED", "DRIVER RELEASED", "Front Door", "MAILBOX", "mail room"],
)
def test_where_nobody_signed_there_is_no_name_and_the_spot_stays_in_the_wording(said: str) -> None:
    assert signer_of(said) is None
    assert of_signer(signer_of(said)).unnamed(f"Left at {said}") == f"Left at {said}"


@pytest.mark.parametrize("name", ["R SAMPLE", "Portia Sample", "Doorman"])
def test_anything_else_is_a_name(name: str) -> None:
    assert signer_of(name) == name
    assert signer_of(None) is None


@pytest.mark.parametrize(
    ("name", "number", "slug"),
    [
        ("FedEx", "1Z999AA10123456784", "fedex"),
        (None, "1Z999AA10123456784", "ups"),
        (None, "QX77120045", UNKNOWN_CARRIER),
    ],
)
def test_the_number_is_asked_only_where_no_carrier_is_named(name: str | None, number: str, slug: str) -> None:
    assert carrier_told(name, number, provider="easypost") == slug


def test_a_name_that_cannot_be_a_carriers_is_not_replaced_by_a_guess() -> None:
    with pytest.raises(Poison):
        carrier_told("???", "1Z999AA10123456784", provider="easypost")


def test_one_of_several_costs_only_itself_whatever_it_is() -> None:
    def tell(one: dict[str, object]) -> Reading:
        if not one:
            raise Poison("no_number", "nothing is here")
        return Reading(ignored="test_mode")

    assert read_each([{"a": 1}, 7], tell) == Reading(problems=(Problem("no_number", "nothing is here"),))
    assert read_each([{"a": 1}], tell).ignored == "test_mode"
    assert read_each([], tell).ignored == "no_tracking"
    assert read_each([{"a": 1}] * MAX_SHIPMENTS, tell).ignored == "test_mode"
    with pytest.raises(Poison):
        read_each([{"a": 1}] * (MAX_SHIPMENTS + 1), tell)
