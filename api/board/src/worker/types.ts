/** What waits on the phone, and what the API says of a worker's own. Instants on the phone are ms, those of the API ISO 8601. */
import type { Evidence } from "../types";

export interface Telemetry {
  ts: string;
  readings: Record<string, number>;
  fix?: { lat: number; lon: number; altitude_m?: number; speed_kmh?: number; heading_deg?: number };
  events?: { kind: string; ts: string; attributes: Record<string, string | number | boolean> }[];
}

export interface IncidentReport {
  reference: string;
  category: string;
  lat: number;
  lon: number;
  accuracy_m: number;
  text: string;
  place: string;
  seen_at: string;
}

interface Waits {
  /** Given by the shelf, ascending. */
  seq: number;
  /** Whose it is: the name that they sign in with. It is sent as nobody else. */
  owner: string;
  at: number;
}

export interface TelemetryEntry extends Waits {
  kind: "telemetry";
  message: Telemetry;
}

export interface IncidentEntry extends Waits {
  kind: "incident";
  form: IncidentReport;
  photos: Blob[];
  /** What the hub calls it, once it is reported; the photos follow. */
  number: number | null;
  /** How many photos have arrived. */
  sent: number;
}

export interface OrderEntry extends Waits {
  kind: "order";
  order: string;
  action: "accept" | "done";
  text: string;
}

export interface AppealEntry extends Waits {
  kind: "appeal";
  form: { deduction: string; reason: string; from: string; to: string; scheme: string; version: number };
  /** What it is about, in both languages. */
  about: { zh: string; en: string };
  /** Whether it may have arrived before: then the hub says that one is open already. */
  tried: boolean;
}

export type Entry = TelemetryEntry | IncidentEntry | OrderEntry | AppealEntry;
export type Fresh = Omit<TelemetryEntry, "seq"> | Omit<IncidentEntry, "seq"> | Omit<OrderEntry, "seq"> | Omit<AppealEntry, "seq">;

export interface Duty {
  plan: string;
  on: string;
  shift: string;
  shift_name: string;
  shift_name_zh: string;
  start: string;
  end: string;
  breaks: { start: string; end: string }[];
  area: string | null;
  area_name: string;
  area_name_zh: string;
  route: string | null;
  route_name: string;
  route_name_zh: string;
  vehicle: string | null;
  note: string;
}

export interface Today {
  as_of: string;
  worker: string;
  name: string;
  role: string;
  crew: string | null;
  device: string | null;
  duties: Duty[];
  last_check: { kind: "check_in" | "check_out"; at: string } | null;
}

export interface Task {
  id: number;
  title: string;
  category: string;
  start: string;
  due: string;
  done_at: string | null;
  cancelled: boolean;
}

export interface Lost {
  id: string;
  points: number;
  taken: number;
  evidence: Evidence;
  correction: { points: number; reason: string } | null;
}

export interface MyEvaluation {
  name: string;
  scheme: string;
  scheme_version: number;
  start: string;
  end: string;
  points: number | null;
  grade: string | null;
  grade_zh: string | null;
  completeness: number | null;
  items: { id: string; title: string; title_zh: string; share: number; score: number | null; points: number; deductions: Lost[] }[];
}

export interface MyAppeal {
  id: number;
  about: { deduction: string; points: number; en: string; zh: string; start: string };
  reason: string;
  entered_at: string;
  state: "open" | "accepted" | "rejected";
  decision: string | null;
}
