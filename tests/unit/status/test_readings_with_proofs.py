"""Proofs on a scan: an old reading stays the reading it was, and the proof of one telling is the scan's (rule E5)."""

import hashlib
import itertools
import json
from typing import Any

from schemas.scans import Proof, Scan
from services.status.readings import content_hash, merge
from tests.builders import after, make_scan

PHOTO = Proof(kind="photo", sha256="ab" * 32, media_type="image/jpeg", bytes=10)
SIGNATURE = Proof(kind="signature", sha256="cd" * 32, media_type="image/png", bytes=20)


def reading(minutes: float = 5, **overrides: Any) -> Scan:
    return make_scan(event_key="one", told_at=after(hours=1, minutes=minutes), **overrides)


def test_a_reading_without_proofs_has_the_hash_that_it_had_before_there_were_any() -> None:
    body = reading().model_dump(mode="json", exclude={"told_at", "map_version", "proofs"}, exclude_defaults=True)
    text = json.dumps(body, sort_keys=True, ensure_ascii=False)
    assert content_hash(reading()) == hashlib.sha256(text.encode()).hexdigest()[:32]
    assert content_hash(reading(proofs=(PHOTO,))) != content_hash(reading())


def test_a_photo_that_a_later_telling_brings_belongs_to_the_scan_and_the_first_photo_counts() -> None:
    told = [reading(1), reading(2, proofs=(PHOTO,)), reading(3, proofs=(SIGNATURE,))]
    assert {merge(order).proofs for order in itertools.permutations(told)} == {(PHOTO,)}


def test_a_remap_that_names_no_proof_takes_none_away() -> None:
    remap = reading(9, kind="remap", map_version=2, stage="delivered")
    merged = merge([reading(1, proofs=(PHOTO,)), remap])
    assert (merged.proofs, merged.stage) == ((PHOTO,), "delivered")
