/** Playback: a vehicle's day, or that of all, along a slider. */
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Feature } from "geojson";
import { devices, turn } from "../devices";
import { clock, dayOf, kilometres, number } from "../format";
import { Icon } from "../icons";
import { city } from "../map/bridge";
import { boundsOf, countAt, coverageAt, drivenAt, readDay, routesAt, stateAt, trackFeatures, vehicleFeature, type DayOf } from "../map/day";
import { attempt, say } from "../toasts";
import type { WorkState } from "../types";
import { openPanel, wanted } from "../view";
import { named, t } from "../words";
import { Choice, PanelHead } from "./parts";

const EVERYBODY = "*";
const SPEEDS = ["10", "30", "60", "120", "300", "900"] as const;
const FRAME_MS = 100; // ten pictures a second are smooth enough, and leave the processor to others
const TRAIL_MS = 10 * 60e3; // of each vehicle, when all are shown

const days = signal<readonly DayOf[]>([]);
const at = signal(0);
const playing = signal(false);
const speed = signal<(typeof SPEEDS)[number]>("60");

export function PlaybackPanel(): JSX.Element {
  void turn.value;
  const begin = wanted.value;
  const [vehicle, setVehicle] = useState(begin?.vehicle ?? "");
  const [day, setDay] = useState(begin?.day ?? dayOf(Date.now()));
  const [loading, setLoading] = useState(false);
  const vehicles = useMemo(() => [...devices.values()].filter((one) => one.kind === "vehicle").sort((a, b) => a.id.localeCompare(b.id)), [devices.size]);
  const load = async (whose: string, when: string): Promise<void> => {
    setLoading(true);
    playing.value = false;
    await attempt(async () => {
      const found = await readDays(whose === EVERYBODY ? vehicles.map((one) => one.id) : [whose], when);
      days.value = found;
      at.value = Math.min(...found.map((one) => one.fixes[0]?.at ?? Infinity));
      if (!found.length) say(t("play.none"), "wrong");
      else city.value?.fitPoints(found.flatMap((one) => one.fixes.filter((_, n) => n % 10 === 0).map((fix): [number, number] => [fix.lon, fix.lat])));
    });
    setLoading(false);
  };
  useEffect(() => {
    city.value?.show("vehicle", false);
    city.value?.show("driven", false);
    if (begin) void load(begin.vehicle, begin.day);
    wanted.value = null;
    return leave;
  }, []);
  const options: [string, string][] = [[EVERYBODY, t("play.everybody")], ...vehicles.map((one): [string, string] => [one.id, one.name ? `${one.name} (${one.id})` : one.id])];
  const chosen = vehicle || vehicles[0]?.id || EVERYBODY;
  return (
    <>
      <PanelHead title={t("app.playback")} />
      <form class="filters" onSubmit={(event) => { event.preventDefault(); void load(chosen, day); }}>
        <Choice label={t("play.vehicle")} value={chosen} options={options} onChange={setVehicle} />
        <div class="pair">
          <label class="field"><span>{t("play.day")}</span><input type="date" required value={day} max={dayOf(Date.now())} onInput={(event) => setDay(event.currentTarget.value)} /></label>
          <button type="submit" class="main" disabled={loading}>{t(loading ? "app.loading" : "play.load")}</button>
        </div>
      </form>
      {days.value.length > 0 && <Player />}
    </>
  ); // prettier-ignore
}

function leave(): void {
  playing.value = false;
  days.value = [];
  city.value?.clearPlay();
  city.value?.show("vehicle", true);
  city.value?.show("driven", true);
}

async function readDays(ids: readonly string[], day: string): Promise<DayOf[]> {
  const found: DayOf[] = [];
  const left = [...ids];
  const work = async (): Promise<void> => {
    for (let id = left.shift(); id; id = left.shift()) found.push(await readDay(id, day, ids.length === 1));
  };
  await Promise.all([work(), work(), work(), work()]); // four at once, so that the hub has room for others
  return found.filter((one) => one.fixes.length).sort((a, b) => a.vehicle.localeCompare(b.vehicle));
}

function draw(): void {
  const map = city.value;
  if (!map || !days.value.length) return;
  const marks = days.value.map((one) => vehicleFeature(one, at.value, map)).filter((one): one is Feature => one !== null);
  const alone = days.value.length === 1 ? days.value[0] : undefined;
  const since = alone ? alone.start : at.value - TRAIL_MS;
  map.put("covered", alone ? coverageAt(routesAt(alone, at.value), at.value, map).items : []);
  map.put("track", days.value.flatMap((one) => trackFeatures(one, at.value, since, map)));
  map.put("play", marks);
}

function Player(): JSX.Element {
  const first = days.value[0] as DayOf;
  const [start, end] = boundsOf(first.day);
  const from = Math.min(...days.value.map((one) => one.fixes[0]?.at ?? end));
  const to = Math.min(end, Math.max(...days.value.map((one) => one.fixes.at(-1)?.at ?? start)));
  useEffect(() => {
    const timer = setInterval(() => {
      if (!playing.value) return;
      at.value = Math.min(to, at.value + Number(speed.value) * FRAME_MS);
      if (at.value >= to) playing.value = false;
    }, FRAME_MS);
    const key = (event: KeyboardEvent): void => {
      if (event.key !== " " || (event.target as HTMLElement).closest("button, input:not([type=range]), select, textarea")) return;
      event.preventDefault();
      toggle();
    };
    addEventListener("keydown", key);
    return () => {
      clearInterval(timer);
      removeEventListener("keydown", key);
    };
  }, [from, to]);
  const toggle = (): void => {
    if (at.value >= to) at.value = from;
    playing.value = !playing.value;
  };
  useEffect(draw, [at.value, days.value, city.value]);
  return (
    <section class="player" aria-label={t("app.playback")}>
      <p class="clockface"><time>{clock(at.value)}</time> <span class="thin">{first.day}</span></p>
      {days.value.length === 1 && <Bar day={first} from={from} to={to} />}
      <input type="range" min={from} max={to} step={1000} value={at.value} aria-label={t("play.time")} aria-valuetext={clock(at.value)} onInput={(event) => (at.value = Number(event.currentTarget.value))} />
      <div class="line small thin"><span>{clock(from)}</span><span>{clock(to)}</span></div>
      <div class="buttons">
        <button type="button" class="main" onClick={toggle}><Icon name={playing.value ? "pause" : "play"} size={16} />{t(playing.value ? "play.pause" : "play.play")}</button>
        <Choice label={t("play.speed")} value={speed.value} options={SPEEDS.map((one) => [one, `×${one}`])} onChange={(one) => (speed.value = one)} />
        <button type="button" onClick={() => openPanel(null)}>{t("play.leave")}</button>
      </div>
      {days.value.length === 1 ? <Facts day={first} /> : <Everybody />}
    </section>
  ); // prettier-ignore
}

/** What the vehicle did, as colours along the slider. */
function Bar({ day, from, to }: { day: DayOf; from: number; to: number }): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const pen = canvas.current?.getContext("2d");
    if (!pen || !canvas.current) return;
    const style = getComputedStyle(document.documentElement);
    const { width, height } = canvas.current;
    pen.clearRect(0, 0, width, height);
    for (const one of day.states) {
      const x = ((Math.max(one.from, from) - from) / (to - from)) * width;
      const wide = ((Math.min(one.to, to) - Math.max(one.from, from)) / (to - from)) * width;
      pen.fillStyle = style.getPropertyValue(`--${one.state.replace("_", "-")}`);
      if (wide > 0) pen.fillRect(x, 0, Math.max(1, wide), height);
    }
  }, [day, from, to]);
  return <canvas class="bar" ref={canvas} width={640} height={12} aria-hidden="true" />;
}

function Facts({ day }: { day: DayOf }): JSX.Element {
  const map = city.value;
  const state = stateAt(day.states, at.value);
  const route = map ? coverageAt(routesAt(day, at.value), at.value, map) : null;
  return (
    <>
      <ul class="keys">
        {(["working", "transit", "idle", "off"] as WorkState[]).map((one) => <li key={one}><i class={`dot s-${one}`} />{named("state", one)}</li>)}
      </ul>
      <dl class="facts">
        <dt>{t("alerts.stage")}</dt><dd><i class={`dot s-${state}`} />{named("state", state)}</dd>
        <dt>{t("play.driven")}</dt><dd>{kilometres(drivenAt(day, at.value))} <span class="thin">{t("play.points", number(countAt(day, at.value)))}</span></dd>
        {route !== null && route.length > 0 && <><dt>{routesAt(day, at.value).map((one) => one.id).join(", ")}</dt><dd>{t("play.share", number(route.covered / 1000, 1), number(route.length / 1000, 1))}</dd></>}
      </dl>
      {day.routes.length > 0 && (
        <>
          <ul class="keys">
            <li><i class="stroke done" />{t("play.covered")}</li><li><i class="stroke passed" />{t("play.passed")}</li><li><i class="stroke missed" />{t("play.missed")}</li><li><i class="stroke todo" />{t("play.pending")}</li>
          </ul>
          <p class="small thin">{t("play.approx")}</p>
        </>
      )}
    </>
  ); // prettier-ignore
}

function Everybody(): JSX.Element {
  const counts = new Map<WorkState, number>();
  for (const one of days.value) {
    const state = stateAt(one.states, at.value);
    counts.set(state, (counts.get(state) ?? 0) + 1);
  }
  return (
    <dl class="facts">
      {(["working", "transit", "idle", "off", "no_data"] as WorkState[]).map((one) => <><dt><i class={`dot s-${one}`} />{named("state", one)}</dt><dd>{number(counts.get(one) ?? 0)}</dd></>)}
    </dl>
  ); // prettier-ignore
}
