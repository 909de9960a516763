/** Incidents on the board's map: marks of those in the list, and cells of where and how often. The layers are put in again when the style changes. */
import type { Feature, Polygon } from "geojson";
import type { GeoJSONSource, Map as MapLibre } from "maplibre-gl";
import type { CityMap } from "../map/city";
import type { Heat, Incident } from "./types";

const HEAT = "incidents-heat";
const MARKS = "incidents-marks";
const COLOURS = ["#f7d774", "#f4a340", "#e3602b", "#b8232f", "#7d1046"] as const; // few … many; readable on both grounds
const MOST_CELLS = 5_000;
const LEAST_MOST = 5; // where the most is less, it is not drawn as much

type Place = CityMap["place"];

/** A cell as GeoJSON: how many, and how that compares to the most, 0…1. */
export function heatFeatures(heat: Heat, place: Place): Feature<Polygon, { count: number; share: number }>[] {
  const most = Math.max(LEAST_MOST, ...heat.cells.map((cell) => cell.count));
  return heat.cells.slice(0, MOST_CELLS).map((cell) => ({
    type: "Feature",
    properties: { count: cell.count, share: cell.count / most },
    geometry: {
      type: "Polygon",
      coordinates: [[place(cell.west, cell.south), place(cell.east, cell.south), place(cell.east, cell.north), place(cell.west, cell.north), place(cell.west, cell.south)]],
    },
  }));
}

export function markFeatures(incidents: readonly Incident[], place: Place): Feature[] {
  return incidents.map((one) => ({ type: "Feature", geometry: { type: "Point", coordinates: place(one.lon, one.lat) }, properties: { id: one.id, state: one.state } }));
}

function source(map: MapLibre, name: string): GeoJSONSource {
  if (!map.getSource(name)) map.addSource(name, { type: "geojson", data: { type: "FeatureCollection", features: [] } });
  return map.getSource(name) as GeoJSONSource;
}

function dress(map: MapLibre): void {
  source(map, HEAT);
  source(map, MARKS);
  const under = map.getLayer("bells") ? "bells" : undefined;
  if (!map.getLayer(HEAT)) {
    const steps = COLOURS.flatMap((colour, place) => [place / (COLOURS.length - 1), colour]);
    map.addLayer({ id: HEAT, type: "fill", source: HEAT, paint: { "fill-color": ["interpolate", ["linear"], ["get", "share"], ...steps] as never, "fill-opacity": 0.6 } }, under);
  }
  if (!map.getLayer(MARKS)) {
    const ended = ["match", ["get", "state"], ["done", "rejected"], "#74807b", "handed_on", "#7a4bb5", "ordered", "#2468b4", "#c62828"];
    map.addLayer({ id: MARKS, type: "circle", source: MARKS, paint: { "circle-radius": 7, "circle-color": ended as never, "circle-stroke-color": "#ffffff", "circle-stroke-width": 2 } });
  }
}

/** What of incidents is on a map. `onPick`: a mark was clicked. */
export class IncidentLayer {
  private heat: Heat | null = null;
  private marks: readonly Incident[] = [];
  private removed = false; // who shows something later, such as a list that goes after its panel, shows nothing
  private readonly again = (): void => this.draw();
  private readonly click: (event: { features?: { properties: Record<string, unknown> }[] }) => void;

  constructor(
    private readonly city: Pick<CityMap, "map" | "place">,
    onPick: (id: number) => void,
  ) {
    this.click = (event) => {
      const id = event.features?.[0]?.properties["id"];
      if (typeof id === "number") onPick(id);
    };
    city.map.on("style.load", this.again);
    city.map.on("click", MARKS, this.click as never);
  }

  showHeat(heat: Heat | null): void {
    this.heat = heat;
    this.draw();
  }

  showMarks(incidents: readonly Incident[]): void {
    this.marks = incidents;
    this.draw();
  }

  private draw(): void {
    if (this.removed) return;
    const { map, place } = this.city;
    try {
      dress(map);
    } catch {
      return; // the style is not there yet: "style.load" comes
    }
    void source(map, HEAT).setData({ type: "FeatureCollection", features: this.heat ? heatFeatures(this.heat, place) : [] });
    void source(map, MARKS).setData({ type: "FeatureCollection", features: markFeatures(this.marks, place) });
  }

  /** Take everything away. */
  remove(): void {
    this.removed = true;
    const { map } = this.city;
    map.off("style.load", this.again);
    map.off("click", MARKS, this.click as never);
    for (const name of [HEAT, MARKS]) {
      if (map.getLayer(name)) map.removeLayer(name);
      if (map.getSource(name)) map.removeSource(name);
    }
  }
}
