"""Records that nobody can apply: each belongs to the dead letters, and its neighbours must not notice."""

import json
import random
from typing import Final

from tests.oracle_evidence import ORDER_EVENTS, SCANS, WEBHOOKS
from tests.under_fire.stories import CANARY_BOX, CANARY_NAME, Letter, letter

_CONTACTS: Final = [{"role": "buyer", "name": CANARY_NAME, "email": f"{CANARY_BOX}@example.com"}]


def poison(dice: random.Random, n: int, mark: str, *, by_webhook: bool) -> Letter:
    """Return one of the kinds of poison, under the key of somebody who does not exist."""
    name = f"{mark}-poison-{n}"
    key = f"royal-mail:RM{mark}X{n}"
    scan = {"kind": "scan", "event_key": name, "carrier": "royal-mail", "number": key.partition(":")[2]}
    event = {"type": "placed", "shop": "main", "order": name, "occurred_at": "2026-11-20T09:00:00Z"}
    lines = [{"line": "1", "name": "Lamp", "quantity": 1}]
    whole = json.dumps({**event, "lines": lines, "contacts": _CONTACTS}).encode()
    kinds: list[tuple[str, str, bytes, dict[str, str]]] = [
        (SCANS, key, b"\xff\xfe not JSON", {}),
        (SCANS, key, b"", {}),
        (SCANS, key, json.dumps(scan).encode(), {}),
        (SCANS, key, b"[" * 20_000, {}),
        (ORDER_EVENTS, f"main:{name}", whole, {}),
        (ORDER_EVENTS, "main:somebody-else", whole, {"ce_id": name, "ce_source": "oms"}),
        (ORDER_EVENTS, f"main:{name}", json.dumps({**event, "contacts": _CONTACTS}).encode(), {"ce_id": name}),
    ]
    if by_webhook:
        kinds.append((WEBHOOKS, name, f'{{"authentic": "{name}", and cut'.encode(), {}))
    topic, key, value, headers = dice.choice(kinds)
    return letter(topic, key, value, id_=name, headers=headers, poison=True)
