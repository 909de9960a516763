/** Work orders of a day, by vehicle. */
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { devices } from "../devices";
import { dayOf, moment, number } from "../format";
import { city } from "../map/bridge";
import { ordersTurn, readOrders } from "../orders";
import type { WorkOrder } from "../types";
import { openPanel, phone, pick } from "../view";
import { named, t } from "../words";
import { Choice, PanelHead, useLoaded, Waiting } from "./parts";

const STATES = ["planned", "sent", "accepted", "done", "cancelled", "overdue"] as const;
const day = signal("");
const state = signal("");

export function OrdersPanel(): JSX.Element {
  day.value ||= dayOf(Date.now());
  const found = useLoaded(() => readOrders({ on: day.value, state: state.value }), [day.value, state.value, ordersTurn.value]);
  const byVehicle = Map.groupBy(found.data ?? [], (one) => one.vehicle ?? "");
  return (
    <>
      <PanelHead title={t("app.orders")}><span class="count">{number(found.data?.length ?? 0)}</span></PanelHead>
      <div class="filters pair">
        <label class="field"><span>{t("orders.day")}</span><input type="date" value={day.value} onInput={(event) => (day.value = event.currentTarget.value)} /></label>
        <Choice label={t("orders.state")} value={state.value} options={[["", t("app.all")], ...STATES.map((one): [string, string] => [one, t(`order.${one}`)])]} onChange={(one) => (state.value = one)} />
      </div>
      <div class="rows" data-list="orders">
        {[...byVehicle].map(([vehicle, orders]) => (
          <section key={vehicle}>
            <h3>{devices.get(vehicle)?.name || vehicle} <span class="thin">{number(orders.filter((one) => one.state === "done").length)} / {number(orders.length)}</span></h3>
            {orders.map((one) => <Row key={one.id} order={one} />)}
          </section>
        ))}
        {!found.data?.length && <Waiting of={found} none={t("orders.none")} />}
      </div>
    </>
  ); // prettier-ignore
}

function Row({ order }: { order: WorkOrder }): JSX.Element {
  const show = (): void => {
    if (phone.value) openPanel(null);
    if (order.device) pick(order.device);
    if (order.lon !== null && order.lat !== null) city.value?.flyTo(order.lon, order.lat);
  };
  return (
    <button type="button" class="row" data-row onClick={show}>
      <span class="line"><b>{order.sequence}. {named("order", order.kind)} {devices.get(order.place)?.name || order.place}</b><time>{moment(order.start)}</time></span>
      <span class="line small"><span>{order.reason?.toLowerCase() ?? ""}</span><span class={`stage ${order.state}`}>{t(`order.${order.state}`)}</span></span>
    </button>
  ); // prettier-ignore
}
