"""Words: every status has its row, and nothing else in the code holds such a text."""

from pathlib import Path

import pytest

import services
from schemas.vocabulary import OrderState, Stage
from services.status.words import ORDER_WORDS, PARCEL_WORDS

ROOT = Path(services.__file__).parent


@pytest.mark.parametrize("state", list(OrderState))
def test_every_order_state_has_its_words(state: OrderState) -> None:
    words = ORDER_WORDS[state]
    assert words.status
    assert words.definition.endswith(".")
    assert words.sentence.endswith((".", "!"))
    assert words.next.endswith((".", "!"))
    assert words.acts in {"nobody", "shop", "carrier", "customer"}


@pytest.mark.parametrize("stage", list(Stage))
def test_every_stage_has_its_words(stage: Stage) -> None:
    words = PARCEL_WORDS[stage]
    assert words.status
    assert words.definition.endswith(".")
    assert words.sentence.endswith(".")
    assert words.acts in {"nobody", "shop", "carrier", "customer"}


def test_no_two_order_states_read_the_same() -> None:
    assert len({words.status for words in ORDER_WORDS.values()}) == len(OrderState)
    assert len({words.sentence for words in ORDER_WORDS.values()}) == len(OrderState)


def test_customers_read_parcel_and_never_shipment_or_our_own_words() -> None:
    texts = [f"{words.status} {words.sentence} {words.next}" for words in ORDER_WORDS.values()] + [
        f"{words.status} {words.sentence} {words.next}" for words in PARCEL_WORDS.values()
    ]
    for text in texts:
        assert "shipment" not in text.lower()
        assert "_" not in text


def test_no_sentence_stands_in_a_second_place() -> None:
    sentences = [words.sentence for words in ORDER_WORDS.values()]
    others = [
        path for path in (ROOT / "status").rglob("*") if path.suffix in {".py", ".j2"} and path.name != "words.py"
    ]
    repeated = [(path.name, text) for path in others for text in sentences if text in path.read_text()]
    assert repeated == []
