/** Checking in and out, and what is planned. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { clock, moment, number } from "../format";
import { attempt } from "../toasts";
import { lang } from "../words";
import { awake, checkIn, checkOut, checkOutElsewhere, duty, seen, setAwake, sharing } from "./duty";
import { tasks, today } from "./own";
import { Own } from "./parts";
import { waiting } from "./sending";
import { Sign } from "./signs";
import type { Duty, Task } from "./types";
import { w } from "./words";

export function ShiftScreen(): JSX.Element {
  return (
    <>
      <Check />
      <h2>{w("shift.today")}</h2>
      <Own of={today} none={w("shift.none")} empty={(one) => !one.duties.length}>
        {(one) => one.duties.map((each) => <Planned key={each.plan} duty={each} />)}
      </Own>
      {!!tasks.held.value?.value.length && (
        <>
          <h2>{w("tasks.title")}</h2>
          <Own of={tasks} none="" empty={(one) => !one.length}>
            {(found) => found.filter((one) => !one.cancelled).map((one) => <TaskCard key={one.id} task={one} />)}
          </Own>
        </>
      )}
    </>
  );
}

function Check(): JSX.Element {
  const [sure, setSure] = useState(false);
  const [busy, setBusy] = useState(false);
  const act = async (work: () => Promise<void>): Promise<void> => {
    setBusy(true);
    await attempt(work);
    setBusy(false);
    setSure(false);
  };
  const on = duty.value;
  if (!on) {
    return (
      <section class="check">
        <button type="button" class="giant in" disabled={busy} onClick={() => void act(checkIn)}><Sign name="begin" size={40} />{w("shift.in")}</button>
        <p class="thin">{w("shift.notSharing")}</p>
        <Elsewhere />
      </section>
    ); // prettier-ignore
  }
  return (
    <section class="check">
      <p class="since">{w("shift.since", moment(on.since))} <Lasting since={on.since} /></p>
      <SharingLine />
      {sure ? (
        <div class="ask" role="group" aria-label={w("shift.sure")}>
          <p class="strong">{w("shift.sure")}</p>
          <button type="button" class="giant out" disabled={busy} onClick={() => void act(checkOut)}>{w("shift.sureYes")}</button>
          <button type="button" class="large" onClick={() => setSure(false)}>{w("shift.sureNo")}</button>
        </div>
      ) : (
        <button type="button" class="giant out" onClick={() => setSure(true)}><Sign name="end" size={34} />{w("shift.out")}</button>
      )}
      {"wakeLock" in navigator && (
        <label class="toggle"><input type="checkbox" checked={awake.value} onChange={(event) => setAwake(event.currentTarget.checked)} /><span>{w("shift.awake")}<small>{w("shift.awakeWhy")}</small></span></label>
      )}
    </section>
  ); // prettier-ignore
}

/** How long one is on shift, by the minute. */
function Lasting({ since }: { since: number }): JSX.Element {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 15_000);
    return () => clearInterval(timer);
  }, []);
  const minutes = Math.max(0, Math.floor((now - since) / 60_000));
  return <b class="lasting">{Math.floor(minutes / 60)}:{String(minutes % 60).padStart(2, "0")}</b>;
}

function SharingLine(): JSX.Element {
  const words = { off: "shift.sharing", sought: "report.finding", shared: "shift.sharing", denied: "shift.denied", insecure: "shift.insecure", none: "shift.noPosition", another: "shift.another" } as const; // prettier-ignore
  const state = sharing.value;
  const last = seen.value;
  return (
    <p class={`sharing ${state}`} data-sharing={state}>
      <Sign name="pin" size={24} />
      <span>{w(words[state])}{state === "shared" && last && <small>{w("shift.accuracy", number(last.accuracy), clock(last.at))}</small>}</span>
    </p>
  ); // prettier-ignore
}

/** Where the hub has this person on shift, and this phone does not. */
function Elsewhere(): JSX.Element | null {
  const last = today.held.value?.value.last_check;
  if (last?.kind !== "check_in" || waiting.value > 0) return null;
  return (
    <div class="notice">
      <p>{w("shift.elsewhere", moment(last.at))}</p>
      <button type="button" class="large" onClick={() => void checkOutElsewhere().then(() => today.refresh())}>{w("shift.elsewhereOut")}</button>
    </div>
  ); // prettier-ignore
}

const chosen = (english: string, chinese: string, id: string | null): string => (lang.value === "zh" ? chinese || english : english || chinese) || (id ?? "");

function Planned({ duty: one }: { duty: Duty }): JSX.Element {
  const now = Date.now();
  const running = Date.parse(one.start) <= now && now < Date.parse(one.end);
  const where = [chosen(one.area_name, one.area_name_zh, one.area), chosen(one.route_name, one.route_name_zh, one.route)].filter(Boolean);
  return (
    <article class={`card${running ? " running" : ""}`}>
      <p class="line"><b>{chosen(one.shift_name, one.shift_name_zh, one.shift)}</b>{running && <span class="mark">{w("shift.now")}</span>}</p>
      <p class="hours"><time dateTime={one.start}>{moment(one.start)}</time> – <time dateTime={one.end}>{moment(one.end)}</time></p>
      {where.length > 0 && <p class="iconed"><Sign name="pin" size={20} />{where.join(" · ")}</p>}
      {one.vehicle && <p>{w("shift.vehicle", one.vehicle)}</p>}
      {one.breaks.length > 0 && <p class="thin">{w("shift.break", one.breaks.map((each) => `${moment(each.start)}–${moment(each.end)}`).join(", "))}</p>}
      {one.note && <p class="note">{one.note}</p>}
    </article>
  ); // prettier-ignore
}

function TaskCard({ task }: { task: Task }): JSX.Element {
  const late = task.done_at === null && Date.parse(task.due) < Date.now();
  return (
    <article class="card">
      <p class="line"><b>{task.title}</b>{late && <span class="mark late">{w("tasks.late")}</span>}</p>
      <p class="thin">{task.done_at ? w("tasks.done", moment(task.done_at)) : w("tasks.due", moment(task.due))}</p>
    </article>
  ); // prettier-ignore
}
