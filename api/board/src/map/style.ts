/** The map's style: no server of tiles, sprites or glyphs; all layers are ours. Letters come from the machine's own fonts. */
import type { ExpressionSpecification, LayerSpecification, SourceSpecification, StyleSpecification } from "maplibre-gl";
import type { BoardConfig } from "../types";
import type { Palette } from "./palette";

export const FONT = ["system-ui, 'Noto Sans', 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', sans-serif"];

/** Layers by what a person switches on and off. */
export const GROUPS: Record<string, string[]> = {
  areas: ["areas-fill", "areas-line"],
  routes: ["routes-case", "routes-line"],
  driven: ["routes-done"], // what is covered now; a playback draws its own
  places: ["places"],
  bin: ["bins", "bins-number"],
  toilet: ["toilets"],
  worker: ["workers"],
  vehicle: ["vehicles", "vehicles-name"],
};

/** Layers that answer a click, uppermost first. */
export const PICKABLE = ["play-vehicles", "vehicles", "toilets", "workers", "others", "bins"];

const EMPTY = { type: "FeatureCollection" as const, features: [] };
export const SOURCES = [
  "areas", "routes", "done", "places", "track", "covered", "bins", "toilets", "workers", "others", "vehicles", "bells", "picked", "play",
]; // prettier-ignore

function match(of: string, colours: Record<string, string>, otherwise: string): ExpressionSpecification {
  const pairs = Object.entries(colours).flat();
  return ["match", ["get", of], ...pairs, otherwise] as unknown as ExpressionSpecification;
}

const byZoom = (...stops: number[]): ExpressionSpecification =>
  ["interpolate", ["linear"], ["zoom"], ...stops] as unknown as ExpressionSpecification;

export function style(config: BoardConfig, colours: Palette): StyleSpecification {
  const sources: Record<string, SourceSpecification> = {};
  for (const name of SOURCES) sources[name] = { type: "geojson", data: EMPTY, promoteId: "id", buffer: 32, tolerance: 0.2 };
  const layers: LayerSpecification[] = [{ id: "ground", type: "background", paint: { "background-color": colours.ground } }];
  if (config.tiles_url) {
    sources["tiles"] = { type: "raster", tiles: [config.tiles_url], tileSize: 256, maxzoom: 18, attribution: config.attribution };
    layers.push({ id: "tiles", type: "raster", source: "tiles", paint: { "raster-opacity": 0.85, "raster-saturation": -0.3 } });
  }
  return { version: 8, sources, layers: [...layers, ...ours(colours)] };
}

function ours(c: Palette): LayerSpecification[] {
  return [...ground(c), ...marks(c), ...above(c)];
}

function ground(c: Palette): LayerSpecification[] {
  const round = { "line-cap": "round", "line-join": "round" } as const;
  const wide = byZoom(11, 1.2, 14, 3.5, 17, 9);
  return [
    { id: "areas-fill", type: "fill", source: "areas", filter: ["==", ["geometry-type"], "Polygon"], paint: { "fill-color": c.area, "fill-opacity": 0.6 } },
    { id: "areas-line", type: "line", source: "areas", layout: round, paint: { "line-color": c.areaEdge, "line-width": byZoom(11, 3, 14, 9, 17, 34), "line-opacity": 0.75 } },
    { id: "routes-case", type: "line", source: "routes", layout: round, paint: { "line-color": c.roadEdge, "line-width": byZoom(11, 2.2, 14, 5.5, 17, 12) } },
    { id: "routes-line", type: "line", source: "routes", layout: round, paint: { "line-color": c.road, "line-width": wide } },
    { id: "routes-done", type: "line", source: "done", layout: round, paint: { "line-color": match("part", { covered: c.done, passed: c.passed, missed: c.missed, pending: c.todo }, c.todo), "line-opacity": ["match", ["get", "part"], "pending", 0.5, 0.85], "line-width": byZoom(11, 1.2, 14, 2.6, 17, 6) } },
    { id: "covered", type: "line", source: "covered", layout: round, paint: { "line-color": match("part", { covered: c.done, passed: c.passed, missed: c.missed, pending: c.todo }, c.todo), "line-opacity": 0.8, "line-width": byZoom(11, 3, 14, 7, 17, 16) } },
    { id: "track-case", type: "line", source: "track", layout: round, paint: { "line-color": c.halo, "line-width": byZoom(11, 3, 15, 5.5) } },
    { id: "track", type: "line", source: "track", layout: round, paint: { "line-color": match("state", c.states, c.pick), "line-width": byZoom(11, 1.6, 15, 3) } },
    { id: "places", type: "symbol", source: "places", layout: { "icon-image": ["concat", "place-", ["get", "role"]], "icon-allow-overlap": true, "text-field": ["get", "label"], "text-font": FONT, "text-size": 12, "text-offset": [0, 1.1], "text-anchor": "top", "text-optional": true }, paint: { "text-color": c.place, "text-halo-color": c.halo, "text-halo-width": 1.5 } },
  ]; // prettier-ignore
}

function marks(c: Palette): LayerSpecification[] {
  const edge = { "circle-stroke-color": c.halo, "circle-stroke-width": byZoom(11, 0.4, 14, 1.2) } as const;
  return [
    { id: "bells", type: "circle", source: "bells", paint: { "circle-radius": byZoom(11, 5, 14, 10, 17, 16), "circle-color": match("severity", c.severities, c.other), "circle-opacity": 0.16, "circle-stroke-color": match("severity", c.severities, c.other), "circle-stroke-width": 1.6, "circle-stroke-opacity": 0.9 } },
    { id: "bins", type: "circle", source: "bins", layout: { "circle-sort-key": ["get", "fill"] }, paint: { "circle-radius": byZoom(11, 1.8, 14, 4.5, 15.5, 9.5, 18, 13), "circle-color": match("level", c.fills, c.other), ...edge } },
    { id: "bins-number", type: "symbol", source: "bins", minzoom: 15.2, layout: { "text-field": ["get", "number"], "text-font": FONT, "text-size": byZoom(15.2, 9.5, 18, 13), "text-allow-overlap": true, "text-ignore-placement": true }, paint: { "text-color": "#ffffff", "text-halo-color": "rgba(0,0,0,0.35)", "text-halo-width": 0.8 } },
    { id: "others", type: "circle", source: "others", paint: { "circle-radius": byZoom(11, 2, 15, 5), "circle-color": c.other, ...edge } },
    { id: "toilets", type: "symbol", source: "toilets", layout: { "icon-image": "toilet", "icon-size": byZoom(11, 0.6, 15, 1.1), "icon-allow-overlap": true, "icon-ignore-placement": true } },
    { id: "workers", type: "circle", source: "workers", paint: { "circle-radius": byZoom(11, 2.2, 15, 5.5), "circle-color": ["case", ["get", "duty"], c.worker, c.states["no_data"] as string], ...edge } },
    { id: "vehicles", type: "symbol", source: "vehicles", layout: { "icon-image": ["get", "icon"], "icon-rotate": ["get", "heading"], "icon-rotation-alignment": "map", "icon-size": byZoom(11, 0.62, 14, 0.95, 17, 1.3), "icon-allow-overlap": true, "icon-ignore-placement": true } },
    { id: "vehicles-name", type: "symbol", source: "vehicles", minzoom: 14.5, layout: { "text-field": ["get", "name"], "text-font": FONT, "text-size": 11.5, "text-offset": [0, 1.2], "text-anchor": "top", "text-optional": true }, paint: { "text-color": c.ink, "text-halo-color": c.halo, "text-halo-width": 1.6 } },
  ]; // prettier-ignore
}

function above(c: Palette): LayerSpecification[] {
  return [
    { id: "play-vehicles", type: "symbol", source: "play", layout: { "icon-image": ["get", "icon"], "icon-rotate": ["get", "heading"], "icon-rotation-alignment": "map", "icon-size": byZoom(11, 0.8, 15, 1.25), "icon-allow-overlap": true, "icon-ignore-placement": true } },
    { id: "picked", type: "circle", source: "picked", paint: { "circle-radius": byZoom(11, 9, 15, 17, 18, 22), "circle-color": "rgba(0,0,0,0)", "circle-stroke-color": c.pick, "circle-stroke-width": 2.5 } },
  ]; // prettier-ignore
}
