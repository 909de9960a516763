"""A process that sends one message through Apprise and ends: ``python -m hub.notify.apprise_child``.

A process of its own, because Apprise's services connect as they like and may hang: here every connection is judged at
the moment it is made (an audit hook of the interpreter sees the address, whatever library makes it), no program can be
started, no file written, none read but the interpreter's own and those of the network's set-up, memory is bounded, and
the hub can end it at any time. It is told what to do in a line of JSON on standard input, so that no
secret stands in the list of processes, and answers with a line on standard output.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import resource
import signal
import sys
import sysconfig
from typing import Any

from hub.notify.targets import TargetError, Targets

_STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty")
_READ_ONLY = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | getattr(os, "O_LARGEFILE", 0)
_MEMORY_BYTES = 1 << 30  #: of address space; Apprise and its libraries take a quarter of it
_READABLE = (
    *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    *("/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates"),
    *("/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/gai.conf", "/etc/services", "/etc/mime.types"),
    *("/etc/localtime", "/usr/share/zoneinfo", "/dev/null", "/dev/urandom", "/proc/self"),
    *(os.environ[name] for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_DIR", "SSL_CERT_FILE") if name in os.environ),
)
_CONNECTS = {"socket.connect": 1, "socket.sendto": 1, "socket.sendmsg": 1}


def guard(targets: Targets, refused: list[str]) -> None:
    """From now on this process connects to permitted addresses only, starts nothing, and touches no file of others'.

    There is no way back.
    """
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and (fault := _file_fault(*arguments)) is not None:
            refused.append(fault)
            raise PermissionError(fault)
        if event in _STARTS:
            refused.append(f"{event} is not allowed")
            raise PermissionError(refused[-1])
        if event in _CONNECTS and len(arguments) > _CONNECTS[event]:
            address = arguments[_CONNECTS[event]]
            if address is None and event != "socket.connect":
                return  # over a socket that was connected before
            host = address[0] if isinstance(address, tuple) else str(address)
            fault = targets.fault(str(host))
            if fault is not None:
                refused.append(fault)
                raise TargetError(fault)

    sys.addaudithook(look)


def _file_fault(path: Any, mode: str | None, flags: int) -> str | None:
    """Why a file may not be opened; None where it may. A descriptor is open already."""
    if isinstance(path, int) or path is None:
        return None
    name = os.fsdecode(path)
    if flags & ~_READ_ONLY or (mode is not None and set(mode) & set("wax+")):
        return f"writing to {name} is not allowed"
    whole = os.path.realpath(name)
    if any(whole == root or whole.startswith(f"{root.rstrip('/')}/") for root in map(os.path.realpath, _READABLE)):
        return None
    return f"reading {name} is not allowed"


def main() -> None:
    """Read the order, carry it out, answer."""
    order = json.loads(sys.stdin.buffer.readline())
    signal.alarm(int(order["timeout_s"]) + 5)  # should the hub be gone
    networks = ([ipaddress.ip_network(text) for text in order[name]] for name in ("allowed", "forbidden"))
    outcome = _carry_out(order, Targets(*networks))
    sys.stdout.write(json.dumps(outcome) + "\n")
    sys.stdout.flush()
    os._exit(0)  # threads of a service may hang


def _carry_out(order: dict[str, Any], targets: Targets) -> dict[str, Any]:
    from apprise import Apprise, AppriseAsset

    asset = AppriseAsset(
        app_id="sanihub",
        app_desc="sanihub",
        app_url="",
        async_mode=False,
        http_redirects=False,
        pgp_autogen=False,
        pem_autogen=False,
        storage_mode="memory",
        service_timeout=order["timeout_s"],
    )
    service = Apprise.instantiate(order["url"], asset=asset)
    if service is None:
        return {"ok": False, "usable": False, "answer": "Apprise does not know such an address"}
    if order["check"]:
        return {"ok": True, "usable": True, "answer": str(service.service_name)}
    refused: list[str] = []
    guard(targets, refused)
    sender = Apprise(asset=asset)
    sender.add(service)
    result = sender.notify(body=order["body"], title=order["title"], notify_type=order["type"], body_format="text")
    said = [redacted(entry.message, order["url"]) for entry in result.logs()]
    ok = bool(result)
    return {"ok": ok, "usable": True, "answer": "; ".join([*refused, *said]) or ("sent" if ok else "not sent")}


def redacted(text: str, url: str) -> str:
    """A text without the parts of an address that may be secret: all but its scheme and short words."""
    for part in sorted(set(re.split(r"[/:@?&=#]+", url.partition("://")[2])), key=len, reverse=True):
        if len(part) >= 6:
            text = text.replace(part, "***")
    return text


if __name__ == "__main__":
    main()
