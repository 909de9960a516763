/** What of the city is seen: flying to things so that they stand in the middle of what is free between the panels. */
import { LngLatBounds, type Map as MapLibre } from "maplibre-gl";
import { layersOpen, phone, picked } from "../view";

const NEAR = 15.4; // zoom at which one thing is looked at
const FLIGHT_MS = 700;
const FOLLOWED_MS = 8_000; // what is newer of a device comes within so long: then it stands elsewhere
const MARGIN = 44;

type LonLat = [number, number];

/** How wide the open drawer lies over the map, pixels. */
function covered(): number {
  return picked.value && !phone.value ? (document.querySelector<HTMLElement>(".drawer")?.offsetWidth ?? 0) : 0;
}

const still = (): boolean => matchMedia("(prefers-reduced-motion: reduce)").matches;

export class Camera {
  /** Where what was flown to stands now, for a while. */
  private aim: { at: () => LonLat | null; until: number } | null = null;

  constructor(private readonly map: MapLibre) {
    map.on("moveend", () => this.follow());
    const release = (): void => void (this.aim = null); // somebody looks elsewhere
    map.on("dragstart", release);
    map.on("wheel", release);
  }

  /** From the middle of the map to the middle of what is free of the drawer, pixels. */
  private offset(): [number, number] {
    const up = phone.value ? -0.28 * this.map.getContainer().clientHeight : 0; // there it covers the lower part
    return [-covered() / 2, up];
  }

  /** Bring a thing to the middle, and keep it there when newer news move it at once. */
  flyTo(at: () => LonLat | null): void {
    const center = at();
    this.aim = { at, until: performance.now() + FOLLOWED_MS };
    if (center) this.map.flyTo({ center, offset: this.offset(), zoom: Math.max(this.map.getZoom(), NEAR), duration: still() ? 0 : FLIGHT_MS });
  }

  /** Call when something may have moved. */
  follow(): void {
    if (!this.aim || this.map.isMoving()) return;
    const center = performance.now() < this.aim.until ? this.aim.at() : null;
    if (!center) {
      this.aim = null;
      return;
    }
    const { clientWidth: width, clientHeight: height } = this.map.getContainer();
    const [right, down] = this.offset();
    const seen = this.map.project(center);
    const free = Math.min(width - covered(), phone.value ? height / 2 : height);
    if (Math.hypot(seen.x - width / 2 - right, seen.y - height / 2 - down) > free / 8) this.map.easeTo({ center, offset: [right, down], duration: still() ? 0 : FLIGHT_MS });
  }

  fit(points: Iterable<LonLat>, animate: boolean): void {
    const bounds = new LngLatBounds();
    for (const point of points) bounds.extend(point);
    if (bounds.isEmpty()) return;
    this.aim = null;
    const right = (layersOpen.value && !phone.value ? 270 : 64) + covered(); // what legend and drawer cover
    this.map.fitBounds(bounds, { padding: { top: MARGIN, bottom: MARGIN, left: MARGIN, right }, maxZoom: 15.5, duration: animate && !still() ? 600 : 0 });
  }

  zoom(by: number): void {
    this.map.zoomTo(this.map.getZoom() + by, { duration: still() ? 0 : 200 });
  }
}
