/** The way of the hub's news to the page: a stream of events (docs/live.md), or questions every five seconds where there is none. */
import { signal } from "@preact/signals";
import { address, ApiError, get } from "./api";
import { hubTime, takeLive, takeStates } from "./devices";
import type { LiveDevice, Page, StateBody } from "./types";

export type LiveState = "connecting" | "live" | "polling" | "stale";

const POLL_MS = 5_000;
const QUIET_MS = 10_000; // where nothing happens for so long, the hub is asked whether it is there
const STALE_MS = 20_000; // beyond this the page says that what it shows is old
const RETRY_MS = 3_000;
const COMPLETE_EVERY_MS = 120_000; // names and places change rarely; between, only what was heard since

export const state = signal<LiveState>("connecting");
/** When the page last heard from the hub, ms; 0: never. */
export const heardAt = signal(0);

type What = "alert" | "order" | "incident";
type News = (what: What, data: unknown) => void;
const listeners = new Set<News>();
/** Called at each alert, order and incident of the stream, and with null where it is not known what happened: at its start, and at each round of questions while there is none. */
export function onNews(listener: News): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
const tell = (what: What, data: unknown): void => listeners.forEach((listener) => listener(what, data));
const tellAll = (): void => (["alert", "order", "incident"] as const).forEach((what) => tell(what, null));

let source: EventSource | null = null;
let pollTimer = 0;
let retryTimer = 0;
let asOf: string | null = null;
let completeAt = 0;
let running = false;

function heard(): void {
  heardAt.value = Date.now();
  state.value = source ? "live" : "polling";
}

interface Latest extends Page<StateBody> {
  as_of: string;
}

async function readLatest(complete: boolean): Promise<void> {
  const states: StateBody[] = [];
  let cursor: string | null = null;
  let first: string | null = null;
  do {
    const page: Latest = await get<Latest>("/latest", { limit: 2000, since: complete ? null : asOf, cursor });
    states.push(...page.items);
    first ??= page.as_of;
    cursor = page.next_cursor;
  } while (cursor);
  if (first) hubTime(first);
  asOf = first;
  if (complete) completeAt = Date.now();
  takeStates(states, complete);
}

interface City {
  now: string;
  live: string;
  devices: LiveDevice[];
}

let position = "";

/** Everything at once, and where the stream goes on from there. */
async function readCity(): Promise<void> {
  const city = await get<City>("/board");
  hubTime(city.now);
  position = city.live;
  takeLive(city.devices, true);
}

async function poll(): Promise<void> {
  clearTimeout(pollTimer);
  if (running) return;
  running = true;
  try {
    await readLatest(asOf === null || Date.now() - completeAt > COMPLETE_EVERY_MS);
    heard();
    tellAll();
  } catch {
    // the bar says that data stand still; the next round tries again
  }
  running = false;
  if (!source) pollTimer = window.setTimeout(() => void poll(), POLL_MS);
}

async function begin(): Promise<void> {
  clearTimeout(retryTimer);
  try {
    await (hasStream ? readCity() : readLatest(true));
    heard();
    if (!hasStream) tellAll();
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 401)) retryTimer = window.setTimeout(() => void begin(), RETRY_MS);
    return;
  }
  if (!source) listen();
}

let hasStream = false;
/** Whether to listen to a stream, or to ask. */
export function useStream(has: boolean): void {
  hasStream = has;
}

function listen(): void {
  if (!hasStream) {
    pollTimer = window.setTimeout(() => void poll(), POLL_MS);
    return;
  }
  const made = new EventSource(address("/live", { min_interval_ms: 1000, after: position }));
  source = made;
  const on = (name: string, take: (data: unknown) => void): void =>
    made.addEventListener(name, (event) => {
      heard();
      take(event.data ? JSON.parse(event.data as string) : null);
    });
  made.onopen = heard;
  on("hello", tellAll); // what came while nobody listened is in the list
  on("device", (data) => takeLive((data as { devices?: LiveDevice[] }).devices ?? []));
  on("alert", (data) => tell("alert", data));
  on("order", (data) => tell("order", data));
  on("incident", (data) => tell("incident", data));
  on("resync", () => {
    void readCity().then(heard, () => undefined);
    tellAll();
  });
  made.onerror = () => {
    if (made.readyState !== EventSource.CLOSED) return; // it connects again by itself, with Last-Event-ID
    made.close();
    source = null;
    retryTimer = window.setTimeout(() => void begin(), RETRY_MS);
  };
}

let asking = false;

/** A stream without news looks like a dead one: comments that keep it open are not told to pages. */
async function askWhetherThere(): Promise<void> {
  if (asking || source?.readyState !== EventSource.OPEN) return;
  asking = true;
  try {
    const answer = await fetch("/healthz", { signal: AbortSignal.timeout(5_000) });
    if (answer.ok && source?.readyState === EventSource.OPEN) heard();
  } catch {
    // then it becomes stale
  }
  asking = false;
}

function watch(): void {
  if (source && Date.now() - heardAt.value > QUIET_MS) void askWhetherThere();
  if (heardAt.value && Date.now() - heardAt.value > STALE_MS && !document.hidden) {
    state.value = "stale";
    if (source && Date.now() - heardAt.value > 3 * STALE_MS) {
      source.close(); // a line that is dead without saying so
      source = null;
      void begin();
    }
  }
}

/** Begin; calling it again begins anew, such as after signing in. */
export function start(): void {
  stop();
  asOf = null;
  void begin();
}

export function stop(): void {
  source?.close();
  source = null;
  clearTimeout(pollTimer);
  clearTimeout(retryTimer);
}

setInterval(watch, 1000);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && !source && heardAt.value) void poll();
});
