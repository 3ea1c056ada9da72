"""`trackfold carriers` and `trackfold webhooks`, as an integrator types them."""

import json
import re
from datetime import datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.ingest.carriers.registry import CARRIERS
from services.ingest.commands import carriers, webhooks
from services.ingest.tools import UsageError
from services.runtime.errors import Misconfigured
from tests.unit.ingest.samples import FIXTURES, SECRETS, fixture_paths, headers_of

BODY = str(FIXTURES / "easypost" / "royal_mail_5_delivered.json")
SECRET = {"WEBHOOK_SECRET": SECRETS["easypost"][0]}
RUNNER = CliRunner()


def test_the_list_names_every_provider() -> None:
    listed = json.loads(RUNNER.invoke(carriers, ["list", "--json"]).stdout)
    assert [one["provider"] for one in listed] == list(CARRIERS)
    assert "easypost" in RUNNER.invoke(carriers, ["list"]).stdout


def test_parse_shows_the_scans_as_a_table_and_as_json() -> None:
    table = RUNNER.invoke(carriers, ["parse", "easypost", BODY], env={"COLUMNS": "200"})
    assert (table.exit_code, "delivered" in table.stdout) == (0, True)
    shown = json.loads(RUNNER.invoke(carriers, ["parse", "easypost", BODY, "--json"]).stdout)
    assert [scan["stage"] for scan in shown["scans"]][-2:] == ["delivered", "delivered"]


#: What every scan of `carriers parse --json` has, whether or not the carrier told it.
NAMES = {
    "tracking_number", "carrier", "occurred_at", "occurred_at_text", "time_precision", "time_kind", "kind", "stage",
    "leg", "substatus", "conditions", "raw_code", "description", "place", "informational", "event_key",
}  # fmt: skip


@pytest.mark.parametrize("path", fixture_paths(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_parse_prints_every_name_of_every_scan(path: Path) -> None:
    headers = [part for name, value in headers_of(path).items() for part in ("-H", f"{name}: {value}")]
    result = RUNNER.invoke(carriers, ["parse", path.parent.name, str(path), "--json", *headers])
    shown = json.loads(result.stdout)
    assert shown["provider"] == path.parent.name
    assert all(scan.keys() >= NAMES for scan in shown["scans"])
    assert all(datetime.fromisoformat(scan["occurred_at"]).tzinfo for scan in shown["scans"])
    said = {(scan["tracking_number"], *scan["references"].items()) for scan in shown["scans"]}
    assert {(one["tracking_number"], *one["references"].items()) for one in shown["current"]} == said
    read = shown["scans"] or shown["orders"] or shown["ignored"]
    assert result.exit_code == (0 if read or not shown["problems"] else 1)


def test_parse_says_where_the_parcel_is_now_and_when_it_is_expected() -> None:
    path = str(FIXTURES / "easypost" / "royal_mail_4_out_for_delivery.json")
    (now,) = json.loads(RUNNER.invoke(carriers, ["parse", "easypost", path, "--json"]).stdout)["current"]
    assert (now["stage"], now["leg"], now["conditions"]) == ("out_for_delivery", "outbound", [])
    table = RUNNER.invoke(carriers, ["parse", "easypost", path], env={"COLUMNS": "200"}).stdout
    assert f"now: royal-mail:{now['tracking_number']}: out_for_delivery" in table


def test_parse_takes_the_headers_that_a_body_came_with() -> None:
    result = RUNNER.invoke(carriers, ["parse", "easypost", BODY, "-H", "no colon"])
    assert isinstance(result.exception, UsageError)


def test_parse_of_garbage_says_what_is_wrong_and_fails() -> None:
    result = RUNNER.invoke(carriers, ["parse", "easypost", str(FIXTURES / "easypost" / "garbage_not_json.json")])
    assert (result.exit_code, "not_json" in result.output) == (1, True)


def test_parse_reads_test_trackers_unless_told_to_do_as_in_production() -> None:
    path = str(FIXTURES / "easypost" / "test_mode_is_ignored.json")
    assert json.loads(RUNNER.invoke(carriers, ["parse", "easypost", path, "--json"]).stdout)["scans"]
    shown = json.loads(RUNNER.invoke(carriers, ["parse", "easypost", path, "--json", "--production"]).stdout)
    assert shown["ignored"] == "test_mode"


def test_a_misspelt_provider_gets_a_suggestion() -> None:
    result = RUNNER.invoke(carriers, ["parse", "easypots", BODY])
    assert isinstance(result.exception, UsageError)
    assert result.exception.hint == "did you mean easypost?"


@pytest.mark.parametrize("provider", SECRETS)
def test_what_is_signed_verifies_and_what_is_forged_does_not(provider: str, tmp_path: Path) -> None:
    env = {"WEBHOOK_SECRET": SECRETS[provider][0]}
    headers = json.loads(RUNNER.invoke(webhooks, ["sign", provider, BODY, "--json"], env=env).stdout)
    options = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    assert RUNNER.invoke(webhooks, ["verify", provider, BODY, *options], env=env).exit_code == 0
    (tmp_path / "other").write_bytes(b"{}")
    other = str(tmp_path / "other") if CARRIERS[provider].signs_the_body else BODY
    theirs = env if CARRIERS[provider].signs_the_body else {"WEBHOOK_SECRET": "somebody-elses"}
    forged = RUNNER.invoke(webhooks, ["verify", provider, other, *options], env=theirs)
    assert (forged.exit_code, forged.stdout) == (1, "not authentic\n")


def test_verify_can_judge_the_window_at_another_time() -> None:
    env = {"WEBHOOK_SECRET": SECRETS["standard"][0]}
    headers = json.loads(RUNNER.invoke(webhooks, ["sign", "standard", BODY, "--json"], env=env).stdout)
    options = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    late = RUNNER.invoke(webhooks, ["verify", "standard", BODY, *options, "--at", "2031-01-01T00:00:00Z"], env=env)
    assert late.exit_code == 1
    naive = RUNNER.invoke(webhooks, ["verify", "standard", BODY, *options, "--at", "2031-01-01"], env=env)
    assert isinstance(naive.exception, UsageError)


def test_a_secret_that_cannot_be_one_is_not_quoted() -> None:
    result = RUNNER.invoke(webhooks, ["sign", "standard", BODY], env={"WEBHOOK_SECRET": "hush hush"})
    assert isinstance(result.exception, Misconfigured)
    assert "hush" not in result.output + str(result.exception)


@pytest.mark.parametrize(
    ("provider", "words"),
    [
        ("standard", ["sign", BODY, "--delivery", "a.b"]),
        ("standard", ["sign", BODY, "--delivery", "\u00e9"]),
        ("standard", ["send", BODY, "--delivery", "two words"]),
        ("easypost", ["send", BODY, "--url", "localhost:8000"]),
        ("easypost", ["send", BODY, "--url", "http://[::"]),
        ("standard", ["verify", BODY, "-H", "webhook-id"]),
        ("standard", ["verify", BODY, "-H", "webhook-id: x", "--at", "yesterday"]),
    ],
)
def test_what_cannot_be_is_refused_with_a_next_step(provider: str, words: list[str]) -> None:
    env = {"WEBHOOK_SECRET": SECRETS[provider][0]}
    failure = RUNNER.invoke(webhooks, [words[0], provider, *words[1:]], env=env).exception
    assert isinstance(failure, UsageError)
    assert failure.hint


def test_the_example_of_the_documentation_is_read_without_a_problem(tmp_path: Path) -> None:
    page = (FIXTURES.parents[2] / "docs" / "carriers" / "standard.md").read_text("utf-8")
    (example,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    (tmp_path / "scan.json").write_text(example)
    shown = json.loads(RUNNER.invoke(carriers, ["parse", "standard", str(tmp_path / "scan.json"), "--json"]).stdout)
    assert [scan["stage"] for scan in shown["scans"]] == ["out_for_delivery"]
    assert shown["problems"] == []


def test_send_says_when_nobody_answers() -> None:
    result = RUNNER.invoke(webhooks, ["send", "easypost", BODY, "--url", "http://127.0.0.1:1"], env=SECRET)
    assert "no answer from http://127.0.0.1:1" in str(result.exception)
