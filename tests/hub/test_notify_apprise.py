"""Apprise for real, through its JSON and mail services on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from devices.errors import ConfigError
from hub.notify.apprise_child import redacted
from hub.notify.channel import UndeliveredError
from hub.notify.channels.apprise import command
from tests.notifying import connect, message, notice, settings
from tests.receiver import Answer, receiver


async def test_what_is_sent() -> None:
    async with receiver() as there:
        channel = connect("apprise", url=f"json://127.0.0.1:{there.port}/hook", language="both")
        told = message(notice(severity="critical", title_zh="垃圾桶已满"))
        assert "Sent JSON" in (answer := await channel.send(told)) or answer == "sent"
        (request,) = there.requests
    body = request.document
    assert body["type"] == "failure"
    assert body["title"] == "严重：垃圾桶已满：bin-0042"
    assert "CRITICAL: Bin full: bin-0042" in body["message"]
    assert f"编号：{told.id[:8]}" in body["message"]


async def test_what_is_over_is_a_success() -> None:
    async with receiver() as there:
        channel = connect("apprise", url=f"json://127.0.0.1:{there.port}/")
        await channel.send(message(notice(action="cleared")))
        assert there.requests[0].document["type"] == "success"


async def test_a_refusal_is_told_without_the_address() -> None:
    async with receiver(lambda request: Answer(500)) as there:
        channel = connect("apprise", url=f"json://someone:secretword@127.0.0.1:{there.port}/token-of-mine")
        with pytest.raises(UndeliveredError) as caught:
            await channel.send(message())
    said = str(caught.value)
    assert "500" in said
    assert "secretword" not in said
    assert "token-of-mine" not in said


async def test_a_redirect_is_not_followed() -> None:
    async with receiver() as inside:
        async with receiver(lambda request: Answer(302, {"Location": inside.url})) as there:
            with pytest.raises(UndeliveredError):
                await connect("apprise", url=f"json://127.0.0.1:{there.port}/").send(message())
        assert inside.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433"])
async def test_this_machine_is_no_target_unless_allowed(host: str) -> None:
    async with receiver() as there:
        channel = connect("apprise", url=f"json://{host}:{there.port}/", allowed=())
        with pytest.raises(UndeliveredError, match=r"127.0.0.1 is not a public address"):
            await channel.send(message())
        assert there.connections == 0


@contextlib.asynccontextmanager
async def mail_server() -> AsyncIterator[tuple[int, list[str]]]:
    """Enough of SMTP to take a mail; the lines that came."""
    lines: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        in_data = False
        while line := (await reader.readline()).decode():
            lines.append(line.rstrip())
            if in_data:
                in_data = line != ".\r\n"
                if in_data:
                    continue
            elif line.upper().startswith("DATA"):
                in_data = True
                writer.write(b"354 go on\r\n")
                continue
            writer.write(b"221 bye\r\n" if line.upper().startswith("QUIT") else b"250 fine\r\n")
            if line.upper().startswith("QUIT"):
                break
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], lines
    finally:
        server.close()


async def test_mail_is_bound_by_the_targets_too() -> None:
    async with mail_server() as (port, lines):
        url = f"mailto://127.0.0.1:{port}?from=hub@city.example&to=duty@city.example&mode=insecure"
        with pytest.raises(UndeliveredError, match="not a public address"):
            await connect("apprise", url=url, allowed=()).send(message())
        assert lines == []
        await connect("apprise", url=url).send(message())
        assert any("bin-0042" in line or "Subject:" in line for line in lines)


async def test_a_service_that_hangs_ends_with_the_call(eventually: Callable[..., None]) -> None:
    never = asyncio.Event()
    async with receiver(lambda request: Answer(hold=never)) as there:
        sending = asyncio.create_task(connect("apprise", url=f"json://127.0.0.1:{there.port}/").send(message()))
        await there.count(1)
        children = _children()
        assert len(children) == 1
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert not children & _children()


def _children() -> set[int]:
    """Our processes that send through Apprise."""
    found = set()
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if folder.name.isdigit() and b"hub.notify.apprise_child" in (folder / "cmdline").read_bytes():
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == os.getpid():
                    found.add(int(folder.name))
    return found


async def test_no_service_may_start_a_program_or_reach_a_file(tmp_path: Path) -> None:
    """The guard itself, in a process of its own, for there is no way back."""
    program = """
import subprocess, sys, os, socket
from ipaddress import ip_network
from hub.notify.apprise_child import guard
from hub.notify.targets import Targets
guard(Targets([ip_network("127.0.0.1/32")]), refused := [])
for attempt in (lambda: subprocess.run(["true"]), lambda: os.system("true"), lambda: os.fork(),
                lambda: socket.create_connection(("127.0.0.2", 9)),
                lambda: socket.socket(socket.AF_UNIX).connect("/run/docker.sock"),
                lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("10.0.0.1", 53)),
                lambda: open("/etc/passwd").read(), lambda: os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT),
                lambda: open(sys.argv[1], "w"), lambda: open(socket.__file__ + "/../../../../etc/passwd").read(),
                lambda: bytearray(4 << 30)):
    try:
        attempt()
    except (OSError, MemoryError) as error:
        print(type(error).__name__)
open(socket.__file__).read()
print(len(refused))
"""
    target = tmp_path / "written"
    child = await asyncio.create_subprocess_exec(
        *command()[:-2], "-c", program, str(target), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await child.communicate()
    assert output.decode().split() == [
        *["PermissionError"] * 3, *["TargetError"] * 3, *["PermissionError"] * 4, "MemoryError", "10",
    ], errors.decode()  # fmt: skip
    assert not target.exists()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("wecombot", "is no address of Apprise"),
        ("syslog://", "is no address"),
        ("syslog://x", "concerns this machine only"),
        ("file:///etc/passwd", "concerns this machine only"),
        ("json://a\njson://b", "expected one line"),
    ],
)
def test_what_the_settings_refuse(url: str, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        settings({"name": "a", "kind": "apprise", "url": url})


def test_an_address_that_apprise_does_not_know() -> None:
    with pytest.raises(ConfigError, match=r"notify.channels test: url: Apprise does not know such an address"):
        connect("apprise", url="nosuch://secret-of-mine/")


@pytest.mark.parametrize(
    "url",
    [
        "wecombot://693axxx6-7aoc-4bc4-97a0-0ec2sifa5aaa",
        "dingtalk://abcdefgh@12345678",
        "feishu://abcdefghijkl",
        "lark://abcdefghijkl",
        "mailtos://duty:password@smtp.example.com?to=duty@example.com",
        "tgram://123456789:abcdefg_hijklmnop/12315544/",
    ],
)
def test_addresses_of_the_page_are_known(url: str) -> None:
    connect("apprise", url=url)


def test_redaction() -> None:
    url = "tgram://123456789:abcdefg_hij/12315544/?x=short&y=longer-secret"
    assert redacted("posting to 123456789:abcdefg_hij x=short longer-secret", url) == "posting to ***:*** x=short ***"


def test_the_order_is_json_with_no_secret_on_the_command_line() -> None:
    assert not any("://" in part for part in command())
    json.dumps(command())
