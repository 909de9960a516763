"""The plan: what is wanted in a Grafana, compared with what is there. Only reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dashboards.publishing import datasource
from dashboards.publishing.datasource import Source
from dashboards.publishing.grafana import Api
from dashboards.publishing.refusals import GrafanaError
from dashboards.publishing.wanted import Board, Folder, Plan, Step, Wanted

_NOT_COMPARED = frozenset({"id", "uid", "version"})  #: of a board: Grafana's own numbers, and what it was asked by
_NAMED = 4  #: differences of a board that are named


def admitted(api: Api, source_uid: str) -> None:
    """Ask for something that needs the token, before anything is prepared for publishing. Raises GrafanaError."""
    api.source(source_uid)


def plan(api: Api, wanted: Wanted, *, message: str, resend_password: bool = False) -> Plan:
    """Compare what is wanted with what is there. Only reads.

    ``message`` goes into the history of the boards that are saved. ``resend_password`` sends the password again though
    the mark says that Grafana has it. Raises GrafanaError for what is somebody else's, and for what Grafana refuses.
    """
    steps = [_source_step(api, wanted.source, resend=resend_password)]
    steps += [_folder_step(api, folder) for folder in wanted.folders]
    there = {step.uid for step in steps if step.what == "folder" and step.does != "create"}
    steps += [_board_step(api, board, message) for board in wanted.boards]
    return Plan(tuple(steps), _strangers(api, there, {board.uid for board in wanted.boards}))


def _source_step(api: Api, source: Source, *, resend: bool) -> Step:
    there = api.source(source.uid)
    if there is None:
        _name_is_free(api, source)
        return Step("create", "data source", source.uid, source.name, body=datasource.creation(source))
    if not datasource.is_postgres(there):
        raise GrafanaError(
            f"the data source {there.get('name')!r} has the uid {source.uid} and the type {there.get('type')!r}, not "
            "PostgreSQL: it is somebody else's; give another grafana.source_uid"
        )
    differing = datasource.differences(source, there)
    if resend and "password" not in differing:
        differing.append("password")
    if not differing:
        return Step("leave", "data source", source.uid, source.name)
    if there.get("readOnly"):
        raise GrafanaError(
            f"the data source {there.get('name')!r} is provisioned from a file and differs in {', '.join(differing)}; "
            "change that file, or give another grafana.source_uid"
        )
    if there.get("name") != source.name:
        _name_is_free(api, source)
    body = datasource.change(source, there)
    return Step("change", "data source", source.uid, source.name, tuple(differing), body)


def _name_is_free(api: Api, source: Source) -> None:
    for other in api.sources():
        if other.get("name") == source.name and other.get("uid") != source.uid:
            raise GrafanaError(
                f"a data source {source.name!r} is there already, of the type {other.get('type')!r} and the uid "
                f"{other.get('uid')}: give another grafana.source_name"
                + (", or that uid as grafana.source_uid to take it over" if datasource.is_postgres(other) else "")
            )


def _folder_step(api: Api, folder: Folder) -> Step:
    there = api.folder(folder.uid)
    if there is None:
        return Step("create", "folder", folder.uid, folder.title)
    if there.get("title") == folder.title:
        return Step("leave", "folder", folder.uid, folder.title)
    guard = {"version": there["version"]} if there.get("version") else {"overwrite": True}
    return Step("change", "folder", folder.uid, folder.title, ("title",), guard)


def _board_step(api: Api, board: Board, message: str) -> Step:
    title = str(board.model.get("title", board.uid))
    there = api.board(board.uid)
    body = {
        "dashboard": {**board.model, "id": None},
        "folderUid": board.folder.uid,
        "message": message,
        "overwrite": there is not None,
    }
    if there is None:
        return Step("create", "dashboard", board.uid, title, body=body)
    model, meta = there.get("dashboard") or {}, there.get("meta") or {}
    if meta.get("folderUid", "") != board.folder.uid:
        place = meta.get("folderTitle") or meta.get("folderUid") or "the root"
        raise GrafanaError(
            f"the dashboard {model.get('title')!r} has the uid {board.uid} and lies in the folder {place!r}, not in "
            f"{board.folder.title!r}: move it there if it is ours, or give it another uid"
        )
    differing = tuple(_differing(_compared(board.model), model))
    if not differing:
        return Step("leave", "dashboard", board.uid, title)
    if meta.get("provisioned"):
        raise GrafanaError(
            f"the dashboard {model.get('title')!r} ({board.uid}) is provisioned from a file and differs; take it out "
            "of the provisioning, or publish there no more"
        )
    named = (*differing[:_NAMED], *((f"{len(differing) - _NAMED} more",) if len(differing) > _NAMED else ()))
    return Step("change", "dashboard", board.uid, title, named, body)


def _strangers(api: Api, folders: set[str], ours: set[str]) -> tuple[str, ...]:
    if not folders:
        return ()
    hits = api.boards_in(sorted(folders))
    return tuple(sorted(str(hit.get("uid")) for hit in hits if hit.get("uid") not in ours))


def _compared(model: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in model.items() if name not in _NOT_COMPARED}


def _differing(wanted: Any, there: Any, where: str = "") -> Iterator[str]:
    """The places at which ``there`` does not hold what is wanted.

    What it holds beyond that is Grafana's: versions add fields of their own when they save. None is as good as absent.
    """
    if isinstance(wanted, Mapping) and isinstance(there, Mapping):
        for name, value in wanted.items():
            yield from _differing(value, there.get(name), f"{where}.{name}" if where else str(name))
    elif _is_list(wanted) and _is_list(there) and len(wanted) == len(there):
        for number, (mine, its) in enumerate(zip(wanted, there, strict=True)):
            yield from _differing(mine, its, f"{where}[{number}]")
    elif wanted != there:
        yield where or "model"


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
