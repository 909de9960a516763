from __future__ import annotations

from pathlib import Path

import pytest

from simulators.truth import Header, TruthError, TruthFile, read_truth


def write(path: Path) -> None:
    with TruthFile(path) as log:
        log.header(Header(7, 1_000, "small", {"bins": 2}))
        log.point("sos", "worker-0001", 2_000)
        idle = log.begin("idle", "vehicle-0001", 3_000, edge=4)
        log.begin("odour", "toilet-0001", 4_000, peak=0.0).detail["peak"] = 2.5
        log.end(idle, 9_000, seen=True)
        log.footer({"vehicle": 3})


def test_what_was_written_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    write(path)
    truth = read_truth(path)
    assert truth.header == Header(7, 1_000, "small", {"bins": 2})
    assert [(r.kind, r.start_us, r.end_us, r.open) for r in truth.records] == [
        ("sos", 2_000, None, False),
        ("idle", 3_000, 9_000, False),
        ("odour", 4_000, None, True),
    ]
    assert truth.records[1].detail == {"edge": 4, "seen": True}
    assert truth.records[2].detail == {"peak": 2.5}
    assert truth.footer is not None
    assert truth.footer.observations == {"vehicle": 3}
    assert truth.footer.records == {"sos": 1, "idle": 1, "odour": 1}


def test_a_killed_run_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    write(path)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    assert read_truth(path).footer is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda lines: [lines[0], lines[1].replace(b"0001", b"0002"), *lines[2:]], "line 5: checksum"),
        (lambda lines: lines[1:], "line 1: record out of place"),
        (lambda lines: [*lines, lines[1]], "line 6: record out of place"),
        (lambda lines: [lines[0], lines[0]], "line 2: header out of place"),
        (lambda lines: [lines[0], b"{\n"], "line 2: "),
        (lambda lines: [], "empty"),
    ],
)
def test_a_changed_file_is_refused(tmp_path: Path, change: object, told: str) -> None:
    path = tmp_path / "truth.jsonl"
    write(path)
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))  # type: ignore[operator]
    with pytest.raises(TruthError, match=told):
        read_truth(path)


def test_without_a_path_nothing_is_kept() -> None:
    with TruthFile(None) as log:
        log.point("sos", "worker-0001", 1)
        log.footer({})
