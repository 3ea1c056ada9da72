"""Compares what a scenario folds to with what was written by hand beside it: every key of the expected file, exactly.

`orders` names all orders, `shipments` and `lines` all of theirs; `refused` is empty where it is not written. `timeline`
entries are [time, subject, what]: the subject of the shop's own events is `order`; `what` is an order event's type, a
time rule, a stage that was entered, a condition that began, or `NAME cleared`. Entries of one instant may stand in any
order. `published` entries are [state, previous, cause type], with a correction's reason as a fourth, and last, where
wanted, a table of what else is compared: `action` [required, by], `reason`, `parcels` [[shipment, previous, stage]].
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from services.local import workbench
from services.local.record_lines import read_lines

Json = dict[str, Any]

SCENARIOS: Final = Path(__file__).parents[3] / "services" / "local" / "scenarios"
EXPECTED: Final = Path(__file__).parents[2] / "fixtures" / "scenarios"
_NEEDED: Final = ("order", "state", "timeline", "published")


def reported(name: str, *, at: str | None = None) -> Json:
    """Return what `trackfold fold --json` says of a scenario."""
    body = (SCENARIOS / f"{name}.jsonl").read_bytes()
    moment = None if at is None else datetime.fromisoformat(at)
    return workbench.report(workbench.fold(read_lines(BytesIO(body), name), at=moment))


def check(name: str) -> list[str]:
    """Return every difference between a scenario and what is expected of it; none: all is as written."""
    path = EXPECTED / f"{name}.expected.json"
    if not path.is_file():
        return [f"write {path.name} by hand, from the specification"]
    expected = json.loads(path.read_text("utf-8"))
    return differences(expected, reported(name, at=expected.get("at")))


def differences(expected: Json, report: Json) -> list[str]:
    """Return every difference between an expected file and a report."""
    found = [f"nothing compares {key!r}" for key in expected.keys() - {"orders", "refused", "unclaimed", "at"}]
    wanted = {order["order"]: order for order in expected["orders"]}
    told = {order["order"]: order for order in report["orders"]}
    found += _differ("orders", sorted(wanted), sorted(told))
    for key in sorted(wanted.keys() & told.keys()):
        found += [f"{key}: {one}" for one in _of_order(wanted[key], told[key])]
    refused = [[int(one["place"].rpartition(":")[2]), one["reason"]] for one in report["refused"]]
    found += _differ("refused", expected.get("refused", []), refused)
    if "unclaimed" in expected:
        unclaimed = {one["key"]: one for one in report["unclaimed"]}
        found += _differ("unclaimed", sorted(expected["unclaimed"]), sorted(unclaimed))
        for key, fields in expected["unclaimed"].items():
            found += _fields(f"unclaimed {key}", fields, unclaimed.get(key, {}))
    return found


def _of_order(expected: Json, told: Json) -> list[str]:
    missing = [f"{key!r} is not written" for key in _NEEDED if key not in expected]
    unknown = [f"nothing compares {key!r}" for key in expected if key not in _COMPARERS]
    compared = [one for key, value in expected.items() if key in _COMPARERS for one in _COMPARERS[key](value, told)]
    return missing + unknown + compared


def _lines(expected: Json, told: Json) -> list[str]:
    return _differ("lines", expected, {line["line"]: line["buckets"] for line in told["lines"]})


def _shipments(expected: Json, told: Json) -> list[str]:
    parcels = {parcel["shipment"]: parcel for parcel in told["shipments"]}
    found = _differ("shipments", sorted(expected), sorted(parcels))
    for name in expected.keys() & parcels.keys():
        found += _fields(name, expected[name], parcels[name])
    return found


def _fields(name: str, expected: Mapping[str, Any], told: Mapping[str, Any]) -> list[str]:
    """Compare fields; conditions by their names, milestones by name and occasion, anything else as it stands."""
    return [
        one
        for field, wanted in expected.items()
        for one in _differ(f"{name}.{field}", *_comparable(field, wanted, told.get(field, "no such field")))
    ]


def _comparable(field: str, wanted: Any, value: Any) -> tuple[Any, Any]:
    if field == "conditions":
        return sorted(wanted), sorted(one if isinstance(one, str) else one["name"] for one in value)
    if field == "milestones":
        return wanted, [[one["name"], one["occasion"]] for one in value]
    return wanted, value


def _timeline(expected: list[list[str]], told: Json) -> list[str]:
    wanted = sorted((_instant(at), subject, what) for at, subject, what in expected)
    entries = sorted((_instant(one["at"]), one["subject"], one["what"]) for one in told["timeline"])
    times = [_instant(at) for at, _, __ in expected]
    found = [] if times == sorted(times) else ["timeline: the expected entries are not in time order"]
    found += [f"timeline: not told: {_moment(one)}" for one in wanted if one not in entries]
    found += [f"timeline: not expected: {_moment(one)}" for one in entries if one not in wanted]
    return found or _differ("timeline", wanted, entries)


def _published(expected: list[list[Any]], told: Json) -> list[str]:
    wanted = [[part for part in entry if not isinstance(part, dict)] for entry in expected]
    changes = [
        [one["state"], one["previous"], one["cause"]["type"], *([one["reason"]] if one["correction"] else [])]
        for one in told["published"]
    ]
    return _differ("published", wanted, changes) or [
        one
        for number, (entry, change) in enumerate(zip(expected, told["published"], strict=True), start=1)
        for further in entry
        if isinstance(further, dict)
        for one in _further(number, further, change)
    ]


def _further(number: int, expected: Json, change: Json) -> list[str]:
    said = {
        "action": [change["action_required"], change["action_by"]],
        "reason": change["reason"],
        "parcels": [[one["shipment"], one["previous"], one["stage"]] for one in change["parcels"]],
    }
    return [
        one
        for name, wanted in expected.items()
        for one in _differ(f"published {number}.{name}", wanted, said.get(name, "no such field"))
    ]


def _set_aside(expected: list[list[str]], told: Json) -> list[str]:
    return _differ("set_aside", sorted(expected), sorted([one["event"], one["rule"], one["why"]] for one in
                                                         told["set_aside"]))  # fmt: skip


def _plainly(field: str) -> Callable[[Any, Json], list[str]]:
    return lambda expected, told: _differ(field, expected, told[field])


_COMPARERS: Final[Mapping[str, Callable[[Any, Json], list[str]]]] = {
    "order": _plainly("order"),
    "state": _plainly("state"),
    "version": _plainly("version"),
    "substatus": _plainly("substatus"),
    "conditions": lambda expected, told: _differ("conditions", sorted(expected), sorted(told["conditions"])),
    "lines": _lines,
    "shipments": _shipments,
    "timeline": _timeline,
    "published": _published,
    "set_aside": _set_aside,
}


def _differ(name: str, expected: Any, told: Any) -> list[str]:
    return [] if expected == told else [f"{name}: expected {expected!r}, told {told!r}"]


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _moment(entry: tuple[datetime, str, str]) -> str:
    return f"{entry[0].isoformat()} {entry[1]} {entry[2]}"
