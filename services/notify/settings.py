"""The notifier's settings: the shared sections it uses, and its own."""

from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from services.runtime.settings import LinkSettings, Port, PostgresSettings, Seconds, Section, ServiceSettings, Texts

#: What the registry has; a test compares them.
KNOWN_CHANNELS = ("email", "sms")


class NotifySection(Section):
    """What is sent, when and how."""

    channels: Texts = ("email",)
    """Channels in use, separated by commas: email, sms."""
    smtp_host: str = "127.0.0.1"
    """Host name of the SMTP server."""
    smtp_port: Port = 587
    """Its port: 587 for starttls, 465 for tls, 25 or 1025 for none."""
    smtp_username: str = ""
    """User name of the SMTP server; empty: no login."""
    smtp_password: SecretStr = SecretStr("")
    """Password of the SMTP server."""
    smtp_tls: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is protected; `none` only inside one machine or a trusted network."""
    smtp_cafile: str = ""
    """PEM file with the authority that signs the server's certificate; empty: the system's."""
    from_address: str = "Trackfold <no-reply@example.com>"
    """The From of every e-mail: an address, or `Name <address>`."""
    sms_base_url: str = Field(default="https://api.twilio.com", pattern=r"^https?://[^\s?#]+$")
    """Where the SMS gateway is: Twilio, or anything that speaks its Messages API."""
    sms_sid: str = Field(default="", pattern=r"^[A-Za-z0-9_-]{0,64}$")
    """Account SID at the gateway."""
    sms_token: SecretStr = SecretStr("")
    """Auth token of the account."""
    sms_from: str = Field(default="", max_length=20)
    """The From of every SMS: a number in E.164, or an alphanumeric sender."""
    call_timeout_s: float = Field(default=20, gt=0, le=300)
    """Limit for handing one message to its provider, from connecting to the last word."""
    brand: str = Field(default="Trackfold", min_length=1, max_length=60)
    """The name customers know, in every message."""
    sms_beside_email: bool = False
    """Whether a customer who has not chosen gets SMS beside e-mail; one with only a phone always gets SMS."""
    settle_s: float = Field(default=10, ge=0, le=3600)
    """How long a message waits before it is sent, in case newer news overtakes it."""
    contact_wait_s: float = Field(default=900, ge=0, le=86_400)
    """How long a message whose recipient is not known waits for one."""
    age_scale: float = Field(default=1.0, gt=0, le=100_000)
    """Multiplies how old news may be and still be told (3 days for shipped, 12 hours for out for delivery, ...)."""
    poll_s: Seconds = 0.25
    """How often the sender and the publisher look for work."""
    concurrency: int = Field(default=8, ge=1, le=256)
    """Messages on their way to providers at the same time, in one process."""
    lease_s: float = Field(default=60, ge=1, le=3600)
    """How long one try may take (longer than `call_timeout_s`); after it the outcome is unknown, and it is never sent
    again blindly."""
    max_tries: int = Field(default=1000, ge=1, le=10_000)
    """Tries of a message that was certainly not taken; so many that it grows too old first."""
    retry_first_s: Seconds = 1
    """The longest wait before the second try; doubles with each further one."""
    retry_longest_s: Seconds = 600
    """The longest wait between two tries."""
    link_days: int = Field(default=180, ge=1, le=3650)
    """How long the tracking link of a message opens the page."""

    @field_validator("channels")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := set(names) - set(KNOWN_CHANNELS):
            raise ValueError(f"{len(unknown)} unknown; known are: {', '.join(KNOWN_CHANNELS)}")
        return tuple(dict.fromkeys(names))

    @model_validator(mode="after")
    def _lease_outlives_call(self) -> Self:
        if self.lease_s <= self.call_timeout_s:
            raise ValueError("lease_s must be longer than call_timeout_s")
        return self


class NotifySettings(ServiceSettings):
    """All settings of `trackfold notify run`."""

    postgres: PostgresSettings = PostgresSettings()
    links: LinkSettings = LinkSettings()
    notify: NotifySection = NotifySection()
