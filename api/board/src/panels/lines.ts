/** A device in one line, as lists and hints show it. */
import { fillLevel, onDuty, workState, type Device } from "../devices";
import { measured, number } from "../format";
import { named, t } from "../words";

/** What matters most of a device now. */
export function deviceLine(device: Device): string {
  const { readings } = device;
  if (device.kind === "vehicle") {
    const speed = device.speed === null || workState(device) === "no_data" ? "" : ` · ${number(device.speed)} km/h`;
    return named("state", workState(device)) + speed;
  }
  if (device.kind === "bin") return readings["fill_pct"] === undefined ? t("fill.none") : `${number(readings["fill_pct"])}%`;
  if (device.kind === "worker") return t(onDuty(device) ? "state.on_duty" : "state.off_duty");
  if (device.kind === "toilet") {
    const parts = [];
    if (readings["stalls_occupied"] !== undefined) parts.push(`${number(readings["stalls_occupied"])} ⚇`);
    if (readings["nh3_ppm"] !== undefined) parts.push(`NH₃ ${measured(readings["nh3_ppm"])} ppm`);
    return parts.join(" · ");
  }
  const first = Object.entries(readings)[0];
  return first ? `${first[0]} ${measured(first[1])}` : "";
}

/** The class of the dot before it. */
export function deviceTone(device: Device): string {
  if (device.kind === "vehicle") return `s-${workState(device)}`;
  if (device.kind === "bin") return `f-${fillLevel(device.readings["fill_pct"])}`;
  if (device.kind === "worker") return onDuty(device) ? "worker" : "s-no_data";
  return device.kind;
}
