"""Facts into texts: one folder of templates per channel, with one subject line and one set of files per milestone.

Templates are the project's own, run in a sandbox, and fail on anything undefined; what comes from shops, carriers and
customers is data and is escaped in HTML. Called by the sender and by `trackfold notify preview`.
"""

from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from schemas.base import clean_text
from services.notify.facts import Facts

TEMPLATES: Final = Path(__file__).parent / "templates"
_LONGEST_SUBJECT: Final = 150


@dataclass(frozen=True, slots=True)
class Rendered:
    """The texts of one message; SMS has neither subject nor HTML."""

    text: str
    subject: str | None = None
    html: str | None = None


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=lambda name: name is not None and name.endswith(".html.j2"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )


def has_templates(channel: str, milestone: str) -> bool:
    """Tell whether a milestone has texts for a channel."""
    return (TEMPLATES / channel / f"{milestone}.txt.j2").is_file()


def render(channel: str, milestone: str, given: Facts) -> Rendered:
    """Return the texts of one message."""
    subject = _part(channel, "subject.j2", given)
    return Rendered(
        text=_part(channel, f"{milestone}.txt.j2", given) or "",
        subject=None if subject is None else clean_text(subject)[:_LONGEST_SUBJECT],
        html=_part(channel, f"{milestone}.html.j2", given),
    )


def _part(channel: str, name: str, given: Facts) -> str | None:
    if not (TEMPLATES / channel / name).is_file():
        return None
    values = {key: value for key, value in asdict(given).items() if key != "items"} | {"items": given.items}
    return _environment().get_template(f"{channel}/{name}").render(values).strip() + "\n"
