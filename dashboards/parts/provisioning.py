"""The boards as files that Grafana takes by itself: JSON of each, and what says where they and the data are.

``dashboards/<language>/<topic>.json`` are the boards; ``provisioning/datasources`` and ``provisioning/dashboards`` are
mounted where Grafana looks (``/etc/grafana/provisioning``). What differs from place to place Grafana fills in from its
environment: ``SANIHUB_BOARDS`` (where the files lie), ``SANIHUB_DATABASE`` (host:port), ``SANIHUB_DATABASE_NAME``,
``SANIHUB_DATABASE_SSLMODE``, ``SANIHUB_BOARDS_USER`` and ``SANIHUB_BOARDS_PASSWORD``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dashboards.parts.sql import PLUGIN
from dashboards.parts.words import FOLDER, Language

# Without the switch of TimescaleDB the macros are right on every PostgreSQL, also on one with TimescaleDB.
_SOURCE = """\
# The hub's database as Grafana reads it, as a role that may read the schema boards and nothing else.
apiVersion: 1
datasources:
  - name: sanihub
    uid: {uid}
    type: {plugin}
    access: proxy
    url: ${SANIHUB_DATABASE}
    user: ${SANIHUB_BOARDS_USER}
    editable: false
    jsonData:
      database: ${SANIHUB_DATABASE_NAME}
      sslmode: ${SANIHUB_DATABASE_SSLMODE}
      postgresVersion: 1500
      timescaledb: {timescaledb}
      maxOpenConns: 15
      maxIdleConns: 15
      connMaxLifetime: 14400
    secureJsonData:
      password: ${SANIHUB_BOARDS_PASSWORD}
"""
_PROVIDERS = """\
# Where Grafana finds the boards; each language is a folder of its own.
apiVersion: 1
providers:
"""
_PROVIDER = """\
  - name: sanihub-{language}
    type: file
    folder: {folder}
    folderUid: sanihub-{language}
    allowUiUpdates: false
    updateIntervalSeconds: 60
    options:
      path: ${{SANIHUB_BOARDS}}/dashboards/{language}
"""


def files(
    made: Mapping[Language, Sequence[Mapping[str, Any]]], datasource_uid: str, *, timescaledb: bool = False
) -> dict[str, str]:
    """The files by their paths, of the boards by language (as ``dashboards.boards`` gives them).

    ``timescaledb``: Grafana may count on TimescaleDB in the hub's database.
    """
    found = {
        f"dashboards/{language}/{_topic(board['uid'])}.json": _json(board["dashboard"])
        for language, of_language in made.items()
        for board in of_language
    }
    providers = [_PROVIDER.format(language=language, folder=FOLDER.said(language)) for language in made]
    source = _SOURCE
    for name, value in (("uid", datasource_uid), ("plugin", PLUGIN), ("timescaledb", str(timescaledb).lower())):
        source = source.replace(f"{{{name}}}", value)
    found["provisioning/datasources/sanihub.yaml"] = source
    found["provisioning/dashboards/sanihub.yaml"] = _PROVIDERS + "".join(providers)
    return found


def _topic(uid: str) -> str:
    return uid.removeprefix("sanihub-").rpartition("-")[0]


def _json(dashboard: Mapping[str, Any]) -> str:
    return json.dumps(dashboard, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
