"""Breaks a body a little, as a seeded chance says: fields dropped, doubled, retyped, nested; bytes flipped and cut."""

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any, Final

from tests.fuzz import strange

MOST_BYTES: Final = 256 * 1024
_MOST_CHANGES: Final = 4

Path = tuple[Any, ...]


def mutated(body: bytes, chance: random.Random) -> bytes:
    """Return the body with one to four changes, at most as long as a webhook may be."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return mutated_text(body, chance)
    if chance.random() < 0.25:
        return mutated_text(body, chance)
    changed = mutated_document(document, chance)
    return as_json(changed, chance)[:MOST_BYTES]


def as_json(document: object, chance: random.Random) -> bytes:
    """Write a document with or without escapes, NaN and lone surrogates included."""
    try:
        return json.dumps(document, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
    except (RecursionError, ValueError):
        return json.dumps(None).encode()  # a number too long to be written


def mutated_document(document: Any, chance: random.Random) -> Any:
    """Return a JSON document with one to four changes in its structure or values."""
    holder = [copy.deepcopy(document)]
    for _ in range(chance.randint(1, _MOST_CHANGES)):
        places = list(_places(holder))
        if not places:
            break
        parent, name = chance.choice(places)
        chance.choice(_CHANGES)(parent, name, chance)
    return holder[0] if holder else None


def mutated_text(body: bytes, chance: random.Random) -> bytes:
    """Return the bytes with one to four changes that know nothing of what they hold."""
    changed = body
    for _ in range(chance.randint(1, _MOST_CHANGES)):
        changed = chance.choice(_CUTS)(changed, chance)[:MOST_BYTES]
    return changed


def strange_value(chance: random.Random) -> object:
    """Return a value to put where a provider has another."""
    kind = chance.randrange(4)
    pool: tuple[object, ...] = (strange.TEXTS, strange.NUMBERS, strange.TIMES, strange.SHAPES)[kind]
    return copy.deepcopy(chance.choice(pool))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (container, name) of everything inside."""
    waiting = [value]
    while waiting:
        inside = waiting.pop()
        names = list(inside) if isinstance(inside, dict) else range(len(inside))
        for name in names:
            yield inside, name
            if isinstance(inside[name], (dict, list)):
                waiting.append(inside[name])


def _drop(parent: Any, name: Any, _: random.Random) -> None:
    del parent[name]


def _double(parent: Any, name: Any, chance: random.Random) -> None:
    again = copy.deepcopy(parent[name])
    if isinstance(parent, list):
        parent[name:name] = [again] * chance.choice((1, 1, 1, 20))
    else:
        parent[f"{name}{chance.choice(('', '_', '2'))}"] = again


def _retype(parent: Any, name: Any, chance: random.Random) -> None:
    parent[name] = strange_value(chance)


def _as_text(parent: Any, name: Any, _: random.Random) -> None:
    value = parent[name]
    parent[name] = json.dumps(value) if not isinstance(value, str) else value.swapcase()


def _nest(parent: Any, name: Any, chance: random.Random) -> None:
    value = parent[name]
    for _ in range(chance.choice((1, 1, 2, 60))):
        value = [value] if chance.random() < 0.5 else {str(name): value}
    parent[name] = value


def _unnest(parent: Any, name: Any, _: random.Random) -> None:
    value = parent[name]
    if isinstance(value, (dict, list)) and value:
        parent[name] = next(iter(value.values())) if isinstance(value, dict) else value[0]


def _reorder(parent: Any, name: Any, chance: random.Random) -> None:
    value = parent[name]
    if isinstance(value, list):
        chance.shuffle(value)
    elif isinstance(value, dict):
        pairs = list(value.items())
        chance.shuffle(pairs)
        parent[name] = dict(pairs)


def _salt(parent: Any, name: Any, chance: random.Random) -> None:
    value = parent[name]
    if isinstance(value, str):
        at = chance.randint(0, len(value))
        parent[name] = value[:at] + chance.choice(strange.TEXTS[:30]) + value[at + chance.randint(0, 2) :]
    elif isinstance(value, int):
        parent[name] = value * chance.choice((-1, 10, 1000)) + chance.randint(-2, 2)


def _rename(parent: Any, name: Any, chance: random.Random) -> None:
    if isinstance(parent, dict):
        parent[chance.choice((str(name).upper(), str(name).lower(), "", "x", str(name) + " "))] = parent.pop(name)


_CHANGES: Final[tuple[Callable[[Any, Any, random.Random], None], ...]] = (
    _drop, _double, _retype, _retype, _retype, _as_text, _nest, _unnest, _reorder, _salt, _salt, _rename,
)  # fmt: skip


def _flip(body: bytes, chance: random.Random) -> bytes:
    if not body:
        return chance.choice(strange.ROOTS)
    at = chance.randrange(len(body))
    return body[:at] + bytes([body[at] ^ 1 << chance.randrange(8)]) + body[at + 1 :]


def _cut(body: bytes, chance: random.Random) -> bytes:
    return body[: chance.randint(0, len(body))]


def _insert(body: bytes, chance: random.Random) -> bytes:
    at = chance.randint(0, len(body))
    return body[:at] + chance.choice(strange.NOT_QUITE_JSON + strange.NOT_QUITE_XML) + body[at:]


def _repeat(body: bytes, chance: random.Random) -> bytes:
    start = chance.randint(0, len(body))
    part = body[start : start + chance.choice((1, 8, 64, 512))]
    return body[:start] + part * chance.choice((2, 2, 50)) + body[start:]


def _lose(body: bytes, chance: random.Random) -> bytes:
    start = chance.randint(0, len(body))
    return body[:start] + body[start + chance.choice((1, 2, 16, 128)) :]


def _other_encoding(body: bytes, chance: random.Random) -> bytes:
    text = body.decode("utf-8", "replace")
    return text.encode(
        chance.choice(("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "latin-1", "cp1252", "utf-7")), "replace"
    )


def _swap_values(body: bytes, chance: random.Random) -> bytes:
    """Exchange two neighbouring texts between quotes or tags."""
    mark = b'"' if b'"' in body else b">"
    parts = body.split(mark)
    if len(parts) > 3:
        one = chance.randrange(len(parts) - 2)
        parts[one], parts[one + 2] = parts[one + 2], parts[one]
    return mark.join(parts)


_CUTS: Final[tuple[Callable[[bytes, random.Random], bytes], ...]] = (
    _flip, _flip, _cut, _insert, _insert, _repeat, _lose, _lose, _swap_values, _swap_values, _other_encoding,
)  # fmt: skip
