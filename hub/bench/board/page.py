"""The browser of the board's bench: a real Chromium without a graphics card, signed in, that times what it shows.

What steers it is in :mod:`hub.bench.browser`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from hub.bench import browser
from hub.bench.api.load import percentile
from hub.bench.browser import Page

WIDTH, HEIGHT = 1440, 900
LONGEST_MS = 5_000  #: longer frames and clicks are counted as so long
_ASK_MS = 100
_GOLDEN = 0.618034  #: steps of so much of a list come everywhere in it
LEAST_PRESENTED_MS = 16.0  #: the browser tells of no shorter ones

# A click runs from its event's time stamp (when the browser's own process took the input) to the first task after the
# frame in which a drawer stands that was not there before. Frames are counted by their length, so that counting needs
# no memory that grows.
_WATCH = """(() => {
  const frames = new Uint32Array(5001), answers = [], presented = [];
  let last = 0, from = 0, before = null;
  const tick = (now) => {
    if (last) frames[Math.min(5000, Math.round(now - last))] += 1;
    last = now;
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
  addEventListener('click', (event) => {
    if (!bench.armed) return;
    bench.armed = false;
    from = event.timeStamp;
    before = document.querySelector('.drawer');
  }, true);
  new MutationObserver(() => {
    if (!from) return;
    const drawer = document.querySelector('.drawer');
    if (!drawer || drawer === before || !drawer.querySelector('.readings')) return;
    const began = from;
    from = 0;
    before = null;
    requestAnimationFrame(() => {
      const after = new MessageChannel();
      after.port1.onmessage = () => { answers.push(performance.now() - began); after.port1.close(); };
      after.port2.postMessage(0);
    });
  }).observe(document, { childList: true, subtree: true });
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) if (one.name === 'click') presented.push(one.duration);
  }).observe({ type: 'event', durationThreshold: 16 });
  const bench = { frames, answers, presented, armed: false, forget: () => { frames.fill(0); last = 0; from = 0; } };
  window.bench = bench;
})()"""
_MARKER = """(share) => {
  const map = document.querySelector('.map-host').map, canvas = map.getCanvas(), box = canvas.getBoundingClientRect();
  const seen = map.queryRenderedFeatures({ layers: ['vehicles'] });
  for (let turn = 0; turn < seen.length; turn++) {
    const one = seen[(Math.floor(share * seen.length) + turn) % seen.length];
    const at = map.project(one.geometry.coordinates), x = box.x + at.x, y = box.y + at.y;
    if (document.elementFromPoint(x, y) === canvas) return [x, y];
  }
  return null;
}"""
_ROW = """(share) => {
  const rows = [...document.querySelectorAll('.panel [data-row]')].map((row) => row.getBoundingClientRect());
  const seen = rows.filter((box) => box.top > 200 && box.bottom < innerHeight);
  const box = seen[Math.floor(share * seen.length)];
  return box ? [box.x + box.width / 2, box.y + box.height / 2] : null;
}"""
_DRAWN = """async () => {
  const vehicles = document.querySelector('.map-host')?.map?.getSource('vehicles');
  if (!vehicles) return {};
  const { features } = await vehicles.getData();
  return Object.fromEntries(features.map((one) => [one.properties.id, one.geometry.coordinates]));
}"""


class Clicks(msgspec.Struct):
    """Clicks of a sort. ``presented`` is the browser's own Event Timing: to the frame that reached the screen."""

    what: str
    count: int
    unanswered: int
    p50_ms: float
    p95_ms: float
    worst_ms: float
    presented_p95_ms: float


class Frames(msgspec.Struct):
    """Times between frames of the page (requestAnimationFrame), the whole run long."""

    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    worst_ms: float
    over_200ms: int


class Weight(msgspec.Struct):
    """The page's weight after a collection of garbage."""

    heap_mib: float
    nodes: int
    listeners: int
    renderer_mib: float  #: resident, of the process that runs the page
    cpu_s: float  #: used by all processes of the browser since they began


class Board:
    """The page with the board. See the module."""

    def __init__(self, page: Page) -> None:
        self.errors = page.errors
        self.page = page
        self._turn = 0
        self._clicks: dict[str, tuple[list[float], list[float], list[None]]] = {}

    async def enter(self, url: str, name: str, password: str) -> None:
        """Sign in as a person does, and open the list of vehicles."""
        page = self.page
        await page.send("Page.navigate", url=url)
        await page.fill("input[name=name]", name)
        await page.fill("input[name=password]", password)
        await page.evaluate("document.querySelector('button[type=submit]').click()")
        await page.wait_for(".pulse[data-state=live]")
        await page.press("2")
        await page.wait_for(".panel [data-row]")

    async def drawn(self) -> dict[str, list[float]]:
        """Where the map draws its vehicles, by their ids: longitude and latitude."""
        found: dict[str, list[float]] = await self.page.evaluate(f"({_DRAWN})()")
        return found

    async def begin(self) -> None:
        """Forget the frames until now."""
        await self.page.evaluate("bench.forget()")

    async def click_marker(self) -> None:
        """With all of the city in view and no drawer open, click one of its vehicles."""
        await self._show_all()
        await self._click("vehicle on the map", _MARKER)

    async def click_row(self) -> None:
        """The same of a row of the list; the map flies there."""
        await self._show_all()
        await self._click("vehicle in the list", _ROW)

    async def _show_all(self) -> None:
        if await self.page.count(".drawer"):
            await self.page.press("Escape")
            await self.page.wait_for(".drawer", gone=True)
        await self.page.press("f")
        await asyncio.sleep(1.2)  # the flight takes 0.6 s; a person looks before the click, too

    async def _click(self, what: str, where: str) -> None:
        times, presented, lost = self._clicks.setdefault(what, ([], [], []))
        answers, told = await self.page.evaluate("[bench.answers.length, bench.presented.length]")
        self._turn += 1
        place = await self.page.evaluate(where, self._turn * _GOLDEN % 1)
        if place is None:
            lost.append(None)
            return
        await self.page.evaluate("bench.armed = true")
        await self.page.click(*place)
        for _ in range(round(2 * LONGEST_MS / _ASK_MS)):  # asked in turns: the page's policy forbids waiting functions
            await asyncio.sleep(_ASK_MS / 1_000)
            if await self.page.evaluate("bench.answers.length") > answers:
                break
        else:
            lost.append(None)
            return
        await asyncio.sleep(0.3)  # Event Timing tells a little later
        took = await self.page.evaluate("([n, m]) => [bench.answers[n], bench.presented.slice(m)]", [answers, told])
        times.append(took[0])
        presented.append(max([LEAST_PRESENTED_MS, *took[1]]))

    def clicks(self) -> list[Clicks]:
        """What was measured of clicks until now."""
        return [_clicks(what, *taken) for what, taken in self._clicks.items()]

    async def frames(self) -> Frames:
        """The frames since :meth:`begin`."""
        counts: list[int] = await self.page.evaluate("[...bench.frames]")
        p50, p95, p99, worst = (_at(counts, share * sum(counts)) for share in (0.5, 0.95, 0.99, 1.0))
        return Frames(sum(counts), p50, p95, p99, worst, sum(counts[201:]))

    async def weight(self) -> Weight:
        """Collect garbage, and weigh."""
        await self.page.send("HeapProfiler.collectGarbage")
        heap = await self.page.send("Runtime.getHeapUsage")
        found = await self.page.send("Performance.getMetrics")
        named = {one["name"]: one["value"] for one in found["metrics"]}
        family = self.page.family()
        pages = [one for one in family if "--type=renderer" in one.cmdline()]
        return Weight(
            round(heap["usedSize"] / 2**20, 2),
            int(named["Nodes"]),
            int(named["JSEventListeners"]),
            round(max((one.memory_info().rss for one in pages), default=0) / 2**20, 1),
            round(sum(sum(one.cpu_times()[:2]) for one in family), 1),
        )


def _clicks(what: str, times: list[float], presented: list[float], lost: list[None]) -> Clicks:
    p50, p95, worst = (round(percentile(times, share), 1) for share in (0.5, 0.95, 1.0))
    return Clicks(what, len(times), len(lost), p50, p95, worst, round(percentile(presented, 0.95), 1))


def _at(counts: list[int], place: float) -> float:
    """The length at which so many frames are not longer."""
    passed = 0
    for length, count in enumerate(counts):
        passed += count
        if count and passed >= place:
            return float(length)
    return float("nan")


@asynccontextmanager
async def browsing() -> AsyncIterator[Board]:
    """A browser with an empty page that times what it will show. Raises ConfigError."""
    async with browser.browsing(WIDTH, HEIGHT) as page:
        await page.send("Page.addScriptToEvaluateOnNewDocument", source=_WATCH)
        yield Board(page)
