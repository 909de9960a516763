"""The README walks: its commands, as they stand there and in that order, in a shell and a browser.

What a machine of tests has to settle by other means than a reader's is settled outside of the commands: the environment
is there (`make -o install`), ports and the data folder come from variables that the hub honours, `mosquitto_pub` and
`curl` are led to those ports by their own settings files.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pypdfium2
import pytest
from playwright.sync_api import Browser, Page, expect

from store.embedded.vacancy import choose_port
from tests.crews import chromium, picture
from tests.demos import PEOPLE
from tests.servers import wait_until

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
PATIENCE_MS = 60_000
_LOG_IN = re.compile(r"sign in\s+(\w+)\s+(\S+)\s")
pytestmark = pytest.mark.timeout(300)


def commands(text: str) -> list[str]:
    """The blocks that a reader pastes into a shell."""
    return re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S)


class Reader:
    """Somebody in a folder with the project, at a shell whose settings lead to free ports."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "Makefile").symlink_to(ROOT / "Makefile")
        (folder / ".venv").symlink_to(sys.prefix)
        web, mqtt = (choose_port("127.0.0.1", folder / name) for name in ("web", "mqtt"))
        (folder / "mosquitto_pub").write_text(f"-p {mqtt}\n")
        (folder / ".curlrc").write_text(f'connect-to = "127.0.0.1:8080:127.0.0.1:{web}"\n')
        bare = {name: value for name, value in os.environ.items() if not name.startswith("SANIHUB_")}
        self._environment = bare | {
            **{"PORT": str(web), "SANIHUB_BROKER__PORT": str(mqtt), "SANIHUB_DATA": str(folder / "data")},
            **{"XDG_CONFIG_HOME": str(folder), "CURL_HOME": str(folder), "COLUMNS": "80", "NO_COLOR": "1"},
        }
        self._log = folder / "demo.log"
        self._demo: psutil.Popen | None = None

    def starts(self, command: str) -> None:
        """Start the demo in a terminal of its own."""
        assert command == "make demo\n"
        with self._log.open("wb") as output:
            self._demo = psutil.Popen(
                ["make", "-o", "install", "demo"],
                cwd=self.folder, env=self._environment, stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip

    def printed(self) -> str:
        """What the demo has printed so far."""
        assert self._demo is not None
        text = self._log.read_text(errors="replace")
        assert self._demo.poll() is None, text[-3000:]
        return text

    def passwords(self) -> dict[str, str]:
        return dict(_LOG_IN.findall(self.printed()))

    def pastes(self, block: str) -> str:
        """Paste a block; what it printed. It stops at the first command that fails."""
        done = subprocess.run(
            ["sh", "-e"], input=block, cwd=self.folder, env=self._environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, f"{block}\n{done.stdout}"
        return done.stdout

    def presses_ctrl_c(self) -> int:
        """End the demo as a terminal does: the signal goes to all of its processes."""
        assert self._demo is not None
        below = self._demo.children(recursive=True)
        os.killpg(self._demo.pid, signal.SIGINT)
        code = self._demo.wait(60)
        psutil.wait_procs(below, 30)
        assert not [one for one in below if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
        return int(code)

    def leaves(self) -> None:
        if self._demo is not None and self._demo.poll() is None:
            os.killpg(self._demo.pid, signal.SIGKILL)
            self._demo.wait()


@pytest.fixture
def reader(open_folder: Path) -> Iterator[Reader]:
    made = Reader(open_folder)
    yield made
    made.leaves()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def signed_in(browser: Browser, reader: Reader) -> Page:
    wait_until(lambda: set(reader.passwords()) == PEOPLE, "the demo tells its people", 120)
    found = re.search(r"^Open (http://\S+/) and sign in", reader.printed(), re.M)
    assert found, reader.printed()
    expect.set_options(timeout=PATIENCE_MS)
    page = browser.new_page(viewport={"width": 1440, "height": 900}, locale="en-GB", reduced_motion="reduce")
    page.goto(found[1])
    page.get_by_label("Name").fill("dispatcher")
    page.get_by_label("Password").fill(reader.passwords()["dispatcher"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".pulse")).to_have_attribute("data-state", re.compile("live|polling"))
    return page


def test_the_readme_from_its_first_command_to_its_last(reader: Reader, browser: Browser) -> None:
    start, post, rule, exceed, alerts, report, ask = commands(README)
    reader.starts(start)
    page = signed_in(browser, reader)
    reader.pastes(post)
    page.keyboard.press("/")
    page.keyboard.type("bin-9001")
    expect(page.locator("[data-list=devices] .row")).to_contain_text("42%")
    page.keyboard.press("Enter")
    drawer = page.locator(".drawer")
    expect(drawer).to_contain_text("bin-9001")
    expect(drawer).to_contain_text("3.61")
    picture(page, "walk-device")
    said = reader.pastes(rule)
    assert "my-rule.yaml: 1 rules, all sound." in said
    assert "added my-bin-half-full; all other rules stay." in said
    reader.pastes(exceed)
    page.keyboard.press("1")
    row = page.locator(".alert").filter(has_text="My bin is half full")
    expect(row).to_contain_text("bin-9001")
    picture(page, "walk-alert")
    listed = reader.pastes(alerts)
    assert re.search(r"warning.*bin-9001.*my-bin-half-full.*70", listed), listed
    assert "Daily fleet summary" in reader.pastes(report)
    pages = pypdfium2.PdfDocument(reader.folder / "report.pdf")
    assert "Daily fleet summary" in pages[0].get_textpage().get_text_range()
    darkest, lightest = pages[0].render(scale=0.5).to_pil().convert("L").getextrema()
    assert darkest < 100 < 250 < lightest  # ink on paper
    answer = json.loads(reader.pastes(ask).partition("\n{")[2].join(["{", ""]))
    assert answer["readings"]["fill_pct"]["value"] == 70
    page.close()
    assert reader.presses_ctrl_c() == -signal.SIGINT  # make passes on what its recipe was interrupted by
    assert "hub_stopped" in (reader.folder / "demo.log").read_text(errors="replace")
