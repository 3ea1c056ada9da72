"""Settings of ingest: the shared sections and its own."""

from typing import Annotated, Final

from pydantic import BeforeValidator, Field, SecretStr, ValidationInfo, field_validator

from services.ingest.carriers.base import Carrier
from services.ingest.carriers.registry import CARRIERS
from services.runtime.errors import Misconfigured
from services.runtime.settings import HttpSettings, Seconds, Section, ServiceSettings, split_list

_VARIABLE: Final = "TRACKFOLD_INGEST__SECRETS__"
#: Fits in a record of carrier.webhooks.v1 and, as base64, in a dead letter; Kafka would refuse a larger one for ever.
_LARGEST_BODY: Final = 2 * 1024 * 1024


def _split_secrets(value: object) -> object:
    """Read secrets: a JSON array, or one a line (as in a file), or separated by commas."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # a secret of digits only, which the reader of the environment took for JSON
    if isinstance(value, str) and "\n" in value and not value.lstrip().startswith("["):
        return [line.strip() for line in value.splitlines() if line.strip()]
    return split_list(value)


class IngestSection(Section):
    """What only ingest needs."""

    secrets: dict[str, Annotated[tuple[SecretStr, ...], BeforeValidator(_split_secrets)]] = Field(default_factory=dict)
    """Signing secrets by provider, as in TRACKFOLD_INGEST__SECRETS__EASYPOST=new,old or ..._EASYPOST_FILE; all are
    accepted, so that one can be replaced. A provider without a secret refuses every webhook."""
    allow_test_trackers: bool = False
    """Read what providers mark as a test. Never in production: a test tracker may carry a real number."""
    max_body_bytes: dict[str, Annotated[int, Field(ge=1, le=_LARGEST_BODY)]] = Field(default_factory=dict)
    """Limit of a body by provider, where it shall differ from the provider's own (256 KiB)."""
    receive_timeout_s: Seconds = 5
    """Limit for receiving a body."""
    kafka_timeout_s: Annotated[float, Field(gt=0, le=4)] = 3
    """Limit for Kafka's acknowledgement; after it the sender is told to repeat."""
    max_requests: int = Field(default=256, ge=1, le=10_000)
    """Webhooks worked on at once, from when their bodies are there; more are answered 503."""
    max_requests_per_provider: int = Field(default=128, ge=1, le=10_000)
    """Webhooks of one provider worked on at once; more are answered 429, so that one never starves the others.
    Bodies on their way may take as much memory as so many of the largest."""
    max_records: int = Field(default=100, ge=1, le=5_000)
    """Webhooks normalised at once."""
    remembered_scans: int = Field(default=50_000, ge=0, le=5_000_000)
    """Scans remembered as sent, so that providers that repeat whole histories cost less; 0: none."""

    @field_validator("secrets", "max_body_bytes")
    @classmethod
    def _known_providers(cls, value: dict[str, object], info: ValidationInfo) -> dict[str, object]:
        if unknown := value.keys() - CARRIERS.keys():
            message = f"{info.field_name}: no provider is called {min(unknown)!r}; known: {', '.join(CARRIERS)}"
            raise ValueError(message)
        return value

    def check(self) -> None:
        """Refuse secrets that no provider can have."""
        signing_keys(self)


class IngestSettings(ServiceSettings):
    """Settings of `trackfold ingest run`."""

    http: HttpSettings = HttpSettings()
    ingest: IngestSection = IngestSection()


def signing_keys(section: IngestSection) -> dict[str, tuple[bytes, ...]]:
    """Return the keys of every provider; Misconfigured where a secret cannot be one."""
    return {name: _keys(CARRIERS[name], secrets) for name, secrets in section.secrets.items()}


def _keys(carrier: Carrier, secrets: tuple[SecretStr, ...]) -> tuple[bytes, ...]:
    try:
        return tuple(carrier.secret_key(secret.get_secret_value()) for secret in secrets)
    except ValueError as error:
        name = f"{_VARIABLE}{carrier.provider.upper()}"
        raise Misconfigured(
            "bad_secret", f"{name}: {error}", hint=f"`trackfold webhooks sign -p {carrier.provider}` tries one"
        ) from None
