"""Settings of the simulator: which shop topic and which webhook endpoint it plays on, and the secrets it signs with."""

from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr

from services.runtime.settings import KafkaSettings, LogSettings, Section, Settings


def _as_text(value: object) -> object:
    """Undo what the reader of the environment does to a secret of digits: it takes it for JSON."""
    return str(value) if isinstance(value, int) else value


class LocalSection(Section):
    """Where the simulated carriers send their webhooks, and what they sign them with."""

    ingest_url: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")] = "http://127.0.0.1:8000"
    """Base URL of the ingest service; webhooks go to `/webhooks/{provider}` below it."""
    secrets: dict[str, Annotated[SecretStr, BeforeValidator(_as_text)]] = Field(default_factory=dict)
    """Webhook secret of each provider: `easypost` (any text) and `standard` (`whsec_` and base64)."""


class LocalSettings(Settings):
    """What `trackfold simulate` needs."""

    kafka: KafkaSettings = KafkaSettings()
    log: LogSettings = LogSettings()
    local: LocalSection = LocalSection()
