"""The shape of the source tree: sizes, names, docstrings, and that nothing of one machine is written into it."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("services", "schemas", "examples", "tests")
MAX_LINES = 300
MAX_LINES_OF_AN_EXAMPLE = 350  # a program to copy is one file
FORBIDDEN_STEMS = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base_service", "core"}
# A place that exists on one machine only, or an index that a lock must not name.
MACHINE_PATH = re.compile(r"(?<![\w.$~-])/(?:home|Users|root|work|workspace|mnt)/[A-Za-z0-9_.-]+")
INDEX_ADDRESS = re.compile(r"(?:--(?:extra-)?index-url|index-url\s*=|\"resolved\"\s*:\s*\"https?:|/simple/?[\"'\s])")
REGISTRY_HOST = re.compile(
    r"https?://[\w.-]*(?:pypi|pythonhosted|npmjs|artifactory|nexus|maven|devpi|crates)[\w.-]*", re.IGNORECASE
)
TEXT = {
    ".py",
    ".md",
    ".toml",
    ".txt",
    ".yaml",
    ".yml",
    ".json",
    ".cfg",
    ".ini",
    ".sh",
    ".sql",
    ".j2",
    ".xml",
    ".html",
    "",
}
MAVEN_NAMESPACE = "http://maven.apache.org/POM"  # the name of an XML vocabulary, not an address


def sources() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def tracked() -> list[Path]:
    """Every file that git has or would take; a tree without git is read whole."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 -- git from PATH
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    if listed.returncode != 0:
        return [path for package in (*PACKAGES, "deploy", "docs") for path in (ROOT / package).rglob("*")]
    return [ROOT / name for name in listed.stdout.split("\0") if name]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", sources(), ids=name)
def test_a_module_is_short_and_says_what_it_is_for(path: Path) -> None:
    text = path.read_text()
    limit = MAX_LINES_OF_AN_EXAMPLE if path.is_relative_to(ROOT / "examples") else MAX_LINES
    assert len(text.splitlines()) <= limit, "split it by what it decides"
    assert ast.get_docstring(ast.parse(text)), "a module opens with what it decides and what it never does"


@pytest.mark.parametrize("path", sources(), ids=name)
def test_a_file_is_named_for_what_it_does(path: Path) -> None:
    assert not FORBIDDEN_STEMS & {*path.relative_to(ROOT).parts[:-1], path.stem}


def test_nothing_of_one_machine_is_written_into_the_tree() -> None:
    found = [
        f"{name(path)}:{number}: {match[0]}"
        for path in tracked()
        if path.suffix in TEXT and path.is_file() and path != Path(__file__).resolve()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        for pattern in (MACHINE_PATH, INDEX_ADDRESS, REGISTRY_HOST)
        for match in [pattern.search(line.replace(MAVEN_NAMESPACE, ""))]
        if match
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (MACHINE_PATH, "open('/home/jo/data')"),
        (MACHINE_PATH, "see /work/thing"),
        (INDEX_ADDRESS, "--index-url https://mirror.example/x"),
        (REGISTRY_HOST, "https://files.pythonhosted.org/packages/a"),
    ],
)
def test_the_search_finds_what_it_is_for(pattern: "re.Pattern[str]", line: str) -> None:
    assert pattern.search(line)


def test_no_lock_names_an_index_and_every_pin_has_a_hash() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        text = lock.read_text()
        assert "://" not in text, lock.name
        pins = re.findall(r"^[A-Za-z0-9][\w.\[\],-]*==", text, re.MULTILINE)
        assert pins, lock.name
        assert len(re.findall(r"\\\n +--hash=sha256:", text)) >= len(pins), lock.name
