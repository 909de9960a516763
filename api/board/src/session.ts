/** Who is signed in. A hub without people is open: everybody reads it, and it asks a key for changes. One with people may let visitors read. */
import { computed, signal } from "@preact/signals";
import { ApiError, get, post, remove, useKey, whenUnknown } from "./api";
import { start, stop, useStream } from "./live";
import type { BoardConfig, Session } from "./types";
import { PANELS, type Panel } from "./view";

export type Entry = "asking" | "in" | "out" | "open" | "visiting";

export const entry = signal<Entry>("asking");
export const session = signal<Session | null>(null);
/** Why the sign-in page is shown again, or null. */
export const ended = signal(false);
/** Whether a visitor wants to sign in. */
export const entering = signal(false);
/** Whether the dialog for a key is open (open hubs only). */
export const wantsKey = signal(false);

/** Counts up when somebody came in: what was refused is read anew. */
export const access = signal(0);

/** Whether to offer what changes something. The hub has the last word. */
export const mayAct = computed(() => entry.value === "open" || (session.value?.may.includes("dispatch") ?? false));

const OF_ALL_AREAS: readonly Panel[] = ["evaluation", "reports"];
const OF_PERSONS: readonly Panel[] = ["orders", "incidents", ...OF_ALL_AREAS];

/** Whether somebody may open a panel: what names people is not for visitors, what is about all areas not for those who are limited to some. */
function mayOpen(name: Panel): boolean {
  if (name === "people") return session.value?.role === "admin" && !session.value.areas;
  if (entry.value === "visiting") return !OF_PERSONS.includes(name);
  return !session.value?.areas || !OF_ALL_AREAS.includes(name);
}
export const panels = computed(() => PANELS.filter(mayOpen));

whenUnknown(() => {
  if (entry.value === "open") wantsKey.value = true;
  else if (entry.value === "in") {
    ended.value = true;
    entry.value = "out";
    stop();
  }
});

let visitors = false;
/** Nobody is signed in: they are asked to, where there is nothing to see without. */
function nobody(): void {
  session.value = null;
  entry.value = visitors ? "visiting" : "out";
}

/** Back from the sign-in page to what visitors see. */
export function visit(): void {
  entering.value = false;
  ended.value = false;
  if (entry.value !== "out") return;
  nobody();
  start();
}
export const mayVisit = (): boolean => visitors;

const SIGNED = "sanihub.signed"; // whether somebody was signed in here: else there is no need to ask

export async function ask(config: BoardConfig): Promise<void> {
  useStream(config.live);
  visitors = config.open ?? false;
  if (!config.sign_in) entry.value = "open";
  else if (localStorage.getItem(SIGNED) === null) nobody();
  else await askHub(config);
  if (entry.value !== "out" && entry.value !== "asking") start();
}

/** A worker has a page of their own: the board would show them nothing but refusals. */
function ownPage(): boolean {
  if (!session.value || session.value.may.includes("read")) return false;
  location.replace("/worker");
  return true;
}

async function askHub(config: BoardConfig): Promise<void> {
  try {
    session.value = await get<Session>("/session");
    if (ownPage()) return;
    entry.value = "in";
  } catch (error) {
    const status = error instanceof ApiError ? error.status : 0;
    if (status === 401) nobody();
    else setTimeout(() => void ask(config), 3000);
  }
}

export async function signIn(name: string, password: string): Promise<void> {
  session.value = await post<Session>("/session", { name, password });
  localStorage.setItem(SIGNED, "");
  if (ownPage()) return;
  ended.value = false;
  entering.value = false;
  entry.value = "in";
  access.value += 1;
  start();
}

export async function signOut(): Promise<void> {
  stop();
  try {
    await remove("/session");
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 401)) throw error; // it was over already
  }
  localStorage.removeItem(SIGNED);
  ended.value = false;
  nobody();
  if (visitors) start();
}

export function enterKey(value: string): void {
  useKey(value);
  access.value += 1;
  wantsKey.value = false;
}
