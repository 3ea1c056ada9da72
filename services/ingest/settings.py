"""Settings of ingest: the shared sections and its own."""

from typing import Annotated, Final

from pydantic import BeforeValidator, Field, SecretStr, ValidationInfo, field_validator

from services.ingest.carriers.base import LARGEST_BODY_BYTES, Carrier
from services.ingest.carriers.registry import WEBHOOK_CARRIERS
from services.ingest.poller.settings import PollerSection
from services.ingest.proofs.settings import ProofSection
from services.runtime.errors import Misconfigured
from services.runtime.settings import (
    HttpSettings,
    PostgresSettings,
    Seconds,
    Secrets,
    Section,
    ServiceSettings,
    is_over_tls,
    split_list,
)

_SHORTEST_TOKEN: Final = 16
_VARIABLE: Final = "TRACKFOLD_INGEST__SECRETS__"


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
    accepted, so that one can be replaced. A provider without a secret refuses every webhook. Forms of their own:
    standard and orders `whsec_...`; UPS a credential (v1) or CLIENT-ID:CLIENT-SECRET (v2); FedEx `hex:...` where they
    sign in hex; Shippo `token:...` where a token in the URL is all there is."""
    key_urls: dict[str, str] = Field(default_factory=dict)
    """Where a provider that signs with a private key publishes its keys, as in
    TRACKFOLD_INGEST__KEY_URLS__SHIPENGINE=https://api.shipengine.com/jwks: fetched daily, and for a key not seen."""
    operator_tokens: Secrets = ()
    """Bearer tokens of operators, 16 characters or more, separated by commas: they may ask for dry runs."""
    allow_test_trackers: bool = False
    """Read what providers mark as a test. Never in production: a test tracker may carry a real number."""
    max_body_bytes: dict[str, Annotated[int, Field(ge=1, le=LARGEST_BODY_BYTES)]] = Field(default_factory=dict)
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
    max_arriving_bytes: int = Field(default=256 * 1024 * 1024, ge=LARGEST_BODY_BYTES)
    """Bytes of bodies on their way, of all providers together: anybody can send them. More are answered 503."""
    max_records: int = Field(default=100, ge=1, le=5_000)
    """Webhooks normalised at once."""
    remembered_scans: int = Field(default=50_000, ge=0, le=5_000_000)
    """Scans remembered as sent, so that providers that repeat whole histories cost less; 0: none."""
    proofs: ProofSection = ProofSection()
    poller: PollerSection = PollerSection()

    @field_validator("secrets", "max_body_bytes", "key_urls")
    @classmethod
    def _known_providers(cls, value: dict[str, object], info: ValidationInfo) -> dict[str, object]:
        if unknown := value.keys() - WEBHOOK_CARRIERS.keys():
            known = ", ".join(WEBHOOK_CARRIERS)
            message = f"{info.field_name}: no provider with webhooks is called {min(unknown)!r}; known: {known}"
            raise ValueError(message)
        return value

    @field_validator("key_urls")
    @classmethod
    def _only_over_tls(cls, value: dict[str, str]) -> dict[str, str]:
        """Refuse what anybody between us and the provider could answer for it."""
        for provider, url in value.items():
            if not is_over_tls(url):
                message = f"key_urls: the address of {provider}'s keys begins with https://"
                raise ValueError(message)
            if type(WEBHOOK_CARRIERS[provider]).key_id is Carrier.key_id:
                message = f"key_urls: {provider} signs with a secret and publishes no keys"
                raise ValueError(message)
        return value

    @property
    def heard(self) -> frozenset[str]:
        """The providers whose webhooks can be taken: their secrets, or the address of their keys, are here."""
        return frozenset(name for name, secrets in self.secrets.items() if secrets) | self.key_urls.keys()

    def check(self) -> None:
        """Refuse secrets that no provider can have."""
        signing_keys(self)
        if any(len(token.get_secret_value()) < _SHORTEST_TOKEN for token in self.operator_tokens):
            name = "TRACKFOLD_INGEST__OPERATOR_TOKENS"
            raise Misconfigured("bad_token", f"{name}: a token has at least {_SHORTEST_TOKEN} characters")
        self.poller.check()


class IngestSettings(ServiceSettings):
    """Settings of `trackfold ingest run`."""

    http: HttpSettings = HttpSettings()
    postgres: PostgresSettings = PostgresSettings()
    ingest: IngestSection = IngestSection()


def signing_keys(section: IngestSection) -> dict[str, tuple[bytes, ...]]:
    """Return the keys of every provider; Misconfigured where a secret cannot be one."""
    return {name: _keys(WEBHOOK_CARRIERS[name], secrets) for name, secrets in section.secrets.items()}


def _keys(carrier: Carrier, secrets: tuple[SecretStr, ...]) -> tuple[bytes, ...]:
    try:
        return tuple(carrier.secret_key(secret.get_secret_value()) for secret in secrets)
    except ValueError as error:
        name = f"{_VARIABLE}{carrier.provider.upper()}"
        raise Misconfigured(
            "bad_secret", f"{name}: {error}", hint=f"`trackfold webhooks sign {carrier.provider} FILE` tries one"
        ) from None
