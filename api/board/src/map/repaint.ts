/**
 * Holds the map's frames back while something else is to be painted first. Without a graphics card a frame of the map
 * keeps the page for as long as it is drawn and read back, and MapLibre asks for one at each press of a button, and at
 * each tile that an update has changed.
 */
import type { Map as MapLibre } from "maplibre-gl";

const PRESS_MS = 400; // a press that lasts longer is none that waits for an answer
const SLIP = 3; // pixels; who moves further drags

export class Repaint {
  private readonly held = new Set<symbol>();
  private wanted = false;
  private readonly repaint: () => void;

  constructor(private readonly map: MapLibre) {
    this.repaint = map.triggerRepaint.bind(map);
    map.triggerRepaint = () => {
      if (this.held.size) this.wanted = true;
      else this.repaint();
    };
    map.on("movestart", () => this.releaseAll()); // what moves is drawn at once
    this.holdPresses();
  }

  /** Hold frames until the release is called, at most so long; not while the map moves. */
  hold(mostMs: number): () => void {
    if (this.map.isMoving()) return () => undefined;
    const mine = Symbol();
    this.held.add(mine);
    const release = (): void => {
      clearTimeout(timer);
      if (this.held.delete(mine) && !this.held.size) this.catchUp();
    };
    const timer = setTimeout(release, mostMs);
    return release;
  }

  private releaseAll(): void {
    this.held.clear();
    this.catchUp();
  }

  private catchUp(): void {
    if (this.wanted) this.repaint();
    this.wanted = false;
  }

  /** From a press until what it opened is painted. */
  private holdPresses(): void {
    const canvas = this.map.getCanvasContainer();
    let release: () => void = () => undefined;
    let at = { x: 0, y: 0 };
    canvas.addEventListener("pointerdown", (event) => {
      at = { x: event.clientX, y: event.clientY };
      release = this.hold(PRESS_MS);
    }, true); // prettier-ignore
    canvas.addEventListener("pointermove", (event) => {
      if (event.buttons && Math.hypot(event.clientX - at.x, event.clientY - at.y) > SLIP) release();
    }, true); // prettier-ignore
    for (const name of ["pointerup", "pointercancel"]) addEventListener(name, () => painted(release), true);
  }
}

/** Call when the page has painted what it shows now. */
export function painted(call: () => void): void {
  requestAnimationFrame(() => setTimeout(call));
}
