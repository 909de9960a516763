"""Publishing against a stand-in of Grafana (tests/grafana_server.py), which refuses what is not documented."""

from __future__ import annotations

import contextlib
import copy
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dashboards import publishing
from dashboards.publishing import Address, AwayError, Board, Folder, GrafanaError, Plan, Source, Wanted
from tests.certificates import make_certificates
from tests.grafana_server import TOKEN, Grafana, grafana_server

SOURCE = Source(
    uid="sanihub", name="sanihub", address="db.example:5432", user="sanihub_boards", database="sanihub",
    sslmode="require", password="a password of people", server_version=18, timescale=True,
)  # fmt: skip
CHINESE, ENGLISH = Folder("sanihub-zh", "环卫"), Folder("sanihub-en", "Sanitation")
PANEL = {"id": 1, "type": "stat", "title": "Overflowing", "targets": [{"rawSql": "SELECT 1"}], "links": None}


def board(folder: Folder, uid: str, title: str = "Bins") -> Board:
    model = {"uid": uid, "title": title, "tags": ["sanihub"], "schemaVersion": 42, "version": 1, "panels": [PANEL]}
    return Board(folder, model)


WANTED = Wanted(
    SOURCE,
    (board(CHINESE, "sanihub-bins-zh", "垃圾桶"), board(ENGLISH, "sanihub-bins-en"), board(ENGLISH, "sanihub-air-en")),
)


@pytest.fixture
def grafana() -> Iterator[Grafana]:
    with grafana_server() as server:
        yield server


CLIENTS = contextlib.ExitStack()


@pytest.fixture(autouse=True)
def _clients() -> Iterator[None]:
    with CLIENTS:
        yield


def connected(url: str, **options: Any) -> Any:
    """A client that is closed when the test ends."""
    return CLIENTS.enter_context(publishing.connect(Address(url, TOKEN, **options)))


def client(grafana: Grafana, **options: Any) -> Any:
    return connected(grafana.url, **options)


def planned(grafana: Grafana, wanted: Wanted = WANTED, **options: Any) -> Plan:
    return publishing.plan(client(grafana), wanted, message="sanihub 1: test", **options)


def published(grafana: Grafana, wanted: Wanted = WANTED) -> list[str]:
    """Publish, and tell what was done."""
    done: list[str] = []
    publishing.carry_out(client(grafana), planned(grafana, wanted), lambda step: done.append(f"{step.does} {step.uid}"))
    return done


def test_the_first_run_sends_the_documented_requests_and_the_second_only_reads(grafana: Grafana) -> None:
    assert client(grafana).version() == "12.1.0"
    assert published(grafana) == [
        "create sanihub", "create sanihub-zh", "create sanihub-en", "create sanihub-bins-zh", "create sanihub-bins-en",
        "create sanihub-air-en",
    ]  # fmt: skip
    reads = [
        "GET /api/datasources/uid/sanihub", "GET /api/datasources", "GET /api/folders/sanihub-zh",
        "GET /api/folders/sanihub-en", "GET /api/dashboards/uid/sanihub-bins-zh",
        "GET /api/dashboards/uid/sanihub-bins-en", "GET /api/dashboards/uid/sanihub-air-en",
    ]  # fmt: skip
    writes = ["POST /api/datasources", *["POST /api/folders"] * 2, *["POST /api/dashboards/db"] * 3]
    assert grafana.lines() == ["GET /api/health", *reads, *writes]
    assert all(r.headers["authorization"] == f"Bearer {TOKEN}" for r in grafana.requests)
    assert not any("x-grafana-org-id" in r.headers or "cookie" in r.headers for r in grafana.requests)
    folder, saved = grafana.requests[9].body, grafana.requests[11].body
    assert folder == {"uid": "sanihub-zh", "title": "环卫"}
    assert {name: value for name, value in saved.items() if name != "dashboard"} == {
        "folderUid": "sanihub-en" if saved["dashboard"]["uid"].endswith("en") else "sanihub-zh",
        "message": "sanihub 1: test",
        "overwrite": False,
    }
    assert saved["dashboard"]["id"] is None

    grafana.requests.clear()
    assert published(grafana) == []
    assert {line.partition(" ")[0] for line in grafana.lines()} == {"GET"}
    again = planned(grafana)
    assert [step.does for step in again.steps] == ["leave"] * 6
    assert again.to_do == again.strangers == ()


def test_the_data_source_is_what_grafana_documents_for_postgresql(grafana: Grafana) -> None:
    published(grafana)
    sent = next(request.body for request in grafana.requests if request.line == "POST /api/datasources")
    mark = sent["jsonData"].pop("sanihubPassword")
    assert sent == {
        "uid": "sanihub", "name": "sanihub", "type": "grafana-postgresql-datasource", "access": "proxy",
        "url": "db.example:5432", "user": "sanihub_boards", "basicAuth": False, "isDefault": False,
        "jsonData": {
            "database": "sanihub", "sslmode": "require", "postgresVersion": 1800, "timescaledb": True,
            "maxOpenConns": 15,
        },
        "secureJsonData": {"password": "a password of people"},
    }  # fmt: skip
    assert mark.startswith("scrypt$")
    kept = json.dumps(grafana.org.sources)
    assert "a password of people" not in kept


def test_a_dry_run_is_a_plan_and_writes_nothing(grafana: Grafana) -> None:
    plan = planned(grafana)
    assert [step.does for step in plan.steps] == ["create"] * 6
    assert grafana.lines(writes=True) == []


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"address": "other:5432"}, "url"), ({"user": "somebody"}, "user"),
        ({"database": "other"}, "jsonData.database"),
        ({"sslmode": "verify-full"}, "jsonData.sslmode"), ({"timescale": False}, "jsonData.timescaledb"),
        ({"password": "another"}, "password"), ({"root_certificate": "/ca.pem"}, "jsonData.sslRootCertFile"),
        ({"name": "renamed"}, "name"),
    ],
)  # fmt: skip
def test_a_changed_data_source_is_put_once(grafana: Grafana, changed: dict[str, Any], field: str) -> None:
    published(grafana)
    there = grafana.org.sources["sanihub"]
    there["isDefault"] = True  # somebody's choice, and so is the lifetime of connections
    there["jsonData"]["connMaxLifetime"] = 600
    wanted = Wanted(msgspec.structs.replace(SOURCE, **changed), WANTED.boards)
    (step,) = planned(grafana, wanted).to_do
    assert (step.does, step.what) == ("change", "data source")
    assert field in step.differing
    grafana.requests.clear()
    assert published(grafana, wanted) == ["change sanihub"]
    assert grafana.lines(writes=True) == ["PUT /api/datasources/uid/sanihub"]
    assert published(grafana, wanted) == []
    there = grafana.org.sources["sanihub"]
    assert (there["isDefault"], there["jsonData"]["connMaxLifetime"]) == (True, 600)


def test_the_password_is_sent_again_when_grafana_lost_it_or_one_asks(grafana: Grafana) -> None:
    published(grafana)
    (step,) = planned(grafana, resend_password=True).to_do
    assert step.differing == ("password",)
    grafana.org.secrets["sanihub"] = {}
    grafana.org.sources["sanihub"]["secureJsonFields"] = {}
    assert published(grafana) == ["change sanihub"]
    assert grafana.org.secrets["sanihub"] == {"password": SOURCE.password}


def test_only_the_board_that_differs_is_saved_again(grafana: Grafana) -> None:
    published(grafana)
    model = grafana.org.boards["sanihub-bins-en"]["dashboard"]
    model["panels"] = copy.deepcopy(model["panels"])
    model["panels"][0]["targets"][0]["rawSql"] = "SELECT 2"
    (step,) = planned(grafana).to_do
    assert (step.uid, step.differing) == ("sanihub-bins-en", ("panels[0].targets[0].rawSql",))
    grafana.requests.clear()
    assert published(grafana) == ["change sanihub-bins-en"]
    (sent,) = [request.body for request in grafana.requests if request.method == "POST"]
    assert sent["overwrite"] is True
    assert sent["folderUid"] == "sanihub-en"
    assert published(grafana) == []
    assert grafana.org.boards["sanihub-bins-en"]["messages"] == ["sanihub 1: test"] * 2


def test_what_grafana_adds_to_a_board_is_no_difference(grafana: Grafana) -> None:
    grafana.adds = {"pluginVersion": "12.1.0", "transparent": False}
    published(grafana)
    assert published(grafana) == []


def test_a_folder_is_named_again(grafana: Grafana) -> None:
    published(grafana)
    grafana.org.folders["sanihub-en"]["title"] = "Mine"
    assert published(grafana) == ["change sanihub-en"]
    assert grafana.lines(writes=True)[-1] == "PUT /api/folders/sanihub-en"
    assert grafana.org.folders["sanihub-en"]["title"] == "Sanitation"
    assert published(grafana) == []


def test_boards_of_others_in_our_folder_are_told_and_left(grafana: Grafana) -> None:
    published(grafana)
    theirs = copy.deepcopy(grafana.org.boards["sanihub-bins-en"])
    theirs["dashboard"] |= {"uid": "theirs", "title": "Theirs"}
    grafana.org.boards["theirs"] = theirs
    plan = planned(grafana)
    assert plan.strangers == ("theirs",)
    assert plan.to_do == ()


def test_a_board_of_our_uid_elsewhere_is_not_overwritten(grafana: Grafana) -> None:
    published(grafana)
    grafana.org.folders["ops"] = {"id": 9, "uid": "ops", "title": "Operations", "version": 1}
    grafana.org.boards["sanihub-air-en"]["meta"] |= {"folderUid": "ops", "folderTitle": "Operations"}
    with pytest.raises(GrafanaError, match=r"'Bins' has the uid sanihub-air-en and lies in the folder 'Operations'"):
        planned(grafana)


def test_a_provisioned_board_is_left_when_it_is_the_same_and_refused_when_not(grafana: Grafana) -> None:
    published(grafana)
    there = grafana.org.boards["sanihub-air-en"]
    there["meta"]["provisioned"] = True
    assert planned(grafana).to_do == ()
    there["dashboard"]["title"] = "Other"
    with pytest.raises(GrafanaError, match="provisioned from a file"):
        planned(grafana)


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        ({"uid": "x", "type": "mysql"}, r"'sanihub' is there already, of the type 'mysql' and the uid x: give another"),
        ({"uid": "x", "type": "postgres"}, r"that uid as grafana\.source_uid to take it over"),
        ({"uid": "sanihub", "type": "mysql"}, r"has the uid sanihub and the type 'mysql', not PostgreSQL"),
        ({"uid": "sanihub", "type": "postgres", "readOnly": True}, r"is provisioned from a file and differs in"),
    ],
)
def test_a_data_source_of_others_is_named_and_nothing_is_written(
    grafana: Grafana, theirs: dict[str, Any], said: str
) -> None:
    grafana.org.sources[theirs["uid"]] = {"id": 1, "name": "sanihub", "readOnly": False, "version": 1} | theirs
    with pytest.raises(GrafanaError, match=said):
        planned(grafana)
    assert grafana.lines(writes=True) == []


def test_a_data_source_is_not_renamed_to_a_name_that_is_taken(grafana: Grafana) -> None:
    published(grafana)
    grafana.org.sources["x"] = {"id": 9, "uid": "x", "name": "city", "type": "loki", "readOnly": False}
    with pytest.raises(GrafanaError, match="'city' is there already, of the type 'loki'"):
        planned(grafana, Wanted(msgspec.structs.replace(SOURCE, name="city"), WANTED.boards))


def test_a_failure_in_the_middle_is_completed_by_the_next_run(grafana: Grafana) -> None:
    grafana.faults["POST /api/dashboards/db"] = [(500, {"message": "database is locked"})]
    with pytest.raises(AwayError, match=r"500 \(database is locked\).*3 of 6 changes are made and stay"):
        published(grafana)
    assert published(grafana) == ["create sanihub-bins-zh", "create sanihub-bins-en", "create sanihub-air-en"]
    assert published(grafana) == []


def test_a_board_that_somebody_made_meanwhile_is_not_overwritten(grafana: Grafana) -> None:
    plan = planned(grafana)
    published(grafana)
    grafana.org.boards["sanihub-bins-zh"]["dashboard"]["title"] = "theirs"
    rest = Plan(tuple(step for step in plan.steps if step.uid == "sanihub-bins-zh"))
    with pytest.raises(GrafanaError, match=r"412 \(A dashboard with the same uid already exists, name-exists\)"):
        publishing.carry_out(client(grafana), rest)
    assert grafana.org.boards["sanihub-bins-zh"]["dashboard"]["title"] == "theirs"


def test_a_data_source_that_somebody_changed_meanwhile_is_a_conflict(grafana: Grafana) -> None:
    published(grafana)
    plan = planned(grafana, resend_password=True)
    grafana.org.sources["sanihub"]["version"] = 7
    with pytest.raises(GrafanaError, match=r"409 \(Datasource has already been updated by someone else"):
        publishing.carry_out(client(grafana), plan)


def test_a_folder_that_somebody_changed_meanwhile_is_a_conflict(grafana: Grafana) -> None:
    published(grafana)
    grafana.org.folders["sanihub-en"]["title"] = "Mine"
    plan = planned(grafana)
    grafana.org.folders["sanihub-en"]["version"] = 7
    with pytest.raises(GrafanaError, match=r"412 \(The folder has been changed by someone else, version-mismatch\)"):
        publishing.carry_out(client(grafana), plan)


@pytest.mark.parametrize(
    "permission",
    [f"{what}:{verb}" for what in ("datasources", "folders", "dashboards") for verb in ("read", "create")],
)
def test_a_missing_permission_is_named(grafana: Grafana, permission: str) -> None:
    grafana.permissions.remove(permission)
    with pytest.raises(GrafanaError, match=rf"403 .*the service account needs the permission {permission}"):
        published(grafana)


def test_permissions_to_change_are_named_too(grafana: Grafana) -> None:
    published(grafana)
    grafana.permissions -= {"datasources:write", "dashboards:write"}
    with pytest.raises(GrafanaError, match="needs the permission datasources:write"):
        published(grafana, Wanted(msgspec.structs.replace(SOURCE, user="other"), WANTED.boards))
    grafana.org.boards["sanihub-bins-en"]["dashboard"]["title"] = "Other"
    with pytest.raises(GrafanaError, match="needs the permission dashboards:write"):
        published(grafana)


def test_a_token_that_is_not_known_and_an_organisation(grafana: Grafana) -> None:
    grafana.token = "other"
    with pytest.raises(GrafanaError, match=r"401 .*give it as grafana\.token"):
        planned(grafana)
    grafana.token = TOKEN
    api = client(grafana, organisation=2)
    publishing.carry_out(api, publishing.plan(api, WANTED, message="m"))
    assert len(grafana.organisations[2].boards) == 3
    assert grafana.org.boards == {}


def test_a_grafana_below_a_path(grafana: Grafana) -> None:
    grafana.prefix = "/grafana"
    assert published(grafana) != []
    for url in (f"{grafana.url}/", grafana.url):
        assert connected(url).version() == "12.1.0"


@pytest.mark.parametrize(
    "url",
    [
        "grafana:3000",
        "ftp://grafana",
        "http://",
        "http://me:secret@grafana/",
        "http://:secret@grafana",
        "http://g?x=1",
        "http://g#x",
        "http://g:99999",
        "http://g:0",
        "http://[::1",
        "http://g/\x00",
    ],
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(GrafanaError, match=r"grafana\.url: ") as raised:
        connected(url)
    assert "secret" not in str(raised.value)


def test_nobody_there_and_somebody_else(grafana: Grafana) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(AwayError, match=r"cannot be reached .*is grafana\.url right\?"):
        connected(f"http://127.0.0.1:{port}").version()
    for status, body, said in (
        (200, b"<html>another page</html>", "none of Grafana's"),
        (302, b"", "redirects; give the address that it leads to"),
        (404, {"message": "nothing"}, r"404 \(nothing\)"),
        (502, b"<html>Bad Gateway</html>", r"502 \(<html>Bad Gateway</html>\)"),
    ):
        grafana.faults["GET /api/health"] = [(status, body)]
        with pytest.raises(GrafanaError, match=said):
            client(grafana).version()


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_with_what_was_sent(grafana: Grafana, code: int) -> None:
    grafana.faults["POST /api/datasources"] = [(code, {"message": "moved"})]
    with pytest.raises(GrafanaError, match=r"redirects; give the address that it leads to \(0 of 6 changes"):
        published(grafana)
    assert grafana.lines()[-1] == "POST /api/datasources"
    assert grafana.org.sources == {}


@pytest.mark.parametrize("said", [b"<html>Welcome</html>", b"", ["a list"], b"\xff", b"[" * 100_000])
def test_a_write_that_something_else_answers_has_not_succeeded(grafana: Grafana, said: Any) -> None:
    grafana.faults["POST /api/folders"] = [(200, said)]
    with pytest.raises(GrafanaError, match=r"creating the folder '环卫': the answer is none of Grafana's"):
        published(grafana)


def test_a_proxy_of_the_environment_is_not_used(grafana: Grafana, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert client(grafana).version() == "12.1.0"


def test_a_page_of_404_is_not_taken_for_an_absent_board(grafana: Grafana) -> None:
    grafana.faults["GET /api/folders/sanihub-zh"] = [(404, b"<html>no such page</html>")]
    with pytest.raises(GrafanaError, match="404"):
        planned(grafana)


def test_somebody_who_never_answers() -> None:
    held = threading.Event()

    class Silent(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            held.wait(30)

    server = HTTPServer(("127.0.0.1", 0), Silent)
    threading.Thread(target=server.handle_request, daemon=True).start()
    api = connected(f"http://127.0.0.1:{server.server_address[1]}", timeout_s=0.3)
    try:
        with pytest.raises(AwayError, match="no answer in time"):
            api.version()
    finally:
        held.set()
        server.server_close()


@pytest.mark.parametrize(
    ("piece", "pause_s", "timeout_s", "said"),
    [(b" " * 65_536, 0.0, 30.0, r"longer than 16777216 bytes"), (b" ", 0.02, 0.3, "no answer in time")],
    ids=["endless", "a drop at a time"],
)
def test_an_answer_that_does_not_end(piece: bytes, pause_s: float, timeout_s: float, said: str) -> None:
    held = threading.Event()

    class Endless(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(OSError):
                while not held.wait(pause_s):
                    self.wfile.write(piece)

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Endless)
    thread = threading.Thread(target=server.handle_request, daemon=True)
    thread.start()
    api = connected(f"http://127.0.0.1:{server.server_address[1]}", timeout_s=timeout_s)
    try:
        with pytest.raises(GrafanaError, match=said):
            api.version()
    finally:
        held.set()
        thread.join(timeout=30)
        server.server_close()


def test_tls_where_none_is_spoken_and_an_authority_that_is_none(grafana: Grafana, tmp_path: Path) -> None:
    with pytest.raises(GrafanaError, match=r"TLS fails .*is it https that is spoken there\?"):
        connected(grafana.url.replace("http:", "https:")).version()
    (tmp_path / "ca.pem").write_text("no certificate")
    for file, reason in ((tmp_path / "ca.pem", "no certificate"), (tmp_path / "absent.pem", "No such file")):
        with pytest.raises(GrafanaError, match=rf"grafana\.ca: {file}: expected certificates as PEM \(.*{reason}"):
            connected(grafana.url, verify=str(file))


def test_tls_with_an_authority_without_one_and_unchecked(open_folder: Path) -> None:
    ca = make_certificates(open_folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(open_folder / "server.crt", open_folder / "server.key")
    with grafana_server(tls=context) as grafana:
        for verify in (str(ca), False):
            assert client(grafana, verify=verify).version() == "12.1.0"
        with pytest.raises(GrafanaError, match=r"certificate is not trusted .*name its authority in grafana\.ca"):
            client(grafana).version()


def test_the_health_of_the_data_source(grafana: Grafana, postgres_dsn: str) -> None:
    import psycopg

    parts = psycopg.conninfo.conninfo_to_dict(postgres_dsn)
    source = msgspec.structs.replace(
        SOURCE, address=f"{parts['host']}:{parts['port']}", user=str(parts["user"]), database=str(parts["dbname"]),
        sslmode="disable", password=str(parts["password"]),
    )  # fmt: skip
    published(grafana, Wanted(source, ()))
    assert publishing.source_fault(client(grafana), "sanihub") is None
    published(grafana, Wanted(msgspec.structs.replace(source, password="wrong"), ()))
    fault = publishing.source_fault(client(grafana), "sanihub")
    assert fault is not None and "password authentication failed" in fault
