"""EasyPost as a test plays it: our fixture's growing bodies with their times moved to now, signed as EasyPost signs.

The signature is made here from the published scheme, not by our own code: a mistake in ours would sign its own wrongs.
"""

import hashlib
import hmac
import json
import re
import unicodedata
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import httpx2

from services.runtime import clock

FIXTURES = Path(__file__).parents[1] / "fixtures" / "carriers" / "easypost"
STEP = timedelta(seconds=20)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?P<ms>\.000)?Z")


def story() -> list[str]:
    """Return the five growing bodies of one Royal Mail parcel, label to delivered, all times within the last minutes.

    Equal times stay equal over all bodies and their order stays, so that a scan told again is the same scan.
    """
    names = sorted(path for path in FIXTURES.glob("royal_mail_*.json") if ".expected." not in path.name)
    bodies = [path.read_text() for path in names]
    told = sorted({match.group().replace(".000", "") for body in bodies for match in _TIME.finditer(body)})
    newest = clock.now().replace(microsecond=0) - timedelta(seconds=5)
    moved = {text: newest - STEP * (len(told) - 1 - place) for place, text in enumerate(told)}

    def move(match: re.Match[str]) -> str:
        instant = moved[match.group().replace(".000", "")]
        return f"{instant:%Y-%m-%dT%H:%M:%S}{match['ms'] or ''}Z"

    return [_TIME.sub(move, json.dumps(json.loads(body))) for body in bodies]


def signature(body: bytes, secret: str) -> str:
    """Return the header X-Hmac-Signature (v1) over the raw body."""
    key = unicodedata.normalize("NFKD", secret).encode()
    return "hmac-sha256-hex=" + hmac.new(key, body, hashlib.sha256).hexdigest()


async def post(ingest_url: str, body: bytes, *, secret: str, extra: Sequence[tuple[str, str]] = ()) -> httpx2.Response:
    """Post one webhook as EasyPost does."""
    headers = {"X-Hmac-Signature": signature(body, secret), "Content-Type": "application/json", **dict(extra)}
    async with httpx2.AsyncClient(trust_env=False, timeout=10) as client:
        return await client.post(f"{ingest_url}/webhooks/easypost", content=body, headers=headers)
