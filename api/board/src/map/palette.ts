/** Colours of the map, for light and dark. Those of work states and fills are the same as in style/base.css. */
import type { Theme } from "../view";

export interface Palette {
  ground: string;
  area: string;
  areaEdge: string;
  road: string;
  roadEdge: string;
  done: string;
  passed: string;
  missed: string;
  todo: string;
  halo: string;
  ink: string;
  pick: string;
  toilet: string;
  worker: string;
  other: string;
  place: string;
  states: Record<string, string>;
  fills: Record<string, string>;
  severities: Record<string, string>;
}

const LIGHT: Palette = {
  ground: "#eceeea",
  area: "#dfe4dd",
  areaEdge: "#cfd6ce",
  road: "#ffffff",
  roadEdge: "#cdd3cd",
  done: "#12906a",
  passed: "#d9962b",
  missed: "#d0392f",
  todo: "#8d9a94",
  halo: "#ffffff",
  ink: "#1c2723",
  pick: "#0b57d0",
  toilet: "#7a4bb5",
  worker: "#0f7f95",
  other: "#66736d",
  place: "#3d4a45",
  states: { working: "#0f8a63", transit: "#2468b4", idle: "#c27400", off: "#74807b", no_data: "#a7b0ac" },
  fills: { none: "#a7b0ac", ok: "#5a9e76", notice: "#d3a313", full: "#dd6b12", over: "#c62828" },
  severities: { critical: "#c62828", warning: "#dd6b12", info: "#2468b4" },
};

const DARK: Palette = {
  ground: "#12181c",
  area: "#18211f",
  areaEdge: "#24302c",
  road: "#2a343a",
  roadEdge: "#1a2226",
  done: "#2fb98a",
  passed: "#c98f2c",
  missed: "#f0645a",
  todo: "#62706f",
  halo: "#0d1215",
  ink: "#e6ecea",
  pick: "#7db4ff",
  toilet: "#b48cf0",
  worker: "#4cc3da",
  other: "#93a09b",
  place: "#b6c2bd",
  states: { working: "#35c896", transit: "#64a8f5", idle: "#f2b03d", off: "#87948f", no_data: "#5d6966" },
  fills: { none: "#5d6966", ok: "#4f9a70", notice: "#d9b02f", full: "#f2893a", over: "#f0645a" },
  severities: { critical: "#f0645a", warning: "#f2893a", info: "#64a8f5" },
};

export function palette(theme: Theme): Palette {
  return theme === "dark" ? DARK : LIGHT;
}
