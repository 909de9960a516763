// A plot of positions in Web Mercator on a canvas: no tiles, no library, nothing from outside.

const EARTH_M = 40075016.686;
const GLIDE_MS = 900;
const TRAIL_POINTS = 90;
const SILENT_MS = 15 * 60e3;
const DRAW_ORDER = ["bin", "station", "gateway", "unknown", "toilet", "worker", "vehicle"];
const calm = matchMedia("(prefers-reduced-motion: reduce)");

const project = (lat, lon) => {
  const s = Math.sin((Math.max(-85, Math.min(85, lat)) * Math.PI) / 180);
  return { x: lon / 360 + 0.5, y: 0.5 - Math.log((1 + s) / (1 - s)) / (4 * Math.PI) };
};
const latitude = (y) => (Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) * 180) / Math.PI;
const clamp = (low, value, high) => Math.max(low, Math.min(high, value));

export function fillLevel(pct) {
  if (pct == null) return "none";
  return pct >= 95 ? "overflow" : pct >= 85 ? "collect" : pct >= 75 ? "notice" : "ok";
}

export class PositionMap {
  constructor(canvas, { onPick, onHover }) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    this.onPick = onPick;
    this.onHover = onHover;
    this.devices = new Map();
    this.hidden = new Set();
    this.trails = true;
    this.view = null; // { x, y: centre in the unit square; scale: pixels a unit }
    this.touched = false; // once a person moved the map, it no longer fits itself
    this.picked = null;
    this.skew = 0; // server's clock minus ours, ms
    new ResizeObserver(() => this.resize()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { this.colours = null; this.draw(); });
    this.listen();
    this.resize();
  }

  // --- data

  update(states, complete) {
    const now = performance.now();
    const present = complete ? new Set(states.map((state) => state.id)) : null;
    if (present) for (const id of this.devices.keys()) if (!present.has(id)) this.devices.delete(id);
    for (const state of states) {
      const spot = state.fix ?? state.place; // most bins have no receiver: they stand where they were registered
      if (!spot) continue;
      const to = project(spot.lat, spot.lon);
      const known = this.devices.get(state.id);
      const device = known ?? { trail: [], from: to, to };
      const moved = !known || known.to.x !== to.x || known.to.y !== to.y;
      if (moved) {
        device.from = known ? this.place(known, now) : to;
        device.since = now;
        device.to = to;
        if (state.kind === "vehicle") device.trail = [...device.trail, to].slice(-TRAIL_POINTS);
      }
      device.state = state;
      this.devices.set(state.id, device);
    }
    if (!this.touched && complete) this.fit();
    this.glide();
  }

  counts() {
    const counts = {};
    for (const { state } of this.devices.values()) counts[state.kind] = (counts[state.kind] ?? 0) + 1;
    return counts;
  }

  place(device, now) {
    const t = calm.matches ? 1 : clamp(0, (now - device.since) / GLIDE_MS, 1);
    const eased = t * (2 - t);
    return { x: device.from.x + (device.to.x - device.from.x) * eased, y: device.from.y + (device.to.y - device.from.y) * eased };
  }

  // --- view

  resize() {
    const { clientWidth, clientHeight } = this.canvas;
    const ratio = devicePixelRatio || 1;
    this.canvas.width = Math.round(clientWidth * ratio);
    this.canvas.height = Math.round(clientHeight * ratio);
    this.size = { w: clientWidth, h: clientHeight, ratio };
    if (!this.touched) this.fit();
    this.draw();
  }

  fit() {
    const shown = [...this.devices.values()].filter(({ state }) => !this.hidden.has(state.kind));
    if (!shown.length || !this.size?.w) return;
    // A single receiver that reports the Gulf of Guinea must not shrink the city to a dot: the outermost
    // hundredth on each side does not decide.
    const cut = shown.length >= 20 ? Math.ceil(shown.length / 100) : 0;
    const range = (axis) => {
      const values = shown.map(({ to }) => to[axis]).sort((a, b) => a - b);
      const [low, high] = [values[cut], values[values.length - 1 - cut]];
      const spread = high - low;
      const inside = values.filter((v) => v >= low - spread / 3 && v <= high + spread / 3);
      return [inside[0], inside[inside.length - 1]];
    };
    const [x0, x1] = range("x"), [y0, y1] = range("y");
    const pad = Math.min(46, this.size.w / 9);
    const scale = Math.min((this.size.w - 2 * pad) / Math.max(x1 - x0, 1e-9), (this.size.h - 2 * pad) / Math.max(y1 - y0, 1e-9));
    this.view = { x: (x0 + x1) / 2, y: (y0 + y1) / 2, scale: Math.min(scale, 2e8) };
    this.fitted = this.view.scale;
    this.draw();
  }

  showAll() { this.touched = false; this.fit(); }

  zoom(factor, at = { x: this.size.w / 2, y: this.size.h / 2 }) {
    if (!this.view) return;
    const before = this.unproject(at);
    this.view.scale = clamp(2e3, this.view.scale * factor, 2e9);
    const after = this.unproject(at);
    this.view.x += before.x - after.x;
    this.view.y += before.y - after.y;
    this.touched = true;
    this.draw();
  }

  pan(dx, dy) {
    if (!this.view) return;
    this.view.x -= dx / this.view.scale;
    this.view.y -= dy / this.view.scale;
    this.touched = true;
    this.draw();
  }

  unproject({ x, y }) {
    return { x: this.view.x + (x - this.size.w / 2) / this.view.scale, y: this.view.y + (y - this.size.h / 2) / this.view.scale };
  }

  screen({ x, y }) {
    return { x: (x - this.view.x) * this.view.scale + this.size.w / 2, y: (y - this.view.y) * this.view.scale + this.size.h / 2 };
  }

  // --- drawing

  glide() {
    cancelAnimationFrame(this.frame);
    const until = performance.now() + GLIDE_MS;
    const step = () => {
      this.draw();
      if (performance.now() < until && !calm.matches) this.frame = requestAnimationFrame(step);
    };
    step();
  }

  palette() {
    if (this.colours) return this.colours;
    const style = getComputedStyle(this.canvas);
    const names = ["map", "grid", "halo", "ink", "muted", "accent", "vehicle", "toilet", "worker", "other", "fill-ok", "fill-notice", "fill-collect", "fill-overflow", "fill-none"];
    this.colours = Object.fromEntries(names.map((name) => [name, style.getPropertyValue("--" + name).trim()]));
    return this.colours;
  }

  draw() {
    const { w, h, ratio } = this.size;
    const pen = this.pen;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, w, h);
    if (!this.view) return;
    this.drawGrid();
    const now = performance.now();
    const zoom = clamp(-1, Math.log2(this.view.scale / (this.fitted || this.view.scale)), 4);
    const size = clamp(3.2, (w < 520 ? 3.6 : 4.4) + zoom * 1.5, 10);
    if (this.trails && !this.hidden.has("vehicle")) this.drawTrails(now);
    for (const kind of DRAW_ORDER) {
      if (this.hidden.has(kind)) continue;
      for (const device of this.devices.values()) {
        if (device.state.kind !== kind) continue;
        const at = this.screen(this.place(device, now));
        device.at = at;
        if (at.x < -20 || at.y < -20 || at.x > w + 20 || at.y > h + 20) continue;
        pen.globalAlpha = this.isSilent(device.state) ? 0.32 : 1;
        this.drawDevice(device.state, at, size);
      }
    }
    pen.globalAlpha = 1;
    if (this.picked && this.devices.has(this.picked)) this.drawRing(this.devices.get(this.picked).at, size);
    this.drawScale();
  }

  isSilent(state) {
    return Date.now() + this.skew - Date.parse(state.received_at) > SILENT_MS;
  }

  metresAPixel() {
    return (EARTH_M * Math.cos((latitude(this.view.y) * Math.PI) / 180)) / this.view.scale;
  }

  niceMetres(pixels) {
    const wanted = this.metresAPixel() * pixels;
    const power = 10 ** Math.floor(Math.log10(wanted));
    return [1, 2, 5, 10].map((n) => n * power).filter((n) => n <= wanted).pop() ?? power;
  }

  drawGrid() {
    const { w, h } = this.size;
    const step = this.niceMetres(150) / this.metresAPixel() / this.view.scale;
    const pen = this.pen;
    pen.strokeStyle = this.palette().grid;
    pen.lineWidth = 1;
    pen.beginPath();
    const start = this.unproject({ x: 0, y: 0 }), end = this.unproject({ x: w, y: h });
    for (let x = Math.ceil(start.x / step) * step; x < end.x; x += step) {
      const at = Math.round(this.screen({ x, y: 0 }).x) + 0.5;
      pen.moveTo(at, 0); pen.lineTo(at, h);
    }
    for (let y = Math.ceil(start.y / step) * step; y < end.y; y += step) {
      const at = Math.round(this.screen({ x: 0, y }).y) + 0.5;
      pen.moveTo(0, at); pen.lineTo(w, at);
    }
    pen.stroke();
  }

  drawScale() {
    const metres = this.niceMetres(this.size.w < 520 ? 80 : 150);
    const length = metres / this.metresAPixel();
    const { h } = this.size;
    const pen = this.pen, { muted, halo } = this.palette();
    const label = metres >= 1000 ? `${metres / 1000} km` : `${metres} m`;
    pen.font = "12px system-ui, sans-serif";
    pen.textBaseline = "bottom";
    pen.lineJoin = "round";
    for (const [colour, width] of [[halo, 4], [muted, 1.5]]) {
      pen.strokeStyle = colour;
      pen.lineWidth = width;
      pen.beginPath();
      pen.moveTo(14, h - 20); pen.lineTo(14, h - 14); pen.lineTo(14 + length, h - 14); pen.lineTo(14 + length, h - 20);
      pen.stroke();
      if (colour === halo) pen.strokeText(label, 20, h - 17);
    }
    pen.fillStyle = muted;
    pen.fillText(label, 20, h - 17);
  }

  drawTrails(now) {
    const pen = this.pen;
    pen.strokeStyle = this.palette().vehicle;
    pen.lineCap = "butt"; // round ends would bead where translucent pieces meet
    pen.lineWidth = 2;
    for (const device of this.devices.values()) {
      const trail = device.trail;
      for (let i = 1; i < trail.length; i++) {
        const a = this.screen(trail[i - 1]);
        const b = this.screen(i === trail.length - 1 ? this.place(device, now) : trail[i]);
        if (Math.hypot(b.x - a.x, b.y - a.y) > 400) continue; // a jump, not a drive
        pen.globalAlpha = 0.08 + (0.4 * i) / trail.length;
        pen.beginPath();
        pen.moveTo(a.x, a.y); pen.lineTo(b.x, b.y);
        pen.stroke();
      }
    }
    pen.globalAlpha = 1;
  }

  drawDevice(state, at, size) {
    const draw = { bin: this.drawBin, vehicle: this.drawVehicle, toilet: this.drawToilet, worker: this.drawWorker }[state.kind];
    (draw ?? this.drawOther).call(this, state, at, size);
  }

  drawBin(state, { x, y }, size) {
    const pct = state.readings.fill_pct?.value;
    const level = fillLevel(pct);
    const pen = this.pen, colour = this.palette()["fill-" + level];
    const grown = level === "overflow" ? size * 1.25 : size;
    const [left, top, side] = [x - grown, y - grown, grown * 2];
    pen.fillStyle = this.palette().halo;
    pen.fillRect(left, top, side, side);
    pen.fillStyle = pen.strokeStyle = colour;
    if (pct != null) pen.fillRect(left, top + side * (1 - pct / 100), side, (side * pct) / 100);
    pen.lineWidth = 1.2;
    pen.setLineDash(pct == null ? [2, 2] : []);
    pen.strokeRect(left, top, side, side);
    pen.setLineDash([]);
  }

  drawVehicle(state, { x, y }, size) {
    const pen = this.pen, { vehicle, halo } = this.palette();
    const r = size * 1.9;
    pen.save();
    pen.translate(x, y);
    pen.fillStyle = vehicle;
    pen.strokeStyle = halo;
    pen.lineWidth = 1.6;
    pen.beginPath();
    if (state.fix?.heading_deg == null) {
      pen.arc(0, 0, r * 0.62, 0, 7);
    } else {
      pen.rotate((state.fix.heading_deg * Math.PI) / 180);
      pen.moveTo(0, -r); pen.lineTo(r * 0.72, r * 0.8); pen.lineTo(0, r * 0.42); pen.lineTo(-r * 0.72, r * 0.8);
      pen.closePath();
    }
    pen.stroke();
    pen.fill();
    pen.restore();
  }

  drawToilet(_, { x, y }, size) {
    const pen = this.pen, { toilet, halo } = this.palette();
    const r = size * 1.5;
    pen.beginPath();
    pen.moveTo(x, y - r); pen.lineTo(x + r, y); pen.lineTo(x, y + r); pen.lineTo(x - r, y);
    pen.closePath();
    pen.fillStyle = toilet;
    pen.strokeStyle = halo;
    pen.lineWidth = 1.5;
    pen.fill();
    pen.stroke();
  }

  drawWorker(state, { x, y }, size) {
    const pen = this.pen, { worker, halo, "fill-overflow": alarm } = this.palette();
    pen.beginPath();
    pen.arc(x, y, size * 0.85, 0, 7);
    pen.fillStyle = state.readings.sos?.value ? alarm : worker;
    pen.strokeStyle = halo;
    pen.lineWidth = 1.5;
    pen.fill();
    pen.stroke();
  }

  drawOther(_, { x, y }, size) {
    const pen = this.pen;
    pen.beginPath();
    pen.arc(x, y, size, 0, 7);
    pen.strokeStyle = this.palette().other;
    pen.lineWidth = 2;
    pen.stroke();
  }

  drawRing({ x, y }, size) {
    const pen = this.pen;
    pen.beginPath();
    pen.arc(x, y, size * 2 + 6, 0, 7);
    pen.strokeStyle = this.palette().ink;
    pen.lineWidth = 2;
    pen.stroke();
  }

  // --- people

  nearest({ x, y }, reach = 16) {
    let best = null;
    for (const device of this.devices.values()) {
      if (!device.at || this.hidden.has(device.state.kind)) continue;
      const distance = Math.hypot(device.at.x - x, device.at.y - y) - DRAW_ORDER.indexOf(device.state.kind) / 2;
      if (distance < reach) { best = device; reach = distance; }
    }
    return best;
  }

  pick(device) {
    this.picked = device?.state.id ?? null;
    this.draw();
    this.onPick(device ?? null);
  }

  step(forward) {
    const { w, h } = this.size;
    const seen = [...this.devices.values()]
      .filter(({ at, state }) => at && !this.hidden.has(state.kind) && at.x > 0 && at.y > 0 && at.x < w && at.y < h)
      .sort((a, b) => a.state.id.localeCompare(b.state.id));
    if (!seen.length) return;
    const here = seen.findIndex(({ state }) => state.id === this.picked);
    this.pick(seen[(here + (forward ? 1 : here < 0 ? 0 : -1) + seen.length) % seen.length]);
  }

  listen() {
    const canvas = this.canvas;
    const pointers = new Map();
    let travelled = 0;
    const local = (event) => ({ x: event.offsetX, y: event.offsetY });
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, local(event));
      travelled = 0;
    });
    canvas.addEventListener("pointermove", (event) => {
      const at = local(event), before = pointers.get(event.pointerId);
      if (!before) return this.onHover(this.nearest(at));
      const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
      if (other) {
        const apart = Math.hypot(before.x - other.x, before.y - other.y) || 1;
        this.zoom(Math.hypot(at.x - other.x, at.y - other.y) / apart, { x: (at.x + other.x) / 2, y: (at.y + other.y) / 2 });
        travelled = 99;
      } else {
        travelled += Math.hypot(at.x - before.x, at.y - before.y);
        if (travelled > 4) this.pan(at.x - before.x, at.y - before.y);
      }
      pointers.set(event.pointerId, at);
    });
    const release = (event) => {
      if (pointers.delete(event.pointerId) && travelled <= 4 && event.type === "pointerup") this.pick(this.nearest(local(event)));
    };
    canvas.addEventListener("pointerup", release);
    canvas.addEventListener("pointercancel", release);
    canvas.addEventListener("pointerleave", () => this.onHover(null));
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY / (event.deltaMode ? 12 : 380)), local(event));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const acts = {
      ArrowLeft: () => this.pan(60, 0), ArrowRight: () => this.pan(-60, 0), ArrowUp: () => this.pan(0, 60), ArrowDown: () => this.pan(0, -60),
      "+": () => this.zoom(1.5), "=": () => this.zoom(1.5), "-": () => this.zoom(1 / 1.5), 0: () => this.showAll(),
      n: () => this.step(true), p: () => this.step(false), Escape: () => this.pick(null),
    };
    const act = acts[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (act) { event.preventDefault(); act(); }
  }
}
