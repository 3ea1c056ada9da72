"""Write each topic's JSON Schema (`<topic without version>/v<N>.json`) and `asyncapi.json`; `--check` only compares.

Run by `make schemas`; `make check` fails when a file is stale.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from schemas import asyncapi
from schemas.topics import TOPICS, Topic

ROOT = Path(__file__).parent


def schema_path(topic: Topic) -> Path:
    """Return where the topic's JSON Schema stands."""
    return ROOT / topic.stem / f"v{topic.version}.json"


def schema_text(topic: Topic) -> str | None:
    """Return the topic's JSON Schema as text; None for a topic whose value is a provider's own body."""
    if topic.model is None:
        return None
    described = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": topic.name,
        "description": f"Key: {topic.key}. Generated from the models in schemas/; do not edit.",
    }
    return json.dumps(described | topic.model.json_schema(), indent=2, ensure_ascii=False) + "\n"


def documents() -> Iterator[tuple[Path, str]]:
    """Give every generated file with the text it must have."""
    for topic in TOPICS.values():
        text = schema_text(topic)
        if text is not None:
            yield schema_path(topic), text
    yield ROOT / "asyncapi.json", json.dumps(asyncapi.document(), indent=2, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` name the stale ones and return 1."""
    stale = []
    for path, text in documents():
        if path.exists() and path.read_text() == text:
            continue
        stale.append(str(path.relative_to(ROOT.parent)))
        if "--check" not in arguments:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    for name in stale:
        sys.stdout.write(f"{'stale' if '--check' in arguments else 'written'}: {name}\n")
    if stale and "--check" in arguments:
        sys.stdout.write("run `make schemas` and commit the result\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
