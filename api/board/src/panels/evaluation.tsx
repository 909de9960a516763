/** Evaluations of workers: a table, and for one the points lost with the evidence on the map. */
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { get } from "../api";
import { number } from "../format";
import { Icon } from "../icons";
import { city } from "../map/bridge";
import type { Evaluation, EvaluationSummary, Evidence, Page, Position, Track } from "../types";
import { attempt, say } from "../toasts";
import { lang, t, titled } from "../words";
import { PanelHead, useLoaded, Waiting } from "./parts";
import { useState } from "preact/hooks";

const span = signal<"7" | "30">("7");
const worker = signal<string | null>(null);

function from(): string {
  return new Date(Math.floor(Date.now() / 60e3) * 60e3 - Number(span.value) * 86_400e3).toISOString();
}

export function EvaluationPanel(): JSX.Element {
  return (
    <>
      <PanelHead title={t("app.evaluation")}>
        <div class="segments" role="group" aria-label={t("eval.days")}>
          {(["7", "30"] as const).map((one) => <button type="button" key={one} aria-pressed={span.value === one} onClick={() => (span.value = one)}>{t(`eval.${one}`)}</button>)}
        </div>
      </PanelHead>
      {worker.value ? <One id={worker.value} /> : <Table />}
    </>
  ); // prettier-ignore
}

function Table(): JSX.Element {
  const [limit, setLimit] = useState(20);
  const found = useLoaded(() => get<Page<EvaluationSummary>>("/evaluation/workers", { from: from(), limit }), [span.value, limit]);
  if (!found.data?.items.length) return <Waiting of={found} none={t("eval.none")} />;
  return (
    <div class="rows">
      <table>
        <thead><tr><th scope="col">{t("eval.name")}</th><th scope="col">{t("eval.points")}</th><th scope="col">{t("eval.grade")}</th><th scope="col">{t("eval.data")}</th></tr></thead>
        <tbody data-list="workers">
          {found.data.items.map((one) => (
            <tr key={one.id}>
              <th scope="row"><button type="button" class="link" data-row onClick={() => (worker.value = one.id)}>{one.name || one.id}</button></th>
              <td>{one.points === null ? "–" : number(one.points, 1)}</td>
              <td>{(lang.value === "zh" ? one.grade_zh : one.grade) ?? "–"}</td>
              <td>{one.completeness === null ? "–" : `${number(one.completeness * 100)}%`}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {found.data.next_cursor && limit < 50 && <button type="button" class="link" onClick={() => setLimit(50)}>{t("app.loadMore")}</button>}
    </div>
  ); // prettier-ignore
}

function One({ id }: { id: string }): JSX.Element {
  const found = useLoaded(() => get<Evaluation>(`/evaluation/workers/${encodeURIComponent(id)}`, { from: from() }), [id, span.value]);
  const back = <button type="button" class="link" onClick={() => { worker.value = null; city.value?.clearPlay(); }}><Icon name="back" size={16} />{t("eval.back")}</button>; // prettier-ignore
  const one = found.data;
  if (!one) return <div class="rows">{back}<Waiting of={found} none={t("eval.none")} /></div>;
  return (
    <div class="rows">
      {back}
      <h3>{one.name || one.id} <span class="thin">{one.points === null ? t("eval.noData") : `${number(one.points, 1)} · ${(lang.value === "zh" ? one.grade_zh : one.grade) ?? "–"}`}</span></h3>
      {one.items.map((item) => (
        <section key={item.id} class="item">
          <p class="line"><b>{titled(item)}</b><span>{item.score === null ? t("eval.noData") : `${number(item.points, 1)} / ${number(item.share, 1)}`}</span></p>
          {item.deductions.length > 0 && (
            <ul class="log wide">
              {item.deductions.map((lost) => (
                <li key={lost.id}><b class="minus">−{number(lost.taken, 2)}</b> {lang.value === "zh" ? lost.evidence.zh : lost.evidence.en} <EvidenceLink of={lost.evidence} /></li>
              ))}
            </ul>
          )}
        </section>
      ))}
      {one.items.every((item) => !item.deductions.length) && <p class="empty">{t("eval.lostNone")}</p>}
    </div>
  ); // prettier-ignore
}

/** The positions that a deduction rests on, on the map. */
function EvidenceLink({ of }: { of: Evidence }): JSX.Element | null {
  if (!of.device) return null;
  const show = (): void =>
    void attempt(async () => {
      const map = city.value;
      const track = await get<Track>(`/devices/${of.device}/track`, { from: of.start, to: of.end, limit: 10_000 });
      const points: Position[] = track.geometry?.coordinates ?? [];
      if (!map || !points.length) return say(t("play.none"), "wrong");
      const coordinates = points.map(([lon, lat]) => map.place(lon, lat));
      map.put("track", [{ type: "Feature", geometry: { type: "LineString", coordinates }, properties: { id: of.id, state: "" } }]);
      map.fitPoints(points);
    });
  return <button type="button" class="link" onClick={show}>{t("eval.evidence")}</button>;
}
