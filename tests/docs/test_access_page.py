"""The page docs/access.md says what the hub does."""

from __future__ import annotations

import json
import re
from inspect import signature
from pathlib import Path

from api import passwords
from api.gatekeeper import FRESH_S, STALE_S
from api.models.sessions import SignedInBody
from api.signing_in import SignIn
from api.throttle import Throttle
from devices.access import Role
from devices.people import IDLE_US, LEAST_PASSWORD, LONGEST_US, MOST_PASSWORD
from hub.areas import FRESH_S as AREAS_FRESH_S
from hub.settings.api import ApiSection
from store.access.sessions import MOST_OF_ONE

PAGE = (Path(__file__).parents[2] / "docs" / "access.md").read_text("utf-8")
PLAIN = " ".join(PAGE.split())


def test_every_role_is_there() -> None:
    table = PAGE.partition("| role |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.M) == [role.value for role in Role]


def test_what_the_page_says_in_figures() -> None:
    keys = {name: part.default for name, part in signature(Throttle).parameters.items()}
    door = SignIn(None, None, None)  # type: ignore[arg-type]
    by_address, by_name = vars(door._by_address), vars(door._by_name)
    hasher = passwords._HASHER
    assert (hasher.time_cost, hasher.memory_cost, hasher.parallelism) == (3, 64 * 1024, 4)
    assert (passwords.AT_ONCE, passwords.WAITING, STALE_S) == (2, 20, 600)
    for figure in (
        f"| keys and tokens | address | {keys['burst']} at once, then one each {keys['recovery_s']:g} s",
        f"| address | {by_address['_burst']} at once, then one each {by_address['_recovery_s']:g} s",
        f"| name | {by_name['_burst']} at once, then one each {by_name['_recovery_s']:g} s",
        f"has {LEAST_PASSWORD} to {MOST_PASSWORD} characters",
        f"over {IDLE_US // 60_000_000} minutes after its last use,",
        f"{LONGEST_US // 3_600_000_000} hours after the sign-in,",
        f"Every hub sees that within {FRESH_S:g} s",
        f"at most {MOST_OF_ONE} sessions",
        f"at most every {AREAS_FRESH_S:g} s",
    ):
        assert figure in PLAIN, figure


def test_the_answer_has_the_fields_of_the_page() -> None:
    told = json.loads(re.findall(r"^```json\n(.*?)^```", PAGE, re.M | re.S)[0])
    assert set(told) == set(SignedInBody.model_fields)


def test_the_settings_are_there() -> None:
    for name in set(ApiSection.model_fields) - {"host", "port", "board"}:
        if name.startswith("live_"):
            continue  # of the live stream's own page
        assert f"`api.{name}`" in PAGE, name
