"""What a local run or a simulation says while it works: a live line on a terminal, plain lines anywhere else."""

import contextlib
from collections.abc import Iterator
from types import TracebackType
from typing import IO, Final, Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner

from services.runtime import clock

PLAIN_EVERY_S: Final = 15.0


class Talk:
    """Prints; a context manager, because a live line must be cleared at the end."""

    def __init__(self, file: IO[str], *, plain_every_s: float = PLAIN_EVERY_S) -> None:
        self._console = Console(file=file, highlight=False, soft_wrap=True, markup=False, emoji=False)
        self.live = self._console.is_terminal and not self._console.is_dumb_terminal
        self._spinner = Spinner("dots", text="")
        self._live = Live(self._spinner, console=self._console, transient=True, refresh_per_second=6)
        self._steps: list[str] = []
        self._plain_every_s = plain_every_s
        self._last = ("", -plain_every_s)

    def __enter__(self) -> Self:
        if self.live:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        if self.live:
            self._live.stop()

    def say(self, text: str = "", *, style: str | None = None) -> None:
        """Print something that stays."""
        with contextlib.suppress(BrokenPipeError):
            self._console.print(text, style=style)
            self._console.file.flush()

    def status(self, text: str) -> None:
        """Show what is happening now: the live line, or now and then a plain one when it has changed."""
        if self.live:
            self._spinner.update(text=text)
            return
        shown, at = self._last
        if text != shown and clock.monotonic() - at >= self._plain_every_s:
            self._last = (text, clock.monotonic())
            self.say(text)

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show a step while it lasts, and how long it took; several may overlap."""
        began = clock.monotonic()
        self._steps.append(name)
        self._show_steps()
        try:
            yield
        finally:
            self._steps.remove(name)
            self._show_steps()
        self.say(f"  {clock.monotonic() - began:5.1f} s  {name}")

    def _show_steps(self) -> None:
        if self.live:
            self._spinner.update(text=", ".join(self._steps))
