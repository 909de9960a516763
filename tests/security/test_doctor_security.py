"""The doctor tells an open broker, what is in the clear, and certificates that end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.doctor.examined import Examined
from hub.doctor.security import check_doors, check_transport
from hub.settings.settings import load
from tests.certificates import self_signed


def examined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **sections: Any) -> Examined:
    monkeypatch.chdir(tmp_path)  # no sanihub.toml here
    return Examined(load(None, **sections), tmp_path)


@pytest.mark.parametrize(
    ("broker", "status", "word"),
    [
        ({}, "ok", "without a key"),
        ({"devices": "anyone"}, "warn", "without a key"),
        ({"devices": "keys"}, "ok", "brings its key"),
        ({"host": "0.0.0.0"}, "ok", "brings its key"),
        ({"username": "fleet", "password": "x"}, "warn", "password of fleet is any device"),
    ],
)
def test_who_may_speak_for_whom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broker: dict[str, str], status: str, word: str
) -> None:
    (found,) = check_doors(examined(tmp_path, monkeypatch, broker=broker))
    assert found.state == status
    assert word in found.detail


def test_what_is_in_the_clear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sections = {
        "api": {"host": "0.0.0.0"},
        "jt808": [{"name": "vehicles", "host": "0.0.0.0"}],
        "nmea": [{"name": "buses", "kind": "tcp-server", "host": "0.0.0.0", "port": 10110}],
        "store": {"dsn": "postgresql://a:secret@db.example/x"},
    }
    seen = examined(tmp_path, monkeypatch, **sections)
    clear, database = check_transport(seen)
    assert "API, jt808 vehicles, nmea buses" in clear.detail
    assert "sslmode=prefer" in database.detail
    assert "secret" not in database.detail
    assert [found.check for found in check_doors(seen)] == ["MQTT devices", "NMEA buses"]
    sections["store"] = {"dsn": "postgresql://a:b@db.example/x?sslmode=verify-full"}
    assert len(list(check_transport(examined(tmp_path, monkeypatch, **sections)))) == 1


@pytest.mark.parametrize(("days", "status"), [(90, "ok"), (5, "warn"), (-1, "fail")])
def test_a_certificate_that_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, status: str) -> None:
    now = datetime.now(UTC)
    own = self_signed(tmp_path, now - timedelta(days=100), now + timedelta(days=days))
    tls = {"certificate": str(own.certificate), "key": str(own.key)}
    (found,) = check_transport(examined(tmp_path, monkeypatch, api={"tls": tls}))
    assert (found.check, found.state) == ("certificate of API", status)
