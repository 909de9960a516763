/** Everything of one's own that the page shows, and when it is read anew. */
import { effect, signal } from "@preact/signals";
import { get } from "../api";
import type { Catalogue, Incident } from "../incidents/types";
import type { Order } from "../orders/types";
import type { Page } from "../types";
import { Kept } from "./kept";
import { entry, person } from "./person";
import { enqueue, onSettled } from "./sending";
import type { Lost, MyAppeal, MyEvaluation, Task, Today } from "./types";

const EVERY_MS = 60_000;

export const span = signal<7 | 30>(30);
/** Whole hours, so that asking twice asks the same. */
const since = (): string => new Date((Math.floor(Date.now() / 3_600_000) - span.value * 24) * 3_600_000).toISOString();

export const today = new Kept<Today>(() => "today", () => get<Today>("/me/today")); // prettier-ignore
export const tasks = new Kept<Task[]>(() => "tasks", async () => (await get<Page<Task>>("/me/tasks", { limit: 100 })).items); // prettier-ignore
export const openOrders = new Kept<Order[]>(() => "orders", async () => (await get<Page<Order>>("/work-orders", { open: true, limit: 200 })).items); // prettier-ignore
export const catalogue = new Kept<Catalogue>(() => "catalogue", () => get<Catalogue>("/incidents/catalogue")); // prettier-ignore
export const incidents = new Kept<Incident[]>(() => "incidents", async () => (await get<Page<Incident>>("/incidents", { mine: true, limit: 20 })).items); // prettier-ignore
export const evaluation = new Kept<MyEvaluation>(() => `evaluation-${span.value}`, () => get<MyEvaluation>("/me/evaluation", { from: since() })); // prettier-ignore
export const appeals = new Kept<MyAppeal[]>(() => "appeals", async () => (await get<Page<MyAppeal>>("/me/appeals", { limit: 50 })).items); // prettier-ignore

export type Tab = "shift" | "orders" | "report" | "points";
export const TABS: readonly Tab[] = ["shift", "orders", "report", "points"];
export const tab = signal<Tab>("shift");

const BEHIND: Record<Tab, readonly { refresh(fresh?: number): Promise<void> }[]> = {
  shift: [today, tasks, openOrders],
  orders: [openOrders],
  report: [catalogue, incidents],
  points: [evaluation, appeals],
};

export function refresh(fresh = 0): void {
  if (entry.value !== "in" || document.hidden) return;
  for (const one of BEHIND[tab.value]) void one.refresh(fresh);
}

/** Say that a lost point is wrong: it waits on the phone until the hub has it. */
export async function appeal(of: MyEvaluation, lost: Lost, reason: string): Promise<void> {
  const owner = person.value?.name;
  if (!owner) return;
  const form = { deduction: lost.id, reason, from: of.start, to: of.end, scheme: of.scheme, version: of.scheme_version };
  const { zh, en } = lost.evidence;
  await enqueue(owner, Date.now(), { kind: "appeal", form, about: { zh, en }, tried: false });
}

export function begin(): void {
  effect(() => {
    void [tab.value, entry.value, span.value];
    refresh(5_000);
  });
  setInterval(() => refresh(EVERY_MS / 2), EVERY_MS);
  document.addEventListener("visibilitychange", () => refresh(EVERY_MS / 6));
  addEventListener("online", () => refresh());
  onSettled((one) => {
    if (one.kind === "order") void openOrders.refresh();
    if (one.kind === "incident") void incidents.refresh();
    if (one.kind === "appeal") void appeals.refresh();
  });
}
