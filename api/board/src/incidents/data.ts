/** Incidents as the API has them, and what is done about them. */
import { signal } from "@preact/signals";
import { address, ApiError, get, post } from "../api";
import { onNews } from "../live";
import type { Order } from "../orders/types";
import { orderReference } from "../orders/drawn";
import { Told } from "../told";
import type { Page } from "../types";
import { lang } from "../words";
import type { Catalogue, Dossier, Heat, Incident, IncidentState } from "./types";

export interface Wanted {
  states: readonly IncidentState[];
  category: string;
  from: string;
}

const COUNT_MS = 5_000;
export const OPEN: readonly IncidentState[] = ["reported", "ordered", "handed_on"];
export const EVERY: readonly IncidentState[] = [...OPEN, "done", "rejected"];

export const told = new Told<Incident>();
onNews((what, data) => {
  if (what === "incident") take((data as { incidents: Incident[] } | null)?.incidents ?? null);
});

/** Counts up, at most every five seconds, when something has changed: counts are made anew. */
export const counted = signal(0);
let counting = 0;

function take(incidents: readonly Incident[] | null): void {
  for (const one of incidents ?? []) covers.delete(one.id);
  told.take(incidents);
  counting ||= window.setTimeout(() => {
    counting = 0;
    counted.value += 1;
  }, COUNT_MS);
}

/** Whether an incident belongs into the list. */
export function fits(one: Incident, wanted: Wanted): boolean {
  return wanted.states.includes(one.state) && (!wanted.category || one.category === wanted.category) && Date.parse(one.seen_at) >= Date.parse(wanted.from);
}

export const catalogue = signal<Catalogue | null>(null);

export async function readCatalogue(): Promise<void> {
  catalogue.value ??= await get<Catalogue>("/incidents/catalogue");
}

export function categoryName(id: string): string {
  return catalogue.value?.categories.find((one) => one.id === id)?.[lang.value] ?? id;
}

export function departmentName(name: string): string {
  return catalogue.value?.departments.find((one) => one.name === name)?.[lang.value] ?? name;
}

const params = (wanted: Wanted): { state: readonly string[]; category: string; from: string } => ({ state: wanted.states, category: wanted.category, from: wanted.from });

export const list = (wanted: Wanted, limit: number): Promise<Page<Incident>> => get("/incidents", { ...params(wanted), limit });
export const dossier = (id: number): Promise<Dossier> => get(`/incidents/${id}`);
export const heat = (wanted: Wanted, cell_m: number, zone: string): Promise<Heat> => get("/incidents/heat", { ...params(wanted), cell_m, zone });
export const photoAddress = (id: number, digest: string): string => address(`/incidents/${id}/photos/${digest}`);

/** Covers of rows that were seen, so that scrolling back asks for nothing. */
const covers = new Map<number, Promise<string | null>>();

/** The first photo's address. Lists tell only how many there are. */
export function cover(one: Incident): Promise<string | null> {
  const found = covers.get(one.id) ?? dossier(one.id).then(({ photos }) => (photos[0] ? photoAddress(one.id, photos[0].sha256) : null));
  if (one.photos > 0) covers.set(one.id, found);
  found.catch(() => covers.delete(one.id));
  if (covers.size > 500) covers.delete(covers.keys().next().value as number);
  return found;
}

async function act(work: Promise<Dossier>): Promise<Dossier> {
  const done = await work;
  take([done.incident]);
  return done;
}

export const finish = (id: number, text: string): Promise<Dossier> => act(post(`/incidents/${id}/done`, { text }));
export const reject = (id: number, text: string): Promise<Dossier> => act(post(`/incidents/${id}/reject`, { text }));
export const comment = (id: number, text: string): Promise<Dossier> => act(post(`/incidents/${id}/comments`, { text }));
export const handOn = (id: number, department: string, text: string): Promise<Dossier> => act(post(`/incidents/${id}/hand-on`, { department, text }));

/** A photo more. Raises ApiError as the other calls do. */
export async function addPhoto(id: number, photo: Blob): Promise<void> {
  const answer = await fetch(address(`/incidents/${id}/photos`), { method: "POST", credentials: "same-origin", headers: { "content-type": photo.type }, body: photo, signal: AbortSignal.timeout(120_000) }).catch((error: unknown) => {
    throw new ApiError(0, "", String(error));
  }); // prettier-ignore
  if (!answer.ok) {
    const problem = (await answer.json().catch(() => ({}))) as { title?: string; detail?: string };
    throw new ApiError(answer.status, problem.title ?? answer.statusText, problem.detail ?? "");
  }
  take([(await dossier(id)).incident]);
}

/** A work order of an incident, for the nearest vehicle. */
export async function order(id: number, note: string): Promise<Order> {
  const body = { reference: orderReference(), incident: id, nearest: true, ...(note ? { note } : {}) };
  const { order: made } = await post<{ order: Order }>("/work-orders", body);
  take([(await dossier(id)).incident]);
  return made;
}
