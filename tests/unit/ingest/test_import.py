"""`trackfold import`: what is read from a row, what is wrong in it and where, and that a file can be read again."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from services.ingest import import_file
from services.ingest.commands import imports
from services.ingest.import_columns import COLUMNS, Kind, name_columns
from services.ingest.import_command import Report, check
from services.ingest.import_file import RowError, Source, Told, UnreadableFileError
from services.ingest.import_rows import Defaults, carrier_of
from services.ingest.import_state import SUFFIX, Place
from services.ingest.tools import UsageError

RUNNER = CliRunner()
AT = "2026-11-20T09:00:00+01:00"
ORDERS = f"""order,occurred_at,line,product,quantity,email,country
2001,{AT},1,Lamp,2,jo@example.org,DE
2001,,2,Bulb,1,,
2002,{AT},1,Chair,1,,GB
"""
UPS = "1Z5R89390357567127"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def source(folder: Path, text: str | bytes, kind: Kind = "orders", **defaults: Any) -> Source:
    path = folder / "file"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Source(path, Defaults(kind, **defaults))


def events(read: Iterator[Told | RowError]) -> list[dict[str, Any]]:
    return [one.order.event.model_dump(mode="json", exclude_defaults=True) for one in read if isinstance(one, Told)]


def errors(read: Iterator[Told | RowError]) -> list[tuple[int, str]]:
    return [(one.line, one.what) for one in read if isinstance(one, RowError)]


def ids(read: Iterator[Told | RowError]) -> list[str]:
    return [one.order.id for one in read if isinstance(one, Told)]


# --- rows ------------------------------------------------------------------------------------------------------------


def test_the_rows_of_one_order_are_its_lines(folder: Path) -> None:
    first, second = events(source(folder, ORDERS, shop="lamps").read())
    assert (first["type"], first["shop"], first["order"]) == ("placed", "lamps", "2001")
    assert [(one["line"], one["name"], one["quantity"]) for one in first["lines"]] == [
        ("1", "Lamp", 2),
        ("2", "Bulb", 1),
    ]
    assert first["contacts"] == [{"role": "buyer", "email": "jo@example.org"}]
    assert (second["order"], second["destination"]) == ("2002", {"country": "GB"})


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_dialect_says_the_same(folder: Path, delimiter: str, start: str, end: str) -> None:
    written = start + ORDERS.replace(",", delimiter).replace("\n", end)
    assert ids(source(folder, written).read()) == ids(source(folder, ORDERS).read())


def test_a_line_break_in_quotes_is_text_and_lines_are_counted_on(folder: Path) -> None:
    text = f'order,occurred_at,product\n1,{AT},"Lamp, ""big""\nblue"\n2,soon,Chair\n'
    read = source(folder, text)
    assert events(read.read())[0]["lines"][0]["name"] == 'Lamp, "big" blue'
    assert [line for line, _ in errors(read.read())] == [4]


def test_exports_other_names_of_columns_are_read_and_strange_ones_named(folder: Path) -> None:
    read = source(folder, f"Order Number,Placed At,Qty,E-Mail,Colour\n1,{AT},3,jo@example.org,red\n")
    (one,) = events(read.read())
    assert (one["lines"][0]["quantity"], one["contacts"][0]["email"]) == (3, "jo@example.org")
    assert read.passed_over == ["Colour"]


@pytest.mark.parametrize("kind", sorted(COLUMNS))
def test_no_two_columns_have_one_name(kind: Kind) -> None:
    names = [name for column, aliases in COLUMNS[kind].items() for name in (column, *aliases)]
    for name in names:
        header = ["order", "occurred_at"] if name in ("order", "occurred_at") else ["order", "occurred_at", name]
        if kind in COLUMNS and name not in COLUMNS[kind]:
            continue
        assert name_columns(header, kind)[-1] == header[-1]
    folded = ["".join(filter(str.isalnum, name)) for name in names]
    assert len(set(folded)) >= len(COLUMNS[kind])


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("1,2026-11-20 09:00,1,Lamp,1,,", "offset"),
        ("1,yesterday,1,Lamp,1,,", "no time"),
        ("1,,1,Lamp,1,,", "empty"),
        (f"1,{AT},1,Lamp,two,,", "quantity"),
        (f"1,{AT},1,Lamp,-1,,", "quantity"),
        (f"1,{AT},1,Lamp,1,,Germany", "destination.country"),
        (f",{AT},1,Lamp,1,,", "order"),
        (f"{'9' * 65},{AT},1,Lamp,1,,", "order"),
        (f"1,{AT},1,Lamp,1,,,,,", "more cells than columns"),
        (f'1,{AT},1,"Lamp"s,1,,', "quotes"),
    ],
)
def test_a_wrong_row_is_named_with_its_line_and_what_to_mend(folder: Path, row: str, what: str) -> None:
    header = ORDERS.splitlines()[0]
    read = source(folder, f"{header}\n{row}\n77,{AT},1,Chair,1,,\n")
    (wrong,) = errors(read.read())
    assert wrong[0] == 2
    assert what in wrong[1]
    assert [one["order"] for one in events(read.read())] == ["77"]


def test_an_order_with_a_wrong_row_is_left_out_as_a_whole(folder: Path) -> None:
    read = source(folder, ORDERS.replace("Bulb,1", "Bulb,x"))
    assert [one["order"] for one in events(read.read())] == ["2002"]
    broken = source(folder, ORDERS.replace(",,2,Bulb,1,,", ",,2,Bulb,1,,,,,,"))
    assert [line for line, _ in errors(broken.read())] == [2, 3]


def test_an_order_that_stands_in_two_places_is_not_told_by_half(folder: Path) -> None:
    read = source(folder, ORDERS + f"2001,{AT},3,Shade,1,,\n")
    assert [(line, "put its rows together" in what) for line, what in errors(read.read())] == [(5, True)]


def test_a_time_without_an_offset_needs_a_zone(folder: Path) -> None:
    text = "order,occurred_at\n1,2026-07-01 09:00\n2,2026-12-01\n"
    read = source(folder, text, time_zone="Europe/Berlin")
    assert [one["occurred_at"] for one in events(read.read())] == [
        "2026-07-01T09:00:00+02:00",
        "2026-12-01T00:00:00+01:00",
    ]


def test_errors_never_show_what_stands_in_a_row(folder: Path) -> None:
    rows = (f"1,{AT},secret@example.org,secretland,1", "2,secret,,,1", f"3,{AT},,,secret")
    text = "\n".join(("order,occurred_at,email,country,quantity", *rows))
    assert len(errors(source(folder, text).read())) == 3
    assert "secret" not in str(errors(source(folder, text).read())).lower()


# --- shipments -------------------------------------------------------------------------------------------------------


def test_a_shipment_needs_no_carrier_where_its_number_says_it(folder: Path) -> None:
    text = (
        f"order,occurred_at,number,carrier,line,qty,ref:shopify_fulfillment\n1,{AT},{UPS.lower()},,1,2,77\n1,,,,2,1,\n"
    )
    (one,) = events(source(folder, text, "shipments").read())
    assert (one["carrier"], one["number"], one["shipment"]) == ("ups", UPS, UPS)
    assert one["lines"] == [{"line": "1", "quantity": 2}, {"line": "2", "quantity": 1}]
    assert one["references"] == {"shopify_fulfillment": "77"}


def test_a_number_that_does_not_say_its_carrier_is_refused_with_the_candidates(folder: Path) -> None:
    with pytest.raises(ValueError, match="can be of DPD: say whose it is"):
        carrier_of("01234567890123")
    text = f"order,occurred_at,number\n1,{AT},01234567890123\n2,{AT},TBA\n3,{AT},\n"
    found = errors(source(folder, text, "shipments").read())
    assert [line for line, _ in found] == [2, 3, 4]
    assert "say whose" in found[0][1]


def test_two_shipments_of_one_order_are_two(folder: Path) -> None:
    text = f"order,occurred_at,shipment,carrier\n1,{AT},S1,DPD\n1,{AT},S2,DPD\n2,{AT},S1,DPD\n"
    assert len(set(ids(source(folder, text, "shipments").read()))) == 3


# --- lines of JSON ---------------------------------------------------------------------------------------------------


def test_a_line_of_json_is_an_order_event(folder: Path) -> None:
    lines = [
        {"order": "1", "occurred_at": AT, "lines": [{"line": "1", "quantity": 1}]},
        {"type": "cancelled", "id": "evt-2", "order": "1", "occurred_at": AT},
    ]
    read = source(folder, "\n".join(map(json.dumps, lines)) + "\n\n", shop="lamps")
    assert [(one["type"], one["shop"]) for one in events(read.read())] == [("placed", "lamps"), ("cancelled", "lamps")]
    assert ids(read.read())[1] == "evt-2"


def test_a_wrong_line_of_json_costs_only_itself(folder: Path) -> None:
    good = json.dumps({"order": "1", "occurred_at": AT, "number": UPS})
    text = "\n".join([good, "{", "[1]", '{"type": "erased"}', "\udcff", "{" + " " * import_file.MAX_LINE, good])
    read = source(folder, text.encode(errors="surrogateescape"), "shipments")
    assert [line for line, _ in errors(read.read())] == [2, 3, 4, 5, 6]
    assert [one["carrier"] for one in events(read.read())] == ["ups", "ups"]


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b"", "empty"),
        (b"\xff\xfeo\x00", "UTF-16"),
        (b'[{"order": "1"}]', "one object a line"),
        (b"number,carrier\n1,2\n", "no column 'order'"),
        (b"order,occurred_at,Order Number\n1,2,3\n", "two columns"),
        (b'"order,occurred_at\n1,2', "quotes"),
    ],
)
def test_a_file_that_is_none_says_what_to_do(folder: Path, text: bytes, what: str) -> None:
    with pytest.raises(UnreadableFileError, match=what):
        list(source(folder, text).read())


def test_letters_that_are_not_utf8_are_wrong_rows(folder: Path) -> None:
    read = source(folder, f"order,occurred_at,product\n1,{AT},Gr\xf6\xdfe\n".encode("latin-1"))
    assert errors(read.read()) == [(2, "not in UTF-8: save the file as UTF-8")]


def test_the_same_rows_have_the_same_ids_whoever_else_stands_in_the_file(folder: Path) -> None:
    everything = ids(source(folder, ORDERS).read())
    head, *rows = ORDERS.splitlines()
    assert ids(source(folder, "\n".join([head, rows[2], *rows[:2]])).read()) == everything[::-1]
    assert ids(source(folder, ORDERS.replace("jo@", "joanna@")).read()) == everything
    assert ids(source(folder, ORDERS.replace("Lamp", "Lantern")).read())[0] != everything[0]


@given(st.binary(max_size=400))
def test_no_bytes_stop_the_reader(tmp_path_factory: pytest.TempPathFactory, text: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "file"
    path.write_bytes(f"order,occurred_at,number\n1,{AT},\n".encode() + text)
    assert all(isinstance(one, Told | RowError) for one in Source(path, Defaults("orders")).read())


def test_many_rows_are_read_one_order_at_a_time(folder: Path) -> None:
    text = "order,occurred_at\n" + "".join(f"{number},{AT}\n" for number in range(20_000))
    report = check(source(folder, text), lambda _, __: None)
    assert (report.total, report.refused, report.errors) == (20_000, 0, [])


# --- the command -----------------------------------------------------------------------------------------------------


def test_without_yes_a_file_is_only_checked(folder: Path) -> None:
    path = source(folder, ORDERS).path
    result = RUNNER.invoke(imports, ["orders", str(path), "--json"])
    said = json.loads(result.stdout)
    assert (result.exit_code, said["dry_run"], said["events"], said["published"]) == (0, True, {"placed": 2}, 0)
    assert list(folder.iterdir()) == [path]


def test_a_refused_row_ends_with_1_and_is_listed(folder: Path) -> None:
    path = source(folder, ORDERS.replace(",GB", ",Britain")).path
    result = RUNNER.invoke(imports, ["orders", str(path), "--json"])
    said = json.loads(result.stdout)
    assert (result.exit_code, said["refused"], said["errors"][0]["line"]) == (1, 1, 4)
    table = RUNNER.invoke(imports, ["orders", str(path)], env={"COLUMNS": "200"})
    assert "destination.country" in table.stdout
    assert "nothing was published" in table.output


@pytest.mark.parametrize("words", [["--shop", "Bad Shop"], ["--time-zone", "Middle-earth"]])
def test_an_option_that_cannot_be_is_a_mistake_of_usage(folder: Path, words: list[str]) -> None:
    result = RUNNER.invoke(imports, ["orders", str(source(folder, ORDERS).path), *words])
    assert isinstance(result.exception, UsageError)
    empty = RUNNER.invoke(imports, ["orders", str(source(folder, "").path)])
    assert isinstance(empty.exception, UsageError)


def test_a_place_is_of_one_file_read_in_one_way(folder: Path) -> None:
    read = source(folder, ORDERS)
    Place(read.path, read.defaults).note(3)
    assert Place(read.path, read.defaults).next_line() == 3
    assert Place(read.path, Defaults("orders", shop="other")).next_line() == 1
    changed = source(folder, ORDERS + "\n")
    assert Place(changed.path, changed.defaults).next_line() == 1
    Place(read.path, read.defaults).forget()
    assert list(folder.iterdir()) == [read.path]


@pytest.mark.parametrize("noted", ["", "{", "[]", '{"mark": 1}', '{"next_line": 9}'])
def test_a_damaged_note_of_the_place_starts_at_the_beginning(folder: Path, noted: str) -> None:
    read = source(folder, ORDERS)
    (folder / ("file" + SUFFIX)).write_text(noted)
    assert Place(read.path, read.defaults).next_line() == 1


def test_a_rate_needs_time() -> None:
    assert (Report().per_second, Report(published=10, seconds=2).per_second) == (0, 5)
