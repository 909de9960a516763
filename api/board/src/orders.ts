/** News of work orders; the rest of them is in orders/. */
import { signal } from "@preact/signals";
import { onNews } from "./live";

/** Counts up when the hub told of an order: lists read anew. */
export const ordersTurn = signal(0);
onNews((what) => {
  if (what === "order") ordersTurn.value += 1;
});
