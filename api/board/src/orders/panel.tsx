/** Work orders: the list, one of them with what is done about it, and giving one. */
import "../style/acting.css";
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { devices } from "../devices";
import { dayOf, moment, number } from "../format";
import { Icon } from "../icons";
import { city } from "../map/bridge";
import { toldOrders } from "../orders";
import { Choice, PanelHead, useLoaded, Waiting } from "../panels/parts";
import { mayAct } from "../session";
import { fits, list } from "./data";
import { OneOrder } from "./detail";
import { GiveOrder } from "./give";
import type { Order } from "./types";
import { kindOf, o, stateOf } from "./words";

const STATES = ["planned", "sent", "accepted", "done", "cancelled", "overdue"] as const;
const ORIGINS = ["plan", "alert", "incident", "hand"] as const;
const DRAWN = 300; // rows at once

const day = signal("");
const state = signal("open");
const origin = signal("");
const sought = signal("");
const giving = signal(false);
/** The order that is open. Set from elsewhere, the panel shows it. */
export const pickedOrder = signal<string | null>(null);

const wordOf = (name: (typeof ORIGINS)[number]): string => o(`origin.${name}`, "").trim();

export function OrdersPanel(): JSX.Element {
  const picked = pickedOrder.value;
  const head = (
    <PanelHead title={o("title")}>
      {mayAct.value && !giving.value && picked === null && <button type="button" onClick={() => (giving.value = true)}><Icon name="plus" size={16} />{o("give")}</button>}
    </PanelHead>
  ); // prettier-ignore
  if (picked !== null) return <>{head}<OneOrder id={picked} onClose={() => (pickedOrder.value = null)} /></>; // prettier-ignore
  if (giving.value) return <>{head}<GiveOrder onClose={(made) => { giving.value = false; pickedOrder.value = made; }} /></>; // prettier-ignore
  return <>{head}<List /></>; // prettier-ignore
}

function List(): JSX.Element {
  day.value ||= dayOf(Date.now());
  const open = state.value === "open";
  const wanted = { on: day.value, open, state: open ? "" : state.value, origin: origin.value };
  const found = useLoaded(() => list(wanted), [JSON.stringify(wanted), toldOrders.turn.value]);
  const text = sought.value.trim().toLowerCase();
  const current = found.data ? toldOrders.over(found.data, (one) => fits(one, wanted), byStart) : [];
  const shown = current.filter((one) => !text || `${one.id} ${one.title} ${one.place} ${one.device ?? ""} ${whose(one)}`.toLowerCase().includes(text));
  const groups = Map.groupBy(shown.slice(0, DRAWN), whose);
  const states: [string, string][] = [["open", o("open")], ["", o("all")], ...STATES.map((one): [string, string] => [one, stateOf(one)])];
  return (
    <>
      <div class="filters">
        <div class="pair">
          <Choice label={o("state")} value={state.value} options={states} onChange={(one) => (state.value = one)} />
          <Choice label={o("origin")} value={origin.value} options={[["", o("all")], ...ORIGINS.map((one): [string, string] => [one, wordOf(one)])]} onChange={(one) => (origin.value = one)} />
        </div>
        <div class="pair">
          {!open && <label class="field"><span>{o("day")}</span><input type="date" value={day.value} onInput={(event) => (day.value = event.currentTarget.value)} /></label>}
          <label class="field"><span>{o("search")}</span><input type="search" value={sought.value} onInput={(event) => (sought.value = event.currentTarget.value)} /></label>
        </div>
      </div>
      <div class="rows" data-list="orders">
        {[...groups].map(([name, orders]) => (
          <section key={name}>
            <h3>{devices.get(name)?.name || name || o("nobody")} <span class="thin">{number(orders.filter((one) => one.state === "done").length)} / {number(orders.length)}</span></h3>
            {orders.map((one) => <Row key={one.id} order={one} />)}
          </section>
        ))}
        {!shown.length && <Waiting of={found} none={o("none")} />}
      </div>
    </>
  ); // prettier-ignore
}

const byStart = (a: Order, b: Order): number => Date.parse(a.start) - Date.parse(b.start) || (a.id < b.id ? -1 : 1);

export function whose(one: Order): string {
  return one.vehicle ?? one.crew ?? one.worker ?? "";
}

function Row({ order: one }: { order: Order }): JSX.Element {
  const show = (): void => {
    pickedOrder.value = one.id;
    if (one.lon !== null && one.lat !== null) city.value?.flyTo(one.lon, one.lat);
  };
  return (
    <button type="button" class="row" data-row data-order={one.id} onClick={show}>
      <span class="line"><b>{one.run ? `${one.sequence}. ` : ""}{kindOf(one.kind)} {devices.get(one.place)?.name || one.place || one.title}</b><time>{moment(one.end)}</time></span>
      <span class="line small"><span>{one.fault ? o("fault", one.fault) : one.title}</span><span class={`stage ${one.state}`}>{stateOf(one.state)}</span></span>
    </button>
  ); // prettier-ignore
}
