/** What the fleet is doing, as the hub last told (`/fleet/live`): for the routes on the map, and for the list of vehicles. */
import { computed, signal } from "@preact/signals";
import type { FleetLive } from "../types";

export const fleetLive = signal<readonly FleetLive[]>([]);
export const liveById = computed(() => new Map(fleetLive.value.map((one) => [one.id, one])));
