"""What a process waits for: it makes it unready, unless the process can do its work without."""

from services.runtime.health import Health


def is_ready(health: Health) -> bool:
    return health.ready


def test_waiting_makes_a_process_unready_until_it_works_again() -> None:
    health = Health()
    health.start_done()
    assert is_ready(health)
    health.waiting("kafka", "no broker answers")
    assert not is_ready(health)
    health.works("kafka")
    assert is_ready(health)


def test_waiting_for_something_beside_the_work_is_told_and_sends_nobody_away() -> None:
    health = Health()
    health.start_done()
    health.beside("postgres")
    health.waiting("postgres", "gone")
    assert is_ready(health)
    assert health.report()["waiting"] != []
    health.waiting("kafka", "no broker answers")
    assert not is_ready(health)
