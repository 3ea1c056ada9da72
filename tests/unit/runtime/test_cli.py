"""The command line: quick help, one line of failure, the exit codes."""

import os
import subprocess
import sys

import pytest

from services import cli


def run(*words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | variables
    return subprocess.run(
        [sys.executable, "-m", "services.cli", *words], check=False, capture_output=True, text=True, env=env, timeout=60
    )


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom services import cli\ncli.main(['--help'])\n"
        "heavy = {'pydantic', 'aiokafka', 'faststream', 'asyncpg', 'fastapi', 'structlog'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 'imported too much' if len(sys.modules) > 500 else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    for word in ("ingest", "status", "notify", "migrate", "topics", "config", "doctor", "simulate", "78"):
        assert word in done.stdout


@pytest.mark.parametrize(
    ("words", "settings", "place"),
    [
        (("topics", "plan"), {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}, "Kafka at 127.0.0.1:1: "),
        (("migrate", "status"), {"DATABASE_URL": "postgresql://u:canary@127.0.0.1:1/x"}, "Postgres at 127.0.0.1:1/x: "),
    ],
)
def test_a_failure_names_its_place_the_next_step_and_its_code(
    words: tuple[str, ...], settings: dict[str, str], place: str
) -> None:
    done = run(*words, **settings)
    assert done.returncode == 69
    assert f"trackfold: {place}" in done.stderr
    assert f"\n  next: start it, or set {next(iter(settings))}" in done.stderr
    assert "Traceback" not in done.stderr
    assert "canary" not in done.stderr


def test_debug_shows_the_traceback() -> None:
    assert "Traceback" in run("--debug", "migrate", "status", DATABASE_URL="postgresql://127.0.0.1:1/x").stderr


def test_a_misspelt_setting_is_refused_by_every_command() -> None:
    done = run("config", "show", TRACKFOLD_INGEST__MAX_REQUEST="1")
    assert done.returncode == 78
    assert "TRACKFOLD_INGEST__MAX_REQUESTS?" in done.stderr


def test_config_check_says_that_all_is_well() -> None:
    done = run("config", "check")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.parametrize(
    ("name", "value", "place"),
    [
        ("TRACKFOLD_INGEST__SECRETS__STANDARD", "canary, no base64!", "TRACKFOLD_INGEST__SECRETS__STANDARD"),
        ("TRACKFOLD_INGEST__SECRETS", "{canary", "TRACKFOLD_INGEST__SECRETS"),
        ("TRACKFOLD_INGEST__MAX_BODY_BYTES__EASYPOST", "-1", "TRACKFOLD_INGEST__MAX_BODY_BYTES__EASYPOST"),
        ("TRACKFOLD_INGEST__MAX_BODY_BYTES__EASYPOST", "9000000", "TRACKFOLD_INGEST__MAX_BODY_BYTES__EASYPOST"),
        ("TRACKFOLD_LINKS__KEYS", "canary", "link key"),
        ("TRACKFOLD_FAILPOINTS", "nowhere:kill", "nowhere"),
    ],
)
def test_config_check_finds_what_a_service_would_refuse_at_its_start(name: str, value: str, place: str) -> None:
    done = run("config", "check", **{name: value})
    assert (done.returncode, place in done.stderr, "canary" in done.stderr) == (78, True, False), done.stderr
    assert "settings: fine" not in done.stderr


def test_config_check_says_that_fail_points_are_set() -> None:
    assert "never in production" in run("config", "check", TRACKFOLD_FAILPOINTS="relay.after_send:kill").stderr


def test_config_check_reads_the_tls_files() -> None:
    settings = {"TRACKFOLD_KAFKA__SECURITY_PROTOCOL": "SSL", "TRACKFOLD_KAFKA__SSL_CAFILE": "/no/such/file"}
    assert run("config", "check", **settings).returncode == 78


@pytest.mark.parametrize(("words", "code"), [(["--no-such"], 2), (["nothing"], 2), (["topics", "--help"], 0)])
def test_usage_has_its_codes(words: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == code
    assert capsys.readouterr()
