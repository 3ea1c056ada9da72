"""Settings of the poller: the providers' API keys, and its pace."""

from collections.abc import Collection
from datetime import timedelta
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_core.core_schema import ValidationInfo

from services.ingest.apis.base import Credentials, Traits
from services.ingest.apis.registry import APIS
from services.ingest.poller.schedule import Pace
from services.ingest.poller.serving import Serving, make_serving
from services.runtime.errors import Misconfigured
from services.runtime.settings import Seconds, Section, Texts, is_over_tls

_KEYS: Final = "TRACKFOLD_INGEST__POLLER__API_KEYS__"
_ACCOUNTS: Final = "TRACKFOLD_INGEST__POLLER__API_ACCOUNTS__"
_CALLS_IN_A_LEASE: Final = 3
_LEASE_MARGIN_S: Final = 10

#: A key or an account of digits only, which the reader of the environment took for JSON, is text all the same.
_AsText = BeforeValidator(lambda value: str(value) if isinstance(value, int) and not isinstance(value, bool) else value)
_Key = Annotated[SecretStr, _AsText]
_Account = Annotated[str, _AsText, Field(max_length=128)]


def _over_tls(url: str) -> str:
    if not is_over_tls(url):
        raise ValueError("an API's address begins with https://: its key is sent there")
    return url


_Url = Annotated[str, Field(pattern=r"^https?://[^\s?#]+$"), AfterValidator(_over_tls)]
_Rate = Annotated[float, Field(gt=0, le=100_000)]
_Long = Annotated[float, Field(gt=0, le=366 * 86_400)]


class PollerSection(Section):
    """Who is asked about parcels, how often, and when silence is worth a question."""

    enabled: Literal["auto", "on", "off"] = "auto"
    """auto: where an API has a key. on: without one too, to watch how fresh the webhooks are. It needs the database."""
    api_keys: dict[str, _Key] = Field(default_factory=dict)
    """API keys by provider, as in ..._API_KEYS__EASYPOST=key or ..._API_KEYS__EASYPOST_FILE; key and secret (user and
    password, client id and client secret) with a colon between."""
    api_accounts: dict[str, _Account] = Field(default_factory=dict)
    """Account numbers by provider, where its API wants one."""
    api_urls: dict[str, _Url] = Field(default_factory=dict)
    """Where a provider's API is, where it is not the usual address: a test system, a proxy."""
    api_rates: dict[str, _Rate] = Field(default_factory=dict)
    """Requests a minute by provider, where the contract with it says another rate than its documents."""
    serve: Texts = ()
    """Which API serves which carrier, as in usps=usps,*=easypost; `*`: all others, `none`: nobody. A carrier's own API
    serves it and one aggregator serves the rest without a word."""
    poll_s: _Long = 4 * 3600
    """How often a parcel on its way is asked for, of a carrier that sends no webhooks."""
    poll_near_s: _Long = 3600
    """The same for one that is out for delivery, was attempted or waits to be collected."""
    poll_early_s: _Long = 12 * 3600
    """The same for one that the carrier does not have yet."""
    silent_s: _Long = 24 * 3600
    """A parcel of which no webhook has told anything for so long is read once."""
    silent_again_s: _Long = 7 * 24 * 3600
    """While that silence lasts, it is read again after so long."""
    leave_s: _Long = 60 * 24 * 3600
    """A parcel of which nothing new was heard for so long is not read any more."""
    end_s: Annotated[float, Field(ge=0, le=366 * 86_400)] = 24 * 3600
    """How long a registration outlives its parcel: carriers correct themselves."""
    refused_again_s: _Long = 24 * 3600
    """After so long a refused registration is tried again."""
    hint_s: Annotated[float, Field(ge=0, le=3600)] = 5
    """How long after a webhook that nobody signed its parcel is read."""
    missed_after_s: Annotated[float, Field(ge=0, le=86_400)] = 900
    """A scan so old that a read brings and no webhook has told counts as missed."""
    turn_s: Seconds = 1
    """How often the poller looks for what is due."""
    concurrency: int = Field(default=2, ge=1, le=64)
    """Requests to one provider on their way at the same time, in one process."""
    call_timeout_s: float = Field(default=20, gt=0, le=300)
    """Limit for one request, from connecting to the last byte."""
    lease_s: float = Field(default=120, gt=0, le=3600)
    """How long a parcel that somebody asks for is left to them: longer than three calls."""
    retry_first_s: Seconds = 30
    """The longest wait before the second try; doubles with each further one."""
    retry_longest_s: Seconds = 6 * 3600
    """The longest wait between two tries."""

    @field_validator("api_keys", "api_accounts", "api_urls", "api_rates")
    @classmethod
    def _known_apis(cls, value: dict[str, object], info: ValidationInfo) -> dict[str, object]:
        if unknown := value.keys() - APIS.keys():
            raise ValueError(f"{info.field_name}: no API is called {min(unknown)!r}; known: {', '.join(APIS)}")
        return value

    @model_validator(mode="after")
    def _lease_outlives_calls(self) -> Self:
        if self.lease_s < _CALLS_IN_A_LEASE * self.call_timeout_s + _LEASE_MARGIN_S:
            raise ValueError("lease_s must be longer than three times call_timeout_s and 10 s")
        return self

    @property
    def is_on(self) -> bool:
        """Whether this process polls, which takes a database."""
        return self.enabled == "on" or (self.enabled == "auto" and bool(self.api_keys))

    @property
    def apis(self) -> dict[str, Traits]:
        """The APIs that have a key."""
        return {name: APIS[name].traits for name in self.api_keys}

    @property
    def pace(self) -> Pace:
        """How long each thing waits."""
        return Pace(
            poll=timedelta(seconds=self.poll_s),
            poll_near=timedelta(seconds=self.poll_near_s),
            poll_early=timedelta(seconds=self.poll_early_s),
            silent=timedelta(seconds=self.silent_s),
            silent_again=timedelta(seconds=self.silent_again_s),
            leave=timedelta(seconds=self.leave_s),
            end=timedelta(seconds=self.end_s),
            refused_again=timedelta(seconds=self.refused_again_s),
            hint=timedelta(seconds=self.hint_s),
        )

    def serving(self, heard: Collection[str]) -> Serving:
        """Return who serves whom, where webhooks of the providers in `heard` can be taken; raises Misconfigured."""
        apis = {name: traits if name in heard else traits.unheard for name, traits in self.apis.items()}
        return make_serving(self.serve, apis)

    def credentials(self, provider: str) -> Credentials:
        """Return what is configured for an API that has a key; raises Misconfigured where a part is missing."""
        needs, text = APIS[provider].traits.needs, self.api_keys[provider].get_secret_value().strip()
        key, _, secret = text.partition(":") if "secret" in needs else (text, "", "")
        found = Credentials(key, secret, self.api_accounts.get(provider, "").strip())
        missing = [part for part in needs if not getattr(found, part)]
        if "account" in missing:
            raise Misconfigured("api_account", f"{provider} wants an account", hint=_ACCOUNTS + provider.upper())
        if missing:
            form = "key:secret" if "secret" in needs else "key"
            raise Misconfigured("api_key", f"{provider} wants {form}", hint=_KEYS + provider.upper())
        return found

    def base_url(self, provider: str) -> str:
        """Return where a provider's API is."""
        return self.api_urls.get(provider, APIS[provider].traits.base_url).rstrip("/")

    def spacing_s(self, traits: Traits) -> float:
        """Return how long one request to a provider keeps the next one waiting."""
        a_minute = self.api_rates.get(traits.provider)
        return traits.rate.per_s / traits.rate.requests if a_minute is None else 60 / a_minute

    def check(self) -> None:
        """Refuse keys that lack a part, and carriers of which nobody knows who serves them."""
        for provider in self.api_keys:
            self.credentials(provider)
        self.serving(())
