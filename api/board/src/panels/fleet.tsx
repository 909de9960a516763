/** Devices as a list: by kind, by a piece of their name, with what matters now. */
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { worst } from "../alerts";
import { devices, turn, workState, type Device } from "../devices";
import { kilometres, moment, number } from "../format";
import { city } from "../map/bridge";
import { liveById } from "../map/progress";
import type { Kind } from "../types";
import { openPanel, phone, pick, picked } from "../view";
import { t } from "../words";
import { deviceLine, deviceTone } from "./lines";
import { PanelHead } from "./parts";

const KINDS: readonly Kind[] = ["vehicle", "bin", "toilet", "worker"];
const STEP = 150;
const STATE_RANK = { working: 0, transit: 1, idle: 2, off: 3, no_data: 4 } as const;

const kind = signal<Kind | "">("vehicle");
const text = signal("");

/** What needs eyes first. */
function order(a: Device, b: Device): number {
  if (a.kind === "vehicle" && b.kind === "vehicle") return STATE_RANK[workState(a)] - STATE_RANK[workState(b)] || a.id.localeCompare(b.id);
  if (a.kind === "bin" && b.kind === "bin") return (b.readings["fill_pct"] ?? -1) - (a.readings["fill_pct"] ?? -1);
  if (a.kind === "worker" && b.kind === "worker") return (b.readings["on_duty"] ?? 0) - (a.readings["on_duty"] ?? 0) || a.id.localeCompare(b.id);
  return a.kind.localeCompare(b.kind) || a.id.localeCompare(b.id);
}

export function FleetPanel(): JSX.Element {
  void turn.value;
  const [most, setMost] = useState(STEP);
  const sought = text.value.trim().toLowerCase();
  const found = [...devices.values()]
    .filter((one) => (!kind.value || one.kind === kind.value || sought) && (!sought || `${one.id} ${one.name}`.toLowerCase().includes(sought)))
    .sort(order);
  return (
    <>
      <PanelHead title={t("app.fleet")}><span class="count">{number(found.length)}</span></PanelHead>
      <div class="filters">
        <input type="search" class="search" id="device-search" placeholder={t("app.search")} aria-label={t("app.search")} value={text.value} onInput={(event) => (text.value = event.currentTarget.value)} onKeyDown={(event) => { if (event.key === "Enter" && sought && found[0]) { show(found[0]); event.currentTarget.blur(); } }} />
        <div class="chips" role="group" aria-label={t("alerts.kind")}>
          {KINDS.map((one) => <button type="button" key={one} class="chip" aria-pressed={kind.value === one} onClick={() => { kind.value = kind.value === one ? "" : one; setMost(STEP); }}>{t(`kind.${one}`)}</button>)}
        </div>
      </div>
      <ul class="rows" data-list="devices">
        {found.slice(0, most).map((one) => <Row key={one.id} device={one} />)}
        {!found.length && <li class="empty">{t("fleet.none")}</li>}
        {found.length > most && <li><button type="button" class="link" onClick={() => setMost(most + STEP)}>{t("app.loadMore")}</button></li>}
      </ul>
    </>
  ); // prettier-ignore
}

function show(device: Device): void {
  if (phone.value) openPanel(null);
  pick(device.id);
  city.value?.pick(device.id, true);
}

function Row({ device }: { device: Device }): JSX.Element {
  const severity = worst.value.get(device.id);
  const live = liveById.value.get(device.id);
  return (
    <li class="device">
      <button type="button" class="row" data-row aria-current={picked.value === device.id} onClick={() => show(device)}>
        <span class="line">
          <span class="who"><i class={`dot ${deviceTone(device)}`} /><b>{device.name || device.id}</b>{severity && severity !== "info" && <i class={`flag ${severity}`} title={t(`severity.${severity}`)} />}</span>
          <span class="now">{deviceLine(device)}</span>
        </span>
        {device.kind === "bin" && <progress class={deviceTone(device)} max={100} value={device.readings["fill_pct"] ?? 0} aria-label={deviceLine(device)} />}
        {live?.progress && (
          <>
            <progress class="s-working" max={100} value={live.progress.coverage_pct} aria-label={live.progress.route} />
            <span class="line small">
              <span>{t("fleet.coverage", number(live.progress.coverage_pct), live.progress.route)}</span>
              <span>{live.progress.next_stop ? t("fleet.next", live.progress.next_stop.stop, moment(live.progress.next_stop.eta)) : kilometres(live.progress.length_m)}</span>
            </span>
          </>
        )}
      </button>
    </li>
  ); // prettier-ignore
}
