"""Which ports a running service listens on: the public one and the operators', both of the loopback address only."""

import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.pipeline import Pipeline

LISTENS: Final = "0A"
LOOPBACK: Final = {"0100007F"}
SOCKET: Final = re.compile(r"socket:\[(\d+)\]")
HAS_PUBLIC_PORT: Final = {"ingest": True, "status": True, "notify": False}


def listening(pid: int) -> set[tuple[str, int]]:
    """Return what the kernel says that a process listens on: (address as it stands there, port)."""
    found = (SOCKET.match(str(entry.readlink())) for entry in Path(f"/proc/{pid}/fd").iterdir() if entry.is_symlink())
    own = {match[1] for match in found if match is not None}
    sockets = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            place, state, inode = line.split()[1], line.split()[3], line.split()[9]
            if state == LISTENS and inode in own:
                address, _, port = place.rpartition(":")
                sockets.add((address, int(port, 16)))
    return sockets


def port_of(url: str) -> int:
    """Return the port of an address."""
    port = urlsplit(url).port
    assert port is not None
    return port


async def answer(url: str) -> int:
    """Return the status code of an answer."""
    async with httpx2.AsyncClient(trust_env=False, timeout=10) as client:
        return (await client.get(url)).status_code


@pytest.mark.parametrize("service", HAS_PUBLIC_PORT)
async def test_a_service_listens_on_its_own_ports_of_the_loopback_address_and_nowhere_else(
    pipeline: Pipeline, service: str
) -> None:
    process = await pipeline.start(service)
    ports = {port_of(process.admin_url)}
    if HAS_PUBLIC_PORT[service]:
        ports.add(port_of(process.http_url))
    found = listening(process.pid)
    assert {port for _, port in found} == ports
    assert {address for address, _ in found} == LOOPBACK
    for path in ("/metrics", "/readyz", "/livez"):
        assert await answer(process.admin_url + path) == 200
        if HAS_PUBLIC_PORT[service]:
            assert await answer(process.http_url + path) == 404
    for path in ("/webhooks/easypost", "/v1/orders/main/1001", "/docs", "/openapi.json", "/docs/try"):
        assert await answer(process.admin_url + path) == 404


async def test_another_address_is_listened_on_when_an_operator_says_so(pipeline: Pipeline) -> None:
    process = await pipeline.start("notify", TRACKFOLD_ADMIN__HOST="127.0.0.2")
    assert {address for address, _ in listening(process.pid)} == {"0200007F"}
