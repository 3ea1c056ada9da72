"""`trackfold carriers` and `trackfold webhooks`, as an integrator types them."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.ingest.carriers.registry import CARRIERS
from services.ingest.commands import carriers, webhooks
from services.ingest.tools import UsageError
from services.runtime.errors import Misconfigured
from tests.unit.ingest.samples import FIXTURES, SECRETS

BODY = str(FIXTURES / "easypost" / "royal_mail_5_delivered.json")
SECRET = {"WEBHOOK_SECRET": SECRETS["easypost"][0]}
RUNNER = CliRunner()


def test_the_list_names_every_provider() -> None:
    listed = json.loads(RUNNER.invoke(carriers, ["list", "--json"]).stdout)
    assert [one["provider"] for one in listed] == list(CARRIERS)
    assert "easypost" in RUNNER.invoke(carriers, ["list"]).stdout


def test_parse_shows_the_scans_as_a_table_and_as_json() -> None:
    table = RUNNER.invoke(carriers, ["parse", "-p", "easypost", BODY], env={"COLUMNS": "200"})
    assert (table.exit_code, "delivered" in table.stdout) == (0, True)
    shown = json.loads(RUNNER.invoke(carriers, ["parse", "-p", "easypost", BODY, "--json"]).stdout)
    assert [scan["stage"] for scan in shown["scans"]][-2:] == ["delivered", "delivered"]


def test_parse_of_garbage_says_what_is_wrong_and_fails() -> None:
    result = RUNNER.invoke(carriers, ["parse", "-p", "easypost", str(FIXTURES / "easypost" / "garbage_not_json.json")])
    assert (result.exit_code, "not_json" in result.output) == (1, True)


def test_parse_reads_test_trackers_unless_told_to_do_as_in_production() -> None:
    path = str(FIXTURES / "easypost" / "test_mode_is_ignored.json")
    assert json.loads(RUNNER.invoke(carriers, ["parse", "-p", "easypost", path, "--json"]).stdout)["scans"]
    shown = json.loads(RUNNER.invoke(carriers, ["parse", "-p", "easypost", path, "--json", "--production"]).stdout)
    assert shown["ignored"] == "test_mode"


def test_a_misspelt_provider_gets_a_suggestion() -> None:
    result = RUNNER.invoke(carriers, ["parse", "-p", "easypots", BODY])
    assert isinstance(result.exception, UsageError)
    assert result.exception.hint == "did you mean easypost?"


@pytest.mark.parametrize("provider", SECRETS)
def test_what_is_signed_verifies_and_a_changed_body_does_not(provider: str, tmp_path: Path) -> None:
    env = {"WEBHOOK_SECRET": SECRETS[provider][0]}
    headers = json.loads(RUNNER.invoke(webhooks, ["sign", "-p", provider, BODY, "--json"], env=env).stdout)
    options = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    assert RUNNER.invoke(webhooks, ["verify", "-p", provider, BODY, *options], env=env).exit_code == 0
    (tmp_path / "other").write_bytes(b"{}")
    forged = RUNNER.invoke(webhooks, ["verify", "-p", provider, str(tmp_path / "other"), *options], env=env)
    assert (forged.exit_code, forged.stdout) == (1, "not authentic\n")


def test_verify_can_judge_the_window_at_another_time() -> None:
    env = {"WEBHOOK_SECRET": SECRETS["standard"][0]}
    headers = json.loads(RUNNER.invoke(webhooks, ["sign", "-p", "standard", BODY, "--json"], env=env).stdout)
    options = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    late = RUNNER.invoke(
        webhooks, ["verify", "-p", "standard", BODY, *options, "--at", "2031-01-01T00:00:00Z"], env=env
    )
    assert late.exit_code == 1
    naive = RUNNER.invoke(webhooks, ["verify", "-p", "standard", BODY, *options, "--at", "2031-01-01"], env=env)
    assert isinstance(naive.exception, UsageError)


def test_a_secret_that_cannot_be_one_is_not_quoted() -> None:
    result = RUNNER.invoke(webhooks, ["sign", "-p", "standard", BODY], env={"WEBHOOK_SECRET": "hush hush"})
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
    failure = RUNNER.invoke(webhooks, [*words, "-p", provider], env=env).exception
    assert isinstance(failure, UsageError)
    assert failure.hint


def test_the_example_of_the_documentation_is_read_without_a_problem(tmp_path: Path) -> None:
    page = (FIXTURES.parents[2] / "docs" / "standard-webhook.md").read_text("utf-8")
    (example,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    (tmp_path / "scan.json").write_text(example)
    shown = json.loads(
        RUNNER.invoke(carriers, ["parse", "-p", "standard", str(tmp_path / "scan.json"), "--json"]).stdout
    )
    assert [scan["stage"] for scan in shown["scans"]] == ["out_for_delivery"]
    assert shown["problems"] == []


def test_send_says_when_nobody_answers() -> None:
    result = RUNNER.invoke(webhooks, ["send", "-p", "easypost", BODY, "--url", "http://127.0.0.1:1"], env=SECRET)
    assert "no answer from http://127.0.0.1:1" in str(result.exception)
