"""A clock that stands unless somebody sleeps: what waits for a time is tested without waiting."""


class SleptClock:
    """Moves on by what was slept, and by what a sleeper oversleeps each time, or misses once."""

    def __init__(self, late_s: float = 0.0) -> None:
        self.at = 1_000.0
        self.late_s = late_s
        self.slept: list[float] = []

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds + self.late_s
        self.late_s = max(0.0, self.late_s)
