/** Incidents as the API has them, and what is done about them. */
import { signal } from "@preact/signals";
import { address, ApiError, get, post } from "../api";
import { onNews } from "../live";
import type { Order } from "../orders/types";
import { orderReference } from "../orders/drawn";
import type { Page } from "../types";
import { lang } from "../words";
import type { Catalogue, Dossier, Heat, Incident, IncidentState } from "./types";

export interface Wanted {
  states: readonly IncidentState[];
  category: string;
  from: string;
}

export const OPEN: readonly IncidentState[] = ["reported", "ordered", "handed_on"];
export const EVERY: readonly IncidentState[] = [...OPEN, "done", "rejected"];

/** Counts up when something may have changed: lists read anew. */
export const turn = signal(0);
onNews((what) => {
  if (what === "order") turn.value += 1; // an order that is done ends its incident
});
setInterval(() => {
  if (!document.hidden) turn.value += 1; // the stream does not tell of incidents
}, 30_000);

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

async function act<T>(work: Promise<T>): Promise<T> {
  const done = await work;
  turn.value += 1;
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
  covers.delete(id);
  turn.value += 1;
}

/** A work order of an incident, for the nearest vehicle. */
export async function order(id: number, note: string): Promise<Order> {
  const body = { reference: orderReference(), incident: id, nearest: true, ...(note ? { note } : {}) };
  return (await act(post<{ order: Order }>("/work-orders", body))).order;
}
