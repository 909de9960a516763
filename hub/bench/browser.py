"""A page in a real Chromium, steered over its DevTools protocol: no more of it is switched on than the bench asks.

Test tools switch on its Network domain, whereupon the process of the page keeps the answers that it got, up to 100 MB:
what such a page weighs is not what a dispatcher's weighs.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psutil

from devices.errors import ConfigError

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-dev-shm-usage", "--lang=en-GB", "--remote-debugging-port=0",
)  # fmt: skip
PATIENCE_S = 60.0
_ASK_S = 0.1
_KEYS = {"Escape": 27}  #: keys that write nothing, by their codes


class Page:
    """A page. What it says of its faults gathers in ``errors``."""

    def __init__(self, connection: ClientConnection, browser: psutil.Process) -> None:
        self.errors: list[str] = []
        self._connection, self._browser = connection, browser
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._asked = 0
        self._reading = asyncio.create_task(self._read())

    async def send(self, method: str, **params: object) -> dict[str, Any]:
        """Call a method of the protocol. Raises RuntimeError with what the browser says of a call that failed."""
        self._asked += 1
        answer = self._answers[self._asked] = asyncio.get_running_loop().create_future()
        await self._connection.send(json.dumps({"id": self._asked, "method": method, "params": params}))
        async with asyncio.timeout(PATIENCE_S):
            told = await answer
        if "error" in told:
            raise RuntimeError(f"{method}: {told['error']['message']}")
        result: dict[str, Any] = told["result"]
        return result

    async def evaluate(self, script: str, *arguments: object) -> Any:
        """The value of an expression; with arguments, of the function that it is."""
        called = f"({script})({', '.join(json.dumps(one) for one in arguments)})" if arguments else script
        told = await self.send("Runtime.evaluate", expression=called, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in told:
            raise RuntimeError(told["exceptionDetails"].get("exception", {}).get("description", "the script failed"))
        return told["result"].get("value")

    async def count(self, selector: str) -> int:
        """How many elements there are of a selector."""
        found: int = await self.evaluate("(selector) => document.querySelectorAll(selector).length", selector)
        return found

    async def wait_for(self, selector: str, *, gone: bool = False) -> None:
        """Wait until there is an element of a selector, or none any more. Raises TimeoutError."""
        async with asyncio.timeout(PATIENCE_S):
            while (await self.count(selector) > 0) is gone:  # noqa: ASYNC110 - the page tells nobody
                await asyncio.sleep(_ASK_S)

    async def fill(self, selector: str, text: str) -> None:
        """Write into a field as a keyboard does."""
        await self.wait_for(selector)
        await self.evaluate("(selector) => document.querySelector(selector).focus()", selector)
        await self.send("Input.insertText", text=text)

    async def press(self, key: str) -> None:
        """Press a key and let it go."""
        code = _KEYS.get(key) or ord(key.upper())
        text = {} if key in _KEYS else {"text": key}
        await self.send("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, **text)
        await self.send("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    async def click(self, x: float, y: float) -> None:
        """Click with the left button, in pixels of the page."""
        await self.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        for what in ("mousePressed", "mouseReleased"):
            await self.send("Input.dispatchMouseEvent", type=what, x=x, y=y, button="left", clickCount=1)

    def family(self) -> list[psutil.Process]:
        """The processes of the browser."""
        return [self._browser, *self._browser.children(recursive=True)]

    async def close(self) -> None:
        """Hear no more of it."""
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self) -> None:
        async for text in self._connection:
            told = json.loads(text)
            if (answer := self._answers.pop(told.get("id"), None)) is not None:
                if not answer.done():
                    answer.set_result(told)
            elif (fault := _fault(told)) is not None:
                self.errors.append(fault)


def _fault(told: dict[str, Any]) -> str | None:
    """What an event says of a fault of the page."""
    method, params = told.get("method"), told.get("params", {})
    if method == "Runtime.exceptionThrown":
        details = params["exceptionDetails"]
        return str(details.get("exception", {}).get("description") or details["text"])
    if method == "Runtime.consoleAPICalled" and params["type"] == "error":
        return " ".join(str(one.get("value", one.get("description", ""))) for one in params["args"])
    if method == "Log.entryAdded" and params["entry"]["level"] == "error":
        return str(params["entry"]["text"])
    return None


@asynccontextmanager
async def browsing(width: int, height: int) -> AsyncIterator[Page]:
    """A browser with an empty page. Raises ConfigError, which says what to install, where there is none."""
    try:
        from websockets.asyncio.client import connect
    except ImportError as error:
        raise ConfigError("bench: board: needs websockets, which is not installed: pip install websockets") from error
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        raise ConfigError(f"bench: board: needs one of {', '.join(PROGRAMS)} on the PATH: apt-get install chromium")
    with tempfile.TemporaryDirectory(prefix="sanihub-bench-", ignore_cleanup_errors=True) as profile:
        command = [program, *FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}", "about:blank"]
        process = await asyncio.to_thread(subprocess.Popen, command, stderr=subprocess.DEVNULL)
        try:
            address = await _address(Path(profile), process)
            async with connect(address, max_size=None) as connection:
                page = Page(connection, psutil.Process(process.pid))
                for domain in ("Page", "Runtime", "Log", "Performance"):
                    await page.send(f"{domain}.enable")
                size: dict[str, object] = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
                await page.send("Emulation.setDeviceMetricsOverride", **size)
                try:
                    yield page
                finally:
                    await page.close()
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait)


async def _address(profile: Path, process: subprocess.Popen[bytes]) -> str:
    """Where the browser's only page listens: the port stands in a file of its profile."""
    file = profile / "DevToolsActivePort"
    async with asyncio.timeout(PATIENCE_S), httpx.AsyncClient() as client:
        while True:
            if process.poll() is not None:
                raise ConfigError(f"bench: board: {process.args!r} ended with {process.returncode}")
            if file.is_file() and (lines := file.read_text().split()):
                told = (await client.get(f"http://127.0.0.1:{lines[0]}/json")).json()
                if pages := [one for one in told if one["type"] == "page"]:
                    return str(pages[0]["webSocketDebuggerUrl"])
            await asyncio.sleep(_ASK_S)
