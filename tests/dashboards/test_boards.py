"""What every board has to be, whatever it shows: found by itself, whole in both languages, nothing that overlaps."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from dashboards import LANGUAGES, boards, found
from dashboards.parts.expansion import MACROS
from dashboards.parts.questions import asked_by_annotations, asked_by_panels, asked_by_variables

ADDRESS = "https://hub.example"
MADE = {board["uid"]: board for lang in LANGUAGES for board in boards(lang, ADDRESS)}
CHINESE = re.compile(r"[\u3400-\u9fff\uff00-\uffef\u3000-\u303f]")
LATIN = re.compile(r"[A-Za-z]{2,}")
NAMES = {"P95", "ppm", "mg", "pm"}  # that are written so in Chinese too
BUILT_IN = {
    "__url_time_range", "__interval", "__interval_ms", "__data", "__value", "__field", "__from", "__to", *MACROS,
}  # fmt: skip
PLACES = ("", *(f"#panel={name}" for name in ("alerts", "orders", "evaluation", "hub")))


@pytest.fixture(params=MADE)
def board(request: pytest.FixtureRequest) -> Mapping[str, Any]:
    """Each board in each language."""
    return MADE[request.param]


def _panels(board: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(board["dashboard"]["panels"])


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """All texts that people read, with the field that they stand in."""
    if isinstance(value, dict):
        if value.get("id") == "displayName":
            yield "displayName", value["value"]
        for name, one in value.items():
            yield from _texts(one, name)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one, key)
    elif isinstance(value, str) and key in ("title", "description", "label", "noValue", "text", "name", "tooltip"):
        yield key, value


def _addresses(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("url"), str):
            yield value["url"]
        for one in value.values():
            yield from _addresses(one)
    elif isinstance(value, list):
        for one in value:
            yield from _addresses(one)


def test_the_boards_are_those_that_were_asked_for_and_in_order() -> None:
    assert [board.topic for board in found()] == ["city", "bins", "vehicles", "toilets", "workers", "alerts", "health"]
    assert len(MADE) == 14
    assert [board["uid"] for board in boards("en")] == [f"sanihub-{board.topic}-en" for board in found()]


def test_a_board_is_known_by_its_uid(board: Mapping[str, Any]) -> None:
    assert re.fullmatch(r"sanihub-[a-z]+-(zh|en)", board["uid"])
    assert board["dashboard"]["uid"] == board["uid"] and len(board["uid"]) <= 40
    assert board["dashboard"]["title"] == board["title"]
    assert board["folder"] == ("环卫" if board["uid"].endswith("zh") else "City sanitation")
    assert "id" not in board["dashboard"]  # Grafana's own number, which differs from place to place


def test_panels_lie_beside_each_other(board: Mapping[str, Any]) -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in _panels(board):
        place = panel["gridPos"]
        assert place["x"] >= 0 and place["x"] + place["w"] <= 24, panel["title"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, f"{panel['title']} lies over {taken.get((x, y))}"
                taken[x, y] = panel["title"]
    below = max(y for _, y in taken) + 1
    gaps = [(x, y) for y in range(below) for x in range(24) if (x, y) not in taken]
    assert gaps == [], f"{len(gaps)} empty places, the first at {gaps[0]}"


def test_panels_are_numbered_and_titled(board: Mapping[str, Any]) -> None:
    panels = _panels(board)
    assert [panel["id"] for panel in panels] == list(range(1, len(panels) + 1))
    titles = [panel["title"] for panel in panels]
    assert all(titles) and len(set(titles)) == len(titles)
    for panel in panels:
        if panel["type"] != "row":
            assert panel["fieldConfig"]["defaults"]["noValue"], panel["title"]
            assert panel["targets"], panel["title"]


def test_titles_fit_into_their_panels(board: Mapping[str, Any]) -> None:
    """A column of the grid is about 60 pixels of a page of 1,500; a letter 8, a Chinese character 15."""
    for panel in _panels(board):
        wide = sum(15 if CHINESE.match(letter) else 8 for letter in panel["title"])
        assert wide <= 60 * panel["gridPos"]["w"] - 30, panel["title"]


def test_a_row_of_figures_comes_first_then_the_map(board: Mapping[str, Any]) -> None:
    kinds = [panel["type"] for panel in _panels(board)]
    figures = kinds.index("row")
    assert set(kinds[:figures]) == {"stat"} and figures >= 6
    assert "geomap" in kinds or board["uid"].split("-")[1] in ("workers", "health")


def test_every_variable_that_is_used_is_there_and_every_one_there_is_used(board: Mapping[str, Any]) -> None:
    dashboard = board["dashboard"]
    there = {one["name"] for one in dashboard["templating"]["list"]}
    text = json.dumps({**dashboard, "templating": {}})
    chained = json.dumps([one["query"] for one in dashboard["templating"]["list"]])
    used = set(re.findall(r"\$\{?(\w+)", text)) - BUILT_IN
    assert used <= there, used - there
    assert there <= used | set(re.findall(r"\$\{?(\w+)", chained))


def test_every_variable_offers_all_and_several(board: Mapping[str, Any]) -> None:
    for one in board["dashboard"]["templating"]["list"]:
        if one["type"] == "query":
            assert one["multi"] and one["includeAll"] and one["allValue"] == "'*'" and one["label"]
        else:
            assert one["name"] == "board" and one["query"] == ADDRESS and one["hide"] == 2


def test_every_question_goes_to_the_one_source(board: Mapping[str, Any]) -> None:
    other = boards(board["uid"][-2:], ADDRESS, "another")
    made = next(one for one in other if one["uid"] == board["uid"])
    found = re.findall(
        r'"uid": "([^"]+)", "type": "grafana-[^"]+"|"type": "grafana-[^"]+", "uid": "([^"]+)"', json.dumps(made)
    )
    assert {one or two for one, two in found} == {"another"}
    assert json.dumps(made).replace('"another"', '"sanihub"') == json.dumps(board)


def test_questions_read_the_views_of_boards_and_change_nothing(board: Mapping[str, Any]) -> None:
    dashboard = board["dashboard"]
    questions = [
        *asked_by_panels(dashboard),
        *asked_by_annotations(dashboard),
        *dict(asked_by_variables(dashboard)).values(),
    ]
    for question in questions:
        assert question.sql.startswith("SELECT ") and ";" not in question.sql
        for relation in re.findall(r"(?<!epoch )\b(?:FROM|JOIN)\s+(?!\()([a-z_.]+)", question.sql):
            assert relation.startswith("boards."), f"{question.where}: {relation}"


def test_every_table_and_list_has_an_end(board: Mapping[str, Any]) -> None:
    for question in asked_by_panels(board["dashboard"]):
        if question.panel["type"] in ("table", "bargauge"):
            assert re.search(r"LIMIT \d+", question.sql) or "AS newest ORDER BY" in question.sql, question.where


def test_a_board_speaks_one_language(board: Mapping[str, Any]) -> None:
    chinese = board["uid"].endswith("zh")
    for field, text in _texts(board["dashboard"]):
        if field == "name" and LATIN.fullmatch(text):  # of a variable
            continue
        if chinese:
            words = set(LATIN.findall(text)) - NAMES
            assert not words, f"{field}: {text}"
        else:
            assert not CHINESE.search(text), f"{field}: {text}"


def test_both_languages_ask_the_same() -> None:
    for topic in (board.topic for board in found()):
        told = []
        for lang in LANGUAGES:
            asked = [question.sql for question in asked_by_panels(MADE[f"sanihub-{topic}-{lang}"]["dashboard"])]
            told.append([sql.replace("grade_zh AS grade", "grade AS grade") for sql in asked])
        assert told[0] == told[1]


def test_links_lead_to_boards_that_there_are_and_to_places_of_the_live_board(board: Mapping[str, Any]) -> None:
    seen = 0
    for address in _addresses(board["dashboard"]):
        seen += 1
        if address.startswith("/d/"):
            uid = address.removeprefix("/d/").partition("?")[0]
            assert uid in MADE and uid[-2:] == board["uid"][-2:], address
        else:
            assert address.startswith("${board:raw}/"), address
            place = address.removeprefix("${board:raw}/")
            assert place in PLACES or place == "#device=${__data.fields.device:percentencode}", address
    assert seen > 3


def test_without_an_address_nothing_leads_to_the_live_board() -> None:
    for lang in LANGUAGES:
        for board in boards(lang):
            assert "${board" not in json.dumps(board), board["uid"]


def test_an_address_is_taken_without_its_slash() -> None:
    assert boards("en", f"{ADDRESS}/") == boards("en", ADDRESS)


def test_the_sdk_reads_what_it_wrote(board: Mapping[str, Any]) -> None:
    from grafana_foundation_sdk.cog.encoder import JSONEncoder  # after ours, which takes the SDK's warning
    from grafana_foundation_sdk.cog.plugins import register_default_plugins
    from grafana_foundation_sdk.models.dashboard import Dashboard

    register_default_plugins()
    again = json.loads(json.dumps(Dashboard.from_json(board["dashboard"]), cls=JSONEncoder))
    _holds(again, board["dashboard"])


def _holds(again: Any, first: Any) -> None:
    """All of ``first`` is there again; the SDK adds its own (see ``dashboards.parts.board``)."""
    if isinstance(first, dict):
        for name, one in first.items():
            _holds(again.get(name), one)
    elif isinstance(first, list):
        for one, other in zip(again, first, strict=True):
            _holds(one, other)
    else:
        assert again == first
