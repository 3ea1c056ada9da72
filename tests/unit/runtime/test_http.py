"""Problems, the door and the admin port."""

import httpx2
from starlette.types import ASGIApp

from services.runtime.health import Health
from services.runtime.http import Admin, Door, problem


async def ask(app: ASGIApp, path: str, method: str = "GET") -> httpx2.Response:
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.request(method, path)


async def test_a_problem_is_a_problem_document() -> None:
    answer = await ask(problem(413, "Too large", "limit 256 KiB", limit=262144), "/")
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Too large",
        "status": 413,
        "detail": "limit 256 KiB",
        "limit": 262144,
    }


async def test_a_closed_door_says_when_to_come_back_and_an_open_one_lets_in() -> None:
    door = Door()
    early = await ask(door, "/webhooks/easypost", "POST")
    assert (early.status_code, early.headers["retry-after"]) == (503, "5")
    door.open(problem(418, "Teapot"))
    assert (await ask(door, "/")).status_code == 418


async def test_readyz_says_what_is_waited_for() -> None:
    health = Health()
    admin = Admin(health)
    assert (await ask(admin, "/readyz")).status_code == 503
    health.start_done()
    assert (await ask(admin, "/readyz")).json() == {"status": "ready", "started": True, "waiting": []}
    health.waiting("kafka", "no broker answers")
    answer = await ask(admin, "/readyz")
    assert answer.status_code == 503
    assert answer.json()["waiting"] == [{"for": "kafka", "why": "no broker answers", "seconds": 0.0}]
    health.works("kafka")
    assert (await ask(admin, "/readyz")).status_code == 200
    health.drain()
    assert (await ask(admin, "/readyz")).json()["status"] == "draining"


async def test_livez_does_not_ask_for_anything_else() -> None:
    assert (await ask(Admin(Health()), "/livez")).status_code == 200


async def test_the_admin_port_has_nothing_else() -> None:
    admin = Admin(Health())
    assert (await ask(admin, "/docs")).status_code == 404
    assert (await ask(admin, "/metrics", "POST")).status_code == 405
    assert "trackfold_ready" in (await ask(admin, "/metrics")).text
