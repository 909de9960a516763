"""Grafana boards as code: every module beside this one is a board, in Chinese and in English.

A board is a module ``dashboards/<topic>.py`` with ``BOARD``; :mod:`dashboards.parts` is what boards are made of. Panels
read the views of the schema ``boards`` and nothing else, so that a role that may read only these is enough.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from dashboards.parts.board import Board, Scene, made
from dashboards.parts.words import LANGUAGES, Language

DATASOURCE = "sanihub"  #: uid of the data source where nobody says another

__all__ = ["DATASOURCE", "LANGUAGES", "Language", "boards", "found"]


def found() -> list[Board]:
    """Every board there is, in the order in which a list should show them."""
    names = [item.name for item in pkgutil.iter_modules(__path__) if not item.ispkg]
    return sorted((importlib.import_module(f"dashboards.{name}").BOARD for name in names), key=lambda one: one.place)


def boards(lang: Language, board_address: str = "", datasource_uid: str = DATASOURCE) -> list[dict[str, Any]]:
    """Every board in a language: ``uid``, ``title``, ``folder`` (a title) and ``dashboard``, Grafana's JSON of it.

    ``board_address`` is the live board's origin (``https://hub.example``), to which panels link; empty: nothing links
    there. ``datasource_uid`` is that of a PostgreSQL data source. The same arguments give the same JSON.
    """
    scene = Scene(lang, board_address.rstrip("/"), datasource_uid)
    return [made(board, scene) for board in found()]
