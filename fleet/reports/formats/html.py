"""HTML: one file that needs nothing else, for the screen (light and dark) and for paper.

Every text is escaped by the template; drawings are our own SVG, escaped where they are made. A policy in the page
forbids scripts and requests whatever else may happen to it.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template

from fleet.reports.format import Edition, Format, always
from fleet.reports.layout import lay_out


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    return environment.from_string((files(__package__) / "report.html").read_text("utf-8"))


def write(edition: Edition) -> bytes:
    """The page."""
    return _template().render(page=lay_out(edition)).encode("utf-8", "replace")


FORMAT = Format("html", always("text/html; charset=utf-8"), always("html"), write)
