"""Migration files: their names, markers and order."""

import pytest

from services.runtime import migrate
from services.runtime.errors import Misconfigured


def test_a_file_is_read_up_to_its_way_down() -> None:
    found = migrate.parse(
        "0001_orders.sql", "-- orders\n-- migrate:up\ncreate table a();\n\n-- migrate:down\ndrop table a;\n"
    )
    assert (found.version, found.name, found.sql, found.in_transaction) == ("0001", "orders", "create table a();", True)


def test_a_file_may_ask_for_no_transaction() -> None:
    found = migrate.parse("0002_index.sql", "-- migrate:up transaction:false\ncreate index concurrently i on a(b);")
    assert not found.in_transaction


def test_the_checksum_is_of_what_is_run() -> None:
    one = migrate.parse("0001_a.sql", "-- migrate:up\nselect 1")
    assert one.checksum == migrate.parse("0001_a.sql", "-- a comment above\n-- migrate:up\nselect 1\n").checksum
    assert one.checksum != migrate.parse("0001_a.sql", "-- migrate:up\nselect 2").checksum


@pytest.mark.parametrize(
    ("file", "text"), [("1_a.sql", "-- migrate:up\n"), ("0001-a.sql", "-- migrate:up\n"), ("0001_a.sql", "select 1")]
)
def test_what_is_no_migration_is_refused(file: str, text: str) -> None:
    with pytest.raises(Misconfigured):
        migrate.parse(file, text)


@pytest.mark.parametrize("schema", migrate.SCHEMAS)
def test_the_files_of_every_service_can_be_read_and_are_numbered_from_one(schema: str) -> None:
    versions = [one.version for one in migrate.read(schema)]
    assert versions == [f"{n:04}" for n in range(1, len(versions) + 1)]
