"""The program of the process that runs codec scripts; nothing else may import it.

It stands alone on purpose: it imports no module of the hub, opens nothing, and gives up what it could still reach
before the first script runs. It reads requests from standard input and writes an answer for each to standard output,
both as JSON behind four bytes of length. Every call gets an engine of its own, so that nothing that a script keeps or
breaks reaches the next call.

A script that does not end is stopped by the engine where it can be, and otherwise (loops inside the engine's own
functions) by the kernel, which ends this process. The hub starts another.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
from typing import Any, BinaryIO

import quickjs

STACK_BYTES = 256 * 1024
GRACE_S = 0.25  #: more than the script's own limit before the kernel ends the process
OWN_BYTES = 512 * 1024 * 1024  #: address space of the interpreter itself; scripts come on top
NOBODY = 65_534  #: the user that owns nothing
PR_SET_NO_NEW_PRIVS = 38  #: prctl(2)
MAX_MESSAGE = 300  #: characters of an error

# The functions that the result passes through are taken before the script can replace them.
PRELUDE = """
var console = {log: function () {}, warn: function () {}, error: function () {}, info: function () {}};
var module = {exports: {}}, exports = module.exports;
(function () {
  "use strict";
  const stringify = JSON.stringify, parse = JSON.parse, finite = Number.isFinite, text = String, when = Date;
  const isArray = Array.isArray, number = Number, names = Object.keys;
  return function (find, request) {
    const call = parse(request), dropped = [];
    let result;
    const entry = find();
    if (entry[0] === "decodeUplink") {
      const time = call.time === null ? new when() : new when(call.time);
      result = entry[1]({bytes: call.bytes, fPort: call.port, recvTime: time});
    } else if (entry[0] === "Decode") {
      result = {data: entry[1](call.port, call.bytes, {})};
    } else if (entry[0] === "Decoder") {
      result = {data: entry[1](call.bytes, call.port)};
    } else {
      return stringify({error: "defines none of decodeUplink, Decode and Decoder"});
    }
    if (result === null || typeof result !== "object") {
      return stringify({error: "returned no object"});
    }
    if (result.errors !== undefined && result.errors !== null && result.errors.length > 0) {
      return stringify({error: "says: " + text(result.errors).slice(0, 300)});
    }
    const data = result.data;
    if (data === null || typeof data !== "object" || isArray(data) || data instanceof when) {
      return stringify({error: "returned no object as data"});
    }
    const clean = function (key, value) {
      const kind = typeof value;
      if (kind === "number" && !finite(value)) { dropped.push(key + ": " + text(value) + " is no number"); }
      else if (kind === "function" || kind === "symbol") { dropped.push(key + ": a " + kind + " is no value"); }
      else if (kind === "bigint") { return number(value); }
      else { return value; }
      return undefined;
    };
    const told = stringify(data, clean);
    if (typeof told !== "string") { return stringify({error: "returned no object as data"}); }
    if (told.length > 1000000) { return stringify({error: "returned more than 1000000 characters"}); }
    return '{"data":' + told + ',"dropped":' + stringify(dropped.slice(0, 20)) + "}";
  };
})()
"""

FIND = """
(function () {
  if (typeof decodeUplink === "function") { return ["decodeUplink", decodeUplink]; }
  if (typeof module === "object" && module && module.exports && typeof module.exports.decodeUplink === "function") {
    return ["decodeUplink", module.exports.decodeUplink];
  }
  if (typeof Decode === "function") { return ["Decode", Decode]; }
  if (typeof Decoder === "function") { return ["Decoder", Decoder]; }
  return ["", null];
})
"""


def main() -> None:
    """Answer requests until there are no more. The first one names the memory that scripts may have."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    first = receive(source)
    if first is None:
        return
    memory = int(first["memory"])
    _give_up(memory)
    while (request := receive(source)) is not None:
        send(sink, answer(request, memory))


def _give_up(memory: int) -> None:
    """No new files or sockets, no bytes into files, no other processes, no more memory than needed, and no way back.

    Scripts cannot reach any of it through the engine; this is for what breaks out of the engine.
    """
    _become_nobody()
    resource.setrlimit(resource.RLIMIT_AS, (OWN_BYTES + memory, OWN_BYTES + memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _become_nobody() -> None:
    """Leave the rights of root, who could lift every limit, and let no program that is started give any back.

    A container may keep root from changing its user; the limits hold there too, until root lifts them.
    """
    ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.geteuid() == 0:
        with contextlib.suppress(PermissionError):
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)


def answer(request: dict[str, Any], memory: int) -> bytes:
    """What to write for one request: JSON with ``data`` and ``dropped``, or with ``error``."""
    limit = float(request["limit"])
    # Processor time, of which a busy machine takes none away. The default of the signal is the end of the process.
    signal.setitimer(signal.ITIMER_PROF, limit + GRACE_S)
    try:
        told = _run(request, memory, limit)
    except quickjs.JSException as error:
        told = json.dumps({"error": _shown(error, limit)})
    except (MemoryError, TypeError, ValueError) as error:
        told = json.dumps({"error": f"failed in the engine: {type(error).__name__}"})
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return told.encode("utf-8", "replace")


def _run(request: dict[str, Any], memory: int, limit: float) -> str:
    context = quickjs.Context()
    context.set_memory_limit(memory)
    context.set_max_stack_size(STACK_BYTES)
    context.set_time_limit(limit)
    run = context.eval(PRELUDE)
    context.eval(request["source"])
    call = {name: request[name] for name in ("port", "bytes", "time")}
    told = run(context.eval(FIND), json.dumps(call))
    return told if isinstance(told, str) else json.dumps({"error": "returned no object"})


def _shown(error: quickjs.JSException, limit: float) -> str:
    """The first line of an exception, in a person's words where the engine's are short."""
    first = str(error).strip().split("\n", 1)[0][:MAX_MESSAGE]
    if "interrupted" in first:
        return f"took longer than {limit:g} s"
    return f"threw {first or 'something'}"


def receive(source: BinaryIO) -> dict[str, Any] | None:
    """The next request; None when the hub has gone."""
    head = source.read(4)
    if len(head) < 4:
        return None
    body = source.read(int.from_bytes(head, "big"))
    request: dict[str, Any] = json.loads(body)
    return request


def send(sink: BinaryIO, body: bytes) -> None:
    """Write an answer."""
    sink.write(len(body).to_bytes(4, "big") + body)
    sink.flush()


if __name__ == "__main__":
    main()
