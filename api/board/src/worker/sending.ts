/** The way from the phone to the hub: what waits, whether there is network, and when to try again. */
import { computed, signal } from "@preact/signals";
import { address } from "../api";
import { say } from "../toasts";
import { drain, put, type Answer, type Hub } from "./outbox";
import { entry, person, speaksFor } from "./person";
import { opened, PhoneShelf, type Shelf } from "./shelf";
import type { AppealEntry, Entry, Fresh, IncidentEntry, OrderEntry } from "./types";
import { w } from "./words";

const FIRST_MS = 4_000; // the first wait after a failure; each further one is longer, up to
const LONGEST_MS = 60_000;
const PHOTO_MS = 120_000; // a photo over a slow network
const POST_MS = 20_000;

export type Net = "up" | "offline" | "away" | "no-badge";
export const net = signal<Net>(navigator.onLine ? "up" : "offline");
export const sending = signal(false);
export const positions = signal(0);
export const orders = signal<readonly OrderEntry[]>([]);
export const reports = signal<readonly IncidentEntry[]>([]);
export const appealing = signal<readonly AppealEntry[]>([]);
export const refusals = signal(0);
export const dropped = signal(0);
/** Everything of this person that waits. */
export const waiting = computed(() => positions.value + orders.value.length + reports.value.length + appealing.value.length);

/** Called with what the hub has taken or refused for good. */
type Listener = (entry: Entry) => void;
const listeners = new Set<Listener>();
export function onSettled(listener: Listener): void {
  listeners.add(listener);
}

export const database: Promise<IDBDatabase> = opened();
const shelf: Promise<Shelf> = database.then((db) => new PhoneShelf(db));

/** What waits of somebody, of whatever kind. */
export async function waitingOf(owner: string): Promise<number> {
  const held = await shelf;
  const counts = await Promise.all((["telemetry", "order", "incident", "appeal"] as const).map((kind) => held.count(owner, kind)));
  return counts.reduce((sum, one) => sum + one, 0);
}

export async function look(): Promise<void> {
  const owner = person.value?.name;
  if (!owner) return;
  const held = await shelf;
  positions.value = await held.count(owner, "telemetry");
  orders.value = (await held.oldest(owner, "order", 200)) as OrderEntry[];
  reports.value = (await held.oldest(owner, "incident", 50)) as IncidentEntry[];
  appealing.value = (await held.oldest(owner, "appeal", 50)) as AppealEntry[];
}

type Unowned<T> = T extends Fresh ? Omit<T, "owner" | "at"> : never;

/** Put something on the shelf under somebody's name. When this returns it survives everything but the loss of the phone. */
export async function enqueue(owner: string, at: number, what: Unowned<Fresh>, soon = true): Promise<void> {
  dropped.value += await put(await shelf, { ...what, owner, at } as Fresh);
  await look();
  if (soon) kick();
}

async function ask(path: string, type: string, body: BodyInit, patience: number): Promise<Answer> {
  try {
    const answer = await fetch(address(path), {
      method: "POST",
      headers: { accept: "application/json", "content-type": type },
      credentials: "same-origin",
      signal: AbortSignal.timeout(patience),
      body,
    });
    const told = (await answer.json().catch(() => null)) as { detail?: string; title?: string } | null;
    return { status: answer.status, body: told, detail: answer.ok ? "" : (told?.detail ?? told?.title ?? answer.statusText) };
  } catch {
    return { status: 0, body: null, detail: "" };
  }
}

const json = (path: string, body: unknown): Promise<Answer> => ask(path, "application/json", JSON.stringify(body), POST_MS);

/** A remark that arrives later says when it was made: the hub knows only when it came. */
function remark(one: OrderEntry): string {
  if (Date.now() - one.at < 120_000) return one.text;
  const then = new Date(one.at).toLocaleTimeString("sv", { hour: "2-digit", minute: "2-digit" });
  return w("orders.was", then, one.text).trim();
}

const HUB: Hub = {
  telemetry: (messages) => json("/telemetry", messages),
  incident: (form) => json("/incidents", form),
  photo: (incident, photo) => ask(`/incidents/${incident}/photos`, photo.type, photo, PHOTO_MS),
  order: (one) => json(`/work-orders/${encodeURIComponent(one.order)}/${one.action}`, { text: remark(one) }),
  appeal: (form) => json("/me/appeals", form),
};

let timer = 0;
let pause = FIRST_MS;
let running = false;
let again = false;

/** Send now, or as soon as may be. */
export function kick(): void {
  clearTimeout(timer);
  timer = 0;
  void round();
}

async function round(): Promise<void> {
  if (running) {
    again = true;
    return;
  }
  running = true;
  again = false;
  try {
    await (navigator.locks ? navigator.locks.request("sanihub.sending", send) : send());
  } finally {
    running = false;
    sending.value = false;
    await look();
  }
  if (again) void round();
}

/** One way to the hub for all windows of this browser. */
async function send(): Promise<void> {
  const owner = person.value?.name;
  if (!owner || entry.value !== "in" || !(await waitingOf(owner))) return;
  if (!navigator.onLine) {
    net.value = "offline";
    return; // the browser says when it is back
  }
  sending.value = true;
  const may = await speaksFor(owner);
  const ended = may === "yes" ? await drain(await shelf, owner, HUB, { settled, refused }) : may;
  if (ended === "unknown") entry.value = "out";
  else if (ended === "later") later();
  else {
    net.value = ended === "no-badge" ? "no-badge" : "up";
    pause = FIRST_MS;
  }
}

function later(): void {
  net.value = navigator.onLine ? "away" : "offline";
  clearTimeout(timer);
  timer = window.setTimeout(kick, pause);
  pause = Math.min(LONGEST_MS, pause * 2);
}

function settled(one: Entry, detail: string): void {
  if (detail) {
    refusals.value += 1;
    say(one.kind === "order" ? w("orders.gone", one.order, detail) : detail, "wrong");
  } else if (one.kind === "incident" && one.number !== null) say(w("report.sent", one.number));
  else if (one.kind === "appeal") say(w("points.sent"));
  listeners.forEach((listener) => listener(one));
}

function refused(count: number, detail: string): void {
  refusals.value += count;
  if (detail) say(detail, "wrong");
}

/** What a question of the page has learned about the network. */
export function heard(up: boolean): void {
  if (up) net.value = net.value === "no-badge" ? "no-badge" : "up";
  else net.value = navigator.onLine ? "away" : "offline";
}

addEventListener("online", () => {
  net.value = "up";
  pause = FIRST_MS;
  kick();
});
addEventListener("offline", () => (net.value = "offline"));
