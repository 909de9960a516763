/** Sending what waits: in order, until the hub has said that it has it; what it has, it files once (own times, drawn references). */
import type { Shelf } from "./shelf";
import type { AppealEntry, Entry, Fresh, IncidentEntry, OrderEntry, TelemetryEntry } from "./types";

export const MOST_TELEMETRY = 20_000; // two days and more at a position every ten seconds
export const MOST_REPORTS = 30;
export const MOST_PHOTOS = 6; // of a report; the hub takes twelve
const BATCH = 200;
const DROP = 500; // positions that make room at once

/** How the hub has answered. Status 0: it has not. */
export interface Answer {
  status: number;
  body: unknown;
  /** In the hub's words, where it has refused. */
  detail: string;
}

/** The ways to the hub; none of them raises. */
export interface Hub {
  telemetry(messages: TelemetryEntry["message"][]): Promise<Answer>;
  incident(form: IncidentEntry["form"]): Promise<Answer>;
  photo(incident: number, photo: Blob): Promise<Answer>;
  order(entry: OrderEntry): Promise<Answer>;
  appeal(form: AppealEntry["form"]): Promise<Answer>;
}

/** Why sending has ended: all is sent; try later; nobody is signed in; no badge is entered. */
export type Ended = "sent" | "later" | "unknown" | "no-badge";

export interface Told {
  /** Something was settled: filed, or refused for good. */
  settled(entry: Entry, refused: string): void;
  /** So many positions were refused. */
  refused(count: number, detail: string): void;
}

type Said = "has" | "refused" | Exclude<Ended, "sent">;

function said(answer: Answer): Said {
  if (answer.status >= 200 && answer.status < 300) return "has";
  if (answer.status === 401) return "unknown";
  if (answer.status === 0 || answer.status === 408 || answer.status === 429 || answer.status >= 500) return "later";
  return "refused";
}

/** Put an entry on the shelf, which holds a bounded number. Positions make room for newer ones; check-ins never do. Returns how many were dropped. */
export async function put(shelf: Shelf, entry: Fresh): Promise<number> {
  await shelf.add(entry);
  if (entry.kind !== "telemetry" || (await shelf.count(entry.owner, "telemetry")) <= MOST_TELEMETRY) return 0;
  const old = (await shelf.oldest(entry.owner, "telemetry", 2 * DROP)) as TelemetryEntry[];
  const droppable = old.filter((one) => !one.message.events?.length).slice(0, DROP);
  await shelf.remove(droppable.map((one) => one.seq));
  return droppable.length;
}

/** Send what waits of `owner`, oldest first. One at a time: who calls sees to that. */
export async function drain(shelf: Shelf, owner: string, hub: Hub, told: Told): Promise<Ended> {
  for (const step of [drainTelemetry, drainOthers]) {
    const ended = await step(shelf, owner, hub, told);
    if (ended !== "sent") return ended;
  }
  return "sent";
}

async function drainTelemetry(shelf: Shelf, owner: string, hub: Hub, told: Told): Promise<Ended> {
  let size = BATCH;
  for (;;) {
    const batch = (await shelf.oldest(owner, "telemetry", size)) as TelemetryEntry[];
    if (!batch.length) return "sent";
    const answer = await hub.telemetry(batch.map((one) => one.message));
    const meant = said(answer);
    if (answer.status === 403) return "no-badge";
    if (meant === "refused" && batch.length > 1) {
      size = Math.max(1, Math.floor(batch.length / 2)); // one that is refused must not cost the others
      continue;
    }
    if (meant !== "has" && meant !== "refused") return meant;
    await shelf.remove(batch.map((one) => one.seq));
    const problems = (answer.body as { problems?: unknown[] } | null)?.problems?.length ?? 0;
    if (meant === "refused") told.refused(1, answer.detail);
    else if (problems) told.refused(problems, answer.detail);
    size = Math.min(BATCH, size * 2);
  }
}

async function drainOthers(shelf: Shelf, owner: string, hub: Hub, told: Told): Promise<Ended> {
  for (const kind of ["order", "incident", "appeal"] as const) {
    for (;;) {
      const [entry] = await shelf.oldest(owner, kind, 1);
      if (!entry) break;
      const ended = await sendOne(shelf, entry, hub, told);
      if (ended !== "sent") return ended;
    }
  }
  return "sent";
}

function sendOne(shelf: Shelf, entry: Entry, hub: Hub, told: Told): Promise<Ended> {
  if (entry.kind === "incident") return sendReport(shelf, entry, hub, told);
  return entry.kind === "appeal" ? sendAppeal(shelf, entry, hub, told) : sendOrder(shelf, entry as OrderEntry, hub, told);
}

/** An appeal has no reference of its own, but of each lost point one at most is open: refused for that, it had arrived before. */
async function sendAppeal(shelf: Shelf, entry: AppealEntry, hub: Hub, told: Told): Promise<Ended> {
  if (!entry.tried) await shelf.replace({ ...entry, tried: true });
  const answer = await hub.appeal(entry.form);
  const meant = said(answer);
  if (meant !== "has" && meant !== "refused") return meant;
  await shelf.remove([entry.seq]);
  told.settled(entry, meant === "refused" && !(answer.status === 409 && entry.tried) ? answer.detail : "");
  return "sent";
}

async function sendOrder(shelf: Shelf, entry: OrderEntry, hub: Hub, told: Told): Promise<Ended> {
  const answer = await hub.order(entry);
  const meant = said(answer);
  if (meant !== "has" && meant !== "refused") return meant;
  await shelf.remove([entry.seq]);
  told.settled(entry, meant === "refused" ? answer.detail : "");
  return "sent";
}

/** First the report, then its photos one by one; after each the shelf knows how far it came. */
async function sendReport(shelf: Shelf, entry: IncidentEntry, hub: Hub, told: Told): Promise<Ended> {
  let now = entry;
  let refused = "";
  if (now.number === null) {
    const answer = await hub.incident(now.form);
    const meant = said(answer);
    if (meant === "has") {
      now = { ...now, number: (answer.body as { incident: { id: number } }).incident.id };
      await shelf.replace(now);
    } else if (meant !== "refused") return meant;
    else refused = answer.detail;
  }
  while (now.number !== null && now.sent < now.photos.length) {
    const answer = await hub.photo(now.number, now.photos[now.sent] as Blob);
    const meant = said(answer);
    if (meant !== "has" && meant !== "refused") return meant;
    if (meant === "refused") refused = answer.detail;
    now = { ...now, sent: now.sent + 1 };
    await shelf.replace(now);
  }
  await shelf.remove([now.seq]);
  told.settled(now, refused);
  return "sent";
}
