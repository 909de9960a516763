// The landing page: asks the hub every two seconds, shows what it says, and says so when it says nothing.
import { applyWords, clock, number, setupLanguage, span, word } from "./words.js";
import { PositionMap } from "./map.js";

const POLL_MS = 2000;
const TIMEOUT_MS = 8000;
const STALE_MS = 7000;
const QUIET_S = 300;
const COMPLETE_EVERY_MS = 60e3; // between, only what was heard since; see /docs on `as_of`
const KINDS = ["vehicle", "bin", "toilet", "worker", "station", "gateway", "unknown"];
const RATE_POINTS = 90;

const $ = (id) => document.getElementById(id);
const data = { status: null, full: null, readAt: 0, storeAt: 0, asOf: null, completeAt: 0, rates: [], before: null };
let timer = 0, running = false;

// --- asking

async function ask(path) {
  const answer = await fetch(path, { headers: { accept: "application/json" }, signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

async function askLatest() {
  const complete = !data.asOf || Date.now() - data.completeAt > COMPLETE_EVERY_MS;
  const since = complete ? "" : `&since=${encodeURIComponent(data.asOf)}`;
  const states = [];
  let cursor = "", asOf = null;
  do {
    const page = await ask(`/api/v1/latest?limit=2000${since}${cursor}`);
    states.push(...page.items);
    asOf ??= page.as_of;
    cursor = page.next_cursor && `&cursor=${encodeURIComponent(page.next_cursor)}`;
  } while (cursor);
  data.asOf = asOf;
  if (complete) data.completeAt = Date.now();
  map.update(states, complete);
}

async function poll() {
  if (running) return;
  running = true;
  clearTimeout(timer);
  try {
    take(await ask("/api/v1/status"));
    if (data.status.store.reachable) await askLatest();
  } catch (error) {
    console.warn("sanihub:", error.message); // a hub that restarts is ordinary; the page says that data is old
  }
  running = false;
  show();
  if (!document.hidden) timer = setTimeout(poll, POLL_MS);
}

function take(status) {
  data.status = status;
  data.readAt = Date.now();
  map.skew = Date.parse(status.as_of) - data.readAt;
  if (status.store.reachable) { data.full = status; data.storeAt = data.readAt; }
  const now = { at: Date.parse(status.as_of) / 1000, count: status.pipeline.messages_total, since: status.started_at };
  const before = data.before;
  data.before = now;
  if (!before || before.since !== now.since || now.count == null || now.at <= before.at || now.count < before.count) return;
  data.rates = [...data.rates, (now.count - before.count) / (now.at - before.at)].slice(-RATE_POINTS);
}

// --- showing

function element(tag, attributes = {}, ...children) {
  const node = document.createElementNS(/^(svg|rect|path|circle)$/.test(tag) ? "http://www.w3.org/2000/svg" : "http://www.w3.org/1999/xhtml", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function show() {
  showPulse();
  if (data.full) { showFigures(data.full); showKinds(data.full); showProtocols(data.full); }
  if (data.status) { showRate(); showHealth(data.status); showFacts(data.status); }
  showLayers();
  if (map.picked) showCard(map.devices.get(map.picked), true);
  $("map-empty").hidden = !data.full || map.devices.size > 0;
}

function showPulse() {
  const age = Date.now() - data.readAt;
  const state = document.hidden ? "paused" : !data.readAt && !running ? "stale" : !data.readAt ? "waiting" : age > STALE_MS ? "stale" : "live";
  $("pulse").dataset.state = state;
  const text = { paused: "paused", stale: "staleShort", live: "live", waiting: "connecting" }[state];
  $("pulse-text").textContent = word(text) + (state === "live" ? ` · ${clock(data.readAt)}` : "");
  const notice = noticeText(state, age);
  if ($("notice").textContent !== notice) $("notice").textContent = notice;
  $("notice").hidden = !notice;
  document.body.toggleAttribute("data-stale", Boolean(notice) && (state === "stale" || !data.status?.store.reachable));
}

function noticeText(state, age) {
  if (state === "stale") return data.readAt ? word("noAnswer", span(Math.floor(age / 5000) * 5), clock(data.readAt)) : word("never");
  if (!data.status) return "";
  if (!data.status.store.reachable) return word("storeAway", data.storeAt ? clock(data.storeAt) : "–");
  const newest = data.status.devices.newest_received_at;
  const quiet = newest ? (Date.parse(data.status.as_of) - Date.parse(newest)) / 1000 : 0;
  return quiet > QUIET_S ? word("quiet", span(quiet)) : "";
}

function showFigures({ devices, store, dead_letters_open: letters, alerts_open: alerts }) {
  $("reporting").textContent = number(devices.reporting);
  $("reporting-of").textContent = word("ofTotal", number(devices.total));
  $("reporting-note").textContent = word("inWindow", devices.reporting_window_s / 60);
  $("alerts").textContent = number(alerts.total);
  $("alerts").parentElement.classList.toggle("alarm", alerts.critical > 0);
  $("alerts-note").textContent = alerts.total ? word("alertsSome", number(alerts.critical), number(alerts.unacknowledged)) : word("alertsNone");
  const { readings, fixes, events, total } = store.rows;
  $("rows").textContent = number(total);
  $("rows-note").textContent = word("rowsNote", number(readings), number(fixes), number(events));
  $("rows-note").title = $("rows-note").textContent;
  $("letters").textContent = number(letters) + (letters >= 100000 ? "+" : "");
  $("letters").parentElement.classList.toggle("alarm", letters > 0);
  $("letters-note").textContent = word(letters ? "lettersSome" : "lettersNone");
}

function showRate() {
  const recent = data.rates.slice(-5);
  const rate = recent.reduce((sum, value) => sum + value, 0) / recent.length;
  $("rate").textContent = recent.length ? number(rate, rate < 100 ? 1 : 0) : "–";
  const top = Math.max(...data.rates, 1e-9);
  const x = (i) => (120 * i) / Math.max(data.rates.length - 1, 15);
  const points = data.rates.map((value, i) => `${x(i).toFixed(1)} ${(23 - (value / top) * 21).toFixed(1)}`);
  $("spark").firstElementChild.setAttribute("d", points.length > 1 ? "M" + points.join("L") : "");
}

function showKinds({ devices }) {
  const rows = [...devices.by_kind].sort((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind)).map((row) => {
    const width = row.devices ? (100 * row.reporting) / row.devices : 0;
    const pending = row.pending ? [element("small", {}, " · " + word("pending", number(row.pending)))] : [];
    return element("li", {},
      element("span", {}, word("kind_" + row.kind), ...pending),
      element("span", { class: "count" }, number(row.reporting), element("small", {}, " / " + number(row.devices))),
      element("svg", { class: "bar", viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true" },
        element("rect", { width: 100, height: 4 }), element("rect", { width: width.toFixed(1), height: 4 })));
  });
  $("kinds").replaceChildren(...(rows.length ? rows : [element("li", {}, word("noDevices"))]));
}

function showProtocols({ devices }) {
  const totals = new Map(); // protocol → counts over its kinds
  for (const { protocol, kind, devices: all, reporting } of devices.by_protocol) {
    const sum = totals.get(protocol) ?? { all: 0, reporting: 0, kinds: [] };
    totals.set(protocol, { all: sum.all + all, reporting: sum.reporting + reporting, kinds: [...sum.kinds, word("kind_" + kind)] });
  }
  const rows = [...totals].map(([protocol, { all, reporting, kinds }]) => element("li", {},
    element("span", {}, protocol, element("small", {}, " · " + kinds.join(", "))),
    element("span", { class: "count" }, number(reporting), element("small", {}, " / " + number(all)))));
  $("protocols").replaceChildren(...(rows.length ? rows : [element("li", {}, word("noDevices"))]));
}

function healthRow(name, ok, required, state, detail) {
  const [mark, tone] = ok ? ["✓", ""] : required ? ["✕", " down"] : ["–", " off"];
  const row = element("li", {}, element("span", { class: "mark" + tone, "aria-hidden": "true" }, mark),
    element("span", {}, name), element("span", { class: "state" + tone }, state));
  if (detail) row.append(element("span", { class: "detail" }, detail));
  return row;
}

function showHealth({ store, connections }) {
  const rows = [healthRow(word("store"), store.reachable, true, word(store.reachable ? "answers" : "away"), store.detail)];
  for (const peer of connections) {
    const name = peer.kind === "store" ? word("storeWriter") : peer.name;
    const optional = peer.required ? "" : ` (${word("optional")})`;
    rows.push(healthRow(name, peer.connected, peer.required, word(peer.connected ? "up" : "down") + optional, peer.detail));
  }
  $("health").replaceChildren(...rows);
}

function showFacts(status) {
  const { store } = status;
  const server = store.server_version ? `PostgreSQL ${store.server_version.split(" ")[0]}` : "";
  const mode = store.timescaledb_version ? `TimescaleDB ${store.timescaledb_version}` : store.mode;
  const facts = [
    [word("version"), status.version],
    [word("uptime"), span(status.uptime_s)],
    [word("storeMode"), [server, mode].filter(Boolean).join(" · ")],
    ...(status.data_dir ? [[word("dataDir"), element("code", {}, status.data_dir)]] : []),
    ...status.endpoints.map(({ name, address }) => [name, element("code", {}, address)]),
  ];
  $("facts").replaceChildren(...facts.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
}

// --- map

const SYMBOLS = {
  vehicle: ["path", { d: "M7 0 12 13 7 10 2 13Z", fill: "var(--vehicle)" }],
  bin: ["path", { d: "M2 2h10v10H2zM2 6h10v6H2z", fill: "var(--fill-ok)", "fill-rule": "nonzero" }],
  toilet: ["path", { d: "M7 .5 13.500 7 7 13.500 .5 7Z", fill: "var(--toilet)" }],
  worker: ["circle", { cx: 7, cy: 7, r: 4.5, fill: "var(--worker)" }],
  trails: ["path", { d: "M1 12C4 4 9 11 13 2", fill: "none", stroke: "var(--vehicle)", "stroke-width": 2 }],
};
const OTHER = ["circle", { cx: 7, cy: 7, r: 4.5, fill: "none", stroke: "var(--other)", "stroke-width": 2 }];

function layerButton(name, label, count) {
  const [tag, attributes] = SYMBOLS[name] ?? OTHER;
  const button = element("button", { type: "button", "data-layer": name },
    element("svg", { viewBox: "0 0 14 14", "aria-hidden": "true" }, element(tag, attributes)), element("span", {}, label));
  if (count != null) button.append(element("b", {}, count));
  button.setAttribute("aria-pressed", name === "trails" ? map.trails : !map.hidden.has(name));
  return button;
}

function showLayers() {
  const counts = map.counts();
  const shown = KINDS.filter((kind) => counts[kind] || KINDS.indexOf(kind) < 4);
  const wanted = [...shown.map((kind) => [kind, word("kind_" + kind), number(counts[kind] ?? 0)]), ["trails", word("trails"), null]];
  const buttons = [...$("layers").children];
  if (buttons.length === wanted.length && buttons.every((button, i) => button.dataset.layer === wanted[i][0])) {
    buttons.forEach((button, i) => { // kept in place, so that a focused button stays focused
      button.children[1].textContent = wanted[i][1];
      if (wanted[i][2] != null) button.children[2].textContent = wanted[i][2];
    });
  } else {
    $("layers").replaceChildren(...wanted.map((row) => layerButton(...row)));
  }
}

function showCard(device, pinned) {
  const card = $("card");
  if (!device) { card.hidden = true; return; }
  const { state, at } = device;
  const age = Math.max(0, Date.now() + map.skew - Date.parse(state.received_at)) / 1000;
  const values = Object.entries(state.readings).slice(0, 7).flatMap(([name, reading]) =>
    [element("dt", {}, name), element("dd", {}, number(reading.value, 2))]);
  if (state.fix?.speed_kmh != null && !state.readings.speed_kmh) values.unshift(element("dt", {}, "speed_kmh"), element("dd", {}, number(state.fix.speed_kmh, 1)));
  card.replaceChildren(element("h3", {}, state.name || state.id),
    element("p", {}, (state.name ? state.id + " · " : "") + word("seen", age < 3 ? word("now") : word("ago", span(age)))),
    element("dl", {}, ...values));
  if (pinned) card.append(element("p", {}, element("a", { href: `/api/v1/devices/${encodeURIComponent(state.id)}/latest` }, word("details"))));
  card.classList.toggle("pinned", pinned);
  card.hidden = false;
  const { offsetWidth: w, offsetHeight: h } = card;
  card.style.left = Math.max(8, Math.min(at.x + 16, map.size.w - w - 8)) + "px";
  card.style.top = Math.max(8, Math.min(at.y + 16, map.size.h - h - 8)) + "px";
}

const map = new PositionMap($("map"), {
  onHover: (device) => { if (!map.picked) showCard(device, false); },
  onPick: (device) => {
    showCard(device, true);
    $("map-said").textContent = device ? $("card").innerText.replaceAll("\n", ", ") : "";
  },
});

$("layers").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const name = button.dataset.layer;
  if (name === "trails") map.trails = !map.trails;
  else if (!map.hidden.delete(name)) map.hidden.add(name);
  button.setAttribute("aria-pressed", name === "trails" ? map.trails : !map.hidden.has(name));
  map.draw();
});
$("zoom-in").addEventListener("click", () => map.zoom(1.6));
$("zoom-out").addEventListener("click", () => map.zoom(1 / 1.6));
$("zoom-fit").addEventListener("click", () => map.showAll());

// --- life

setupLanguage(show);
setInterval(showPulse, 1000);
document.addEventListener("visibilitychange", () => {
  clearTimeout(timer);
  data.before = null; // a rate over the pause would be no rate of now
  showPulse();
  if (!document.hidden) poll();
});
applyWords();
poll();
