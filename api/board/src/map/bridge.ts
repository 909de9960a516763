/** The map as panels reach it: MapLibre is loaded beside the page, and may never come (no WebGL). */
import { signal } from "@preact/signals";
import type { CityMap } from "./city";

export const city = signal<CityMap | null>(null);
export const onFit = signal<(() => void) | null>(() => city.value?.fit());
/** Which groups of layers are shown; counts up when it changes. */
export const layersTurn = signal(0);
