"""For whom a board is made: the language, the live board that it links to, the data source that it asks."""

from __future__ import annotations

from typing import NamedTuple

from dashboards.parts.words import Language, Words

BOARD_VARIABLE = "board"  #: holds the live board's address, so that an operator may change it in Grafana


class Link(NamedTuple):
    """Where a click leads: what the link is called, and the address with Grafana's placeholders."""

    title: Words
    url: str
    aside: bool = False  #: in a tab of its own


class Scene(NamedTuple):
    """``board_address`` is the live board's origin, or empty."""

    language: Language
    board_address: str
    datasource_uid: str

    def said(self, words: Words) -> str:
        """The words in the language of the board."""
        return words.said(self.language)

    def links(self, *links: Link | None) -> list[dict[str, object]]:
        """Data links as Grafana reads them; those into the live board only where its address is known."""
        live = f"${{{BOARD_VARIABLE}:raw}}"
        kept = [one for one in links if one is not None and (self.board_address or not one.url.startswith(live))]
        # Boards of one language link to boards of the same.
        return [
            {
                "title": self.said(one.title),
                "url": one.url.replace("{lang}", self.language),
                "targetBlank": one.aside,
            }
            for one in kept
        ]


def live(place: str, zh: str, en: str) -> Link:
    """A place of the live board, such as ``#panel=alerts``."""
    return Link(Words(zh, en), f"${{{BOARD_VARIABLE}:raw}}/{place}", aside=True)


def live_device(field: str = "device") -> Link:
    """The drawer of the device that a row names, in the live board."""
    return live(f"#device=${{__data.fields.{field}:percentencode}}", "在实时看板中打开", "Open in the live board")


def board_link(topic: str, zh: str, en: str, *, area: bool = True, query: str = "") -> Link:
    """Another board of the same language, with the span that is shown and, where there are any, the chosen areas."""
    chosen = "&${area:queryparam}" if area else ""
    return Link(Words(zh, en), f"/d/sanihub-{topic}-{{lang}}?${{__url_time_range}}{chosen}{query}")
