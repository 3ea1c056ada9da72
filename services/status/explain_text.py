"""A story as plain text, for a terminal and for `Accept: text/plain`; its phrases serve the agents' page too. Pure."""

from collections.abc import Iterable, Iterator

from services.status import reasons
from services.status.explain_answers import Because, ConditionStory, EventStory, ParcelStory, ScanStory, Story


def story_text(story: Story) -> str:
    """Return the story of an order."""
    return "\n".join(_story(story)) + "\n"


def parcel_text(parcel: ParcelStory) -> str:
    """Return the story of a number that no order claims."""
    return "\n".join(("No order claims this number.", "", *_parcel(parcel))) + "\n"


def scan_words(scan: ScanStory) -> str:
    """Return what was made of a scan, in a few words."""
    done = "moved" if scan.moved else "set aside" if scan.set_aside else "counted"
    return f"{done}: {scan.because.sentence} ({scan.because.rule})"


def path_words(scan: ScanStory) -> tuple[str, ...]:
    """Return how a scan came here, as far as that is worth a word."""
    found = (
        (scan.late, "came late"),
        (scan.clamped, "told a time in the future, stands where we were told (R14)"),
        (scan.repeated > 0, f"told again {times(scan.repeated)}"),
        (scan.readings > 1, f"{scan.readings} readings, merged"),
    )
    return tuple(words for holds, words in found if holds)


def told_words(scan: ScanStory) -> str:
    """Return what a scan says itself."""
    where = scan.stage if scan.leg == "outbound" or scan.stage is None else f"{scan.stage} on the way back"
    parts = (
        where or scan.kind,
        scan.substatus,
        scan.code and f"code {scan.code}",
        scan.piece and f"piece {scan.piece}",
        scan.place,
        scan.description and f"“{scan.description}”",
        scan.conditions_set and f"sets {', '.join(scan.conditions_set)}",
        scan.conditions_cleared and f"clears {', '.join(scan.conditions_cleared)}",
    )
    return ", ".join(part for part in parts if part)


def condition_words(condition: ConditionStory) -> str:
    """Return a condition from its beginning to its end."""
    until = "open" if condition.cleared_at is None else f"until {condition.cleared_at.text} by {condition.cleared_by}"
    told = f"since {condition.since.text}, {until}; set by {condition.set_by}"
    return f"{condition.title}: {told}, reason {condition.because} Whose problem: {condition.cause}."


def times(count: int) -> str:
    """Return a count of repeats in words."""
    return "once" if count == 1 else f"{count} times"


def because_words(because: Because) -> str:
    """Return a reason with its rule."""
    return f"{because.event}: {because.sentence} {because.rule}: {because.rule_says}"


def rules_of(story: Story) -> list[tuple[str, str]]:
    """Return every rule that a story names with what it says, in the order of their numbers."""
    named = [scan.because for parcel in story.parcels for scan in parcel.scans]
    named += [parcel.set_by for parcel in story.parcels if parcel.set_by is not None]
    named += [event.set_aside for event in story.events if event.set_aside is not None]
    said = {one.rule: one.rule_says for one in named}
    return sorted(said.items(), key=lambda one: (one[0][:1] == "E", len(one[0]), one[0]))


def _story(story: Story) -> Iterator[str]:
    number = story.order if story.printed is None else f"{story.printed} ({story.order})"
    yield f"Order {number} of shop {story.shop}: {story.status} ({story.state})"
    yield f"  Why: {story.because}"
    yield f"  Next: {story.next} Next to act: {reasons.ACTS.get(story.acts, story.acts)}."
    if story.conditions:
        yield f"  Conditions: {', '.join(story.conditions)}."
    yield from _change(story)
    for line in story.lines:
        yield f"  Line {line.line}{f' {line.name}' if line.name else ''}: {line.ordered} ordered; {line.where}."
    for parcel in story.parcels:
        yield ""
        yield from _parcel(parcel)
    if story.events:
        yield ""
        yield "What the shop and we told of the order"
        yield from _indented(_event(event) for event in story.events)


def _change(story: Story) -> Iterator[str]:
    change = story.change
    if change is None:
        return
    before = "the first" if change.previous is None else f"{change.previous} before"
    kind = "correction, " if change.correction else ""
    said = f" {change.sentence}" if change.sentence else ""
    cause = f"caused by {change.cause.type} {change.cause.event}"
    yield f"  Published: version {change.version} ({kind}{before}), {cause}.{said}"
    if story.unpublished:
        yield "  The rules read more than that in the history: the order's next event publishes it."


def _parcel(parcel: ParcelStory) -> Iterator[str]:
    name = "Number" if parcel.shipment is None else "Return parcel" if parcel.is_return else "Parcel"
    number = parcel.number or "number not known yet"
    yield f"{name}{f' {parcel.shipment}' if parcel.shipment else ''}: {parcel.carrier_name} {number}: {parcel.status}"
    since = "" if parcel.since is None else f" since {parcel.since.text}"
    yield f"  Stage {parcel.stage}, {parcel.leg}{since}. {parcel.definition}"
    if parcel.set_by is not None:
        yield f"  Set by {because_words(parcel.set_by)}"
    yield f"  Next: {parcel.next} Next to act: {reasons.ACTS.get(parcel.acts, parcel.acts)}."
    if parcel.attempt_no is not None:
        yield f"  Attempt {parcel.attempt_no} to deliver."
    yield from _override(parcel)
    yield from _pieces(parcel)
    yield from (f"  {condition_words(one)}" for one in parcel.conditions)
    yield from (f"  Corrected {one.at.text} by {one.event}: {one.sentence}" for one in parcel.corrections)
    yield from _scans(parcel)


def _override(parcel: ParcelStory) -> Iterator[str]:
    said = parcel.override
    if said is None:
        return
    until = "until it is taken back" if said.until_text is None else f"until {said.until_text}"
    pinned = ", pinned: later scans do not end it" if said.pinned else ""
    yield f"  An agent's word: {said.stage_says}, since {said.since_text}, {until}{pinned}."
    yield f"    By {said.author or 'somebody unnamed'}: {said.reason or 'no reason given'}"
    yield f"    Its scans alone say: {said.beneath_says} ({said.beneath})."


def _pieces(parcel: ParcelStory) -> Iterator[str]:
    if parcel.pieces > 1:
        yield f"  {parcel.pieces_delivered} of {parcel.pieces} pieces delivered."
        yield from (f"    {one.piece}: {one.stage}, {one.leg}" for one in parcel.piece_states)


def _scans(parcel: ParcelStory) -> Iterator[str]:
    if not parcel.scans:
        yield "  No scan yet."
        return
    left = f", the newest of {parcel.left_out + len(parcel.scans)}" if parcel.left_out else ""
    yield f"  Scans, in the order in which they count{left}"
    for scan in parcel.scans:
        yield f"    {scan.at.text}  {told_words(scan)}"
        yield f"      {scan_words(scan)}"
        beside = "; ".join((f"{scan.provider}, told {scan.told_at.text}", *path_words(scan)))
        yield f"      {scan.event_key}; {beside}"


def _event(event: EventStory) -> Iterator[str]:
    about = f" {event.about}" if event.about else ""
    by = f", by {event.by}" if event.by else ""
    reason = f", “{event.reason}”" if event.reason else ""
    yield f"{event.at.text}  {event.type}{about}{by}{reason}"
    aside = event.set_aside
    yield f"  {event.says}" if aside is None else f"  set aside: {aside.sentence} ({aside.rule})"
    yield f"  {event.event}" + (f"; told again {times(event.repeated)}" if event.repeated else "")


def _indented(blocks: Iterable[Iterator[str]]) -> Iterator[str]:
    for block in blocks:
        yield from (f"  {line}" for line in block)
