"""What `trackfold fold` found, as text for people: per order a short story. Decides nothing."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from services.local.workbench import Difference
from services.status.order import Document


def story(report: Document) -> str:
    """Return the text of a report."""
    parts = ["\n".join(_order(order)) for order in report["orders"]]
    if report["unclaimed"]:
        parts.append("\n".join(_unclaimed(report["unclaimed"])))
    return "\n\n".join(parts) if parts else "no order in it"


def difference(found: Difference) -> str:
    """Return how another order of the records ended otherwise."""
    told = " | ".join(" ".join(batch) for batch in found.batches)
    return (
        f"differs: {found.order} at {found.path}\n"
        f"  in the file's order: {found.expected!r}\n"
        f"  in this order:       {found.found!r}\n"
        f"  told (line numbers; | between batches): {told}"
    )


def _order(order: Document) -> Iterator[str]:
    display = order["display"]
    yield f"Order {order['order']}: {display['status']} ({order['state']}), version {order['version']}"
    yield f"  {display['sentence']} {display['next']}"
    if order["conditions"]:
        yield f"  conditions: {', '.join(order['conditions'])}"
    yield from (f"  line {_line(line)}" for line in order["lines"])
    yield from (f"  parcel {_parcel(parcel)}" for parcel in order["shipments"])
    yield from _section("timeline", (_moved(entry) for entry in order["timeline"]))
    yield from _section("published", (_change(change) for change in order["published"]))
    yield from _section("set aside", (f"{one['event']}: {one['why']} ({one['rule']})" for one in order["set_aside"]))


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    found = [f"    {line.rstrip()}" for line in lines]
    if found:
        yield f"  {title}"
        yield from found


def _line(line: Document) -> str:
    buckets = ", ".join(f"{units} {bucket}" for bucket, units in line["buckets"].items()) or "nothing"
    return f"{line['line']}: {buckets}"


def _parcel(parcel: Document) -> str:
    number = f" {parcel['number']}" if parcel["number"] else ""
    back = ", on the return leg" if parcel["leg"] == "return" else ""
    substatus = f" ({parcel['substatus']})" if parcel["substatus"] else ""
    names = ", ".join(condition["name"] for condition in parcel["conditions"])
    problems = f"; {names}" if names else ""
    return f"{parcel['shipment']}: {parcel['carrier_name']}{number}: {parcel['stage']}{substatus}{back}{problems}"


def _moved(entry: Document) -> str:
    what = entry["what"] + (" (return)" if entry["leg"] == "return" else "")
    what += f" (piece {entry['piece']})" if entry["piece"] else ""
    rule = f"  {entry['rule']}" if entry["rule"] else ""
    return f"{_time(entry['at']):<28}{entry['subject']:<7} {what:<27} {entry['event']}{rule}"


def _change(change: Document) -> str:
    state = change.get("state") or ""
    previous = change["previous"]
    step = state if previous in (None, state) else f"{previous} -> {state}"
    why = f"  correction: {change['reason']}" if change["correction"] else ""
    acts = f"  {change['action_by']} must act" if change["action_required"] else ""
    cause = change["cause"]
    return f"{change['version']:>3}  {step:<36}{cause['type']} {cause['event']}{why}{acts}"


def _unclaimed(found: Iterable[Document]) -> Iterator[str]:
    yield "Scanned, and claimed by no order"
    for one in found:
        names = f"; {', '.join(one['conditions'])}" if one["conditions"] else ""
        yield f"  {one['key']}: {one['stage']}, {one['leg']}{names} ({one['scans']} scans)"


def _time(text: str) -> str:
    """Return a time as people read it, with its offset."""
    at = datetime.fromisoformat(text)
    offset = at.strftime("%z")
    return f"{at:%Y-%m-%d %H:%M:%S} {'UTC' if offset == '+0000' else f'{offset[:3]}:{offset[3:]}'}"
