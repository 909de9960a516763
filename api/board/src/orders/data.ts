/** Work orders as the API has them, and what dispatchers do with them. */
import { all, get, post } from "../api";
import { toldOrders } from "../orders";
import type { AlertBody } from "../types";
import { orderReference } from "./drawn";
import type { Candidate, Order, OrderDetail } from "./types";

export interface Wanted {
  on: string;
  open: boolean;
  state: string;
  origin: string;
}

const MOST = 2_000;
const OPEN: readonly string[] = ["planned", "sent", "accepted", "overdue"];

/** Whether an order belongs into the list. */
export function fits(one: Order, wanted: Wanted): boolean {
  if (wanted.origin && one.origin !== wanted.origin) return false;
  return wanted.open ? OPEN.includes(one.state) : one.on === wanted.on && (!wanted.state || one.state === wanted.state);
}

export const list = (wanted: Wanted): Promise<Order[]> =>
  all<Order>("/work-orders", { on: wanted.open ? "" : wanted.on, open: wanted.open || null, state: wanted.state, origin: wanted.origin, limit: 1000 }, MOST);
export const detail = (id: string): Promise<OrderDetail> => get(`/work-orders/${encodeURIComponent(id)}`);

export async function candidates(of: { lat: number; lon: number; kind: string }): Promise<Candidate[]> {
  return (await get<{ items: Candidate[] }>("/work-orders/candidates", { lat: of.lat, lon: of.lon, kind: of.kind, limit: 8 })).items;
}

export interface Given {
  reference: string;
  kind?: string;
  title?: string;
  note?: string;
  device?: string;
  place?: string;
  lat?: number;
  lon?: number;
  end?: string;
  alert?: number;
  incident?: number;
  vehicle?: string;
  crew?: string;
  worker?: string;
  nearest?: boolean;
}

async function done(work: Promise<OrderDetail>): Promise<OrderDetail> {
  const found = await work;
  toldOrders.take([found.order]);
  return found;
}

export const give = (form: Given): Promise<OrderDetail> => done(post("/work-orders", form));

/** References by alert, until the hub has answered: clicked twice, or again when an answer was lost, it is one order. */
const ofAlerts = new Map<number, string>();

/** An order of an alert in one click: what it is about follows from the alert, and the nearest vehicle that can is told. */
export async function orderFromAlert(alert: Pick<AlertBody, "id">): Promise<Order> {
  const reference = ofAlerts.get(alert.id) ?? orderReference();
  ofAlerts.set(alert.id, reference);
  const { order } = await give({ reference, alert: alert.id, nearest: true });
  ofAlerts.delete(alert.id);
  return order;
}

export type Step = "send" | "accept" | "done" | "cancel" | "comments";

const at = (id: string, step: string): string => `/work-orders/${encodeURIComponent(id)}/${step}`;

export const step = (id: string, name: Step, text: string): Promise<OrderDetail> => done(post(at(id, name), { text }));
export const assign = (id: string, to: { vehicle?: string; crew?: string; worker?: string }): Promise<OrderDetail> => done(post(at(id, "assign"), to));
