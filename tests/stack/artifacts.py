"""Apache Kafka's jars, fetched with Maven by deploy/kafka/pom.xml into a cache folder that survives runs.

The folder is named by the checksum of the pom, so a new version gets a new folder and nothing is ever half updated.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.stack.unavailable import UnavailableError

POM = Path(__file__).resolve().parents[2] / "deploy" / "kafka" / "pom.xml"
FETCH_LIMIT_S = 600
PROGRESS_S = 2.0


def version() -> str:
    """The version of Kafka that the pom names."""
    found = re.search(r"<kafka\.version>([^<]+)<", POM.read_text())
    if found is None:
        raise UnavailableError(f"{POM} names no kafka.version")
    return found[1]


def folder() -> Path:
    """Where the jars of this pom are, or will be."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    checksum = hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    return Path(base) / "trackfold" / f"kafka-{version()}-{checksum}"


def fetch(say: Callable[[str], None]) -> Path:
    """Give the folder of the jars; the first time, fetch them and tell how it goes."""
    jars = folder()
    if jars.is_dir():
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise UnavailableError("mvn is not in PATH, and the jars are not in the cache yet")
    jars.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".fetching-", dir=jars.parent))
    try:
        say(f"Apache Kafka {version()}: fetching its jars (about 45 MB, once)")
        _copy_dependencies(maven, staging, say)
        staging.chmod(0o755)
        try:
            staging.rename(jars)
        except OSError:
            if not jars.is_dir():  # else another run was faster, and its folder is as good
                raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return jars


def _copy_dependencies(maven: str, target: Path, say: Callable[[str], None]) -> None:
    goal = "dependency:copy-dependencies"
    command = [maven, "--batch-mode", f"--file={POM}", goal, "-DincludeScope=runtime", f"-DoutputDirectory={target}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=target) as process:
        guard = threading.Timer(FETCH_LIMIT_S, process.kill)
        guard.start()
        try:
            output = _follow(process, say)
        finally:
            guard.cancel()
    if process.returncode != 0:
        raise UnavailableError(f"Maven ended with {process.returncode}\n{''.join(output[-20:])}")


def _follow(process: "subprocess.Popen[str]", say: Callable[[str], None]) -> list[str]:
    """Read Maven's output to its end; names of files are told, addresses are not."""
    output, fetched, told = [], 0, time.monotonic()
    for line in process.stdout or ():
        output.append(line)
        done = re.search(r"Downloaded from .*/(\S+) ", line)
        fetched += done is not None
        if done is not None and time.monotonic() - told > PROGRESS_S:
            say(f"Apache Kafka: {fetched} files so far, last {done[1]}")
            told = time.monotonic()
    return output
