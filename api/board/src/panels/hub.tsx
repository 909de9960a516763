/** How the hub itself is doing. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { get } from "../api";
import { number, span } from "../format";
import type { Status } from "../types";
import { t } from "../words";
import { PanelHead, useLoaded, Waiting } from "./parts";

const ASK_MS = 5000;

export function HubPanel(): JSX.Element {
  const [turn, setTurn] = useState(0);
  const [before, setBefore] = useState<Status | null>(null);
  const found = useLoaded(() => get<Status>("/status"), [turn]);
  useEffect(() => {
    const timer = setInterval(() => setTurn((now) => now + 1), ASK_MS);
    return () => clearInterval(timer);
  }, []);
  const now = found.data;
  useEffect(() => () => setBefore(now), [now]);
  return (
    <>
      <PanelHead title={t("app.hub")} />
      {now ? <Shown now={now} rate={rate(before, now)} /> : <Waiting of={found} none="" />}
    </>
  );
}

function rate(before: Status | null, now: Status): number | null {
  const seconds = before ? (Date.parse(now.as_of) - Date.parse(before.as_of)) / 1000 : 0;
  if (!before || seconds <= 0) return null;
  return ((now.pipeline["messages_total"] ?? 0) - (before.pipeline["messages_total"] ?? 0)) / seconds;
}

function Shown({ now, rate: perSecond }: { now: Status; rate: number | null }): JSX.Element {
  return (
    <div class="rows">
      <dl class="facts">
        <dt>{t("hub.devices")}</dt><dd>{now.devices ? `${number(now.devices.reporting)} / ${number(now.devices.total)}` : "–"}</dd>
        <dt>{t("hub.rate")}</dt><dd>{perSecond === null || perSecond < 0 ? "–" : number(perSecond, 1)}</dd>
        <dt>{t("hub.rows")}</dt><dd>{now.store.rows ? number(now.store.rows.total) : "–"}</dd>
        <dt>{t("hub.letters")}</dt><dd>{now.dead_letters_open === null ? "–" : number(now.dead_letters_open)}</dd>
        <dt>{t("hub.store")}</dt><dd>{now.store.reachable ? t("hub.answers") : t("hub.down")} <span class="thin">PostgreSQL {now.store.server_version?.split(" ")[0] ?? ""} · {now.store.mode}</span></dd>
        <dt>{t("hub.uptime")}</dt><dd>{span(now.uptime_s)}</dd>
        <dt>{t("hub.version")}</dt><dd>{now.version} · <a href="/docs">{t("app.apiDocs")}</a></dd>
      </dl>
      <h3>{t("hub.connections")}</h3>
      <ul class="health">
        {now.connections.map((one) => (
          <li key={`${one.kind}${one.name}`} class={one.connected ? "" : one.required ? "down" : "away"}><i class="dot" /><span>{one.name}</span><span class="thin">{t(one.connected ? "hub.up" : "hub.down")}{one.detail && ` · ${one.detail}`}</span></li>
        ))}
      </ul>
      <h3>{t("hub.protocols")}</h3>
      <table>
        <tbody>
          {now.devices?.by_protocol.map((one) => <tr key={one.protocol + one.kind}><th scope="row">{one.protocol}</th><td>{t(`kind.${one.kind}`)}</td><td>{number(one.reporting)} / {number(one.devices)}</td></tr>)}
        </tbody>
      </table>
    </div>
  ); // prettier-ignore
}
