"""The settings of status: the shared sections it uses, and its own."""

from pydantic import Field, field_validator

from services.runtime.settings import (
    HttpSettings,
    LinkSettings,
    PostgresSettings,
    Seconds,
    Secrets,
    Section,
    ServiceSettings,
)

_SHORTEST_KEY = 16


class StatusSection(Section):
    """The engine, its relay, the query API and the pages."""

    api_keys: Secrets = ()
    """Keys that open the query API, separated by commas; without any, every call is refused."""
    docs: bool = True
    """Whether /docs and /openapi.json are served."""
    max_history: int = Field(default=1000, ge=1, le=10_000)
    """Scans of one parcel that one answer of the API holds at most; the rest is on the next page."""
    relay_poll_ms: int = Field(default=50, ge=1, le=60_000)
    """How often the relay looks for messages that another process has written; its own are sent at once."""
    relay_batch: int = Field(default=500, ge=1, le=10_000)
    """Rows of the outbox, of one output partition, that the relay sends in one round at most."""
    cache_bytes: int = Field(default=256 * 1024**2, ge=0)
    """How much of the orders and parcels that were worked on last is kept in memory; 0: nothing."""
    outbox_max_bytes: int = Field(default=1024**3, ge=1)
    """Above this size of what is not relayed yet nothing more is consumed."""
    outbox_max_age_s: Seconds = 600
    """When the oldest message has waited for the relay so long, nothing more is consumed."""
    timer_poll_ms: int = Field(default=1000, ge=10, le=30_000)
    """How often somebody looks whether a time that an order waits for has passed."""
    timer_grace_s: float = Field(default=60, ge=0, le=86_400)
    """How long after a change the earliest timer fires: a backlog is read first, so that no silence is told in vain."""
    purge_after_days: int = Field(default=400, ge=0, le=36_500)
    """How long after its last change a finished order is purged, with the parcels that are only its own; 0: never."""
    forget_after_days: int = Field(default=396, ge=0, le=36_500)
    """How long after that its mark is kept: until then, what is sent again of it changes nothing; 0: for ever."""
    purge_round_s: float = Field(default=86_400, gt=0, le=604_800)
    """How long after a walk through all orders a process begins the next one, to purge what is due."""

    @field_validator("api_keys")
    @classmethod
    def _long_enough(cls, keys: Secrets) -> Secrets:
        if any(len(key.get_secret_value()) < _SHORTEST_KEY for key in keys):
            raise ValueError(f"an API key has at least {_SHORTEST_KEY} characters")
        return keys


class StatusSettings(ServiceSettings):
    """All settings of `trackfold status run`."""

    postgres: PostgresSettings = PostgresSettings()
    http: HttpSettings = HttpSettings()
    links: LinkSettings = LinkSettings()
    status: StatusSection = StatusSection()
