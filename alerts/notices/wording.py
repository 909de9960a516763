"""What a notice says to people, in English and Chinese: a line of it, or all of it.

Names and details come from devices and files: line breaks and characters that cannot be seen are taken out, and
everything is bounded.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator
from datetime import tzinfo
from typing import Any, Literal

from alerts.notices.notice import SEVERITIES, Message, Notice
from devices import instants

Language = Literal["en", "zh"]

LINES = 10  #: of a message with several notices; the rest is counted
_LONGEST = {"text": 120, "detail": 10}
_WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "info": "Info", "warning": "Warning", "critical": "CRITICAL",
        "raised_again": "Still there", "escalated": "Escalated", "cleared": "Cleared",
        "revised": "Corrected", "retracted": "Withdrawn", "test": "Test",
        "colon": ": ", "open": " (", "close": ")", "comma": ", ", "space": " ",
        "after": "after {}", "level": "level {}", "late": "from late data", "inside": "{} devices",
        "more": "and {} more", "several": "{} notifications", "h": "{} h", "min": "{} min", "s": "{} s",
        "rule": "Rule", "device": "Device", "kind": "Kind", "area": "Area", "scope": "Part",
        "raised_at": "Since", "cleared_at": "Until", "told_at": "Noticed", "value": "Value", "members": "Devices",
        "reference": "Reference",
    },
    "zh": {
        "info": "提示", "warning": "警告", "critical": "严重",
        "raised_again": "仍未恢复", "escalated": "已升级", "cleared": "已恢复",
        "revised": "已更正", "retracted": "已撤回", "test": "测试",
        "colon": "：", "open": "（", "close": "）", "comma": "，", "space": "",
        "after": "持续{}", "level": "第{}级", "late": "迟到数据", "inside": "共{}台设备",
        "more": "另有{}条", "several": "{}条通知", "h": "{}小时", "min": "{}分钟", "s": "{}秒",
        "rule": "规则", "device": "设备", "kind": "类型", "area": "区域", "scope": "部位",
        "raised_at": "开始", "cleared_at": "结束", "told_at": "发现", "value": "数值", "members": "设备",
        "reference": "编号",
    },
}  # fmt: skip


def line(notice: Notice, language: Language) -> str:
    """The notice in one line without control characters."""
    words, content = _WORDS[language], notice.content
    text = f"{_mark(notice, words)}{words['colon']}{_title(notice, language)}{words['colon']}{_device(notice, words)}"
    asides = []
    if content.value is not None:
        asides.append(_value(notice))
    if notice.action == "storm" or content.member_count:
        asides.append(words["inside"].format(content.member_count))
    if notice.action == "escalated" and content.step:
        asides.append(words["level"].format(content.step))
    if notice.action == "cleared" and content.cleared_at is not None and content.cleared_at > content.raised_at:
        asides.append(words["after"].format(_duration(content.cleared_at - content.raised_at, words)))
    text = words["comma"].join([text, *asides])
    return text + (f"{words['open']}{words['late']}{words['close']}" if content.late else "")


def paragraph(notice: Notice, language: Language, zone: tzinfo) -> str:
    """All that there is to say, a line for each field; times in the zone."""
    words, content = _WORDS[language], notice.content
    fields = {
        "rule": content.rule,
        "device": _device(notice, words),
        "kind": content.device.kind,
        "area": content.device.area or "",
        "scope": content.scope,
        "raised_at": _time(content.raised_at, zone),
        "cleared_at": _time(content.cleared_at, zone),
        "told_at": _time(notice.entered_at, zone),
        "value": "" if content.value is None else _value(notice),
        "members": words["comma"].join(_clean(member) for member in content.members[:20]),
    }
    lines = [f"{words[name]}{words['colon']}{_clean(text, 2_000)}" for name, text in fields.items() if text]
    lines += [f"{_clean(name)}{words['colon']}{_clean(value)}" for name, value in _details(content.detail)]
    return "\n".join(lines)


def headline(message: Message, language: Language) -> str:
    """One line for the whole message."""
    if len(message.notices) == 1:
        return line(message.notices[0], language)
    words = _WORDS[language]
    counted = Counter(notice.content.severity for notice in message.notices)
    parts = [f"{counted[one]} {words[one]}" for one in reversed(SEVERITIES) if counted[one]]
    return f"{words['several'].format(len(message.notices))}{words['colon']}{words['comma'].join(parts)}"


def body(message: Message, language: Language, zone: tzinfo) -> str:
    """What stands below the headline: everything of one notice; of several the gravest, a line for each."""
    words = _WORDS[language]
    last = f"{words['reference']}{words['colon']}{message.reference}"
    if len(message.notices) == 1:
        return f"{paragraph(message.notices[0], language, zone)}\n{last}"
    gravest = sorted(message.notices, key=lambda notice: -SEVERITIES.index(notice.content.severity))
    shown = sorted(gravest[:LINES], key=message.notices.index)
    lines = [line(notice, language) for notice in shown]
    if len(message.notices) > LINES:
        lines.append(words["more"].format(len(message.notices) - LINES))
    return "\n".join([*lines, last])


def _mark(notice: Notice, words: dict[str, str]) -> str:
    if notice.content.retracted:
        return words["retracted"]
    severity = words[notice.content.severity]
    if notice.action in {"escalated", "raised_again"}:
        return f"{words[notice.action]}{words['comma']}{severity}"
    return words.get(notice.action, severity)


def _title(notice: Notice, language: Language) -> str:
    content = notice.content
    title = content.title_zh if language == "zh" else content.title
    return _clean(title or content.title or content.title_zh or content.rule)


def _device(notice: Notice, words: dict[str, str]) -> str:
    content = notice.content
    name, device = _clean(content.device.name), _clean(content.device.id)
    both = f"{name}{words['open']}{device}{words['close']}" if name and name != device else device
    return both + (f" {_clean(content.scope)}" if content.scope else "")


def _value(notice: Notice) -> str:
    unit = _clean(notice.content.unit or "", 20)
    return f"{notice.content.value:.6g}{' ' if unit else ''}{unit}"


def _time(instant: int | None, zone: tzinfo) -> str:
    if instant is None:
        return ""
    try:
        return instants.to_datetime(instant).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %z")
    except OverflowError:  # beyond what a datetime can hold
        return str(instant)


def _duration(micros: int, words: dict[str, str]) -> str:
    seconds = round(micros / 1_000_000)
    hours, minutes = seconds // 3_600, seconds // 60 % 60
    if not hours and not minutes:
        return words["s"].format(seconds)
    parts = [(hours, "h"), (minutes, "min")]
    return words["space"].join(words[unit].format(number) for number, unit in parts if number)


def _details(detail: Any) -> Iterator[tuple[str, str]]:
    for name, value in list(detail.items())[: _LONGEST["detail"]]:
        yield str(name), f"{value:.6g}" if isinstance(value, float) else str(value)


def _clean(text: str, longest: int = _LONGEST["text"]) -> str:
    """Without line breaks and whatever cannot be seen or turns the direction of writing; cut where it is too long."""
    seen = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text[: 4 * longest])
    seen = " ".join(seen.split())
    return seen if len(seen) <= longest else seen[: longest - 1] + "…"
