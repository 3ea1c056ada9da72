"""Where a local run decides everything its processes are told: ports, secrets, addresses, one environment for each.

Nothing of the caller's own settings leaks in: a `DATABASE_URL` or a proxy in the shell must not reach a demo.
"""

import base64
import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from services.local.child import listens
from services.local.ports import free_port

HOST: Final = "127.0.0.1"
SERVICES: Final = ("ingest", "status", "notify")
PARTITIONS: Final = 4
DRAIN_S: Final = 5
SETTLE_S: Final = 2

#: Default ports, as the documentation names them.
WANTED_PORTS: Final = {
    "ingest": 8080,
    "status": 8081,
    "ingest_admin": 9080,
    "status_admin": 9081,
    "notify_admin": 9082,
    "outbox": 8025,
    "smtp": 1025,
}
_PASSED_ON: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "VIRTUAL_ENV", "SSL_CERT_FILE", "LD_LIBRARY_PATH")


@dataclass(frozen=True, slots=True)
class Ports:
    """Every port of the run."""

    ingest: int
    status: int
    ingest_admin: int
    status_admin: int
    notify_admin: int
    outbox: int
    smtp: int

    def of(self, name: str) -> tuple[int, ...]:
        """Give the ports that one process listens on."""
        if name == "catcher":
            return (self.smtp, self.outbox)
        public = {"ingest": (self.ingest,), "status": (self.status,)}
        return (*public.get(name, ()), self.admin(name))

    def admin(self, service: str) -> int:
        """Give a service's admin port."""
        return {"ingest": self.ingest_admin, "status": self.status_admin, "notify": self.notify_admin}[service]


@dataclass(frozen=True, slots=True)
class Secrets:
    """Made up for each run; never shown, but for the API key, which the reader is meant to try."""

    easypost: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    standard: str = field(
        default_factory=lambda: f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}", repr=False
    )
    orders: str = field(
        default_factory=lambda: f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}", repr=False
    )
    operator: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    link: str = field(default_factory=lambda: f"local:{secrets.token_urlsafe(24)}", repr=False)
    api_key: str = field(default_factory=lambda: secrets.token_urlsafe(18), repr=False)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the embedded parts are."""

    kafka: str
    database: str = field(repr=False)


def choose_ports(wanted_ports: Mapping[str, int] = WANTED_PORTS) -> Ports:
    """Take the wanted ports where they are free, others where not."""
    taken: set[int] = set()
    chosen: dict[str, int] = {}
    for name, wanted in wanted_ports.items():
        port = wanted if is_free(wanted) else free_port()
        while port in taken:
            port = free_port()
        taken.add(port)
        chosen[name] = port
    return Ports(**chosen)


def base_environment(folder: str) -> dict[str, str]:
    """Give what every child gets."""
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return passed | {"TMPDIR": folder, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1", "NO_PROXY": "*", "LOG_LEVEL": "INFO"}


def environments(ports: Ports, secret: Secrets, addresses: Addresses, *, folder: str) -> dict[str, dict[str, str]]:
    """Give the environment of each service, and of `operator`, the commands that prepare the ground for them."""
    kafka = kafka_variables(addresses.kafka)
    base = base_environment(folder) | kafka | {"TRACKFOLD_LOG__FORMAT": "json"}
    database = {"DATABASE_URL": addresses.database}
    tracking = f"http://{HOST}:{ports.status}"
    links = {"TRACKFOLD_LINKS__KEYS": secret.link, "TRACKFOLD_LINKS__TRACKING_BASE_URL": tracking}
    own = {
        "ingest": _public(ports.ingest) | _ingest(secret),
        "status": _public(ports.status) | database | links | {"TRACKFOLD_STATUS__API_KEYS": secret.api_key},
        "notify": database | links | _notify(ports),
    }
    drain = {"TRACKFOLD_PROCESS__DRAIN_S": str(DRAIN_S)}
    services = {name: base | drain | own[name] | _admin(ports.admin(name)) for name in SERVICES}
    return services | {"operator": base | database}


def kafka_variables(address: str) -> dict[str, str]:
    """Give what every Kafka client of the run needs: one broker, few partitions, short waits.

    The embedded broker answers a consumer that joins only after half its session timeout.
    """
    return {
        "KAFKA_BOOTSTRAP_SERVERS": address,
        "TRACKFOLD_KAFKA__PARTITIONS": str(PARTITIONS),
        "TRACKFOLD_KAFKA__REPLICATION_FACTOR": "1",
        "TRACKFOLD_KAFKA__MIN_INSYNC_REPLICAS": "1",
        "TRACKFOLD_KAFKA__FETCH_MAX_WAIT_MS": "20",
        "TRACKFOLD_KAFKA__SESSION_TIMEOUT_MS": "6000",
        "TRACKFOLD_KAFKA__TRUST_LOG_ENDS": "false",
    }


def simulator_variables(ports: Ports, secret: Secrets, addresses: Addresses) -> dict[str, str]:
    """Give the settings of the simulator, which plays inside the supervisor, and of whoever tries by hand."""
    return kafka_variables(addresses.kafka) | {
        "TRACKFOLD_LOCAL__INGEST_URL": f"http://{HOST}:{ports.ingest}",
        "TRACKFOLD_LOCAL__SECRETS__EASYPOST": secret.easypost,
        "TRACKFOLD_LOCAL__SECRETS__STANDARD": secret.standard,
        "TRACKFOLD_LOCAL__SECRETS__ORDERS": secret.orders,
        "TRACKFOLD_INGEST__OPERATOR_TOKENS": secret.operator,
    }


def _public(port: int) -> dict[str, str]:
    return {"TRACKFOLD_HTTP__PORT": str(port), "TRACKFOLD_HTTP__PUBLIC_URL": f"http://{HOST}:{port}"}


def _admin(port: int) -> dict[str, str]:
    return {"TRACKFOLD_ADMIN__PORT": str(port)}


def _ingest(secret: Secrets) -> dict[str, str]:
    return {
        "TRACKFOLD_INGEST__SECRETS__EASYPOST": secret.easypost,
        "TRACKFOLD_INGEST__SECRETS__STANDARD": secret.standard,
        "TRACKFOLD_INGEST__SECRETS__ORDERS": secret.orders,
        "TRACKFOLD_INGEST__OPERATOR_TOKENS": secret.operator,
    }


def _notify(ports: Ports) -> dict[str, str]:
    return {
        "TRACKFOLD_NOTIFY__CHANNELS": "email,sms",
        "TRACKFOLD_NOTIFY__SMTP_HOST": HOST,
        "TRACKFOLD_NOTIFY__SMTP_PORT": str(ports.smtp),
        "TRACKFOLD_NOTIFY__SMTP_TLS": "none",
        "TRACKFOLD_NOTIFY__SMS_BASE_URL": f"http://{HOST}:{ports.outbox}",
        "TRACKFOLD_NOTIFY__SMS_SID": "AClocal",
        "TRACKFOLD_NOTIFY__SMS_TOKEN": "local",
        "TRACKFOLD_NOTIFY__SMS_FROM": "+447700900000",
        # A demo's day lasts a minute: news would be overtaken while it settles.
        "TRACKFOLD_NOTIFY__SETTLE_S": str(SETTLE_S),
    }


def is_free(port: int) -> bool:
    """Say whether nobody answers on a port and we could listen there."""
    if listens(port):
        return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
