"""Webhooks against a real HTTP server: what is sent, what counts as delivered, and where nothing is sent."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import socket
import ssl
from email.utils import formatdate
from pathlib import Path
from time import time
from typing import Any

import pytest
from pydantic import ValidationError

from hub.notify.channel import UndeliveredError
from hub.notify.channels.webhook import retry_after
from hub.notify.http_post import MOST_BYTES
from tests.certificates import make_certificates
from tests.notifying import SECRET, connect, message, notice, settings, webhook
from tests.receiver import Answer, receiver


async def undelivered(url: str, **fields: Any) -> UndeliveredError:
    channel = await webhook(url, **fields)
    with pytest.raises(UndeliveredError) as caught:
        await channel.send(message())
    return caught.value


async def test_what_is_sent() -> None:
    async with receiver(lambda request: Answer(200, {"Content-Length": "4"}, (b"fine",))) as there:
        channel = await webhook(f"{there.url}?a=b", headers={"X-City": "Wuhan"})
        told = message(notice(7, device="bin-7"))
        assert await channel.send(told) == "HTTP 200 fine"
        (request,) = there.requests
    assert request.target == "/hook?a=b"
    assert request.headers["host"] == f"127.0.0.1:{there.port}"
    assert request.headers["x-city"] == "Wuhan"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["idempotency-key"] == f'"{told.id}"'
    assert request.headers["webhook-id"] == told.id
    assert abs(int(request.headers["webhook-timestamp"]) - time()) < 60
    assert request.document["id"] == told.id
    assert request.document["notifications"][0]["alert"]["device"]["id"] == "bin-7"


async def test_the_signature_is_of_id_time_and_body() -> None:
    other = "another-secret-of-24-bytes"
    async with receiver() as there:
        channel = connect("webhook", url=there.url, secrets=[SECRET, other], allow_http=True)
        await channel.send(message())
        (request,) = there.requests
    content = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.body
    keys = [base64.b64decode(SECRET.removeprefix("whsec_")), other.encode()]
    expected = [base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode() for key in keys]
    assert request.headers["webhook-signature"] == f"v1,{expected[0]} v1,{expected[1]}"


async def test_sent_again_it_has_the_same_id_and_body() -> None:
    async with receiver() as there:
        channel, told = await webhook(there.url), message()
        await channel.send(told)
        await channel.send(told)
    first, second = there.requests
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


@pytest.mark.parametrize(("status", "blame"), [(500, "channel"), (404, "channel"), (401, "channel"), (422, "message")])
async def test_other_statuses_are_no_confirmation(status: int, blame: str) -> None:
    async with receiver(lambda request: Answer(status)) as there:
        error = await undelivered(there.url)
    assert (str(error), error.blame, error.retry_after_s) == (f"HTTP {status}", blame, None)


async def test_the_receiver_may_ask_to_wait() -> None:
    async with receiver(lambda request: Answer(429, {"Retry-After": "17"})) as there:
        assert (await undelivered(there.url)).retry_after_s == 17


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("17", 17), ("0", 0), ("999999999999", 3600), ("-5", None), ("soon", None), ("", None), ("1.5", None),
        (formatdate(1_000_060, usegmt=True), 60), (formatdate(999_000, usegmt=True), 0),
    ],
)  # fmt: skip
def test_retry_after(value: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": value}, 1_000_000) == seconds


async def test_a_redirect_is_not_followed() -> None:
    async with receiver() as inside:
        async with receiver(lambda request: Answer(307, {"Location": inside.url})) as there:
            assert str(await undelivered(there.url)) == "HTTP 307"
        assert inside.connections == 0


async def test_an_answer_without_end_is_read_to_a_bound() -> None:
    endless = Answer(200, {"Content-Length": "1000000000"}, (b"x" * MOST_BYTES,) * 8)
    async with receiver(lambda request: endless) as there:
        assert (await (await webhook(there.url)).send(message())).startswith("HTTP 200 xxx")


@pytest.mark.parametrize(
    "raw", [b"SSH-2.0-OpenSSH_9.2\r\n", b"", b"HTTP/1.1 200 OK\r\nA" + b"a" * 100_000, b"\x00" * 50]
)
async def test_what_is_no_http(raw: bytes) -> None:
    async with receiver(lambda request: Answer(raw=raw)) as there:
        assert (await undelivered(there.url)).blame == "channel"


async def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        error = await undelivered(f"http://127.0.0.1:{taken.getsockname()[1]}/")
    assert "refused" in str(error).lower() or "connect" in str(error).lower()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]", "127.1", "0"])
async def test_this_machine_is_no_target_unless_allowed(host: str) -> None:
    async with receiver() as there:
        error = await undelivered(f"http://{host}:{there.port}/", allowed=())
        assert there.connections == 0
    assert "is not a public address; see notify.allowed_networks" in str(error)


async def test_a_name_that_leads_inside_now_and_outside_later_gains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name answers with another address each time it is asked; what was judged is what is connected to."""
    asked = []

    async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        address = "127.0.0.2" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    async with receiver() as there, receiver(host="127.0.0.2") as permitted:
        loop = asyncio.get_running_loop()
        real = loop.getaddrinfo
        monkeypatch.setattr(
            loop,
            "getaddrinfo",
            lambda host, port, **more: getaddrinfo(host, port) if "example" in str(host) else real(host, port, **more),
        )
        channel = await webhook(f"http://rebind.example:{permitted.port}/", allowed=("127.0.0.2/32",))
        await channel.send(message())
        assert (there.connections, permitted.connections) == (0, 1)
        assert permitted.requests[0].headers["host"] == f"rebind.example:{permitted.port}"
        with pytest.raises(UndeliveredError, match="not a public address"):
            await channel.send(message())
        assert there.connections == 0
    assert asked == ["rebind.example", "rebind.example"]


async def test_tls(open_folder: Path) -> None:
    ca = make_certificates(open_folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(open_folder / "server.crt", open_folder / "server.key")
    async with receiver(tls=context) as there:
        url = f"https://localhost:{there.port}/"
        trusting = connect("webhook", url=url, secrets=[SECRET], ca=ca)
        assert await trusting.send(message()) == "HTTP 204"
        strict = connect("webhook", url=url, secrets=[SECRET])
        with pytest.raises(UndeliveredError, match="CERTIFICATE_VERIFY_FAILED"):
            await strict.send(message())
        assert len(there.requests) == 1


async def test_waiting_for_an_answer_can_be_ended() -> None:
    never = asyncio.Event()
    async with receiver(lambda request: Answer(hold=never)) as there:
        sending = asyncio.create_task((await webhook(there.url)).send(message()))
        await there.count(1)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"url": "http://a.example/"}, "expected https://; allow_http"),
        ({"url": "ftp://a.example/"}, "url\n.*is no address; expected https://host/path"),
        ({"url": "https:///x"}, "is no address"),
        ({"url": "https://a.example:99999/"}, "is no address"),
        ({"url": "https://user:pw@a.example/"}, "use headers"),
        ({"url": "https://a.example/\r\nX: y"}, "printable ASCII"),
        ({"url": "https://a.example/a b"}, "printable ASCII"),
        ({"secrets": []}, "secrets"),
        ({"secrets": ["short"]}, "at least 24 bytes"),
        ({"secrets": ["whsec_???"]}, "no base64"),
        ({"headers": {"Host": "b.example"}}, "Host: is the hub's own"),
        ({"headers": {"webhook-id": "1"}}, "webhook-id: is the hub's own"),
        ({"headers": {"X-A": "a\r\nX-B: b"}}, "printable ASCII"),
        ({"quiet": "22-7"}, "'22-7' are no hours"),
        ({"quiet": "00:00-24:00"}, "quiet: never ends"),
        ({"quiet_weekdays": ["sat"]}, "quiet_weekdays: needs quiet"),
        ({"name": "Über"}, "name"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_the_settings_refuse(fields: dict[str, Any], says: str) -> None:
    sound = {"name": "a", "kind": "webhook", "url": "https://a.example/", "secrets": [SECRET]}
    with pytest.raises(ValidationError, match=says):
        settings(sound | fields)


def test_secrets_are_not_shown() -> None:
    shown = repr(settings({"name": "a", "kind": "webhook", "url": "https://a.example/key", "secrets": [SECRET]}))
    assert SECRET not in shown
    assert "a.example/key" not in shown
