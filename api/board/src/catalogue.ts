/** The catalogue of metrics: titles and units. Read once. */
import { signal } from "@preact/signals";
import { get } from "./api";
import { measured } from "./format";
import type { Metric } from "./types";
import { named, t, titled } from "./words";

export const metrics = signal<ReadonlyMap<string, Metric>>(new Map());
let asked = false;

export function readMetrics(): void {
  if (asked) return;
  asked = true;
  get<{ items: Metric[] }>("/metrics").then(
    (found) => (metrics.value = new Map(found.items.map((one) => [one.name, one]))),
    () => (asked = false),
  );
}

export function metricTitle(name: string): string {
  const metric = metrics.value.get(name);
  return metric ? titled(metric) : name;
}

const STATES = ["no_data", "off", "idle", "transit", "working"];

/** A value with its unit; a switch as ✓ or –. */
export function told(name: string, value: number): string {
  if (name === "work_state") return named("state", STATES[value] ?? "");
  if (name === "on_duty") return t(value > 0 ? "state.on_duty" : "state.off_duty");
  const metric = metrics.value.get(name);
  if (metric && !metric.unit && metric.low === 0 && metric.high === 1) return value > 0 ? "✓" : "–";
  return metric?.unit ? `${measured(value)} ${metric.unit}` : measured(value);
}
