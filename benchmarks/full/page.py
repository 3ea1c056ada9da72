"""The section "Latency, growth and memory" of `docs/performance.md`, with its plots, from what was recorded.

Written by the run after each part; `python -m benchmarks.full.page` writes it again from `results/full.json`. A part
that is not there has no row, one that went wrong says so.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.engine import page
from benchmarks.full import recorded
from benchmarks.full.plots import Line, Plot

BEGIN: Final = "<!-- the full figures: written by `make bench-full` -->"
END: Final = "<!-- end of the full figures -->"
NOTHING: Final = "No part is recorded yet."
PICTURES: Final = ("latency", "growth", "memory")
_TARGETS: Final = {
    "new": 1.1, "old": 3.0, "catch-up": 1.3, "replay": 2.0, "p99 / p50": 3.0,
}  # fmt: skip

Figures = Mapping[str, Any]
Lines = Iterator[str]


def section(found: Figures) -> str:
    """Return the whole section."""
    parts = found["parts"]
    lines = [f"{found['machine']}; {found['broker']}. {_commits(parts)}."]
    for name, told in _TELLING.items():
        if (part := parts.get(name)) is None:
            continue
        lines += ["", *_part(name, part, told)]
    return "\n".join(lines)


def _commits(parts: Figures) -> str:
    """Return what was measured at which commit."""
    names: dict[str, list[str]] = {}
    for name in _TELLING:
        if name in parts:
            names.setdefault(parts[name]["commit"][:12], []).append(f"`{name}`")
    return "; ".join(f"Commit `{commit}`: {', '.join(of)}" for commit, of in names.items())


def _part(name: str, part: Figures, told: Callable[[Figures], Lines]) -> Lines:
    if "figures" not in part:
        yield f"**{name}**: no figures, because {part['without_figures']}"
        return
    scale = part["settings"]["scale"]
    if scale != 1:
        yield f"(The following at {scale:g} of the full length.)"
        yield ""
    yield from told(part["figures"])


def _latency(found: Figures) -> Lines:
    yield (
        f"**Scan to status event** (`latency`), {found['processes']} processes, orders of all ages beside each other; "
        f"the highest rate was {found['highest_per_second']:,} records a second. From when a scan should have been "
        "produced."
    )
    yield ""
    yield "| share of the highest rate | records/s | p50 ms | p99 ms | p99 / p50 (to reach: 3 at 50 %) | scans |"
    yield "|---|---|---|---|---|---|"
    for one in found["shares"]:
        start = f"| {one['share']:.0%} | {one['per_second']:,} |"
        if "without_figures" in one:
            yield f"{start} {one['without_figures']} | | | |"
            continue
        event = one["status_event"]
        ratio = event["p99_ms"] / event["p50_ms"]
        yield f"{start} {event['p50_ms']:,g} | {event['p99_ms']:,g} | {ratio:.1f} | {event['count']:,} |"
    yield ""
    yield "![Latency from scan to status event](performance-latency.svg)"


def _chain(found: Figures) -> Lines:
    yield (
        "**Webhook to status event and to the claim of the customer's message** (`chain`): ingest, status and notify, "
        f"one process each, new orders meanwhile; the highest rate was {found['highest_per_second']:,} webhooks a "
        "second, each of which is told to a customer."
    )
    yield ""
    yield "| share of the highest rate | webhooks/s | status event p50 / p99 ms | claimed p50 / p99 ms | webhooks |"
    yield "|---|---|---|---|---|"
    for one in found["shares"]:
        start = f"| {one['share']:.0%} | {one['per_second']:,g} |"
        if "without_figures" in one:
            yield f"{start} {one['without_figures']} | | |"
            continue
        event, claim = (f"{one[what]['p50_ms']:,g} / {one[what]['p99_ms']:,g}" for what in ("status_event", "claimed"))
        yield f"{start} {event} | {claim} | {one['claimed']['count']:,} |"


def _growth(found: Figures) -> Lines:
    yield (
        f"**Growth** (`growth`), CPU an event of service, Postgres and broker, medians of {found['rounds']} rounds "
        "that go through all sizes. New: scans of orders that the process knows. Old: the last scan of old parcels, "
        "chosen at random, which no process has seen."
    )
    yield ""
    yield "| rows of history | new: CPU µs | new: events/s | old: CPU µs | old: events/s |"
    yield "|---|---|---|---|---|"
    for one in found["sizes"]:
        new, old = _cost(one["new"]), _cost(one["old"])
        yield f"| {one['rows']:,} | {new} | {old} |"
    yield ""
    yield "| ratio | | to reach |"
    yield "|---|---|---|"
    for name, value in found["ratios"].items():
        yield f"| {name} | {value:g} | {_TARGETS['new' if name.startswith('new') else 'old']:g} |"
    yield ""
    yield "![Cost of an event by rows of history](performance-growth.svg)"


def _cost(one: Figures | None) -> str:
    return "- | -" if one is None else f"{one['cpu_us']:,g} | {1e6 / one['us']:,.0f}"


def _catch_up(found: Figures) -> Lines:
    yield (
        f"**Catch-up** (`catch-up`): a backlog of {found['records']:,} records, done at {found['per_second']:,} a "
        f"second, took at most {found['highest_mib']:,g} MiB; a process that had "
        f"{found['steady_per_second']:,} a second to do held at most {found['steady_highest_mib']:,g} MiB. "
        f"Ratio {found['ratio']:g} (to reach: {_TARGETS['catch-up']:g})."
    )


def _replay(found: Figures) -> Lines:
    without, during = found["without"], found["during"]
    yield (
        f"**Replay** (`replay`): {found['live_per_second']:,} live records a second, p50 / p99 "
        f"{without['p50_ms']:,g} / {without['p99_ms']:,g} ms; while `trackfold rebuild` published "
        f"{found['replayed_per_second']:,} old orders a second (at most {found['replay_at_most_per_second']:,}), "
        f"{during['p50_ms']:,g} / {during['p99_ms']:,g} ms. Ratio of p99 {found['p99_ratio']:g} "
        f"(to reach: {_TARGETS['replay']:g})."
    )


def _memory(found: Figures) -> Lines:
    yield (
        f"**Memory** (`memory`): {found['minutes']:g} minutes at {found['webhooks_per_second']:,g} webhooks a second, "
        "half of the highest rate, with a cache of 64 MiB, which is full before the middle; resident MiB."
    )
    yield ""
    yield "| service | median of the first half | of the second half | rise an hour in the second half | highest |"
    yield "|---|---|---|---|---|"
    for name, one in found["services"].items():
        halves = f"{one['first_half_mib']:,g} | {one['second_half_mib']:,g}"
        yield f"| {name} | {halves} | {one['mib_an_hour_in_the_second_half']:,g} | {one['highest_mib']:,g} |"
    yield ""
    yield "![Resident memory over time](performance-memory.svg)"


def _webhooks(found: Figures) -> Lines:
    yield (
        f"**Webhooks** (`webhooks`): the door took {found['ours_per_s']:,g} a second ({found['ours_cpu_us']:,g} µs of "
        f"CPU each), a naive FastAPI route with the same work {found['naive_per_s']:,g} ({found['naive_cpu_us']:,g}): "
        f"{found['times']:g} times as many, {found['cpu_times']:g} times less CPU."
    )


_TELLING: Final[Mapping[str, Callable[[Figures], Lines]]] = {
    "latency": _latency,
    "chain": _chain,
    "growth": _growth,
    "catch-up": _catch_up,
    "replay": _replay,
    "memory": _memory,
    "webhooks": _webhooks,
}


def plots(found: Figures) -> dict[str, Plot]:
    """Return the pictures of the parts that have figures, by name."""
    parts = {name: part["figures"] for name, part in found["parts"].items() if "figures" in part}
    return {name: made(parts[name]) for name, made in _PLOTTED.items() if name in parts}


def _latency_plot(found: Figures) -> Plot:
    told = [(one["per_second"], one["status_event"]) for one in found["shares"] if "status_event" in one]
    lines = [Line(name, [(rate, event[f"{name}_ms"]) for rate, event in told]) for name in ("p50", "p99")]
    return Plot("Scan to status event", "records a second", "ms", lines)


def _growth_plot(found: Figures) -> Plot:
    lines = [
        Line(name, [(one["rows"] / 1e6, one[name]["cpu_us"]) for one in found["sizes"] if one[name]])
        for name in ("new", "old")
    ]
    return Plot("Cost of an event", "million rows of history", "µs of CPU", lines)


def _memory_plot(found: Figures) -> Plot:
    lines = [
        Line(name, [(at / 60, held[name]) for at, held in found["samples"]]) for name in found["services"]
    ]  # fmt: skip
    return Plot("Resident memory", "minutes", "MiB", lines)


_PLOTTED: Final[Mapping[str, Callable[[Figures], Plot]]] = {
    "latency": _latency_plot,
    "growth": _growth_plot,
    "memory": _memory_plot,
}


def picture(name: str, docs: Path = page.DOCS) -> Path:
    """Return where a picture lies."""
    return docs / f"performance-{name}.svg"


def placed(text: str, new: str) -> str:
    """Return the page with the section between its marks."""
    return page.placed(text, new, begin=BEGIN, end=END)


def write(found: Figures, docs: Path = page.DOCS) -> None:
    """Write section and pictures; those of parts that are gone go."""
    path = docs / page.PAGE.name
    path.write_text(placed(path.read_text(encoding="utf-8"), section(found)), encoding="utf-8")
    made = plots(found)
    for name in PICTURES:
        if name in made:
            picture(name, docs).write_text(made[name].svg(), encoding="utf-8")
        else:
            picture(name, docs).unlink(missing_ok=True)


if __name__ == "__main__":
    write(recorded.read(recorded.FULL))
