"""What a process is waiting for: the answer of `/readyz`.

Whoever waits says so and says when it works again. It decides nothing else; liveness belongs to the watchdog.
"""

from dataclasses import dataclass

from services.runtime import clock, metrics


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing the process waits for."""

    what: str
    why: str
    since: float


class Health:
    """Ready when the start is done, nothing is waited for and the process is not draining."""

    def __init__(self) -> None:
        self._waiting: dict[str, Waiting] = {}
        self._beside: set[str] = set()
        self._started = False
        self._draining = False

    @property
    def ready(self) -> bool:
        """Whether work can be sent here."""
        return self._started and not self._draining and self._waiting.keys() <= self._beside

    @property
    def draining(self) -> bool:
        """Whether the process has been told to stop."""
        return self._draining

    def waiting(self, what: str, why: str) -> None:
        """Say what is waited for and why, in words without data; keeps the first time."""
        known = self._waiting.get(what)
        self._waiting[what] = Waiting(what, why, known.since if known else clock.monotonic())
        metrics.WAITING.labels(what).set(1)
        self._show()

    def beside(self, *what: str) -> None:
        """Say what the process can do its work without: waiting for it is told, and sends nobody away."""
        self._beside.update(what)
        self._show()

    def works(self, what: str) -> None:
        """Say that it is there again."""
        if self._waiting.pop(what, None) is not None:
            metrics.WAITING.labels(what).set(0)
        self._show()

    def is_waiting(self, what: str) -> bool:
        """Whether this is being waited for."""
        return what in self._waiting

    def start_done(self) -> None:
        """Say that everything the service needs has been reached once."""
        self._started = True
        self._show()

    def drain(self) -> None:
        """Say that the process stops: no more work."""
        self._draining = True
        self._show()

    def report(self) -> dict[str, object]:
        """Return the body of `/readyz`."""
        now = clock.monotonic()
        state = "ready" if self.ready else "draining" if self._draining else "not ready"
        waits = [
            {"for": one.what, "why": one.why, "seconds": round(now - one.since, 1)} for one in self._waiting.values()
        ]
        return {"status": state, "started": self._started, "waiting": waits}

    def _show(self) -> None:
        metrics.READY.set(1 if self.ready else 0)
