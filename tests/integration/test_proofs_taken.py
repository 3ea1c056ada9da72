"""A photo in a webhook, through the real process: in the store without its metadata, on no topic, in no log."""

import base64
import json
from pathlib import Path

from pydantic import SecretStr

from schemas.scans import SCAN, Scan
from services.runtime import postgres
from services.runtime.settings import PostgresSettings
from tests.integration.test_ingest import SCANS, WEBHOOKS, post
from tests.pipeline import Pipeline
from tests.stack.processes import Process
from tests.unit.ingest.pictures import SECRETS as HIDDEN
from tests.unit.ingest.pictures import jpeg
from tests.unit.ingest.samples import SECRETS, document

CREDENTIAL = SECRETS["ups"][0]
PHOTO = jpeg()


def with_a_photo() -> bytes:
    event = document("ups/delivered_without_description_code")
    return json.dumps(event | {"deliveryPhoto": base64.b64encode(PHOTO).decode()}).encode()


async def begin(pipeline: Pipeline, **settings: str) -> Process:
    environment = pipeline.environment(TRACKFOLD_INGEST__SECRETS__UPS=CREDENTIAL, **settings)
    return await pipeline.processes.start("ingest", env=environment)


async def the_scan(pipeline: Pipeline) -> Scan:
    (record,) = await pipeline.messages(SCANS, len)
    return SCAN.validate_json(record.value)


async def test_a_photo_leaves_the_body_before_kafka_and_the_scan_says_where_it_lies(
    pipeline: Pipeline, tmp_path: Path, database: str
) -> None:
    store = tmp_path / "proofs"
    store.mkdir()
    ingest = await begin(pipeline, TRACKFOLD_INGEST__PROOFS__URL=store.as_uri(), TRACKFOLD_INGEST__PROOFS__INDEX="true")
    assert (await post(ingest, with_a_photo(), provider="ups")).status_code == 202
    scan = await the_scan(pipeline)
    (proof,) = scan.proofs
    assert (scan.pod, proof.kind, proof.media_type) == (("photo",), "photo", "image/jpeg")
    (kept,) = (path for path in store.rglob("*") if path.is_file())
    content = kept.read_bytes()
    assert (kept.name, len(content)) == (proof.sha256, proof.bytes)
    assert [word for word in HIDDEN if word.encode() in content] == []
    (raw,) = await pipeline.messages(WEBHOOKS, len)
    assert json.loads(raw.value)["deliveryPhoto"].startswith("proof:photo:")
    assert base64.b64encode(PHOTO)[:60] not in raw.value
    assert base64.b64encode(PHOTO)[:60].decode() not in ingest.log()
    async with postgres.connect(PostgresSettings(url=SecretStr(database)), "test") as connection:
        rows = await connection.fetch("select sha256, shipment from ingest.proof")
    assert [tuple(row) for row in rows] == [(proof.sha256, scan.key)]


async def test_without_a_store_the_photo_is_cut_out_and_the_event_counts(pipeline: Pipeline) -> None:
    ingest = await begin(pipeline)
    assert (await post(ingest, with_a_photo(), provider="ups")).status_code == 202
    scan = await the_scan(pipeline)
    assert (scan.stage, scan.proofs) == ("delivered", ())
    (raw,) = await pipeline.messages(WEBHOOKS, len)
    assert json.loads(raw.value)["deliveryPhoto"] == "proof:none"


async def test_a_store_that_cannot_be_written_to_makes_the_sender_repeat_and_loses_nothing(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    store = tmp_path / "proofs"
    store.mkdir()
    ingest = await begin(pipeline, TRACKFOLD_INGEST__PROOFS__URL=store.as_uri())
    store.rmdir()
    store.write_text("no folder any more")
    answer = await post(ingest, with_a_photo(), provider="ups")
    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
    store.unlink()
    store.mkdir()
    assert (await post(ingest, with_a_photo(), provider="ups")).status_code == 202
    assert len((await the_scan(pipeline)).proofs) == 1
