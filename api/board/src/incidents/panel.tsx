/** Incidents: the list with photos, one of them, and where and how often. */
import "../style/acting.css";
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { dayOf, moment, number, startOf, whole } from "../format";
import { city } from "../map/bridge";
import { Choice, PanelHead, useLoaded, Waiting } from "../panels/parts";
import { catalogue, categoryName, cover, EVERY, fits, list, OPEN, readCatalogue, told, type Wanted } from "./data";
import { Detail } from "./detail";
import { HeatTable } from "./heat";
import { IncidentLayer } from "./layer";
import type { Incident, IncidentState } from "./types";
import { i } from "./words";

export const DAYS = ["1", "7", "30", "365"] as const;
export type Days = (typeof DAYS)[number];

const STEP = 30;
const state = signal<IncidentState | "open" | "">("open");
const category = signal("");
const days = signal<Days>("30");
const view = signal<"list" | "heat">("list");
/** The incident that is open. Set from elsewhere, the panel shows it. */
export const pickedIncident = signal<number | null>(null);

function wanted(): Wanted {
  const states = state.value === "open" ? OPEN : state.value === "" ? EVERY : [state.value];
  const from = new Date(startOf(dayOf(Date.now())) - (Number(days.value) - 1) * 86_400_000).toISOString();
  return { states, category: category.value, from };
}

export function IncidentsPanel(): JSX.Element {
  const layer = useRef<IncidentLayer | null>(null);
  const map = city.value;
  useEffect(() => void readCatalogue().catch(() => undefined), []);
  useEffect(() => {
    layer.current = map && new IncidentLayer(map, (id) => (pickedIncident.value = id));
    return () => layer.current?.remove();
  }, [map]);
  const chosen = pickedIncident.value;
  return (
    <>
      <PanelHead title={i("title")}>
        <div class="segments" role="group" aria-label={i("title")}>
          {(["list", "heat"] as const).map((one) => <button type="button" key={one} aria-pressed={view.value === one} onClick={() => { view.value = one; pickedIncident.value = null; }}>{i(one)}</button>)}
        </div>
      </PanelHead>
      {chosen !== null ? <Detail id={chosen} onClose={() => (pickedIncident.value = null)} /> : (
        <>
          <Filters />
          {view.value === "list"
            ? <List wanted={wanted()} onList={(found) => layer.current?.showMarks(found)} />
            : <HeatTable wanted={wanted()} onHeat={(found) => layer.current?.showHeat(found)} />}
        </>
      )}
    </>
  ); // prettier-ignore
}

function Filters(): JSX.Element {
  const states: [IncidentState | "open" | "", string][] = [["open", i("open")], ["", i("all")], ...EVERY.map((one): [IncidentState, string] => [one, i(`state.${one}`)])]; // prettier-ignore
  const kinds: [string, string][] = [["", i("all")], ...(catalogue.value?.categories ?? []).map((one): [string, string] => [one.id, categoryName(one.id)])]; // prettier-ignore
  return (
    <div class="filters three">
      <Choice label={i("state")} value={state.value} options={states} onChange={(one) => (state.value = one)} />
      <Choice label={i("category")} value={category.value} options={kinds} onChange={(one) => (category.value = one)} />
      <Choice label={i("days")} value={days.value} options={DAYS.map((one) => [one, i(`days.${one}`)])} onChange={(one) => (days.value = one)} />
    </div>
  );
}

function List({ wanted: what, onList }: { wanted: Wanted; onList: (found: readonly Incident[]) => void }): JSX.Element {
  const [limit, setLimit] = useState(STEP);
  const found = useLoaded(() => list(what, limit), [JSON.stringify(what), limit, told.turn.value]);
  const last = found.data?.next_cursor ? found.data.items.at(-1)?.id ?? 0 : 0; // older ones are on the next page
  const items = found.data && told.over(found.data.items, (one) => fits(one, what), (a, b) => b.id - a.id, (one) => one.id > last);
  const drawn = JSON.stringify(items?.map((one) => [one.id, one.state]));
  useEffect(() => {
    if (items) onList(items);
    return () => onList([]);
  }, [drawn]);
  return (
    <div class="rows" data-list="incidents">
      {items?.map((one) => <Row key={one.id} incident={one} />)}
      {!items?.length && <Waiting of={found} none={i("none")} />}
      {found.data?.next_cursor && limit < 1000 && <button type="button" class="link" onClick={() => setLimit(Math.min(1000, limit + 3 * STEP))}>{i("more")}</button>}
    </div>
  ); // prettier-ignore
}

function Row({ incident: one }: { incident: Incident }): JSX.Element {
  const show = (): void => {
    pickedIncident.value = one.id;
    city.value?.flyTo(one.lon, one.lat);
  };
  return (
    <button type="button" class="row pictured" data-row data-incident={one.id} onClick={show}>
      <Cover of={one} />
      <span class="beside">
        <span class="line"><b>{categoryName(one.category)}</b><time title={whole(one.seen_at)}>{moment(one.seen_at)}</time></span>
        <span class="line small"><span>{one.text || one.place || one.area || one.reporter}</span><span class={`stage ${one.state}`}>{i(`state.${one.state}`)}</span></span>
      </span>
      {one.photos > 1 && <i class="badge">{number(one.photos)}</i>}
    </button>
  ); // prettier-ignore
}

/** The first photo, asked for when its row is seen. */
function Cover({ of }: { of: Incident }): JSX.Element {
  const [address, setAddress] = useState<string | null>(null);
  const box = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    if (!box.current || of.photos === 0) return undefined;
    const seen = new IntersectionObserver((found) => {
      if (!found.some((one) => one.isIntersecting)) return;
      seen.disconnect();
      cover(of).then(setAddress, () => undefined);
    });
    seen.observe(box.current);
    return () => seen.disconnect();
  }, [of.id, of.photos]);
  return <span class="cover" ref={box}>{address && <img src={address} alt={i("photoOf", of.id)} loading="lazy" decoding="async" />}</span>;
}
