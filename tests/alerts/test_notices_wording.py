"""What notices say: in both languages, in JSON, and with whatever devices are called."""

import json
import unicodedata
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.notices import wording
from alerts.notices.document import document
from alerts.notices.notice import Content, Message, Notice, Subject, read_content

ZONE = ZoneInfo("Asia/Shanghai")
AT = 1_764_000_000_000_000  # 2025-11-25T00:00:00+08:00
FULL = Content(
    rule="bin_full", severity="critical", device=Subject("bin-0042", "北门", "bin", "east"),
    title="Bin full", title_zh="垃圾桶已满", raised_at=AT, value=97.0, unit="%",
    detail={"limit_pct": 95.0},
)  # fmt: skip


def notice(action: str = "raised", sequence: int = 1, **changes: object) -> Notice:
    return Notice(sequence, f"alert:{sequence}", action, AT + 60_000_000, msgspec.structs.replace(FULL, **changes))


def message(*notices: Notice) -> Message:
    return Message("9f1c2ab3-0000-4000-8000-000000000000", "dispatch", notices)


@pytest.mark.parametrize(
    ("given_notice", "en", "zh"),
    [
        (notice(), "CRITICAL: Bin full: 北门 (bin-0042), 97 %", "严重：垃圾桶已满：北门（bin-0042），97 %"),
        (
            notice("cleared", cleared_at=AT + 7_500_000_000, value=None),
            "Cleared: Bin full: 北门 (bin-0042), after 2 h 5 min",
            "已恢复：垃圾桶已满：北门（bin-0042），持续2小时5分钟",
        ),
        (
            notice("escalated", step=2),
            "Escalated, CRITICAL: Bin full: 北门 (bin-0042), 97 %, level 2",
            "已升级，严重：垃圾桶已满：北门（bin-0042），97 %，第2级",
        ),
        (
            notice("storm", device=Subject("gw-1"), title="Gateway silent", value=None, member_count=200),
            "CRITICAL: Gateway silent: gw-1, 200 devices",
            "严重：垃圾桶已满：gw-1，共200台设备",
        ),
        (
            notice("revised", late=True, severity="info", scope="west gate"),
            "Corrected: Bin full: 北门 (bin-0042) west gate, 97 % (from late data)",
            "已更正：垃圾桶已满：北门（bin-0042） west gate，97 %（迟到数据）",
        ),
        (
            notice("revised", retracted=True, title_zh=""),
            "Withdrawn: Bin full: 北门 (bin-0042), 97 %",
            "已撤回：Bin full：北门（bin-0042），97 %",
        ),
    ],
)
def test_a_line(given_notice: Notice, en: str, zh: str) -> None:
    assert wording.line(given_notice, "en") == en
    assert wording.line(given_notice, "zh") == zh


def test_all_of_it() -> None:
    assert wording.body(message(notice()), "en", ZONE).splitlines() == [
        "Rule: bin_full",
        "Device: 北门 (bin-0042)",
        "Kind: bin",
        "Area: east",
        "Since: 2025-11-25 00:00:00 +0800",
        "Noticed: 2025-11-25 00:01:00 +0800",
        "Value: 97 %",
        "limit_pct: 95",
        "Reference: 9f1c2ab3",
    ]


def test_several_are_counted_and_the_gravest_are_shown() -> None:
    mild = [notice(sequence=number, severity="info", device=Subject(f"bin-{number}", "北门")) for number in range(46)]
    grave = notice(sequence=46, device=Subject("bin-46", "北门"))
    several = message(*mild, grave)
    assert wording.headline(several, "en") == "47 notifications: 1 CRITICAL, 46 Info"
    assert wording.headline(several, "zh") == "47条通知：1 严重，46 提示"
    lines = wording.body(several, "en", ZONE).splitlines()
    assert lines[9] == "CRITICAL: Bin full: 北门 (bin-46), 97 %"
    assert lines[10] == "and 37 more"
    assert len(lines) == wording.LINES + 2
    assert "另有37条" in wording.body(several, "zh", ZONE)
    assert several.severity == "critical"


def test_as_json_all_of_them_stand_in_full() -> None:
    told = json.loads(document(message(notice(), notice("cleared", 2, cleared_at=AT + 1_500_000))))
    assert (told["version"], told["id"], told["channel"]) == (1, message().id, "dispatch")
    assert [one["action"] for one in told["notifications"]] == ["raised", "cleared"]
    alert = told["notifications"][1]["alert"]
    assert alert["raised_at"] == "2025-11-24T16:00:00Z"
    assert alert["cleared_at"] == "2025-11-24T16:00:01.500Z"
    assert (alert["rule"], alert["severity"], alert["value"]) == ("bin_full", "critical", 97.0)


def test_content_that_does_not_fit_goes_out_as_critical() -> None:
    content = read_content({"rule": "bin_full", "severity": "grave", "device": {"id": "bin-1"}}, AT)
    assert (content.rule, content.device.id, content.severity, content.raised_at) == (
        "bin_full",
        "bin-1",
        "critical",
        AT,
    )
    assert "severity" in content.detail["unreadable"]
    assert read_content({}, AT).device.id == "?"
    assert read_content({"device": [1]}, AT).device.id == "?"


text = st.text(max_size=400)
contents = st.builds(
    Content,
    rule=text, severity=st.sampled_from(["info", "warning", "critical"]),
    device=st.builds(Subject, text, text, text, st.none() | text),
    raised_at=st.integers(-(2**62), 2**62),
    title=text, title_zh=text, scope=text, unit=st.none() | text, value=st.none() | st.floats(),
    cleared_at=st.none() | st.integers(-(2**62), 2**62), detail=st.dictionaries(text, text | st.floats(), max_size=20),
    members=st.lists(text, max_size=30),
)  # fmt: skip


@given(contents, st.sampled_from(["raised", "cleared", "escalated", "storm", "?"]), st.sampled_from(["en", "zh"]))
def test_whatever_devices_say_it_stays_readable(content: Content, action: str, language: wording.Language) -> None:
    told = message(Notice(1, "k", action, AT, content))
    line, body = wording.headline(told, language), wording.body(told, language, ZONE)
    assert len(line) < 900
    assert len(body) < 12_000
    assert not any(unicodedata.category(char).startswith("C") for char in line + body.replace("\n", ""))
    assert json.loads(document(told))["notifications"][0]["alert"].get("rule") == content.rule
