/** One's own evaluation, each lost point with what it rests on, and the way to say that it is wrong. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { moment, number, whole } from "../format";
import { attempt } from "../toasts";
import { lang, titled } from "../words";
import { appeal, appeals, evaluation, span } from "./own";
import { Own } from "./parts";
import { appealing } from "./sending";
import { Sign } from "./signs";
import type { Lost, MyAppeal, MyEvaluation } from "./types";
import { w } from "./words";

const said = (one: { zh: string; en: string }): string => (lang.value === "zh" ? one.zh : one.en);

export function Points(): JSX.Element {
  const made = appeals.held.value?.value ?? [];
  return (
    <>
      <div class="line">
        <h2>{w("tab.points")}</h2>
        <div class="segments" role="group" aria-label={w("points.span")}>
          {([7, 30] as const).map((days) => <button type="button" key={days} aria-pressed={span.value === days} onClick={() => (span.value = days)}>{w(`points.${days}`)}</button>)}
        </div>
      </div>
      <Own of={evaluation} none={w("points.none")} empty={() => false}>
        {(one) => <Whole of={one} made={made} />}
      </Own>
      {made.length + appealing.value.length > 0 && <h2>{w("points.appeals")}</h2>}
      {appealing.value.map((one) => (
        <article class="card" key={one.seq} data-waits={one.form.deduction}>
          <p><b>{said(one.about)}</b></p>
          <p class="note">{one.form.reason}</p>
          <p class="queued"><Sign name="up" size={20} />{w("points.queued")}</p>
        </article>
      ))}
      {made.map((one) => (
        <article class="card" key={one.id} data-appeal={one.id}>
          <p><b>{said(one.about)}</b></p>
          <p class="note">{one.reason}</p>
          <p><Standing of={one} /></p>
        </article>
      ))}
    </>
  ); // prettier-ignore
}

function Whole({ of, made }: { of: MyEvaluation; made: readonly MyAppeal[] }): JSX.Element {
  const lost = of.items.some((item) => item.deductions.length);
  return (
    <>
      <section class="card total">
        {of.points === null ? <p class="none">{w("points.none")}</p> : (
          <p><b class="figure">{number(of.points, 1)}</b> <span class="thin">{w("points.of")}</span> {of.grade && <span class="mark">{lang.value === "zh" ? of.grade_zh || of.grade : of.grade}</span>}</p>
        )}
        {of.completeness !== null && <p class="thin">{w("points.data", number(of.completeness * 100))}</p>}
      </section>
      {of.points !== null && !lost && <p class="none">{w("points.full")}</p>}
      {of.items.map((item) => (
        <section class="card" key={item.id}>
          <p class="line"><b>{titled(item)}</b><span class={item.score === null ? "thin" : "score"}>{item.score === null ? w("points.noData") : `${number(item.points, 1)} / ${number(item.share, 1)}`}</span></p>
          {item.deductions.map((one) => <LostPoint key={one.id} of={of} lost={one} made={made.find((each) => each.about.deduction === one.id)} />)}
        </section>
      ))}
    </>
  ); // prettier-ignore
}

/** A lost point: how much, what for, when it was; and the appeal. */
function LostPoint({ of, lost, made }: { of: MyEvaluation; lost: Lost; made: MyAppeal | undefined }): JSX.Element {
  const [asking, setAsking] = useState(false);
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    if (await attempt(() => appeal(of, lost, reason.trim()))) setAsking(false);
    setBusy(false);
  };
  const evidence = lost.evidence;
  const waits = appealing.value.some((one) => one.form.deduction === lost.id);
  return (
    <div class="lost" data-lost={lost.id}>
      <p><b class="minus">−{number(lost.taken, 2)}</b> {said(evidence)}</p>
      <p class="thin">{whole(evidence.start)}{evidence.end > evidence.start ? ` – ${moment(evidence.end)}` : ""}{evidence.refs.length > 0 ? ` · ${evidence.refs.join(" · ")}` : ""}</p>
      {lost.correction && <p>{w("points.corrected", lost.correction.reason)}</p>}
      {waits ? <p class="queued"><Sign name="up" size={20} />{w("points.queued")}</p> : made && <p><Standing of={made} /></p>}
      {asking ? (
        <form class="remark" onSubmit={(event) => void send(event)}>
          <label>{w("points.why")}<textarea rows={3} maxLength={2000} required value={reason} onInput={(event) => setReason(event.currentTarget.value)} /></label>
          <div class="pair">
            <button type="submit" class="large main" disabled={busy || !reason.trim()}>{w("points.send")}</button>
            <button type="button" class="large" onClick={() => setAsking(false)}>{w("orders.back")}</button>
          </div>
        </form>
      ) : !waits && made?.state !== "open" && lost.taken > 0 && <button type="button" class="large" onClick={() => setAsking(true)}>{w("points.appeal")}</button>}
    </div>
  ); // prettier-ignore
}

function Standing({ of }: { of: MyAppeal }): JSX.Element {
  return <span class={`mark ${of.state}`}>{of.state === "open" ? w("points.open") : w(`points.${of.state}`, of.decision ?? "")}</span>;
}
