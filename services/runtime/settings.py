"""The settings that services share, as frozen models: one class per service is composed from these sections.

Nothing here reads the environment (that is `environment.load`), nothing connects, nothing is a global.
"""

import json
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from services.runtime import failpoints
from services.runtime.links import key_ring

PREFIX: Final = "TRACKFOLD_"

#: Names that every platform knows, and the setting each stands for.
WELL_KNOWN: Final = {
    "DATABASE_URL": "TRACKFOLD_POSTGRES__URL",
    "KAFKA_BOOTSTRAP_SERVERS": "TRACKFOLD_KAFKA__BOOTSTRAP_SERVERS",
    "LOG_LEVEL": "TRACKFOLD_LOG__LEVEL",
    "PORT": "TRACKFOLD_HTTP__PORT",
}


def split_list(value: object) -> object:
    """Read a list setting: a JSON array, or entries separated by commas."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith("["):
        return json.loads(text)
    return [part.strip() for part in text.split(",") if part.strip()]


def _blank_is_none(value: object) -> object:
    return None if value == "" else value


#: List settings written with commas: `KAFKA_BOOTSTRAP_SERVERS=one:9092,two:9092`.
Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_list)]
Secrets = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(split_list)]
Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


_THIS_MACHINE: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def is_over_tls(url: str) -> bool:
    """Tell whether nobody between us and an address can read or answer for it: TLS, or this very machine."""
    parts = urlsplit(url)
    return parts.hostname is not None and (parts.scheme == "https" or parts.hostname in _THIS_MACHINE)


class Section(BaseModel):
    """Base of all sections: frozen, strict about names, never quotes a value in an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True)

    def check(self) -> None:
        """Raise Misconfigured for a value that a service would only refuse when it starts: keys, fail-points."""


class Settings(BaseSettings):
    """Base of all settings classes. Built by `environment.load`; in tests by keyword arguments."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
        nested_model_default_partial_update=True,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic-settings'
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Leave only the arguments: reading the environment happens in one place, `environment.load`."""
        return (init_settings,)

    def check(self) -> None:
        """Raise Misconfigured as `Section.check` does, for all sections; called by `trackfold config check`."""
        for _, section in self:
            if isinstance(section, Section):
                section.check()


class KafkaSettings(Section):
    """How to reach Kafka and how to use it."""

    bootstrap_servers: Texts = ("127.0.0.1:9092",)
    """Brokers to ask first, host:port, separated by commas."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """How connections are protected."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    """How to log in, with a SASL protocol."""
    sasl_username: str = ""
    """User name for SASL."""
    sasl_password: SecretStr = SecretStr("")
    """Password for SASL."""
    ssl_cafile: str = ""
    """PEM file with the authorities that sign the brokers' certificates; empty: the system's."""
    ssl_certfile: str = ""
    """PEM file with this client's certificate, for mutual TLS."""
    ssl_keyfile: str = ""
    """PEM file with the private key of `ssl_certfile`."""
    ssl_password: SecretStr = SecretStr("")
    """Password of `ssl_keyfile`."""
    topic_prefix: str = Field(default="", pattern=r"^[a-zA-Z0-9._-]{0,64}$")
    """Put before every topic and group, where several installations share a cluster."""
    partitions: Annotated[int | None, BeforeValidator(_blank_is_none)] = Field(default=None, ge=1, le=10_000)
    """Partitions of topics created by `trackfold topics apply`; empty: what the contract says (64)."""
    replication_factor: int = Field(default=3, ge=1, le=9)
    """Copies of each partition, for topics created by `trackfold topics apply`."""
    min_insync_replicas: int = Field(default=2, ge=1, le=9)
    """Copies that must have a record before it counts as written."""
    fetch_max_wait_ms: int = Field(default=100, ge=1, le=60_000)
    """How long a broker may hold back an answer when there is nothing new."""
    max_poll_records: Annotated[int | None, BeforeValidator(_blank_is_none)] = Field(default=None, ge=1, le=50_000)
    """Records handled in one transaction at most; empty: as many as suit the service."""
    request_timeout_ms: int = Field(default=15_000, ge=1_000, le=300_000)
    """How long one request to a broker may take."""
    session_timeout_ms: int = Field(default=30_000, ge=1_000, le=1_800_000)
    """After this silence of a consumer its partitions go to another one."""
    metadata_max_age_ms: int = Field(default=30_000, ge=500, le=300_000)
    """How often clients ask anew which partitions there are: nobody reads a partition that was added before that."""
    trust_log_ends: bool = True
    """Whether the broker tells truly where a log ends. False only for the embedded broker: then no lag is measured, and
    logs are not compared with what the database has applied of them."""
    lag_interval_s: Seconds = 5
    """How often a consumer's lag is measured, and whether it turns."""
    hanging_after_s: Seconds = 60
    """A producer's transaction that stays open for longer and holds up a partition is told of as hanging."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.security_protocol.startswith("SASL") and not (self.sasl_username and self.sasl_password):
            raise ValueError("sasl_username and sasl_password are needed with this security_protocol")
        if bool(self.ssl_certfile) != bool(self.ssl_keyfile):
            raise ValueError("ssl_certfile and ssl_keyfile belong together")
        if self.min_insync_replicas > self.replication_factor:
            raise ValueError("min_insync_replicas cannot be above replication_factor")
        return self

    def topic(self, name: str) -> str:
        """Return the name on the wire of a topic of the contract."""
        return self.topic_prefix + name

    def logical(self, wire: str) -> str:
        """Return the contract's name of a topic on the wire."""
        return wire.removeprefix(self.topic_prefix)

    def group(self, name: str) -> str:
        """Return the name on the wire of a consumer group."""
        return self.topic_prefix + name


class PostgresSettings(Section):
    """How to reach Postgres; every wait has a limit."""

    url: SecretStr = SecretStr("postgresql://trackfold@127.0.0.1:5432/trackfold")
    """postgresql://user:password@host:port/database."""
    pool_size: int = Field(default=8, ge=2, le=200)
    """Connections of one process at most."""
    connect_timeout_s: Seconds = 5
    """Limit for opening a connection."""
    acquire_timeout_s: Seconds = 5
    """Limit for getting a connection from the pool."""
    statement_timeout_s: Seconds = 10
    """Limit for one statement."""
    lock_timeout_s: Seconds = 5
    """Limit for waiting for a row that another transaction holds."""
    idle_in_transaction_timeout_s: Seconds = 15
    """After this the server cuts off a process that froze inside a transaction."""
    blocked_limit_s: Seconds = 15
    """A batch that waits longer has the transactions of frozen processes of the same service ended that block it."""


class HttpSettings(Section):
    """The public port."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Port = 8000
    """Port to listen on; 0 takes a free one."""
    public_url: str = Field(default="http://127.0.0.1:8000", pattern=r"^https?://[^\s?#]+$")
    """How customers reach this service; links are built from it, never from a request."""
    header_timeout_s: Seconds = 10
    """Limit for receiving a request's headers."""
    keep_alive_s: int = Field(default=15, ge=1, le=600)
    """How long an idle connection is kept."""
    max_connections: int = Field(default=4096, ge=1, le=100_000)
    """Connections beyond this are answered 503."""


class AdminSettings(Section):
    """The operators' port: /livez, /readyz, /metrics. Never public."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Port = 9000
    """Port to listen on; 0 takes a free one."""


class LogSettings(Section):
    """What is logged, and how."""

    level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"],
        BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value),
    ] = "INFO"
    """Least level that is written."""
    format: Literal["json", "console", "auto"] = "auto"
    """json, console, or auto: console on a terminal."""


class LinkSettings(Section):
    """Signed links."""

    keys: Secrets = ()
    """Signing keys `keyid:secret`, separated by commas; the first signs, all are accepted."""
    tracking_base_url: str = Field(default="http://127.0.0.1:8000", pattern=r"^https?://[^\s?#]+$")
    """Where the tracking page lives; links in messages begin with it."""

    def check(self) -> None:
        """Refuse keys that no link can be signed with."""
        if self.keys:
            key_ring(self.keys)


class ProcessSettings(Section):
    """How the process stops."""

    drain_s: Seconds = 25
    """Limit for an orderly stop; below the platform's own (Kubernetes: 30 s)."""
    watchdog_s: Seconds = 60
    """A loop that has not turned for so long ends the process with 70."""


class ServiceSettings(Settings):
    """What every service has; a service adds the other shared sections it uses and one of its own name."""

    kafka: KafkaSettings = KafkaSettings()
    admin: AdminSettings = AdminSettings()
    log: LogSettings = LogSettings()
    process: ProcessSettings = ProcessSettings()
    failpoints: str = ""
    """For tests only: places where this process shall die or fail, `name:kill,other:raise*1`."""

    def check(self) -> None:
        """Refuse fail-points that are not there."""
        super().check()
        failpoints.parse(self.failpoints)


class SharedSettings(ServiceSettings):
    """Every section that services share: their names are known to all of them, used or not."""

    postgres: PostgresSettings = PostgresSettings()
    http: HttpSettings = HttpSettings()
    links: LinkSettings = LinkSettings()


class OperatorSettings(Settings):
    """What the operators' commands need: `topics`, `migrate`, `doctor`."""

    kafka: KafkaSettings = KafkaSettings()
    postgres: PostgresSettings = PostgresSettings()
    log: LogSettings = LogSettings()
