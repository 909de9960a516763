/** The map of the city: draws devices in bundles, answers clicks, flies to things. */
import "maplibre-gl/dist/maplibre-gl.css";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?url";
import { AttributionControl, Map as MapLibre, ScaleControl, setWorkerCount, setWorkerUrl, type GeoJSONSource } from "maplibre-gl";
import type { Feature } from "geojson";
import { devices, type Device } from "../devices";
import type { BoardConfig, Severity } from "../types";
import type { Theme } from "../view";
import { Camera } from "./camera";
import { placer, type Place } from "./datum";
import { mark, sourceOf, type Mark } from "./features";
import { addImages } from "./images";
import { areaFeatures, placeFeatures, routeFeatures, type Master } from "./master";
import { palette } from "./palette";
import { painted, Repaint } from "./repaint";
import { GROUPS, PICKABLE, SOURCES, style } from "./style";

setWorkerUrl(workerUrl);
setWorkerCount(1); // the layers are light; a second worker would only take a core from the page

const DEVICE_SOURCES = ["bins", "toilets", "workers", "others", "vehicles"];
const REACH = 9; // pixels around a click
const HOVER_MS = 60; // between two looks at what is under the pointer
// Without a graphics card a frame of the map keeps the page from answering for as long as it is drawn. So the slower it
// is, the more rarely devices are drawn anew: an update takes two frames, and these a sixth of the time.
const FRAMES = 12;
const MOST_MS = 5000;
const TILES_MS = 250; // the tiles of an update are drawn together, not each as it is ready

export interface Told {
  pick: (id: string | null) => void;
  hover: (id: string | null, x: number, y: number) => void;
}

export class CityMap {
  readonly map: MapLibre;
  readonly place: Place;
  private ready = false;
  private readonly content = new Map<string, Feature[]>(); // of sources that are set as a whole
  private readonly drawn = new Map<string, string>(); // device → the source that it is in
  private readonly hidden = new Set<string>(["areas"]);
  private theme: Theme;
  private fitted = false;
  private picked: string | null = null;
  private master: Master | null = null;
  private bells: ReadonlyMap<string, Severity> = new Map();
  private readonly repaint: Repaint;
  private readonly camera: Camera;
  private frameMs = 0; // what a frame of the map takes, on average
  private drawnAt = 0;
  private waiting = new Set<string>(); // devices that have changed and are not drawn yet
  private timer = 0;

  /** Raises where the browser has no WebGL. */
  constructor(
    host: HTMLElement,
    private readonly config: BoardConfig,
    theme: Theme,
    private readonly told: Told,
    label: string,
  ) {
    this.theme = theme;
    this.place = placer(config.tiles_datum);
    this.map = new MapLibre({
      container: host,
      style: style(config, palette(theme)),
      center: this.place(114.3, 30.58),
      zoom: 11,
      maxZoom: 19,
      attributionControl: false,
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      fadeDuration: 0, // labels that fade draw frame after frame
      localIdeographFontFamily: "sans-serif",
      locale: { "Map.Title": label },
    });
    Object.assign(host, { map: this.map }); // for whoever looks into a running page: the browser's console, tests
    this.map.touchZoomRotate.disableRotation();
    this.map.keyboard.disableRotation();
    if (config.attribution) this.map.addControl(new AttributionControl({ compact: true }), "bottom-left");
    this.map.addControl(new ScaleControl({ maxWidth: 90 }), "bottom-left");
    this.map.on("style.load", () => this.dress());
    this.map.on("click", (event) => this.told.pick(this.at(event.point)));
    let looking = 0;
    let pointer = { x: 0, y: 0 };
    this.map.on("mousemove", (event) => {
      pointer = event.point;
      looking ||= window.setTimeout(() => {
        looking = 0;
        const id = this.at(pointer);
        this.map.getCanvas().style.cursor = id ? "pointer" : "";
        this.told.hover(id, pointer.x, pointer.y);
      }, HOVER_MS);
    });
    this.map.on("mouseout", () => {
      clearTimeout(looking);
      looking = 0;
      this.told.hover(null, 0, 0);
    });
    this.map.on("render", () => this.time());
    this.repaint = new Repaint(this.map);
    this.camera = new Camera(this.map);
  }

  private source(name: string): GeoJSONSource | undefined {
    return this.map.getSource<GeoJSONSource>(name);
  }

  private dress(): void {
    addImages(this.map, palette(this.theme));
    this.ready = true;
    for (const [name, items] of this.content) this.put(name, items);
    this.drawWhole();
    for (const group of this.hidden) this.show(group, false);
  }

  private at(point: { x: number; y: number }): string | null {
    if (!this.ready) return null;
    const box: [[number, number], [number, number]] = [[point.x - REACH, point.y - REACH], [point.x + REACH, point.y + REACH]]; // prettier-ignore
    const found = this.map.queryRenderedFeatures(box, { layers: PICKABLE });
    let best: string | null = null;
    let least = Infinity;
    for (const one of found) {
      if (one.geometry.type !== "Point") continue;
      const seen = this.map.project(one.geometry.coordinates as [number, number]);
      const far = Math.hypot(seen.x - point.x, seen.y - point.y) + PICKABLE.indexOf(one.layer.id);
      if (far < least) [least, best] = [far, String(one.properties["id"])];
    }
    return best;
  }

  /** Set a source as a whole. */
  put(name: string, items: Feature[]): void {
    this.content.set(name, items);
    if (this.ready) void this.source(name)?.setData({ type: "FeatureCollection", features: items });
  }

  /** Draw what has changed, soon; `whole`: everything. */
  update(changed: ReadonlySet<string>, whole: boolean): void {
    if (!this.ready) return;
    if (whole) {
      this.waiting.clear();
      this.drawWhole();
      return;
    }
    for (const id of changed) this.waiting.add(id);
    const due = this.drawnAt + Math.min(MOST_MS, FRAMES * this.frameMs) - performance.now();
    if (due <= 0) this.drawWaiting();
    else this.timer ||= window.setTimeout(() => this.drawWaiting(), due);
  }

  private drawWaiting(): void {
    clearTimeout(this.timer);
    this.timer = 0;
    const changed = this.waiting;
    this.waiting = new Set();
    if (!this.ready) return;
    this.drawnAt = performance.now();
    this.repaint.hold(TILES_MS);
    this.drawChanged(changed);
    if (!this.picked || !changed.has(this.picked)) return;
    this.ring();
    this.camera.follow();
  }

  /** How long the page was kept by a frame of the map, until the next task of its own. */
  private time(): void {
    const began = performance.now();
    const after = new MessageChannel();
    after.port1.onmessage = () => {
      after.port1.close();
      this.frameMs += (performance.now() - began - this.frameMs) / 8;
    };
    after.port2.postMessage(null);
  }

  private drawWhole(): void {
    const bySource = new Map<string, Mark[]>(DEVICE_SOURCES.map((name) => [name, []]));
    this.drawn.clear();
    for (const device of devices.values()) {
      const feature = mark(device, this.place);
      if (!feature) continue;
      bySource.get(sourceOf(device))?.push(feature);
      this.drawn.set(device.id, sourceOf(device));
    }
    for (const [name, items] of bySource) void this.source(name)?.setData({ type: "FeatureCollection", features: items });
    this.ringBells();
    this.ring();
    if (!this.fitted && devices.size) this.fit(false);
  }

  private drawChanged(changed: ReadonlySet<string>): void {
    const add = new Map<string, Mark[]>();
    const remove = new Map<string, string[]>();
    const list = <T>(map: Map<string, T[]>, name: string): T[] => map.get(name) ?? map.set(name, []).get(name) ?? [];
    for (const id of changed) {
      const device = devices.get(id);
      const before = this.drawn.get(id);
      const feature = device ? mark(device, this.place) : null;
      const now = feature && device ? sourceOf(device) : undefined;
      if (before && before !== now) list(remove, before).push(id);
      if (feature && now) {
        list(add, now).push(feature);
        this.drawn.set(id, now);
      } else this.drawn.delete(id);
    }
    for (const name of new Set([...add.keys(), ...remove.keys()]))
      void this.source(name)?.updateData({ add: add.get(name) ?? [], remove: remove.get(name) ?? [] });
  }

  /** Draw again what depends on the time: a vehicle that has fallen silent. */
  refreshVehicles(): void {
    this.update(new Set([...devices.values()].filter((one) => one.kind === "vehicle").map((one) => one.id)), false);
  }

  setMaster(master: Master): void {
    this.master = master;
    this.put("areas", areaFeatures(master, this.place));
    this.put("routes", routeFeatures(master, this.place));
    this.relabel();
  }

  /** Names on the map in the language of the page. */
  relabel(): void {
    if (this.master) this.put("places", placeFeatures(this.master, this.place));
  }

  /** Whether a device is in the part of the city that is seen. */
  sees(id: string): boolean {
    const at = this.position(id);
    return at !== null && this.map.getBounds().contains(at);
  }

  setBells(bells: ReadonlyMap<string, Severity>): void {
    this.bells = bells;
    if (this.ready) this.ringBells();
  }

  private ringBells(): void {
    const items: Feature[] = [];
    for (const [id, severity] of this.bells) {
      const at = severity === "info" ? null : this.position(id);
      if (at) items.push({ type: "Feature", geometry: { type: "Point", coordinates: at }, properties: { id, severity } });
    }
    this.put("bells", items);
  }

  private position(id: string): [number, number] | null {
    const device: Device | undefined = devices.get(id);
    return device && device.lat !== null && device.lon !== null ? this.place(device.lon, device.lat) : null;
  }

  private ring(): void {
    const at = this.picked ? this.position(this.picked) : null;
    this.put("picked", at ? [{ type: "Feature", geometry: { type: "Point", coordinates: at }, properties: { id: "picked" } }] : []);
  }

  /** Mark a device; `fly`: and bring it into view. */
  pick(id: string | null, fly: boolean): void {
    this.picked = id;
    painted(() => {
      if (this.picked !== id) return;
      if (this.ready) this.ring();
      if (id && fly) this.camera.flyTo(() => (this.picked === id ? this.position(id) : null));
    });
  }

  flyTo(lon: number, lat: number): void {
    this.camera.flyTo(() => this.place(lon, lat));
  }

  fit(animate = true): void {
    this.camera.fit([...devices.keys()].map((id) => this.position(id)).filter((at) => at !== null), animate);
    this.fitted = true;
  }

  fitPoints(points: readonly [number, number][]): void {
    this.camera.fit(points.map(([lon, lat]) => this.place(lon, lat)), true);
  }

  zoom(by: number): void {
    this.camera.zoom(by);
  }

  shown(group: string): boolean {
    return !this.hidden.has(group);
  }

  show(group: string, on: boolean): void {
    if (on) this.hidden.delete(group);
    else this.hidden.add(group);
    for (const layer of GROUPS[group] ?? []) if (this.map.getLayer(layer)) this.map.setLayoutProperty(layer, "visibility", on ? "visible" : "none");
  }

  setTheme(theme: Theme): void {
    if (theme === this.theme) return;
    this.theme = theme;
    this.ready = false;
    this.map.setStyle(style(this.config, palette(theme)), { diff: false });
  }

  resize(): void {
    this.map.resize();
  }

  /** Everything that a playback has drawn goes away. */
  clearPlay(): void {
    for (const name of ["play", "track", "covered"]) this.put(name, []);
  }
}

export const sources = SOURCES;
