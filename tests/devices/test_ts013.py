"""Published codec scripts: what they are given, what they may say, and what they cannot do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.codecs.scripted import load_codec
from devices.errors import ConfigError, DecodeError
from devices.ts013.script import MAX_PAYLOAD, MAX_SOURCE, STRIKES, Script
from devices.ts013.worker import ENGINE, Worker, worker_for

SCRIPTS = Path(__file__).parent / "scripts"
NOW = 1_795_392_000_000_000  # 2026-11-23T00:00:00Z
SOUND = "function decodeUplink(input) { return {data: {n: input.bytes.length}}; }"


def running(process: Path) -> bool:
    """Whether a process of /proc still runs; one that nobody has fetched yet does not."""
    try:
        return process.joinpath("stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def uplink(body: str, **limits: float) -> Script:
    return Script(f"function decodeUplink(input) {{ {body} }}", time_s=limits.get("time_s", 0.25))


def source(name: str) -> Script:
    return Script((SCRIPTS / name).read_text("utf-8"))


def test_a_codec_after_ts013() -> None:
    script = source("bin_level.js")
    assert script.decode(2, bytes.fromhex("5c00d301"), NOW) == {
        "version": "1.2",
        "battery": 92,
        "level": {"distance_cm": 211, "position": "tilt"},
        "received": "2026-11-23T00:00:00.000Z",
    }
    assert script.decode(3, b"\x50") == {"version": "1.2", "battery": 80}
    with pytest.raises(DecodeError, match="script: says: unknown port 9"):
        script.decode(9, b"\x50")


def test_the_older_forms() -> None:
    toilet = source("toilet_v3.js")
    assert toilet.decode(1, bytes.fromhex("012cffd801")) == {"nh3": 3, "temperature": -4, "occupied": True}
    assert source("door_ttn2.js").decode(7, b"\x01\x96") == {"door": "open", "battery_voltage": 3, "port": 7}


@pytest.mark.parametrize(
    "text",
    [
        "const decodeUplink = (input) => ({data: {n: 1}});",
        "let decodeUplink = function (input) { return {data: {n: 1}}; }",
        "exports.decodeUplink = function (input) { return {data: {n: 1}}; };",
        "module.exports = {decodeUplink: (input) => ({data: {n: 1}})};",
        "'use strict'; function decodeUplink({bytes}) { return {data: {n: bytes.filter(Boolean).length}}; }",
        "function Decode() { return {n: 2}; } function decodeUplink() { return {data: {n: 1}}; }",
    ],
)
def test_however_the_function_is_defined(text: str) -> None:
    assert Script(text).decode(1, b"\x01") == {"n": 1}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("while (true) {}", "took longer"),
        ("for (;;) { try { for (;;) {} } catch (e) {} }", "took longer"),
        ("return {data: new Proxy({}, {ownKeys() { while (true) {} }})}", "took longer"),
        ("return {data: {toJSON() { while (true) {} }}}", "took longer"),
        ("/(a+)+$/.test('a'.repeat(60) + 'b')", "took longer"),
        ("var a = []; while (true) a.push(new Array(1000).fill(1))", "out of memory"),
        ("return {data: {a: new ArrayBuffer(1 << 30)}}", "out of memory|invalid"),
        ("function f() { return f(); } return f()", "stack"),
        ("var o = {}; for (var i = 0; i < 1e5; i++) o = {o}; return {data: o}", "stack"),
        ("throw new Error('no such sensor')", "threw Error: no such sensor"),
        ("throw null", "threw null"),
        ("throw Symbol('x')", "threw"),
        ("return input.bytes.nothing.there", "threw TypeError"),
        ("return null", "no object"),
        ("return 'text'", "no object"),
        ("return {}", "no object as data"),
        ("return {data: [1, 2]}", "no object as data"),
        ("return {data: NaN}", "no object as data"),
        ("return {data: function () {}}", "no object as data"),
        ("return {data: new Date()}", "no object as data"),
        ("return Promise.resolve({data: {n: 1}})", "no object as data"),
        ("var a = {}; a.a = a; return {data: a}", "circular"),
        ("var o = {}; for (var i = 0; i < 40; i++) o = {a: o, b: o}; return {data: o}", "took longer|memory|more than"),
        ("return {data: {a: 'x'.repeat(2000000)}}", "more than|memory"),
        ("return {data: {}, errors: ['one', 'two']}", "says: one,two"),
        ("return {data: {a: '\\ud800'}}", "no JSON"),
    ],
)
def test_what_goes_wrong_is_a_decode_error_and_the_next_call_works(body: str, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        uplink(body).decode(1, b"\x01")
    assert Script(SOUND).decode(1, b"\x01\x02") == {"n": 2}


@pytest.mark.parametrize(
    "body",
    [
        "Error.prototype.toString = function () { while (true) {} }; while (true) {}",
        "throw {toString() { while (true) {} }}",
        "return {data: {n: Array.prototype.sort.call({length: 2 ** 53 - 1})}}",
        "[].indexOf.call({length: 2 ** 53 - 1}, 1)",
    ],
)
def test_loops_that_the_engine_cannot_leave_end_too(body: str) -> None:
    with pytest.raises(DecodeError, match="script: "):
        uplink(body).decode(1, b"\x01")
    assert Script(SOUND).decode(1, b"\x01\x02") == {"n": 2}


@pytest.mark.parametrize("text", ["", "function (", "var x = 1;", "throw 1", "while (true) {}", "#!", "\x00"])
def test_a_text_that_is_no_codec(text: str) -> None:
    with pytest.raises(DecodeError, match="script: "):
        Script(text).decode(1, b"")


@given(st.text(max_size=200))
def test_any_text_is_a_codec_or_refused(text: str) -> None:
    with pytest.raises(DecodeError):
        Script(text).decode(1, b"\x01")


def test_what_is_no_value_is_dropped_and_told() -> None:
    outcome = uplink(
        "return {data: {t: NaN, deep: {i: -Infinity}, f() {}, s: Symbol(), u: undefined, d: new Date(0), b: 5n, ok: 1}}"
    ).run(1, b"")
    assert outcome.data == {"deep": {}, "d": "1970-01-01T00:00:00.000Z", "b": 5, "ok": 1}
    assert outcome.dropped == (
        "t: NaN is no number",
        "i: -Infinity is no number",
        "f: a function is no value",
        "s: a symbol is no value",
    )


HOST = ("require", "process", "std", "os", "Deno", "Bun", "fetch", "XMLHttpRequest", "WebSocket", "WebAssembly")
TIMERS = ("setTimeout", "setInterval", "scriptArgs", "Worker", "__python")


@pytest.mark.parametrize("name", [*HOST, *TIMERS])
def test_there_is_nothing_around_a_script(name: str) -> None:
    assert uplink(f"return {{data: {{kind: typeof {name}}}}}").decode(1, b"") == {"kind": "undefined"}


@pytest.mark.parametrize(
    "body",
    [
        "return {data: {a: Object.keys(input.constructor.constructor('return this')()).sort().join()}}",
        "return {data: {a: Object.keys((0, eval)('this')).sort().join()}}",
    ],
)
def test_the_global_object_holds_nothing_of_the_host(body: str) -> None:
    known = {"console", "module", "exports", "decodeUplink", "performance"}
    assert set(str(uplink(body).decode(1, b"")["a"]).split(",")) <= known


def test_a_module_cannot_be_imported() -> None:
    body = "import('os').then((os) => { throw os; }, () => {}); return {data: {n: 1}}"
    assert uplink(body).decode(1, b"") == {"n": 1}


def test_tampering_with_what_the_result_passes_through_changes_nothing() -> None:
    body = """
      JSON.stringify = function () { return '{"data": {"n": 666}}'; };
      JSON.parse = Array.isArray = Number.isFinite = null;
      Object.prototype.toString = function () { return "x"; };
      return {data: {n: input.bytes.length}};
    """
    assert uplink(body).decode(1, b"\x01\x02") == {"n": 2}


def test_no_call_leaves_anything_to_the_next() -> None:
    script = Script(
        """
        var calls = 0;
        function decodeUplink(input) {
          calls++; leaked = (typeof leaked === "undefined" ? 0 : leaked) + 1; Array.prototype.leaked = true;
          return {data: {calls: calls, leaked: leaked, poisoned: Object.keys(Array.prototype).length}};
        }
        """
    )
    first = script.decode(1, b"")
    assert first == {"calls": 1, "leaked": 1, "poisoned": 1}
    assert script.decode(1, b"") == first
    assert Script(SOUND.replace("n:", "poisoned: [].leaked === true, n:")).decode(1, b"")["poisoned"] is False


def test_a_script_that_never_ends_rests_and_holds_nobody_up() -> None:
    script = uplink("while (true) {}", time_s=0.02)
    for _ in range(STRIKES):
        with pytest.raises(DecodeError, match="took longer"):
            script.decode(1, b"")
    with pytest.raises(DecodeError, match="is not run for a while"):
        script.decode(1, b"")
    assert Script(SOUND).decode(1, b"") == {"n": 0}


def test_a_script_that_fails_at_once_is_always_run() -> None:
    script = uplink("throw new Error(input.fPort)")
    for port in range(3 * STRIKES):
        with pytest.raises(DecodeError, match=f"threw Error: {port}$"):
            script.decode(port, b"")


def test_calls_from_many_threads() -> None:
    script = Script("function decodeUplink(i) { return {data: {first: i.bytes[0], port: i.fPort}}; }")
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda n: script.decode(n, bytes([n])), range(200)))
    assert told == [{"first": n, "port": n} for n in range(200)]


def test_an_engine_that_was_killed_is_started_again() -> None:
    worker = Worker(8 << 20)
    request = {"source": SOUND, "port": 1, "bytes": [1], "time": None}
    try:
        assert worker.ask(request, 1) == b'{"data":{"n":1},"dropped":[]}'
        pid = worker.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        for _ in range(2):
            try:
                assert worker.ask(request, 1) == b'{"data":{"n":1},"dropped":[]}'
            except DecodeError:
                continue
        assert worker.pid != pid
    finally:
        worker.close()


def test_an_engine_ends_when_the_hub_closes_it() -> None:
    worker = Worker(8 << 20)
    worker.ask({"source": SOUND, "port": 1, "bytes": [], "time": None}, 1)
    pid = worker.pid
    worker.close()
    assert not Path(f"/proc/{pid}").exists()
    assert worker.pid is None


def test_no_engine_outlives_a_hub_that_is_killed(eventually: Any) -> None:
    request = {"source": SOUND, "port": 1, "bytes": [], "time": None}
    text = f"""if True:
        from devices.ts013.worker import Worker
        worker = Worker(8 << 20)
        worker.ask({request!r}, 1)
        print(worker.pid, flush=True)
        input()
    """
    with subprocess.Popen([sys.executable, "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as hub:
        assert hub.stdout is not None
        engine = Path("/proc") / hub.stdout.readline().decode().strip()
        assert engine.exists()
        hub.kill()
    eventually(lambda: not running(engine), "the engine ends with its hub")


def test_scripts_share_an_engine() -> None:
    assert worker_for(1 << 24) is worker_for(1 << 24)
    assert worker_for(1 << 24) is not worker_for(1 << 25)


def test_bounds_of_source_and_payload() -> None:
    with pytest.raises(ConfigError, match="expected at most"):
        Script("x" * (MAX_SOURCE + 1))
    with pytest.raises(DecodeError, match="payload: "):
        Script(SOUND).decode(1, bytes(MAX_PAYLOAD + 1))
    assert Script(SOUND).decode(1, bytes(MAX_PAYLOAD)) == {"n": MAX_PAYLOAD}


def test_a_codec_of_files() -> None:
    codec = load_codec("bin-level", SCRIPTS / "bin_level.js", SCRIPTS / "bin_level.yaml", "bin")
    read = codec.read(2, bytes.fromhex("5c00d301"))
    claims = codec.claims(read)
    assert claims.readings == {"battery_pct": 92, "distance_mm": 2110, "tilt": 1}
    assert [event.kind for event in claims.occurrences] == ["tilted"]
    assert codec.claims(codec.decode(2, bytes.fromhex("5c000201"))).readings == {"battery_pct": 92, "tilt": 1}
    assert codec.claims(codec.decode(2, bytes.fromhex("5cffff00"))).readings == {"battery_pct": 92, "tilt": 0}


def test_a_script_without_a_mapping_is_read_by_common_names() -> None:
    codec = load_codec("door", SCRIPTS / "door_ttn2.js")
    assert codec.claims(codec.decode(7, b"\x00\x96")).readings == {"door_open": 0, "battery_v": 3}


def test_a_mapping_without_a_script_reads_no_bytes() -> None:
    codec = load_codec("server", None, SCRIPTS / "bin_level.yaml")
    with pytest.raises(DecodeError, match="no script is set"):
        codec.read(2, b"\x01")
    assert codec.claims({"battery": 50}).readings == {"battery_pct": 50}


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.js: No such file"):
        load_codec("x", tmp_path / "none.js")
    binary = tmp_path / "binary.js"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"binary\.js: expected text"):
        load_codec("x", binary)


ESCAPES = """
import ctypes, importlib.util, json, os, resource, socket, sys
spec = importlib.util.spec_from_file_location("engine", sys.argv[1])
engine = importlib.util.module_from_spec(spec)
spec.loader.exec_module(engine)
engine._give_up(16 << 20)

def fork():
    if os.fork() == 0:
        os._exit(0)

def write():
    os.write(os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT), b"out")

tries = {
    "read a file": lambda: open("/etc/hostname").read(),
    "write a file": write,
    "open a socket": lambda: socket.socket(),
    "start a process": fork,
    "start a program": lambda: os.posix_spawn("/bin/true", ["true"], {}),
    "have memory": lambda: bytearray(4 << 30),
    "lift the limit of files": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)),
    "lift the limit of processes": lambda: resource.setrlimit(resource.RLIMIT_NPROC, (64, 64)),
    "lift the limit of memory": lambda: resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30)),
    "become root": lambda: os.setuid(0),
    "look into the hub": lambda: open(f"/proc/{sys.argv[3]}/environ").read(),
    "end the hub": lambda: os.kill(int(sys.argv[3]), 15),
}
held = {}
for name, attempt in tries.items():
    try:
        attempt()
    except (OSError, MemoryError, ValueError) as error:
        held[name] = type(error).__name__
    else:
        held[name] = "it could"
print(json.dumps(held))
"""


def test_what_breaks_out_of_the_engine_finds_nothing_to_do(tmp_path: Path) -> None:
    """Not a script but a program in the engine's place: as if somebody had broken out of it."""
    target = tmp_path / "out"
    tmp_path.chmod(0o777)
    alone = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    try:
        told = subprocess.run(
            [sys.executable, "-I", "-c", ESCAPES, str(ENGINE), str(target), str(alone.pid)],
            check=True, capture_output=True, text=True, cwd="/",
        ).stdout  # fmt: skip
        held = json.loads(told)
        if os.geteuid():  # without root the hub's own user is whom the engine runs as, and may be signalled
            held.pop("end the hub")
        assert {name: how for name, how in held.items() if how == "it could"} == {}
        assert len(held) >= 11
        assert not target.exists()
        assert alone.poll() is None
    finally:
        alone.communicate()
