"""I4, I9, I11: customers are told once, personal data stays in its places, no page shows another's or goes back."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from tests.oracle_evidence import (
    DEAD_LETTERS,
    ORDER_EVENTS,
    OUTCOMES,
    TOPICS,
    WEBHOOKS,
    Evidence,
    Expected,
    Finding,
    Mail,
    NotificationRow,
)

#: How our subjects end, by milestone: the oracle reads mails as a customer does.
SUBJECTS: Final[Mapping[str, str]] = {
    "has been shipped": "shipped",
    "is out for delivery": "out_for_delivery",
    "is ready for pickup": "available_for_pickup",
    "has been delivered": "delivered",
    "is ready to collect": "ready_to_collect",
}
ENDED: Final = frozenset({"accepted", "suppressed", "failed", "unknown"})
#: What the milestone's customer may have got: an accepted mail, or one of which a crash left the outcome open.
MAYBE_TOLD: Final = frozenset({"accepted", "unknown"})
#: So many messages one notifier works on at once: its end, or a pause beyond its lease, leaves no more in doubt.
IN_HAND: Final = 8
MAY_HOLD_CONTACTS: Final = frozenset({ORDER_EVENTS, WEBHOOKS, DEAD_LETTERS})
_DOCUMENTED: Final = frozenset({200, 304, 404, 503})


def judge_i4(evidence: Evidence) -> list[Finding]:
    """No identity is taken twice by the provider, every message has ended, and who must be told was."""
    if "notify" not in evidence.services:
        return []
    taken = Counter(mail.message_id for mail in evidence.mails)
    found = [
        Finding("I4", message_id, f"the provider took it {count} times")
        for message_id, count in taken.items()
        if count > 1
    ]
    found += list(_rows(evidence, taken))
    found += list(_in_doubt(evidence))
    found += list(_outcomes(evidence))
    for expected in evidence.expected if "status" in evidence.services else ():
        found += _customer(evidence, expected)
    addresses = {expected.recipient for expected in evidence.expected}
    found += [
        Finding("I4", mail.recipient, f"got {mail.subject!r}, and is nobody's customer")
        for mail in evidence.mails
        if mail.recipient not in addresses
    ]
    return found


def judge_i9(evidence: Evidence) -> list[Finding]:
    """No canary left the mails, the order events, the webhooks and notify's own rows."""
    places = dict(evidence.texts)
    for topic in TOPICS:
        if topic not in MAY_HOLD_CONTACTS:
            for one in evidence.records(topic):
                places[one.place] = repr((one.key, one.value, one.headers))
    found = [
        Finding("I9", place, f"it holds {word!r}")
        for place, text in places.items()
        for word in evidence.canaries
        if word.lower() in text.lower()
    ]
    for record in evidence.records(DEAD_LETTERS):
        letter = json.loads(record.value or b"{}")
        quoted = any(word.lower() in str(letter).lower() for word in evidence.canaries)
        if letter.get("topic") == ORDER_EVENTS and (letter.get("value_base64") is not None or quoted):
            found.append(Finding("I9", record.place, "a dead letter of an order event holds more than its hash"))
    return found


def judge_i11(evidence: Evidence) -> list[Finding]:
    """No look at an order showed another one or an older version than the look before it, or an undocumented answer."""
    found: list[Finding] = []
    words = {one.order: _words(one) for one in evidence.expected}
    seen: dict[str, int] = defaultdict(int)
    for look in sorted(evidence.pages, key=lambda one: one.at):
        if look.http_status not in _DOCUMENTED:
            found.append(Finding("I11", look.order, f"the page answered {look.http_status}"))
        if look.http_status != 200:
            continue
        if look.version < seen[look.order]:
            found.append(Finding("I11", look.order, f"it went back from version {seen[look.order]} to {look.version}"))
        seen[look.order] = max(seen[look.order], look.version)
        for other, tokens in words.items():
            if other != look.order and (shown := [one for one in tokens if one in look.text]):
                found.append(Finding("I11", look.order, f"its page shows {shown} of {other}"))
    return found


def _words(expected: Expected) -> tuple[str, ...]:
    return tuple(word for word in (*expected.tokens, expected.recipient) if word)


def _rows(evidence: Evidence, taken: Mapping[str, int]) -> Iterator[Finding]:
    for row in evidence.notifications:
        where = f"{row.order} {row.milestone} {row.id}"
        mails = sum(count for message_id, count in taken.items() if row.id in message_id)
        if row.state not in ENDED:
            yield Finding("I4", where, f"it is still {row.state} ({row.reason})")
        elif mails and row.state not in MAYBE_TOLD:
            yield Finding("I4", where, f"the provider took it and its row says {row.state} ({row.reason})")
        elif row.state == "accepted" and not mails:
            yield Finding("I4", where, "its row says accepted and the provider never took it")
    known = [row.id for row in evidence.notifications]
    for message_id in taken:
        if not any(one in message_id for one in known):
            yield Finding("I4", message_id, "the provider took it and no row knows it")


def _in_doubt(evidence: Evidence) -> Iterator[Finding]:
    """Messages that end `unknown` count as told: so there may be only as many as what was broken explains."""
    count = sum(row.state == "unknown" for row in evidence.notifications)
    ended = sum(end.process.startswith("notify") for end in evidence.ends)
    explained = evidence.unanswered + IN_HAND * (1 + ended) + evidence.unknown_share * len(evidence.notifications)
    if count > explained:
        told = f"{count} of {len(evidence.notifications)} messages ended unknown, {explained:.0f} at most are explained"
        yield Finding("I4", "notify", told)


def _outcomes(evidence: Evidence) -> Iterator[Finding]:
    told: dict[str, str] = {}
    for record in sorted(evidence.records(OUTCOMES), key=lambda one: (one.partition, one.offset)):
        body = json.loads(record.value or b"{}")
        told[str(body.get("notification"))] = str(body.get("outcome"))
    for row in evidence.notifications:
        if row.state in ENDED and told.get(row.id) != row.state:
            where = f"{row.order} {row.milestone} {row.id}"
            yield Finding("I4", where, f"it ended {row.state}, the outcomes topic says {told.get(row.id)}")


def _customer(evidence: Evidence, expected: Expected) -> Iterator[Finding]:
    """Compare what a customer got with what was written down by hand."""
    own = [mail for mail in evidence.mails if mail.recipient == expected.recipient]
    got = Counter(_milestone(mail) for mail in own)
    rows = [row for row in evidence.notifications if row.order == expected.order]
    for milestone, count in expected.told.items():
        maybe = sum(row.milestone == milestone and row.state in MAYBE_TOLD for row in rows)
        if maybe < count:
            yield Finding(
                "I4", expected.order, f"{milestone} must be told {count} times, and was {_ends(rows, milestone)}"
            )
    for milestone, count in got.items():
        most = expected.told.get(milestone, 0) + expected.may_tell.get(milestone, 0)
        if count > most:
            yield Finding(
                "I4", expected.order, f"its customer got {milestone} {count} times, at most {most} were right"
            )


def _ends(rows: list[NotificationRow], milestone: str) -> str:
    ends = [f"{row.state} ({row.reason})" if row.reason else row.state for row in rows if row.milestone == milestone]
    return ", ".join(ends) or "never planned"


def _milestone(mail: Mail) -> str:
    return next((name for words, name in SUBJECTS.items() if words in mail.subject), mail.subject)
