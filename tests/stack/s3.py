"""A small S3 on the loopback address: buckets, signatures, listing in pages, and trouble on demand.

Checks every signature (AWS Signature Version 4), so that a client which signs wrongly is found out here.
"""

import hashlib
import hmac
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

from services.runtime import clock

ACCESS_KEY, SECRET_KEY, REGION = "AKTRACKFOLDTEST", "a secret of the tests", "eu-test-1"
_PAGE = 3


@dataclass
class Stored:
    """One object."""

    content: bytes
    media_type: str | None
    modified: datetime


@dataclass
class Bucket:
    """What the server has, and how it shall behave."""

    endpoint: str = ""
    objects: dict[str, Stored] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    fail_with: int | None = None
    hold: threading.Event | None = None
    """While it is there and not set, no request is answered."""

    def age(self, days: float) -> None:
        """Make everything so much older."""
        for stored in self.objects.values():
            stored.modified -= timedelta(days=days)


@contextmanager
def serve() -> Iterator[Bucket]:
    """Run the server until the end of the block; whoever still waits is let go."""
    bucket = Bucket()
    handler = type("Handler", (_Handler,), {"bucket": bucket})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    bucket.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield bucket
    finally:
        if bucket.hold is not None:
            bucket.hold.set()
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


class _Handler(BaseHTTPRequestHandler):
    bucket: Bucket
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["content-length"]))
        if self._is_well(content):
            self.bucket.objects[self._key()] = Stored(content, self.headers["content-type"], clock.now())
            self._answer(200, headers={"etag": f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'})

    def do_GET(self) -> None:
        if not self._is_well(b""):
            return
        query = dict(parse_qsl(urlsplit(self.path).query))
        if "list-type" in query:
            self._list(query)
            return
        self._object()

    do_HEAD = do_GET  # noqa: N815

    def do_DELETE(self) -> None:
        if self._is_well(b""):
            self.bucket.objects.pop(self._key(), None)
            self._answer(204)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _key(self) -> str:
        return unquote(urlsplit(self.path).path).split("/", 2)[2]

    def _object(self) -> None:
        stored = self.bucket.objects.get(self._key())
        if stored is None:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        headers = {"last-modified": format_datetime(stored.modified, usegmt=True), "etag": '"1"'}
        self._answer(200, stored.content, headers=headers)

    def _list(self, query: dict[str, str]) -> None:
        names = sorted(name for name in self.bucket.objects if name.startswith(query.get("prefix", "")))
        after = query.get("continuation-token", "")
        rest = [name for name in names if name > after]
        page = rest[:_PAGE]
        more = len(rest) > _PAGE
        contents = "".join(
            f"<Contents><Key>{escape(name)}</Key><ETag>1</ETag>"
            f"<LastModified>{self.bucket.objects[name].modified.astimezone(UTC):%Y-%m-%dT%H:%M:%S.000Z}</LastModified>"
            f"<Size>{len(self.bucket.objects[name].content)}</Size></Contents>"
            for name in page
        )
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        truncated = f"<IsTruncated>{str(more).lower()}</IsTruncated>"
        text = f"<ListBucketResult>{truncated}{token}<KeyCount>{len(page)}</KeyCount>{contents}</ListBucketResult>"
        self._answer(200, text.encode(), headers={"content-type": "application/xml"})

    def _is_well(self, content: bytes) -> bool:
        """Answer with the trouble that was asked for, or with 403 for a wrong signature; True when there is none."""
        self.bucket.requests.append((self.command, self.path))
        if self.bucket.hold is not None:
            self.bucket.hold.wait(timeout=30)
        if self.bucket.fail_with is not None:
            self._answer(self.bucket.fail_with)
            return False
        if not self._is_signed(content):
            self._answer(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
            return False
        return True

    def _is_signed(self, content: bytes) -> bool:
        scheme, _, rest = self.headers.get("authorization", "").partition(" ")
        if scheme != "AWS4-HMAC-SHA256":
            return False
        parts = dict(part.strip().split("=", 1) for part in rest.split(","))
        account, day, region, service, _ = parts["Credential"].split("/")
        if (account, region, service) != (ACCESS_KEY, REGION, "s3"):
            return False
        key = b"AWS4" + SECRET_KEY.encode()
        for text in (day, region, service, "aws4_request"):
            key = hmac.digest(key, text.encode(), "sha256")
        payload = hashlib.sha256(content).hexdigest()
        scope = f"{day}/{region}/{service}/aws4_request"
        request = hashlib.sha256(self._canonical(parts["SignedHeaders"], payload).encode()).hexdigest()
        signed = f"AWS4-HMAC-SHA256\n{self.headers['x-amz-date']}\n{scope}\n{request}"
        expected = hmac.digest(key, signed.encode(), "sha256").hex()
        return self.headers["x-amz-content-sha256"] == payload and hmac.compare_digest(expected, parts["Signature"])

    def _canonical(self, names: str, payload: str) -> str:
        address = urlsplit(self.path)
        pairs = sorted(parse_qsl(address.query, keep_blank_values=True))
        query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
        headers = "".join(f"{name}:{' '.join(self.headers[name].split())}\n" for name in names.split(";"))
        return f"{self.command}\n{address.path}\n{query}\n{headers}\n{names}\n{payload}"

    def _answer(self, status: int, content: bytes = b"", *, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({} if headers is None else headers).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
