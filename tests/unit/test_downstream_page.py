"""The page for downstream teams: its sample is what the service says, and its queries run on the example's file."""

import json
import re
from contextlib import closing
from pathlib import Path
from typing import Any

from schemas.order_status import ORDER_STATUS, ParcelChange
from services.local import workbench
from tests.unit.local.stories import event, scan, told
from tests.unit.test_consumer_example import ORDER, ROOT, SAMPLE, Reader, record

PAGE = ROOT / "docs/downstream.md"


def shown_in_the_page() -> Any:
    """Return the shortened sample of the page."""
    (block,) = re.findall(r"^```json\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    return json.loads(block)


def published() -> list[bytes]:
    """Return the messages of the page's order, as the service's own code makes them."""
    lines = [{"line": "1", "quantity": 2}]
    new: dict[str, Any] = {"shipment": "S1", "carrier": "Royal Mail", "number": "AB123456785GB", "lines": lines}
    order: list[tuple[str, str, dict[str, Any]]] = [
        ("placed", "09:00", {"lines": lines}),
        ("picking_started", "09:05", {}),
        ("shipment_created", "09:30", new),
        ("dispatched", "09:40", {"shipment": "S1"}),
    ]
    scans = [("accepted", "20T18:00"), ("in_transit", "21T05:00"), ("out_for_delivery", "21T09:58")]
    story = [event({"type": name, "order": "1001", "occurred_at": f"2026-11-20T{at}:00Z", **more})
             for name, at, more in order]  # fmt: skip
    story += [scan(stage, f"2026-11-{at}:00Z", f"k{number}") for number, (stage, at) in enumerate(scans)]
    memory = workbench.fold(told(*story)).memory
    return [
        ORDER_STATUS.dump_json(ORDER_STATUS.validate_python({**one.document, "change": one.change, "truncated": False}))
        for one in memory.published
    ]


def differences(shown: Any, full: Any, path: str = "") -> list[str]:
    """Return where what is shown is not what stands there; what is left out is no difference."""
    if isinstance(shown, dict) and isinstance(full, dict):
        return [lost for name, one in shown.items() for lost in differences(one, full.get(name, ...), f"{path}.{name}")]
    if isinstance(shown, list) and isinstance(full, list) and len(shown) == len(full):
        return [lost for at, one in enumerate(shown) for lost in differences(one, full[at], f"{path}[{at}]")]
    return [] if shown == full else [f"{path}: {shown!r}, really {full!r}"]


def test_the_shortened_sample_in_the_page_is_what_the_service_says_of_such_an_order() -> None:
    assert differences(shown_in_the_page(), json.loads(published()[-1])) == []


def test_a_sample_that_says_something_else_is_found() -> None:
    shown = shown_in_the_page()
    shown["change"]["action_by"] = "nobody"
    del shown["parcels"][0]["milestones"][0]
    lost = differences(shown, json.loads(published()[-1]))
    assert [one.partition(":")[0] for one in lost] == [".parcels[0].milestones", ".change.action_by"]


def test_every_query_of_the_page_runs_on_the_examples_own_file(tmp_path: Path) -> None:
    reader = Reader(tmp_path / "orders.sqlite")
    queries = re.findall(r'^sqlite3 orders\.sqlite "(.+)"$', PAGE.read_text(), re.MULTILINE)
    with closing(reader.database):
        reader.change(*(record(number, value=value) for number, value in enumerate(published(), 1)))
        answers = [reader.database.execute(query).fetchall() for query in queries]
    assert answers[0] == [(ORDER, 7, "out_for_delivery")]
    assert answers[1] == [(ORDER, "AB123456785GB", "out_for_delivery")]
    assert dict(answers[2])["next"] == 7
    assert len(answers) == 3


def test_every_field_of_the_shortened_sample_in_the_page_is_a_field_of_the_contract() -> None:
    full = ORDER_STATUS.dump_python(ORDER_STATUS.validate_json(SAMPLE.read_bytes()), mode="json")
    full["change"]["parcels"] = [ParcelChange(shipment="S1", previous=None, stage="announced").model_dump()]
    assert unknown_fields(shown_in_the_page(), full) == []


def unknown_fields(shown: Any, full: Any, path: str = "") -> list[str]:
    """Return what is shown and not in the contract."""
    if isinstance(shown, list):
        return [lost for one in shown for lost in unknown_fields(one, full[0], path)]
    if not isinstance(shown, dict):
        return []
    here = [f"{path}.{name}" for name in shown if name not in full]
    return here + [
        lost
        for name, one in shown.items()
        if name in full
        for lost in unknown_fields(one, full[name], f"{path}.{name}")
    ]
