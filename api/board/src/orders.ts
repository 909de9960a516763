/** News of work orders; the rest of them is in orders/. */
import { onNews } from "./live";
import type { Order } from "./orders/types";
import { Told } from "./told";

/** An order as the stream tells it: its span has names of its own. */
type LiveOrder = Omit<Order, "start" | "end"> & { planned_start: string; planned_end: string };

export const toldOrders = new Told<Order>();
onNews((what, data) => {
  if (what !== "order") return;
  const orders = (data as { orders: LiveOrder[] } | null)?.orders;
  toldOrders.take(orders?.map(({ planned_start, planned_end, ...rest }) => ({ ...rest, start: planned_start, end: planned_end })) ?? null);
});
