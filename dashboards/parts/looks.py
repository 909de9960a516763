"""How values look: units, thresholds and colours by meaning. The numbers are those of the default rules of alerts."""

from __future__ import annotations

from typing import NamedTuple

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as models

from dashboards.parts.words import Language, Words

GOOD, NOTICE, WARN, BAD = "green", "yellow", "orange", "red"
CALM, QUIET, OTHER = "blue", "#8e8e8e", "purple"

Step = tuple[float | None, str]


class Case(NamedTuple):
    """A value that is shown by a word and a colour."""

    value: str
    words: Words
    colour: str


class Look(NamedTuple):
    """How a value is shown. ``steps`` ascend from None (everything below); ``cases`` stand before them."""

    unit: str = "none"
    steps: tuple[Step, ...] = ((None, CALM),)
    cases: tuple[Case, ...] = ()
    decimals: int | None = None
    low: float | None = None
    high: float | None = None

    def mappings(self, language: Language) -> list[models.ValueMapping]:
        """The cases as Grafana has them."""
        if not self.cases:
            return []
        results = {
            case.value: models.ValueMappingResult(text=case.words.said(language), color=case.colour, index=index)
            for index, case in enumerate(self.cases)
        }
        return [models.ValueMap(options=results)]

    def thresholds(self) -> build.ThresholdsConfig:
        """The steps as Grafana has them."""
        steps = [models.Threshold(value=value, color=colour) for value, colour in self.steps]
        return build.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def _cases(*cases: tuple[str, str, str, str]) -> tuple[Case, ...]:
    return tuple(Case(value, Words(zh, en), colour) for value, zh, en, colour in cases)


PLAIN = Look()
COUNT = Look(decimals=0)
GOOD_COUNT = Look(steps=((None, GOOD),), decimals=0)
WORRY = Look(steps=((None, GOOD), (1, WARN)), decimals=0)  #: one is too many
ALARM = Look(steps=((None, GOOD), (1, BAD)), decimals=0)
FILL = Look("percent", ((None, GOOD), (75, NOTICE), (85, WARN), (95, BAD)), decimals=0, low=0, high=100)
SHARE_GOOD = Look("percent", ((None, BAD), (80, WARN), (95, GOOD)), decimals=0, low=0, high=100)
COVERAGE = Look("percent", ((None, BAD), (70, WARN), (90, GOOD)), decimals=0, low=0, high=100)
POINTS = Look(steps=((None, BAD), (70, WARN), (80, GOOD)), decimals=1, low=0, high=100)
BATTERY = Look("percent", ((None, BAD), (20, WARN), (30, GOOD)), decimals=0, low=0, high=100)
NH3 = Look("ppm", ((None, GOOD), (0.43, NOTICE), (1.43, WARN), (4.29, BAD)), decimals=2, low=0)
H2S = Look("ppm", ((None, GOOD), (0.0072, WARN), (0.0144, BAD)), decimals=4, low=0)
IDLE = Look("s", ((None, GOOD), (300, WARN), (900, BAD)), decimals=0)
SPEED = Look("velocitykmh", ((None, GOOD), (15, CALM), (40, WARN), (60, BAD)), decimals=0, low=0)
SECONDS = Look("s", decimals=1)
AGE = Look("s", ((None, GOOD), (300, WARN), (1_800, BAD)), decimals=0)
METRES = Look("lengthm", decimals=0)
BYTES = Look("bytes", decimals=1)
TEMPERATURE = Look("celsius", ((None, CALM), (40, WARN), (60, BAD)), decimals=0)

STATE = Look(
    cases=_cases(
        ("working", "作业中", "Working", GOOD),
        ("transit", "行驶中", "In transit", CALM),
        ("idle", "怠速", "Idle", WARN),
        ("off", "熄火", "Off", QUIET),
        ("no_data", "无数据", "No data", BAD),
    )
)
SEVERITY = Look(
    cases=_cases(
        ("critical", "严重", "Critical", BAD), ("warning", "警告", "Warning", WARN), ("info", "提示", "Info", CALM)
    )
)
STAGE = Look(
    cases=_cases(
        ("raised", "未确认", "Raised", BAD),
        ("acknowledged", "已确认", "Acknowledged", NOTICE),
        ("cleared", "已恢复", "Cleared", GOOD),
        ("closed", "已关闭", "Closed", QUIET),
    )
)
KIND = Look(
    cases=_cases(
        ("vehicle", "车辆", "Vehicle", CALM),
        ("bin", "垃圾桶", "Bin", GOOD),
        ("toilet", "公厕", "Toilet", OTHER),
        ("worker", "人员终端", "Badge", WARN),
        ("station", "转运站", "Station", NOTICE),
        ("gateway", "网关", "Gateway", QUIET),
        ("unknown", "未知", "Unknown", BAD),
    )
)
ORDER = Look(
    cases=_cases(
        ("planned", "已计划", "Planned", CALM),
        ("sent", "已下发", "Sent", CALM),
        ("accepted", "已接单", "Accepted", NOTICE),
        ("done", "已完成", "Done", GOOD),
        ("overdue", "超期", "Overdue", BAD),
        ("cancelled", "已取消", "Cancelled", QUIET),
    )
)
INCIDENT = Look(
    cases=_cases(
        ("reported", "已上报", "Reported", BAD),
        ("ordered", "已派单", "Ordered", NOTICE),
        ("handed_on", "已移交", "Handed on", CALM),
        ("done", "已办结", "Done", GOOD),
        ("rejected", "不予受理", "Rejected", QUIET),
    )
)
YES = Look(cases=_cases(("true", "是", "Yes", GOOD), ("false", "否", "No", QUIET)))
ORDER_KIND = Look(
    cases=_cases(
        ("collect", "清运", "Collect", CALM),
        ("tip", "倾倒", "Tip", CALM),
        ("clean", "清洁", "Clean", CALM),
        ("repair", "维修", "Repair", CALM),
        ("inspect", "检查", "Inspect", CALM),
        ("clear", "清理", "Clear", CALM),
        ("other", "任务", "Order", CALM),
    )
)
CATEGORY = Look(
    cases=_cases(
        ("overflowing-bin", "垃圾桶满溢", "Overflowing bin", CALM),
        ("broken-bin", "垃圾桶损坏", "Broken bin", CALM),
        ("rubbish-heap", "垃圾堆积", "Rubbish heap", CALM),
        ("illegal-dumping", "乱倒垃圾", "Illegal dumping", CALM),
        ("construction-waste", "建筑垃圾", "Construction waste", CALM),
        ("spill", "路面遗撒", "Spill on the road", CALM),
        ("dirty-road", "道路脏污", "Dirty road", CALM),
        ("toilet-fault", "公厕故障", "Toilet out of order", CALM),
        ("blocked-drain", "雨水口堵塞", "Blocked drain", CALM),
        ("damaged-road", "路面破损", "Damaged road", CALM),
        ("snow-ice", "积雪结冰", "Snow or ice", CALM),
        ("dead-animal", "动物尸体", "Dead animal", CALM),
        ("other", "其他", "Other", CALM),
    )
)
