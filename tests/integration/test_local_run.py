"""`make run` for real: a parcel moves on the page, mails arrive, and afterwards no process and no file is left."""

import asyncio
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from services.local.stories import Story, make_story
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
READY_S = 90
SIMULATION = ("--orders", "30", "--seed", "5", "--speed", "10000", "--every", "0.05")
STOP_S = 30


class Run:
    """One `python -m services.local`, with its output."""

    def __init__(self, folder: Path) -> None:
        self.output = folder.with_suffix(f".{os.urandom(4).hex()}.txt")
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "services.local"],
                cwd=ROOT,
                env=os.environ | {"TMPDIR": str(folder)},
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def said(self, pattern: str) -> str | None:
        """Give what the pattern's group found in the output; fails the test when the run has ended instead."""
        text = self.output.read_text()
        found = re.search(pattern, text)
        assert found or self.process.poll() is None or _fail(text)
        return found[1] if found else None

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(STOP_S)
        finally:
            self.process.kill()
            self.output.unlink()


def _fail(text: str) -> bool:
    pytest.fail(f"the run ended by itself:\n{text}")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a temporary folder that an unprivileged account can reach, as root's embedded PostgreSQL needs it."""
    with tempfile.TemporaryDirectory(prefix="trackfold-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def processes_of(folder: Path) -> list[int]:
    """Find processes whose command line or environment names the folder."""
    wanted, found = str(folder).encode(), []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if wanted in told:
            found.append(int(process.name))
    return found


def files_in(folder: Path) -> list[str]:
    """List what lies in the folder."""
    return [entry.name for entry in folder.iterdir()]


@pytest.mark.timeout(300)
async def test_a_parcel_moves_customers_are_told_and_ctrl_c_leaves_nothing_behind(folder: Path) -> None:
    run = Run(folder)
    try:
        page = await eventually(lambda: run.said(r"a moving parcel +(http\S+)"), READY_S)
        outbox = run.said(r"the outbox +(http\S+)")
        moved = await eventually(lambda: run.said(r"-> (shipped|in_transit|out_for_delivery)"), READY_S)
        async with httpx2.AsyncClient(trust_env=False) as client:
            tracking = await client.get(str(page))

            async def mails() -> list[str]:
                messages = (await client.get(f"{outbox}.json")).json()["messages"]
                return [message["text"] for message in messages if message["kind"] == "mail"]

            texts = await eventually(mails, READY_S)
        run.process.send_signal(signal.SIGINT)

        assert run.process.wait(STOP_S) == 0
    finally:
        text = run.output.read_text()
        run.end()

    assert moved
    assert tracking.status_code == 200
    assert any("/t/" in one for one in texts)
    assert "FAILED" not in text
    assert "starting it again" not in text
    assert processes_of(folder) == []
    assert files_in(folder) == []


@pytest.mark.timeout(300)
async def test_simulated_orders_end_as_their_stories_do_and_nobody_is_told_twice(folder: Path) -> None:
    run = Run(folder)
    try:
        settings = await eventually(lambda: run.said(r"set -a; \. (\S+);"), READY_S)
        outbox, api = run.said(r"the outbox +(http\S+)"), run.said(r"(http\S+/v1/orders)/")
        key = run.said(r"Bearer ([^']+)'")
        variables = shell_variables(Path(str(settings)))
        played = json.loads(await trackfold(variables, "simulate", *SIMULATION, "--json"))
        stories = [make_story(5, index, prefix=played["prefix"]) for index in range(30)]
        async with httpx2.AsyncClient(trust_env=False, headers={"authorization": f"Bearer {key}"}) as client:

            async def unlike() -> list[str]:
                answers = [await client.get(f"{api}/{story.shop}/{story.order}") for story in stories]
                ends = [(story, answer.json().get("state")) for story, answer in zip(stories, answers, strict=True)]
                return [f"{story.order} {story.kind} {state}" for story, state in ends if state != end_of(story)]

            async def all_as_told() -> bool:
                assert await unlike() == []
                return True

            await eventually(all_as_told, READY_S, poll_s=0.5)
            assert json.loads(await trackfold(variables, "carriers", "unknown", "--json")) == []
            messages = (await client.get(f"{outbox}.json")).json()["messages"]
    finally:
        run.end()

    split = {story.order.lower() for story in stories if len(story.parcels) > 1}
    told = [
        (message["to"][0], message["subject"])
        for message in messages
        if message["kind"] == "mail" and played["prefix"].lower() in message["to"][0]
    ]
    once = [one for one in told if not any(order in one[0] for order in split)]
    assert played["given_up"] == 0
    assert not played["refused"]
    assert len(once) > len(stories)
    assert len(set(once)) == len(once)


def shell_variables(file: Path) -> dict[str, str]:
    """Read what a shell would."""
    pairs = (line.partition("=") for line in file.read_text().splitlines())
    return {name: shlex.split(value)[0] for name, _, value in pairs}


async def trackfold(environ: dict[str, str], *words: str) -> bytes:
    """Run a command on the running stack with the settings that it wrote down for it."""
    program = [sys.executable, "-m", "services.cli", *words]
    process = await asyncio.create_subprocess_exec(
        *program, env=os.environ | environ, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, talk = await process.communicate()
    assert process.returncode == 0, talk
    return out


def end_of(story: Story) -> str:
    """Say in which state a story's order ends."""
    if story.kind == "collect":
        return "collected"
    return "delivered" if story.parcels else "cancelled"


@pytest.mark.timeout(300)
async def test_a_killed_run_leaves_no_process_and_the_next_run_removes_its_files(folder: Path) -> None:
    first = Run(folder)
    try:
        await eventually(lambda: first.said(r"(migrations)"), READY_S)
        first.process.kill()
    finally:
        first.end()
    await eventually(lambda: processes_of(folder) == [], STOP_S)
    assert files_in(folder) != []

    second = Run(folder)
    try:
        await eventually(lambda: second.said(r"(migrations)"), READY_S)
        second.process.terminate()

        assert second.process.wait(STOP_S) == 0
    finally:
        second.end()
    assert processes_of(folder) == []
    assert files_in(folder) == []
