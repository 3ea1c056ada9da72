"""The files of deploy/ and .env.example, against the settings classes and the rest of the project."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.local import settings_table
from services.local.settings_table import CLASSES
from services.runtime import environment
from services.runtime.errors import Misconfigured
from services.runtime.settings import PREFIX, WELL_KNOWN, OperatorSettings, Settings, SharedSettings
from tests.stack import artifacts

ROOT = Path(__file__).resolve().parents[3]
COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
CONTAINERFILE = (ROOT / "deploy" / "Containerfile").read_text()
INTERPOLATION = re.compile(r"\$\{(?P<name>[A-Z0-9_]+):-(?P<default>[^}]*)\}")
OURS = {name: service for name, service in COMPOSE.items() if service["image"].startswith("trackfold")}
READ_BY: dict[str, type[Settings]] = {
    **dict(zip(("ingest", "status", "notify", "simulate"), CLASSES, strict=True)),
    "topics": OperatorSettings,
    "migrate": OperatorSettings,
}


def image_variables() -> dict[str, str]:
    block = re.search(r"^ENV PATH=.*?(?=\n\n)", CONTAINERFILE, re.MULTILINE | re.DOTALL)
    assert block is not None
    return dict(re.findall(r"(TRACKFOLD_\w+)=(\S+)", block[0]))


def resolved(service: Mapping[str, Any]) -> dict[str, str]:
    """What the container gets when nothing is set in the shell."""
    given = service.get("environment", {})
    return {name: INTERPOLATION.sub(lambda match: match["default"], value) for name, value in given.items()}


def check_known(variables: Mapping[str, str]) -> None:
    strange = {name for name in variables if not name.startswith(PREFIX)} - WELL_KNOWN.keys()
    assert not strange
    environment.check_names((*CLASSES, SharedSettings), variables, every=True)


@pytest.mark.parametrize("name", OURS)
def test_every_variable_of_a_container_is_a_setting(name: str) -> None:
    check_known(image_variables() | resolved(OURS[name]))
    for value in OURS[name].get("environment", {}).values():
        from_shell = {match["name"] for match in INTERPOLATION.finditer(value)} - {"POSTGRES_PASSWORD"}
        check_known(dict.fromkeys(from_shell, ""))


@pytest.mark.parametrize("name", OURS)
def test_the_settings_of_every_container_load(name: str) -> None:
    environment.load(READ_BY[name], image_variables() | resolved(OURS[name]))


def test_a_misspelt_variable_is_found() -> None:
    variables = resolved(OURS["status"])
    variables["TRACKFOLD_STATUS__API_KEY"] = variables.pop("TRACKFOLD_STATUS__API_KEYS")
    with pytest.raises(Misconfigured) as refused:
        check_known(variables)
    assert "TRACKFOLD_STATUS__API_KEYS" in refused.value.hint


def test_a_variable_of_nobody_is_found() -> None:
    with pytest.raises(AssertionError):
        check_known({"KAFKA_BOOTSTRAP_SERVER": "kafka:9092"})


@pytest.mark.parametrize("name", COMPOSE)
def test_ports_are_on_the_loopback_address(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in COMPOSE[name].get("ports", []))


@pytest.mark.parametrize("name", COMPOSE)
def test_what_goes_on_running_has_a_health_check_and_is_started_again(name: str) -> None:
    service = COMPOSE[name]
    ends = service.get("healthcheck") == {"disable": True}
    assert ends or ("test" in service["healthcheck"] and service["restart"] == "unless-stopped")


@pytest.mark.parametrize("name", OURS)
def test_our_containers_wait_for_what_they_need_and_can_change_nothing(name: str) -> None:
    service = OURS[name]
    for needed, how in service["depends_on"].items():
        job = COMPOSE[needed].get("healthcheck") == {"disable": True}
        assert how["condition"] == ("service_completed_successfully" if job else "service_healthy")
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]


@pytest.mark.parametrize("name", ["ingest", "status", "notify"])
def test_a_service_has_longer_to_stop_than_it_takes(name: str) -> None:
    grace_s = int(OURS[name]["stop_grace_period"].removesuffix("s"))
    drain_s = environment.load(READ_BY[name], {}).model_dump()["process"]["drain_s"]
    assert grace_s > drain_s


def test_its_kafka_is_the_one_of_the_tests_and_makes_no_topics() -> None:
    kafka = COMPOSE["kafka"]
    assert kafka["image"] == f"apache/kafka:{artifacts.version()}"
    assert kafka["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


def test_prometheus_asks_the_admin_port_of_every_service() -> None:
    scraped = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    targets = {target for job in scraped for one in job["static_configs"] for target in one["targets"]}
    assert {f"{name}:9000" for name in ("ingest", "status", "notify")} <= targets


def test_the_image_runs_as_a_number_and_installs_only_what_is_pinned() -> None:
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", CONTAINERFILE, re.MULTILINE)
    for line in re.findall(r"pip install.*", CONTAINERFILE):
        assert "--require-hashes" in line or "--no-index" in line
    for name in re.findall(r"requirements/[\w.]+", CONTAINERFILE):
        assert (ROOT / name).is_file()


def test_the_env_file_holds_every_setting_and_only_settings() -> None:
    text = (ROOT / ".env.example").read_text()
    given = dict(re.findall(r"^#?([A-Z][A-Z0-9_]*)=(.*)$", text, re.MULTILINE))
    check_known(given)
    known = {field.variable for cls in CLASSES for field in environment.fields(cls)}
    assert known <= {name.removesuffix("__NAME") for name in given}


def test_the_settings_are_written_down_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert settings_table.main(["--check"]) == 0


def test_a_setting_that_is_not_written_down_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deploy").mkdir()
    readme, env = tmp_path / settings_table.README, tmp_path / settings_table.ENV_FILE
    readme.write_text(f"before\n{settings_table.BEGIN}\nold\n{settings_table.END}\nafter\n")
    assert settings_table.main(["--check"]) == 1
    assert settings_table.main([]) == 0
    assert settings_table.main(["--check"]) == 0
    assert readme.read_text().startswith("before\n")
    assert readme.read_text().endswith("\nafter\n")
    env.write_text(env.read_text() + "#TRACKFOLD_NEW=\n")
    assert settings_table.main(["--check"]) == 1
