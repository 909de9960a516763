/** Layers to switch, which are the legend too. */
import type { JSX } from "preact";
import { devices, turn } from "../devices";
import { number } from "../format";
import type { Kind } from "../types";
import { named, t } from "../words";
import { city, layersTurn } from "./bridge";

const STATES = ["working", "transit", "idle", "off", "no_data"] as const;
const FILLS = ["ok", "notice", "full", "over"] as const;

export function Legend(): JSX.Element {
  void turn.value;
  void layersTurn.value;
  const counts: Partial<Record<Kind, number>> = {};
  for (const one of devices.values()) counts[one.kind] = (counts[one.kind] ?? 0) + 1;
  return (
    <section class="legend" aria-label={t("map.layers")}>
      <Layer group="vehicle" words={t("kind.vehicle")} count={counts.vehicle} />
      <ul class="keys">{STATES.map((one) => <li key={one}><i class={`dot s-${one}`} />{named("state", one)}</li>)}</ul>
      <Layer group="bin" words={t("kind.bin")} count={counts.bin} />
      <ul class="keys">{FILLS.map((one) => <li key={one}><i class={`dot f-${one}`} />{named("fill", one)}</li>)}</ul>
      <Layer group="toilet" words={t("kind.toilet")} count={counts.toilet} mark="diamond toilet" />
      <Layer group="worker" words={`${t("kind.worker")} · ${t("state.on_duty")}`} mark="dot worker" />
      <Layer group="routes" words={t("map.routes")} />
      <ul class="keys"><li><i class="stroke done" />{t("play.covered")}</li><li><i class="stroke passed" />{t("play.passed")}</li><li><i class="stroke missed" />{t("play.missed")}</li><li><i class="stroke todo" />{t("play.pending")}</li></ul>
      <Layer group="places" words={t("map.places")} />
      <Layer group="areas" words={t("map.areas")} />
    </section>
  ); // prettier-ignore
}

function Layer({ group, words, count, mark }: { group: string; words: string; count?: number | undefined; mark?: string }): JSX.Element {
  const map = city.value;
  return (
    <label class="layer">
      <input type="checkbox" checked={map?.shown(group) ?? group !== "areas"} disabled={!map} onChange={(event) => { map?.show(group, event.currentTarget.checked); if (group === "routes") map?.show("driven", event.currentTarget.checked); layersTurn.value += 1; }} />
      {mark && <i class={mark} />}
      <span>{words}</span>
      {count !== undefined && <b>{number(count)}</b>}
    </label>
  ); // prettier-ignore
}
