/** Work orders. For now they are read; what is done with them comes here. */
import { signal } from "@preact/signals";
import { all } from "./api";
import { onNews } from "./live";
import type { WorkOrder } from "./types";

/** Counts up when the hub told of an order: lists read anew. */
export const ordersTurn = signal(0);
onNews((what) => {
  if (what === "order") ordersTurn.value += 1;
});

export function readOrders(filter: { on?: string; vehicle?: string; state?: string; device?: string }): Promise<WorkOrder[]> {
  return all<WorkOrder>("/work-orders", { ...filter, limit: 1000 }, 3000);
}
