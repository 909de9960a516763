/** One device: its newest readings, a course, alerts, events, trips and refused messages. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { alertsOf, open, ruleTitle } from "../alerts";
import { get } from "../api";
import { metricTitle, metrics, readMetrics, told } from "../catalogue";
import { devices, hubNow, turn, type Device } from "../devices";
import { dayOf, kilometres, moment, number, span } from "../format";
import { Icon } from "../icons";
import { city } from "../map/bridge";
import { liveById } from "../map/progress";
import type { EventBody, Page, StateBody, Trip } from "../types";
import { openPanel, pick, wanted } from "../view";
import { named, t } from "../words";
import { Course } from "./course";
import { deviceLine, deviceTone } from "./lines";
import { useLoaded, Waiting } from "./parts";
import { TodayTrack } from "./today";

type Tab = "newest" | "alerts" | "events" | "trips" | "messages";

export function Drawer({ id }: { id: string }): JSX.Element {
  void turn.value;
  const [tab, setTab] = useState<Tab>("newest");
  useEffect(readMetrics, []);
  const device = devices.get(id);
  const moves = device?.kind === "vehicle" || device?.kind === "worker";
  const tabs: Tab[] = moves ? ["newest", "alerts", "trips", "events", "messages"] : ["newest", "alerts", "events", "messages"];
  const ours = open.value.filter((one) => one.device === id).length;
  return (
    <aside class="drawer" aria-label={device?.name || id}>
      <div class="panel-head">
        <h2><i class={`dot ${device ? deviceTone(device) : ""}`} />{device?.name || id}</h2>
        <button type="button" class="plain" title={t("alerts.show")} aria-label={t("alerts.show")} onClick={() => city.value?.pick(id, true)}><Icon name="target" size={18} /></button>
        <button type="button" class="plain" title={t("app.close")} aria-label={t("app.close")} onClick={() => pick(null)}><Icon name="close" size={18} /></button>
      </div>
      {device && <Summary device={device} />}
      <div class="tabs" role="tablist">
        {tabs.map((one) => (
          <button type="button" key={one} role="tab" id={`tab-${one}`} aria-selected={tab === one} aria-controls="tab-content" onClick={() => setTab(one)}>
            {t(`device.${one}`)}{one === "alerts" && ours > 0 && <b class="badge">{ours}</b>}
          </button>
        ))}
      </div>
      <div class="scroll" id="tab-content" role="tabpanel" aria-labelledby={`tab-${tab}`} tabIndex={0}>
        {tab === "newest" && <Newest id={id} device={device} />}
        {tab === "alerts" && <Alerts id={id} />}
        {tab === "events" && <Events id={id} />}
        {tab === "trips" && <Trips id={id} />}
        {tab === "messages" && <Messages id={id} />}
      </div>
    </aside>
  ); // prettier-ignore
}

function Summary({ device }: { device: Device }): JSX.Element {
  const live = liveById.value.get(device.id);
  const heard = device.heardAt ? t("device.heard", span((hubNow() - device.heardAt) / 1000)) : t("device.never");
  const playback = (): void => {
    wanted.value = { vehicle: device.id, day: dayOf(Date.now()) };
    openPanel("playback");
  };
  return (
    <div class="summary">
      <p><b>{deviceLine(device)}</b> <span class="thin">{device.id} · {t(`one.${device.kind}`)} · {heard}{device.lat === null ? ` · ${t("device.noPlace")}` : ""}</span></p>
      {live?.progress && (
        <p class="small">{t("fleet.coverage", number(live.progress.coverage_pct), live.progress.route)}{live.progress.next_stop && ` · ${t("fleet.next", live.progress.next_stop.stop, moment(live.progress.next_stop.eta))}`}</p>
      )}
      {device.kind === "vehicle" && (
        <div class="buttons">
          <TodayTrack id={device.id} />
          <button type="button" onClick={playback}><Icon name="playback" size={16} />{t("device.playback")}</button>
        </div>
      )}
    </div>
  ); // prettier-ignore
}

const FIRST = ["fill_pct", "speed_kmh", "work_state", "on_duty", "nh3_ppm", "h2s_ppm", "stalls_occupied", "temperature_c", "battery_pct"];

function rank(name: string): number {
  const at = FIRST.indexOf(name);
  return at < 0 ? FIRST.length : at;
}

function Newest({ id, device }: { id: string; device: Device | undefined }): JSX.Element {
  const [metric, setMetric] = useState<string | null>(null);
  const names = Object.keys(device?.readings ?? {}).sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
  const shown = metric ?? names.find((name) => name !== "work_state" && name !== "on_duty") ?? names[0];
  if (!device || !shown) return <p class="empty">{t("device.noReadings")}</p>;
  void metrics.value;
  return (
    <>
      <Course id={id} metric={shown} />
      <ul class="readings" data-list="readings">
        {names.map((name) => (
          <li key={name}>
            <button type="button" data-row aria-pressed={name === shown} onClick={() => setMetric(name)} title={name}>
              <span>{metricTitle(name)}</span>
              <b>{told(name, device.readings[name] as number)}</b>
            </button>
          </li>
        ))}
      </ul>
    </>
  ); // prettier-ignore
}

function Alerts({ id }: { id: string }): JSX.Element {
  const found = useLoaded(() => alertsOf(id), [id, open.value]);
  if (!found.data?.items.length) return <Waiting of={found} none={t("app.nothing")} />;
  return (
    <ul class="rows">
      {found.data.items.map((one) => (
        <li key={one.id} class={`alert ${one.severity}`}>
          <div class="row">
            <span class="line"><b>{ruleTitle(one.rule)}</b><time>{moment(one.raised_at)}</time></span>
            <span class="line small"><span>{one.cleared_at ? `→ ${moment(one.cleared_at)}` : ""}</span><span class={`stage ${one.stage}`}>{t(`stage.${one.stage}`)}</span></span>
          </div>
        </li>
      ))}
    </ul>
  ); // prettier-ignore
}

function Events({ id }: { id: string }): JSX.Element {
  const found = useLoaded(() => get<Page<EventBody>>(`/devices/${id}/events`, { limit: 50 }), [id]);
  if (!found.data?.items.length) return <Waiting of={found} none={t("app.nothing")} />;
  return (
    <ul class="log wide">
      {found.data.items.map((one, place) => (
        <li key={place}><time>{moment(one.observed_at)}</time> <b>{one.kind.replaceAll("_", " ")}</b> <span class="thin">{short(one.attributes)}</span></li>
      ))}
    </ul>
  ); // prettier-ignore
}

/** The attributes of an event in a line; numbers rounded, times left away. */
function short(attributes: Record<string, unknown>): string {
  return Object.entries(attributes)
    .filter(([name, value]) => name !== "derived" && value !== "" && !/^\d{4}-\d\d-\d\dT/.test(String(value)))
    .map(([name, value]) => `${name} ${typeof value === "number" ? number(value, 1) : typeof value === "object" ? JSON.stringify(value) : String(value)}`)
    .join(" · ");
}

function Trips({ id }: { id: string }): JSX.Element {
  const found = useLoaded(() => get<Page<Trip>>(`/devices/${id}/trips`, { limit: 30 }), [id]);
  if (!found.data?.items.length) return <Waiting of={found} none={t("app.nothing")} />;
  return (
    <ul class="log wide">
      {found.data.items.map((one) => (
        <li key={one.started_at}>
          <b>{moment(one.started_at)} – {one.ended_at ? moment(one.ended_at) : t("device.underWay")}</b> {one.goal?.place && <span class="thin">→ {one.goal.place}</span>}
          <br />
          <span class="thin">
            {t("device.driven")} {kilometres(one.driven_m)} · {t("device.worked")} {kilometres(one.work_m)} · {t("state.idle")} {span(one.idle_s)}{one.no_data_s > 60 ? ` · ${t("state.no_data")} ${span(one.no_data_s)}` : ""}
          </span>
        </li>
      ))}
    </ul>
  ); // prettier-ignore
}

interface Letter {
  id: number;
  received_at: string;
  adapter: string;
  reason: string;
}

interface LetterContent extends Letter {
  payload_text: string | null;
  payload_base64: string | null;
}

/** What the hub keeps of messages as they came: those that it could not file. And the way by which the newest came. */
function Messages({ id }: { id: string }): JSX.Element {
  const state = useLoaded(() => get<StateBody>(`/devices/${id}/latest`), [id]);
  const found = useLoaded(() => get<Page<Letter>>("/dead-letters", { device: id, limit: 20 }), [id]);
  return (
    <>
      {state.data && (
        <dl class="facts">
          <dt>{t("hub.protocols")}</dt><dd>{state.data.protocol ?? "–"} {state.data.source && <span class="thin">{t("device.via", state.data.source)}</span>}</dd>
          {Object.entries(state.data.readings).map(([name, one]) => <><dt>{metricTitle(name)}</dt><dd>{told(name, one.value)} <span class="thin">{moment(one.observed_at)}</span></dd></>)}
        </dl>
      )}
      <h3>{t("device.refused")}</h3>
      {found.data?.items.length ? <ul class="log wide">{found.data.items.map((one) => <Refused key={one.id} letter={one} />)}</ul> : <Waiting of={found} none={t("device.rawNone")} />}
    </>
  ); // prettier-ignore
}

function Refused({ letter }: { letter: Letter }): JSX.Element {
  const [content, setContent] = useState<LetterContent | null>(null);
  const toggle = (): void => (content ? setContent(null) : void get<LetterContent>(`/dead-letters/${letter.id}`).then(setContent, () => undefined));
  return (
    <li>
      <time>{moment(letter.received_at)}</time> <button type="button" class="link" aria-expanded={content !== null} onClick={toggle}>{named("protocol", letter.adapter)}</button> <span class="thin">{letter.reason}</span>
      {content && <pre>{content.payload_text ?? content.payload_base64 ?? "–"}</pre>}
    </li>
  ); // prettier-ignore
}
