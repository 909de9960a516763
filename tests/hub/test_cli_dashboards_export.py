"""``sanihub dashboards export``: what lies in the folder afterwards, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from dashboards import boards
from devices.errors import ConfigError
from hub.cli import program


def _export(*arguments: str) -> str:
    result = CliRunner().invoke(program("dashboards"), ["dashboards", "export", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def _content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_boards_lie_where_the_provider_looks(tmp_path: Path) -> None:
    assert "16 files, 16 of them new or changed" in _export(str(tmp_path), "--board-address", "https://hub.example/")
    files = _content(tmp_path)
    for lang in ("zh", "en"):
        for board in boards(lang, "https://hub.example"):  # type: ignore[arg-type]
            topic = board["uid"].split("-")[1]
            assert json.loads(files[f"dashboards/{lang}/{topic}.json"]) == board["dashboard"]
    providers = yaml.safe_load(files["provisioning/dashboards/sanihub.yaml"])["providers"]
    assert [one["options"]["path"] for one in providers] == [
        "${SANIHUB_BOARDS}/dashboards/zh",
        "${SANIHUB_BOARDS}/dashboards/en",
    ]
    assert [one["folder"] for one in providers] == ["环卫", "City sanitation"]
    (source,) = yaml.safe_load(files["provisioning/datasources/sanihub.yaml"])["datasources"]
    assert (source["uid"], source["type"]) == ("sanihub", "grafana-postgresql-datasource")
    assert source["secureJsonData"] == {"password": "${SANIHUB_BOARDS_PASSWORD}"}


@pytest.mark.parametrize(("options", "flag"), [((), False), (("--plain",), False), (("--timescaledb",), True)])
def test_grafana_is_told_of_timescaledb_when_one_says_so(tmp_path: Path, options: tuple[str, ...], flag: bool) -> None:
    _export(str(tmp_path), *options)
    (source,) = yaml.safe_load(_content(tmp_path)["provisioning/datasources/sanihub.yaml"])["datasources"]
    assert source["jsonData"]["timescaledb"] is flag
    assert source["url"] == "${SANIHUB_DATABASE}"


def test_a_second_run_changes_no_byte(tmp_path: Path) -> None:
    _export(str(tmp_path))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    first = _content(tmp_path)
    assert "0 of them new or changed" in _export(str(tmp_path))
    assert _content(tmp_path) == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_one_language_is_written_alone(tmp_path: Path) -> None:
    _export(str(tmp_path), "--lang", "zh", "--datasource", "another")
    files = _content(tmp_path)
    assert {name.split("/")[1] for name in files if name.startswith("dashboards/")} == {"zh"}
    assert b"sanihub-en" not in files["provisioning/dashboards/sanihub.yaml"]
    assert b'"uid": "another"' in files["dashboards/zh/city.json"]
    assert b"uid: another" in files["provisioning/datasources/sanihub.yaml"]


@pytest.mark.parametrize(
    "address", ["hub.example", "ftp://hub.example", "https://", "https://a@b", "https://h/?x", "https://$h"]
)
def test_an_address_that_is_none_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(ConfigError, match=r"--board-address: expected an address such as https://hub\.example"):
        _export(str(tmp_path), "--board-address", address)
    assert _content(tmp_path) == {}


def test_a_source_that_is_no_uid_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--datasource: expected 1 to 40 letters"):
        _export(str(tmp_path), "--datasource", "a b")


def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(ConfigError, match="taken"):
        _export(str(tmp_path / "taken"))
