"""Views into HTML: everything is escaped, and a name that the view does not have is an error, never an empty place."""

from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from schemas.words import ORDER_CONDITION_WORDS
from services.status import explain_text, reasons
from services.status.explain_answers import Story
from services.status.web.assets import asset_path
from services.status.web.view import TrackingView

REFRESH_S: Final = 30


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals["asset"] = asset_path
    return environment


def tracking_page(view: TrackingView, *, follow: bool) -> str:
    """Return the page of an order; with `follow` it asks again while more is to come."""
    return _render("tracking", view=view, follow=follow and view.live, refresh_s=REFRESH_S)


def explain_page(story: Story) -> str:
    """Return the page that explains an order to agents."""
    badges = [ORDER_CONDITION_WORDS[name].status for name in story.conditions]
    rules = explain_text.rules_of(story)
    return _render("explain", story=story, say=explain_text, acts=reasons.ACTS, badges=badges, rules=rules)


def message_page(title: str, *sentences: str, refresh_s: int | None = None) -> str:
    """Return a page that says what is wrong and what to do next."""
    return _render("message", title=title, sentences=sentences, refresh_s=refresh_s)


def api_page(description: object) -> str:
    """Return the page of the API."""
    return _render("api", api=description)


def _render(name: str, **values: object) -> str:
    return _templates().get_template(f"{name}.html.j2").render(values)
