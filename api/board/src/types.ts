/** What the hub's API says (`/openapi.json`), as far as the board reads it. Instants are ISO 8601 in UTC. */

export type Kind = "vehicle" | "bin" | "toilet" | "worker" | "station" | "gateway" | "unknown";
export type Severity = "critical" | "warning" | "info";
export type WorkState = "no_data" | "off" | "idle" | "transit" | "working";
export type Lang = "zh" | "en";

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export interface Reading {
  value: number;
  observed_at: string;
  quality: number;
}

export interface StateBody {
  id: string;
  kind: Kind;
  status: string;
  name: string;
  received_at: string | null;
  protocol: string | null;
  source: string | null;
  online: boolean | null;
  fix: { observed_at: string; lat: number; lon: number; speed_kmh: number | null; heading_deg: number | null } | null;
  place: { lat: number; lon: number } | null;
  readings: Record<string, Reading>;
}

/** A device in a bundle of the stream. Readings may come as plain numbers or with their instants. */
export interface LiveDevice {
  id: string;
  kind?: Kind;
  name?: string;
  lat?: number | null;
  lon?: number | null;
  heading_deg?: number | null;
  speed_kmh?: number | null;
  observed_at?: string | null;
  received_at?: string | null;
  readings?: Record<string, number | { value: number }>;
}

export interface AlertBody {
  id: number;
  device: string;
  device_kind: Kind;
  device_name: string;
  area: string | null;
  rule: string;
  scope: string;
  severity: Severity;
  stage: "raised" | "acknowledged" | "cleared" | "closed" | "retracted";
  raised_at: string;
  cleared_at: string | null;
  raised_value: number | null;
  detail: Record<string, unknown>;
  told_at: string;
  late: boolean;
  acknowledged_at: string | null;
  acknowledged_by: string | null;
  quiet_until: string | null;
  escalation: number;
  flapping: boolean;
  storm: number | null;
  parts: number;
  shelved: boolean;
}

export interface AlertDetail extends AlertBody {
  log: { at: string; actor: string; action: string; detail: Record<string, unknown> }[];
}

export interface AlertCount {
  open: number;
  unacknowledged: number;
  parts: number;
}

export interface AlertCounts extends Record<Severity, AlertCount> {
  open: number;
  unacknowledged: number;
}

export interface Rule {
  id: string;
  kind: string;
  title: string;
  title_zh: string;
  severity: Severity;
  params?: Record<string, unknown>;
}

export interface Metric {
  name: string;
  unit: string;
  low: number;
  high: number;
  title: string;
  title_zh: string;
}

export interface FleetLive {
  id: string;
  kind: Kind;
  name: string;
  at: string;
  state: WorkState;
  since: string;
  idle_s: number;
  trip_m: number;
  progress: {
    plan: string;
    route: string;
    coverage_pct: number;
    progress_m: number | null;
    length_m: number;
    next_stop: { stop: string; distance_m: number; eta: string } | null;
  } | null;
}

export interface PlaceBody {
  id: string;
  role: string;
  lon: number;
  lat: number;
  radius_m: number;
  name: string;
  name_zh: string;
}

export interface Plan {
  id: string;
  on: string;
  shift: string;
  route: string | null;
  vehicle: string | null;
}

export interface Shift {
  id: string;
  start: string;
  length_min: number;
  zone: string;
  name: string;
  name_zh: string;
}

export type Position = [number, number];

export interface RouteFeature {
  properties: {
    role: string;
    id: string;
    route?: string;
    name: string;
    name_zh: string;
    kind: string;
    corridor_m: number;
    tolerance_m: number;
    direction: string;
    width_m?: number;
  };
  geometry: { type: string; coordinates: unknown };
}

export interface Track {
  next_cursor: string | null;
  geometry: { type: string; coordinates: Position[] } | null;
  properties: { coordTimes: string[]; speeds_kmh: (number | null)[]; headings_deg: (number | null)[] };
}

export interface Trip {
  started_at: string;
  ended_at: string | null;
  ended: string | null;
  origin: { place: string | null };
  goal: { place: string | null } | null;
  driven_m: number;
  work_m: number;
  work_s: number;
  transit_s: number;
  idle_s: number;
  no_data_s: number;
}

export interface EventBody {
  kind: string;
  observed_at: string;
  received_at: string;
  attributes: Record<string, unknown>;
  quality: number;
}

export interface Series {
  unit: string;
  points: { observed_at: string; value: number }[] | null;
  buckets: { start_at: string; min: number; max: number; avg: number; count: number }[] | null;
  next_cursor: string | null;
}

export interface WorkOrder {
  id: string;
  kind: string;
  state: "planned" | "sent" | "accepted" | "done" | "cancelled" | "overdue";
  on: string;
  vehicle: string | null;
  sequence: number;
  device: string | null;
  place: string;
  start: string;
  end: string;
  reason: string | null;
  lon: number | null;
  lat: number | null;
}

export interface Evidence {
  kind: string;
  id: string;
  en: string;
  zh: string;
  device: string;
  start: string;
  end: string;
  refs: string[];
}

export interface EvaluationSummary {
  subject: string;
  id: string;
  name: string;
  points: number | null;
  grade: string | null;
  grade_zh: string | null;
  completeness: number | null;
}

export interface Evaluation extends EvaluationSummary {
  items: {
    id: string;
    title: string;
    title_zh: string;
    weight: number;
    share: number;
    score: number | null;
    points: number;
    deductions: { id: string; points: number; taken: number; evidence: Evidence }[];
  }[];
}

export interface ReportJob {
  id: string;
  state: "waiting" | "working" | "done" | "failed" | "cancelled";
  done: number;
  whole: number | null;
  report: number | null;
  error: string | null;
}

export interface ReportBody {
  id: number;
  order: { kind: string; from: string; to: string; zone: string; subject: Record<string, string> };
  revision: number;
  made_at: string;
  made_by: string;
  signatures: number;
  open_appeals: number;
}

export interface Session {
  name: string;
  display_name: string;
  role: string;
  areas: string[] | null;
  worker: string | null;
  may: string[];
  expires_at: string | null;
}

export interface BoardConfig {
  version: string;
  /** Whether people sign in at this hub. */
  sign_in: boolean;
  /** Whether anybody may read. */
  open?: boolean;
  /** Whether it has a stream of news. */
  live: boolean;
  zone: string;
  tiles_url: string;
  tiles_datum: "wgs84" | "gcj02";
  attribution: string;
}

export interface Status {
  as_of: string;
  version: string;
  uptime_s: number;
  devices: { total: number; reporting: number; by_protocol: { protocol: string; kind: Kind; devices: number; reporting: number }[] } | null;
  dead_letters_open: number | null;
  pipeline: Record<string, number>;
  store: { reachable: boolean; mode: string; server_version?: string; rows?: { total: number } | null };
  connections: { name: string; kind: string; connected: boolean; required: boolean; detail: string }[];
}
