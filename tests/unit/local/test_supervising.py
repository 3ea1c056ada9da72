"""What the supervisor is made of: restarts with an end, settings that exist, a folder that leaves nothing."""

import io
import os
import socket
import sys
from pathlib import Path

import pytest

from services.ingest.settings import IngestSettings
from services.local.environments import (
    WANTED_PORTS,
    Addresses,
    Secrets,
    base_environment,
    choose_ports,
    environments,
    simulator_variables,
)
from services.local.kept import MAX_RESTARTS, Fate, Kept, Program
from services.local.run_folder import RunFolder
from services.local.settings import LocalSettings
from services.local.talk import Talk
from services.notify.settings import NotifySettings
from services.runtime import clock, environment
from services.runtime.settings import OperatorSettings, Settings
from services.status.settings import StatusSettings
from tests.waiting import eventually

ADDRESSES = Addresses("127.0.0.1:9092", "postgresql://postgres:x@127.0.0.1:5432/postgres")


def make_kept(folder: Path, code: str, *, grace_s: float = 5) -> Kept:
    argv = [sys.executable, "-c", code]
    return Kept(Program("demo", argv, base_environment(str(folder)), folder / "demo.log", folder, grace_s=grace_s))


def test_every_variable_of_a_local_run_is_a_setting_of_its_service() -> None:
    ports, secret = choose_ports(), Secrets()
    env = environments(ports, secret, ADDRESSES, folder="/tmp")  # noqa: S108 -- only a value
    classes: dict[str, type[Settings]] = {
        "ingest": IngestSettings,
        "status": StatusSettings,
        "notify": NotifySettings,
        "operator": OperatorSettings,
    }

    loaded = {name: environment.load(cls, env[name]) for name, cls in classes.items()}

    assert env.keys() == loaded.keys()


def test_the_simulator_signs_with_what_ingest_verifies_with() -> None:
    ports, secret = choose_ports(), Secrets()
    env = environments(ports, secret, ADDRESSES, folder="/tmp")  # noqa: S108 -- only a value
    ingest = environment.load(IngestSettings, env["ingest"])
    local = environment.load(LocalSettings, simulator_variables(ports, secret, ADDRESSES))

    assert {name: (value,) for name, value in local.local.secrets.items()} == ingest.ingest.secrets
    assert local.local.ingest_url.endswith(f":{ingest.http.port}")


def test_whoever_tries_a_local_run_by_hand_has_an_operators_token() -> None:
    ports, secret = choose_ports(), Secrets()
    env = environments(ports, secret, ADDRESSES, folder="/tmp")  # noqa: S108 -- only a value
    given = simulator_variables(ports, secret, ADDRESSES)

    ingest = environment.load(IngestSettings, env["ingest"])
    assert [one.get_secret_value() for one in ingest.ingest.operator_tokens] == [secret.operator]
    assert given["TRACKFOLD_INGEST__OPERATOR_TOKENS"] == secret.operator


def test_a_secret_of_digits_stays_what_was_written() -> None:
    local = environment.load(LocalSettings, {"TRACKFOLD_LOCAL__SECRETS__EASYPOST": "12345678"})

    assert local.local.secrets["easypost"].get_secret_value() == "12345678"


def test_nothing_of_the_callers_own_settings_reaches_a_local_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "TRACKFOLD_FAILPOINTS", "HTTPS_PROXY", "PGPASSWORD"):
        monkeypatch.setenv(name, "http://elsewhere.example")

    env = environments(choose_ports(), Secrets(), ADDRESSES, folder="/tmp")  # noqa: S108 -- only a value

    assert not any("elsewhere" in value for one in env.values() for value in one.values())


def test_a_port_that_is_taken_is_replaced_and_all_ports_differ() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        ports = choose_ports(WANTED_PORTS | {"status": taken})

    chosen = [getattr(ports, name) for name in WANTED_PORTS]
    assert taken not in chosen
    assert len(set(chosen)) == len(chosen)


async def test_a_program_that_dies_is_started_again_until_it_is_hopeless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.local.kept.FIRST_WAIT_S", 0.0)
    kept = make_kept(tmp_path, "print('again'); raise SystemExit(3)")
    kept.start()
    fates: list[Fate] = []

    def look() -> bool:
        fate = kept.look()
        fates.extend([fate] if fate else [])
        return bool(fates) and fates[-1].final

    await eventually(look)

    assert [fate.final for fate in fates] == [False] * MAX_RESTARTS + [True]
    assert {fate.code for fate in fates} == {3}
    assert kept.tail().splitlines()[-1] == "demo | again"


async def test_a_program_with_a_wrong_configuration_is_not_started_again(tmp_path: Path) -> None:
    kept = make_kept(tmp_path, "raise SystemExit(78)")
    kept.start()

    assert await eventually(kept.look) == Fate(78, final=True)


async def test_a_program_that_does_not_want_to_stop_is_killed_after_its_grace(tmp_path: Path) -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    kept = make_kept(tmp_path, code, grace_s=0.2)
    kept.start()
    await eventually(lambda: "up" in kept.tail())
    began = clock.monotonic()

    assert kept.stop() == -9
    assert clock.monotonic() - began < 5


def test_a_run_folder_takes_in_all_temporary_files_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with RunFolder() as folder:
        inside = [name for name in os.listdir(tmp_path) if (tmp_path / name) == folder.path]  # noqa: PTH208
        folder.log("status").write_text("hello")

    assert len(inside) == 1
    assert not list(tmp_path.iterdir())


def test_without_a_terminal_progress_is_plain_lines() -> None:
    out = io.StringIO()
    with Talk(out, plain_every_s=0) as talk:
        with talk.step("database"):
            pass
        talk.status("3 orders")
        talk.status("3 orders")
        talk.say("done")

    lines = out.getvalue().splitlines()
    assert lines[0].endswith("s  database")
    assert lines[1:] == ["3 orders", "done"]
    assert "\x1b" not in out.getvalue()
