"""Each provider's API as tests have it: checks who asks and for how many, remembers, and answers as the provider does.

The bodies are the fixtures of `tests/fixtures/carriers`, told of the numbers that were asked for. Run one with
`tests.fake_api.serving`.
"""

import base64
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import parse_qs, unquote

from starlette.responses import JSONResponse, Response

from services.ingest.apis.base import Api, Callback, Credentials, Subject
from services.ingest.apis.client import HttpClient, open_client
from services.ingest.apis.registry import APIS
from tests.fake_api import FakeApi, Seen, serving

OWN: Final = Credentials("own-key", "own-secret", "0001234567")
CALLBACK: Final = Callback("https://shop.example/webhooks/x", "own-credential")
FIXTURES: Final = Path(__file__).parent / "fixtures/carriers"


def fixture(name: str) -> Any:
    """Return a JSON fixture, as in easypost/bare_tracker_object."""
    return json.loads((FIXTURES / f"{name}.json").read_bytes())


class FakeProvider:
    """What all fakes share; a class of its own for each provider says the rest."""

    provider: ClassVar[str]
    carrier: ClassVar[str]
    digits: ClassVar[str]
    """A number, with `{:04}` where one differs from the next."""
    oauth: ClassVar[str | None] = None
    knows_every_number: ClassVar[bool] = False
    """It answers 200 for a number that nobody knows: nothing was told yet."""

    def __init__(self) -> None:
        """Know every number, and take every one."""
        self.unknown: set[str] = set()
        self.refused: set[str] = set()
        self.registered: list[str] = []
        self.ended: list[str] = []
        self.tokens = 0
        self.lives_s: object = 3600
        self.fault: Callable[[Seen], Response] | None = None
        self.sent: list[bytes] = []

    @property
    def api(self) -> Api:
        """The client that asks it."""
        return APIS[self.provider]

    def subject(self, number: int) -> Subject:
        """Return a parcel; whoever asks for it was registered before, where that is needed."""
        text = self.digits.format(number)
        return Subject(f"{self.carrier}:{text}", self.carrier, text, self.reference(text))

    def subjects(self, count: int) -> list[Subject]:
        """Return so many parcels."""
        return [self.subject(number) for number in range(count)]

    def reference(self, number: str) -> str | None:
        """Return the provider's own id of a registration."""
        del number
        return None

    def __call__(self, seen: Seen) -> Response:
        """Answer one request."""
        if seen.path == self.oauth:
            return self._token(seen)
        if not self.authentic(seen):
            return JSONResponse({"errors": [{"code": "UNAUTHORIZED"}]}, 401)
        response = self.fault(seen) if self.fault is not None else self._answer(seen)
        self.sent.append(bytes(getattr(response, "body", b"")))
        return response

    def authentic(self, seen: Seen) -> bool:
        """Tell whether it is us who asks."""
        return seen.headers.get("authorization") == f"Bearer token-{self.tokens}"

    def operation(self, seen: Seen) -> str:
        """Return what is asked for: read, register or end."""
        del seen
        return "read"

    def numbers(self, seen: Seen) -> list[str]:
        """Return the numbers that are asked about."""
        return [unquote(seen.path.rstrip("/").rpartition("/")[2])]

    def read(self, numbers: Sequence[str]) -> Response:
        """Tell what is known."""
        raise NotImplementedError

    def register(self, numbers: Sequence[str]) -> Response:
        """Begin to follow."""
        raise NotImplementedError

    def end(self, numbers: Sequence[str]) -> Response:
        """Follow no more."""
        raise NotImplementedError

    def _answer(self, seen: Seen) -> Response:
        operation, numbers = self.operation(seen), self.numbers(seen)
        its = self.api.traits
        limit = {"read": its.reads, "register": its.registers, "end": its.ends}[operation]
        if not 0 < len(numbers) <= limit:
            return JSONResponse({"error": "too many"}, 400)
        return {"read": self.read, "register": self.register, "end": self.end}[operation](numbers)

    def _token(self, seen: Seen) -> Response:
        form = {name: value[0] for name, value in parse_qs(seen.body.decode()).items()}
        shown = basic(seen) or (form.get("client_id"), form.get("client_secret"))
        if seen.method != "POST" or form.get("grant_type") != "client_credentials" or shown != (OWN.key, OWN.secret):
            return JSONResponse({"error": "invalid_client"}, 401)
        self.tokens += 1
        return JSONResponse({"access_token": f"token-{self.tokens}", "expires_in": self.lives_s})


def basic(seen: Seen) -> tuple[str, str] | None:
    """Return user and password of Basic authentication."""
    scheme, _, told = seen.headers.get("authorization", "").partition(" ")
    if scheme != "Basic":
        return None
    user, _, password = base64.b64decode(told).decode().partition(":")
    return user, password


def told_of(template: Any, number: str, *names: str) -> Any:
    """Return a fixture's object with another number under these names, wherever they stand."""
    document = deepcopy(template)

    def walk(value: Any) -> None:
        for name, inner in list(value.items()) if isinstance(value, dict) else enumerate(value):
            if name in names and isinstance(inner, str):
                value[name] = number
            elif isinstance(inner, dict | list):
                walk(inner)

    walk(document)
    return document


@asynccontextmanager
async def asking(
    fake: FakeProvider, own: Credentials = OWN, timeout_s: float = 5
) -> AsyncIterator[tuple[FakeApi, HttpClient]]:
    """Run the fake, and a client of its own."""
    async with (
        serving(fake) as server,
        open_client(server.url, credentials=own, callback=CALLBACK, timeout_s=timeout_s) as client,
    ):
        yield server, client
