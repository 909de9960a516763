/** The map's place on the page, its buttons, and what is written upon it. */
import { effect } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { worst } from "../alerts";
import { all } from "../api";
import { devices, onDevices } from "../devices";
import { Icon } from "../icons";
import { deviceLine } from "../panels/lines";
import { state } from "../live";
import type { BoardConfig, FleetLive } from "../types";
import { layersOpen, picked, theme } from "../view";
import { lang, t } from "../words";
import { city } from "./bridge";
import { Legend } from "./legend";
import type { Master } from "./master";
import { fleetLive } from "./progress";

const PROGRESS_EVERY_MS = 10_000;
const COVER_EVERY_MS = 30_000;
const MASTER_EVERY_MS = 15 * 60_000;

interface Hint {
  id: string;
  x: number;
  y: number;
}

export function MapView({ config }: { config: BoardConfig }): JSX.Element {
  const host = useRef<HTMLDivElement>(null);
  const [failed, setFailed] = useState(false);
  const [hint, setHint] = useState<Hint | null>(null);
  useEffect(() => {
    const ends: (() => void)[] = [];
    let gone = false;
    void Promise.all([import("./city"), import("./master"), import("./covering")])
      .then(([{ CityMap }, { readMaster }, { coverNow }]) => {
        if (gone || !host.current) return;
        const map = new CityMap(host.current, config, theme.value, { pick: (id) => (picked.value = id), hover: (id, x, y) => setHint(id ? { id, x, y } : null) }, t("map.label"));
        city.value = map;
        let known: Master | null = null;
        const cover = (): void => { if (known && !document.hidden) void coverNow(map, known, fleetLive.value); };
        const master = (): void => void readMaster().then((found) => { known = found; map.setMaster(found); cover(); }, () => undefined);
        let moved = 0;
        map.map.on("moveend", () => { clearTimeout(moved); moved = window.setTimeout(cover, 1000); });
        const progress = (): void => {
          if (!document.hidden) void all<FleetLive>("/fleet/live", { limit: 2000 }).then((found) => { const first = !fleetLive.value.length; fleetLive.value = found; if (first) cover(); }, () => undefined);
        };
        const timers = [setInterval(progress, PROGRESS_EVERY_MS), setInterval(master, MASTER_EVERY_MS), setInterval(cover, COVER_EVERY_MS), setInterval(() => map.refreshVehicles(), 60_000)];
        const sized = new ResizeObserver(() => map.resize());
        sized.observe(host.current);
        ends.push(
          onDevices((changed, whole) => { if (!document.hidden || whole) map.update(changed, whole); }),
          effect(() => map.setTheme(theme.value)),
          effect(() => map.setBells(worst.value)),
          effect(() => { void lang.value; map.relabel(); }),
          effect(() => map.pick(picked.value, false)),
          () => timers.forEach(clearInterval),
          () => sized.disconnect(),
          () => map.map.remove(),
        ); // prettier-ignore
        map.update(new Set(devices.keys()), true);
        master();
        progress();
      })
      .catch((error: unknown) => {
        console.warn("sanihub: no map:", error);
        setFailed(true);
      });
    return () => {
      gone = true;
      ends.forEach((end) => end());
      city.value = null;
    };
  }, []);
  const device = hint ? devices.get(hint.id) : undefined;
  return (
    <main class="map" data-state={state.value}>
      <div class="map-host" ref={host} role="region" aria-label={t("map.label")} />
      {failed && <p class="map-failed">{t("map.failed")}</p>}
      {hint && device && (
        <div class="hint" style={{ left: `${hint.x + 14}px`, top: `${hint.y + 14}px` }} aria-hidden="true">
          <b>{device.name || device.id}</b>
          <span>{deviceLine(device)}</span>
        </div>
      )}
      <div class="map-buttons" role="group" aria-label={t("app.map")}>
        <button type="button" class="square" title={t("map.in")} aria-label={t("map.in")} onClick={() => city.value?.zoom(1)}><Icon name="plus" size={18} /></button>
        <button type="button" class="square" title={t("map.out")} aria-label={t("map.out")} onClick={() => city.value?.zoom(-1)}><Icon name="minus" size={18} /></button>
        <button type="button" class="square" title={t("map.fit")} aria-label={t("map.fit")} onClick={() => city.value?.fit()}><Icon name="fit" size={18} /></button>
        <button type="button" class="square" title={t("map.layers")} aria-label={t("map.layers")} aria-expanded={layersOpen.value} onClick={() => (layersOpen.value = !layersOpen.value)}><Icon name="layers" size={18} /></button>
      </div>
      {layersOpen.value && <Legend />}
      <div id="map-corner" />
    </main>
  );
}
