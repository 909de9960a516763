"""Queries of panels: PostgreSQL as Grafana's data source asks it, and the conditions that variables stand for.

The SDK has no target of this data source. Variables are multi-valued with a custom value for "all", which Grafana puts
in as it stands: ``'*'``. So ``'*' IN ($area)`` is a constant to the planner, and "all" costs nothing.
"""

from __future__ import annotations

from typing import Any, Literal

from grafana_foundation_sdk.cog import builder, variants
from grafana_foundation_sdk.models.common import DataSourceRef

PLUGIN = "grafana-postgresql-datasource"
EVERYTHING = "'*'"  #: what "all" is of every variable

IN_AREA = "('*' IN ($area) OR device IN (SELECT device FROM boards.device_areas WHERE area IN ($area)))"
IS_DEVICE = "('*' IN ($device) OR device IN ($device))"
IS_KIND = "('*' IN ($kind) OR kind IN ($kind))"
SHORT = "$__interval_ms < 300000"  #: so many points fit that the records themselves are shown ...
LONG = "$__interval_ms >= 300000"  #: ... and from here on the hours of the rollups


def day(column: str) -> str:
    """The beginning of the city's day in which an instant lies."""
    return f"date_trunc('day', {column}, (SELECT zone FROM boards.zone))"


Shape = Literal["table", "time_series"]


class Query(variants.Dataquery, builder.Builder[variants.Dataquery]):
    """A target: a statement whose rows are a table, or series (``time``, ``metric`` if there are several, values)."""

    def __init__(self, sql: str, shape: Shape, datasource: DataSourceRef, ref_id: str = "A") -> None:
        self._sql, self._shape, self._datasource, self._ref_id = sql, shape, datasource, ref_id

    def build(self) -> Query:
        """Itself: it is complete as it was made."""
        return self

    def to_json(self) -> dict[str, Any]:
        """As the data source reads it."""
        return {
            "refId": self._ref_id,
            "datasource": self._datasource,
            "editorMode": "code",
            "format": self._shape,
            "rawQuery": True,
            "rawSql": self._sql,
        }


def reference(uid: str) -> DataSourceRef:
    """The PostgreSQL data source of a uid."""
    return DataSourceRef(type_val=PLUGIN, uid=uid)
