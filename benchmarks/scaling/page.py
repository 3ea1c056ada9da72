"""The tables of `docs/scaling.md`: inputs, figures, and what gives way first. Written by `make scaling`."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.engine import page as figures
from benchmarks.scaling.breaking import Part, breaking, first_above
from benchmarks.scaling.inputs import DESCRIBED, Inputs, latest
from benchmarks.scaling.sizing import Sizing

PAGE: Final = Path(__file__).parents[2] / "docs" / "scaling.md"
BEGIN: Final = "<!-- the sizes: written by `make scaling` -->"
END: Final = "<!-- end of the sizes -->"
CARRIER: Final = 25_000_000
SIZES: Final = (1_000, 10_000, 100_000, 1_000_000, 10_000_000, CARRIER, 100_000_000, 250_000_000)
#: What is taken out of the page again: the name of an input, and its value.
INPUT: Final = re.compile(r"^\| `(\w+)` \| ([\d.,]+) \|", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of all sizes."""

    name: str
    formula: str
    """In the names of the inputs, and of other rows."""
    of: Callable[[Sizing], float]


ROWS: Final = (
    Row(
        "events a day",
        "parcels · (`scans` · (1 + `told_twice`) + 1 + 1 / `parcels_an_order`)",
        lambda s: s.events_a_day,
    ),
    Row("events/s at the peak", "events a day / 86,400 · `peak_to_mean`", lambda s: s.events_peak),
    Row(
        "known, %",
        "share of events whose order is in a cache: processes · `cache_bytes` / (parcels · `open_days` / "
        "`parcels_an_order` · `cached_order_bytes`), 100 at most",
        lambda s: 100 * s.known(s.status_processes),
    ),
    Row(
        "status processes",
        "events/s · `service_us` · (known + (1 - known) · `cold_service_times`) / 10⁶ / `core_use`, the fewest that "
        "are enough; the relay is part of them",
        lambda s: s.status_processes,
    ),
    Row(
        "ingest processes",
        "parcels · `scans` · (1 + `told_twice`) a second at the peak · `webhook_us` / 10⁶ / `core_use`",
        lambda s: s.ingest_processes,
    ),
    Row(
        "notify processes",
        "(events/s · `messages_an_event` · `notify_us` + parcels · `notifications` a second at the peak · `send_us`) / "
        "10⁶ / `core_use`",
        lambda s: s.notify_processes,
    ),
    Row("partitions", "two for each process of the largest service; `partitions` at least", lambda s: s.partitions),
    Row(
        "Postgres: cores",
        "events/s · (`postgres_us` · (known + (1 - known) · `cold_postgres_times`) + `messages_an_event` · "
        "`notify_postgres_us`) / 10⁶ / `core_use`",
        lambda s: s.postgres_cores,
    ),
    Row(
        "Postgres: WAL, MB/s",
        "events/s · (`wal_bytes` + `messages_an_event` · `notify_wal_bytes`)",
        lambda s: s.wal_peak / 1e6,
    ),
    Row("Postgres: WAL, GB a day", "the same of the events of a day", lambda s: s.wal_a_day / 1e9),
    Row(
        "Postgres: commits/s",
        "(status + notify processes) · `transactions`: each a wait for the disk (fsync), which several can share",
        lambda s: s.commits,
    ),
    Row("Postgres: reads/s", "events/s · `pages_read`: the most, with nothing in memory", lambda s: s.reads_peak),
    Row(
        "Postgres: disk, GB a day",
        "parcels · ((`scans` + 1) · `ledger_bytes` + `shipment_bytes` + `order_event_bytes` + (`order_bytes` + "
        "`order_event_bytes`) / `parcels_an_order`) · `bloat`",
        lambda s: s.disk_a_day / 1e9,
    ),
    Row("Postgres: disk, TB kept", "a day's · `purge_after_days`", lambda s: s.disk_kept / 1e12),
    Row("Postgres: parcels on their way, GB", "a day's · `open_days`", lambda s: s.open_rows / 1e9),
    Row(
        "Kafka: in, MB/s",
        "what producers send at the peak: webhooks, scans, order events, status messages and snapshots, outcomes",
        lambda s: s.kafka_in / 1e6,
    ),
    Row(
        "Kafka: out, MB/s",
        "webhooks once, all else twice (ours and one reader more), and in · (`copies` - 1)",
        lambda s: s.kafka_out / 1e6,
    ),
    Row(
        "Kafka: disk, TB",
        "what is sent of each topic · its retention · `copies`; a snapshot an order for `purge_after_days`",
        lambda s: s.kafka_disk / 1e12,
    ),
    Row("Kafka: cores", "events/s · `broker_us` · `copies` / 10⁶ / `core_use`", lambda s: s.broker_cores),
    Row(
        "Kafka: brokers",
        "the most of: `copies`, disk / `broker_disk`, cores / `broker_cores`, (in + out) / `broker_network`",
        lambda s: s.brokers,
    ),
)


def number(value: float) -> str:
    """Return a figure to three digits, or an input in full."""
    if value >= 100 or value == int(value):  # noqa: PLR2004 - whole from here on
        return f"{value:,.0f}"
    return f"{value:.3g}" if value >= 0.01 else "under 0.01"  # noqa: PLR2004 - as it says


def section(given: Inputs, origin: str) -> str:
    """Return all that the page has between its marks."""
    return "\n".join([origin, "", *_inputs(given), "", *_figures(given), "", *_formulas(), "", *_breaking(given)])


def _inputs(given: Inputs) -> list[str]:
    lines = ["### Inputs", "", "| input | value | | what it is |", "|---|---|---|---|"]
    for name, described in DESCRIBED.items():
        value = getattr(given, name)
        shown = f"{value:,.0f}" if value == int(value) else f"{value:,}"
        lines.append(f"| `{name}` | {shown} | {described['kind']} | {described['says']} |")
    return lines


def _figures(given: Inputs) -> list[str]:
    sizes = [Sizing(given, parcels) for parcels in SIZES]
    found = breaking(given)
    next_ones = [first_above(parcels, found) for parcels in SIZES]
    return [
        "### Figures",
        "",
        f"| parcels a day | {' | '.join(f'{parcels:,}' for parcels in SIZES)} |",
        "|---" * (len(SIZES) + 1) + "|",
        *(f"| {row.name} | {' | '.join(number(row.of(one)) for one in sizes)} |" for row in ROWS),
        f"| **breaks next** | {' | '.join(map(_named, next_ones))} |",
    ]


def _named(one: tuple[float, Part] | None) -> str:
    return "-" if one is None else f"{one[1].name} (above {rounded(one[0]):,})"


def _formulas() -> list[str]:
    return [
        "### Formulas",
        "",
        "| figure | formula |",
        "|---|---|",
        *(f"| {row.name} | {row.formula} |" for row in ROWS),
    ]


def _breaking(given: Inputs) -> list[str]:
    lines = ["### What breaks, in its order", "", "| above so many parcels a day | what | what then |", "|---|---|---|"]
    return [*lines, *(f"| {rounded(at):,} | {part.name} | {part.then} |" for at, part in breaking(given))]


def rounded(parcels: float) -> int:
    """Return two digits of it: the inputs have no more."""
    return int(float(f"{parcels:.1e}"))


def read_inputs(page: str) -> Inputs:
    """Return the inputs as they stand on a page."""
    return Inputs(**{name: float(value.replace(",", "")) for name, value in INPUT.findall(page)})


def placed(page: str, new: str) -> str:
    """Return the page with this between its marks; ValueError where it has none."""
    return figures.placed(page, new, begin=BEGIN, end=END)


def write() -> None:
    """Write the sizes anew, from what was measured last."""
    PAGE.write_text(placed(PAGE.read_text(encoding="utf-8"), section(*latest())), encoding="utf-8")


if __name__ == "__main__":
    write()
