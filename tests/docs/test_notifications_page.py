"""The page docs/notifications.md says what the code does, and its example verifies what the hub signs."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import msgspec

from alerts.notices.document import document
from alerts.notices.gathering import MOST_AT_ONCE
from alerts.notices.notice import ACTIONS, Content, Message, Notice
from alerts.notices.wording import LINES
from devices import instants
from hub.notify.channels.webhook import _OF_THE_MESSAGE, LONGEST_WAIT_S
from hub.notify.http_post import MOST_BYTES
from hub.notify.sender import LEASE_S, Pace
from hub.notify.settings import NotifySection
from hub.settings.settings import load
from tests.notifying import SECRET, message, webhook
from tests.receiver import receiver

PAGE = (Path(__file__).parents[2] / "docs" / "notifications.md").read_text("utf-8")


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", PAGE, re.M | re.S)
    assert found is not None
    return found[1]


async def test_the_receivers_example_verifies_what_the_hub_signs() -> None:
    names: dict[str, Callable[..., bool]] = {}
    exec(block("python"), names)
    verify = names["verify"]
    async with receiver() as there:
        await (await webhook(there.url)).send(message())
        (request,) = there.requests
    headers, body = request.headers, request.body
    assert verify(SECRET, headers, body)
    assert not verify(SECRET, headers, body + b" ")
    assert not verify(SECRET, headers | {"webhook-id": "another"}, body)
    assert not verify(SECRET, headers | {"webhook-timestamp": "1"}, body)
    assert not verify("whsec_" + "A" * 40, headers, body)


def test_the_settings_of_the_page_are_accepted() -> None:
    assert load(notify=tomllib.loads(block("toml"))["notify"]).notify.routes[1].channels == ("dispatch",)


def test_the_message_of_the_page_is_what_is_sent() -> None:
    shown = json.loads(block("json"))
    (entry,) = shown["notifications"]
    alert = entry["alert"]
    content = msgspec.convert(alert | {"raised_at": instants.parse(alert["raised_at"]), "cleared_at": None}, Content)
    entered = instants.parse(entry["entered_at"])
    one = Notice(entry["sequence"], entry["key"], entry["action"], entered, content, alert["id"])
    assert json.loads(document(Message(shown["id"], shown["channel"], (one,)))) == shown


def test_numbers_of_the_page() -> None:
    statuses = re.search(r"Of other statuses, ([\d, and]+) are", PAGE)
    assert statuses is not None
    assert {int(one) for one in re.findall(r"\d+", statuses[1])} == _OF_THE_MESSAGE
    assert f"The first {MOST_BYTES // 1024} KiB" in PAGE
    assert f"`timeout_s` + {LEASE_S:g} s" in PAGE
    assert f"(up to {MOST_AT_ONCE})" in PAGE
    assert (LINES, LONGEST_WAIT_S) == (10, 3_600)
    assert Pace().channel.most == 60
    assert f"`give_up_after_h` ({NotifySection().give_up_after_h:g} hours)" in PAGE
    assert all(f"`{action}`" in PAGE for action in ACTIONS)
