/** What the API says of work orders. */
import type { WorkOrder } from "../types";

export interface Order extends WorkOrder {
  title: string;
  note: string;
  crew: string | null;
  worker: string | null;
  run: string | null;
  origin: "plan" | "alert" | "incident" | "hand";
  alert: number | null;
  incident: number | null;
  entered_at: string;
  entered_by: string;
  changed_at: string;
  sent_at: string | null;
  sent_by: string | null;
  accepted_at: string | null;
  done_at: string | null;
  done_by: string | null;
  evidence: Record<string, unknown> | null;
  fault: string | null;
}

export interface OrderDetail {
  order: Order;
  history: { at: string; actor: string; action: string; text: string; detail: Record<string, unknown> }[];
}

export interface Candidate {
  vehicle: string;
  name: string;
  type: string | null;
  distance_m: number;
  age_s: number;
  open_orders: number;
}
