/** Reports: order one, watch it being made, download it in the form that is wanted. */
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { download, get, post, remove } from "../api";
import { dayOf, startOf, whole, zoneName } from "../format";
import { Icon } from "../icons";
import { mayAct } from "../session";
import { attempt, say } from "../toasts";
import type { Page, ReportBody, ReportJob } from "../types";
import { lang, named, t } from "../words";
import { Choice, PanelHead, useLoaded, Waiting } from "./parts";

const KINDS = ["route_compliance", "fleet_summary", "vehicle_day", "missed_pickups", "toilet_service", "evaluation"] as const;
const FORMATS = ["pdf", "xlsx", "csv", "html", "json"] as const;
const ASK_MS = 1000;

const job = signal<ReportJob | null>(null);
const made = signal(0);

const ended = (one: ReportJob): boolean => one.state === "done" || one.state === "failed" || one.state === "cancelled";

async function follow(): Promise<void> {
  const one = job.value;
  if (!one || ended(one)) return;
  const now = await get<ReportJob>(`/reports/jobs/${one.id}`);
  job.value = now;
  if (!ended(now)) return;
  made.value += 1;
  if (now.state === "failed") say(t("reports.failed", now.error ?? ""), "wrong");
  if (now.state === "done") say(t("reports.done"));
}

export function ReportsPanel(): JSX.Element {
  useEffect(() => {
    const timer = setInterval(() => void follow().catch(() => undefined), ASK_MS);
    return () => clearInterval(timer);
  }, []);
  const found = useLoaded(() => get<Page<ReportBody>>("/reports", { limit: 50 }), [made.value]);
  return (
    <>
      <PanelHead title={t("app.reports")} />
      {mayAct.value && <Order />}
      <h3 class="inset">{t("reports.list")}</h3>
      <div class="rows" data-list="reports">
        {found.data?.items.map((one) => <Row key={one.id} report={one} />)}
        {!found.data?.items.length && <Waiting of={found} none={t("reports.none")} />}
      </div>
    </>
  ); // prettier-ignore
}

function Order(): JSX.Element {
  const [kind, setKind] = useState<(typeof KINDS)[number]>("route_compliance");
  const [from, setFrom] = useState(dayOf(Date.now()));
  const [to, setTo] = useState(dayOf(Date.now()));
  const order = (event: Event): void => {
    event.preventDefault();
    const end = new Date(startOf(to) + 26 * 3600e3); // into the next day, whatever its length
    const body = { kind, from: new Date(startOf(from)).toISOString(), to: new Date(startOf(dayOf(end.getTime()))).toISOString(), zone: zoneName(), subject: {} };
    void attempt(async () => (job.value = await post<ReportJob>("/reports/jobs", body)));
  };
  const one = job.value;
  return (
    <form class="filters" onSubmit={order}>
      <Choice label={t("reports.kind")} value={kind} options={KINDS.map((each) => [each, named("report", each)])} onChange={setKind} />
      <div class="pair">
        <label class="field"><span>{t("reports.from")}</span><input type="date" required value={from} max={to} onInput={(event) => setFrom(event.currentTarget.value)} /></label>
        <label class="field"><span>{t("reports.to")}</span><input type="date" required value={to} min={from} onInput={(event) => setTo(event.currentTarget.value)} /></label>
      </div>
      <div class="buttons">
        <button type="submit" class="main" disabled={one !== null && !ended(one)}>{t("reports.make")}</button>
        {one && !ended(one) && <button type="button" onClick={() => void attempt(() => remove(`/reports/jobs/${one.id}`))}>{t("reports.cancel")}</button>}
      </div>
      {one && !ended(one) && <progress class="s-working" {...(one.whole ? { max: one.whole, value: one.done } : {})} aria-label={t("reports.making", `${one.done} / ${one.whole ?? "?"}`)} />}
    </form>
  ); // prettier-ignore
}

function Row({ report }: { report: ReportBody }): JSX.Element {
  const { order } = report;
  const subject = Object.values(order.subject).join(", ");
  return (
    <article class="row report">
      <span class="line"><b>{named("report", order.kind)}{subject && ` · ${subject}`}</b><span class="thin">{t("reports.revision", report.revision)}</span></span>
      <span class="small thin">{whole(order.from)} – {whole(order.to)} · {whole(report.made_at)}</span>
      <span class="formats">
        {FORMATS.map((format) => (
          <button type="button" key={format} data-row aria-label={t("reports.download", format.toUpperCase())} onClick={() => void attempt(() => download(`/reports/${report.id}/file`, { format, lang: lang.value }))}>
            {format === "pdf" && <Icon name="download" size={14} />}{format.toUpperCase()}
          </button>
        ))}
      </span>
    </article>
  ); // prettier-ignore
}
