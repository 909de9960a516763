"""Variables: area, kind and device, each of several values or all, and chained: an area narrows the devices."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from dashboards.parts.scene import BOARD_VARIABLE, Scene
from dashboards.parts.sql import EVERYTHING, IN_AREA, reference
from dashboards.parts.words import ALL, Words

AREAS = "SELECT name AS __text, area AS __value FROM boards.areas ORDER BY 1"
KINDS = "SELECT DISTINCT kind FROM boards.devices ORDER BY 1"
OF_KINDS = f"""\
SELECT CASE WHEN name = '' THEN device ELSE device || ' · ' || name END AS __text, device AS __value
  FROM boards.devices
 WHERE ('*' IN ($kind) OR kind IN ($kind)) AND {IN_AREA}
 ORDER BY 1"""


def area(scene: Scene) -> build.QueryVariable:
    """Districts, grids and posts of the master data."""
    return _asked(scene, "area", Words("区域", "Area"), _named(scene, AREAS))


def kind(scene: Scene) -> build.QueryVariable:
    """Kinds of device that there are."""
    return _asked(scene, "kind", Words("类型", "Kind"), KINDS)


def device(scene: Scene, of: str | None = None) -> build.QueryVariable:
    """Devices in the areas that are chosen: ``of`` one kind, or of the kinds that are chosen."""
    sql = OF_KINDS if of is None else OF_KINDS.replace("('*' IN ($kind) OR kind IN ($kind))", f"kind = '{of}'")
    return _asked(scene, "device", Words("设备", "Device"), sql)


def worker(scene: Scene) -> build.QueryVariable:
    """Workers of the master data."""
    sql = "SELECT name || ' · ' || worker AS __text, worker AS __value FROM boards.workers ORDER BY 1"
    return _asked(scene, "worker", Words("人员", "Worker"), sql)


class _Hidden(Builder[models.VariableModel]):
    """A variable that is not shown: the SDK's builder of constants does not know the setting."""

    def __init__(self, variable: Builder[models.VariableModel]) -> None:
        self._variable = variable

    def build(self) -> models.VariableModel:
        """The variable, hidden."""
        built = self._variable.build()
        built.hide = models.VariableHide.HIDE_VARIABLE
        return built


def live_board(scene: Scene) -> Builder[models.VariableModel]:
    """The live board's address: a constant, which an operator may change in the board's settings."""
    held = build.ConstantVariable(BOARD_VARIABLE).value(scene.board_address)
    return _Hidden(held.label(scene.said(Words("实时看板地址", "Live board"))))


def _named(scene: Scene, sql: str) -> str:
    """Areas have a Chinese name of their own."""
    return sql.replace("SELECT name ", "SELECT name_zh ") if scene.language == "zh" else sql


def _asked(scene: Scene, name: str, label: Words, sql: str) -> build.QueryVariable:
    made = build.QueryVariable(name).label(scene.said(label)).query(sql)
    made.datasource(reference(scene.datasource_uid)).refresh(models.VariableRefresh.ON_DASHBOARD_LOAD)
    made.multi(True).include_all(True).all_value(EVERYTHING).allow_custom_value(False)
    # Grafana's own word for all, by which it knows that nothing was chosen.
    return made.current(models.VariableOption(text=[scene.said(ALL)], value=["$__all"]))
