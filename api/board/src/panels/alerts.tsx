/** Open alerts: filters, search, and what a dispatcher does about them. */
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { acknowledge, close, comment, counts, detail, more, open, partsOf, refresh, ruleTitle, setSound, snooze, sound } from "../alerts";
import { measured, moment, number, whole } from "../format";
import { Icon } from "../icons";
import { city } from "../map/bridge";
import { orderFromAlert } from "../orders/data";
import { mayAct } from "../session";
import { attempt, say } from "../toasts";
import type { AlertBody, AlertDetail, Kind, Severity } from "../types";
import { phone, pick, openPanel } from "../view";
import { named, t } from "../words";
import { Choice, PanelHead } from "./parts";

const SEVERITIES: readonly Severity[] = ["critical", "warning", "info"];
const STEP = 100; // rows drawn at once

const severities = signal<readonly Severity[]>(SEVERITIES);
const kind = signal<Kind | "">("");
const rule = signal("");
const fresh = signal(false);
const text = signal("");
const chosen = signal<number | null>(null);

function matches(one: AlertBody): boolean {
  if (!severities.value.includes(one.severity) || (kind.value && one.device_kind !== kind.value)) return false;
  if ((rule.value && one.rule !== rule.value) || (fresh.value && one.stage !== "raised")) return false;
  if (one.storm !== null && !text.value) return false; // told by the alert that it is part of
  const sought = text.value.trim().toLowerCase();
  return !sought || `${one.device} ${one.device_name} ${one.rule} ${ruleTitle(one.rule)} ${one.area ?? ""}`.toLowerCase().includes(sought);
}

export function AlertsPanel(): JSX.Element {
  const [most, setMost] = useState(STEP);
  useEffect(() => refresh(), []);
  const found = open.value.filter(matches).sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity)); // within one, the newest first
  return (
    <>
      <PanelHead title={t("app.alerts")}>
        <span class="count">{t("alerts.shown", number(found.length), number(counts.value?.open ?? open.value.length))}</span>
        <button type="button" class="plain" aria-pressed={sound.value} title={t("alerts.sound")} aria-label={t("alerts.sound")} onClick={() => setSound(!sound.value)}><Icon name={sound.value ? "soundOn" : "soundOff"} size={18} /></button>
      </PanelHead>
      <Filters />
      <ul class="rows" data-list="alerts">
        {found.slice(0, most).map((one) => <Row key={one.id} alert={one} />)}
        {!found.length && <li class="empty">{t("alerts.none")}</li>}
        {found.length > most && <li><button type="button" class="link" onClick={() => setMost(most + STEP)}>{t("app.loadMore")}</button></li>}
        {more.value && <li class="empty">{t("app.more_exist")}</li>}
      </ul>
    </>
  ); // prettier-ignore
}

function Filters(): JSX.Element {
  const kinds = [...new Set(open.value.map((one) => one.device_kind))].sort();
  const rules = [...new Set(open.value.map((one) => one.rule))].sort((a, b) => ruleTitle(a).localeCompare(ruleTitle(b)));
  const toggle = (one: Severity): void => {
    const without = severities.value.filter((each) => each !== one);
    severities.value = without.length === severities.value.length ? [...severities.value, one] : without;
  };
  return (
    <div class="filters">
      <div class="chips" role="group" aria-label={t("alerts.stage")}>
        {SEVERITIES.map((one) => (
          <button type="button" key={one} class={`chip ${one}`} aria-pressed={severities.value.includes(one)} onClick={() => toggle(one)}>
            {t(`severity.${one}`)} <b>{number(counts.value?.[one].open ?? 0)}</b>
          </button>
        ))}
        <button type="button" class="chip" aria-pressed={fresh.value} onClick={() => (fresh.value = !fresh.value)}>{t("alerts.unack")}</button>
      </div>
      <input type="search" class="search" placeholder={t("alerts.search")} aria-label={t("alerts.search")} value={text.value} onInput={(event) => (text.value = event.currentTarget.value)} />
      <div class="pair">
        <Choice label={t("alerts.kind")} value={kind.value} options={[["", t("app.all")], ...kinds.map((one): [Kind, string] => [one, t(`kind.${one}`)])]} onChange={(one) => (kind.value = one)} />
        <Choice label={t("alerts.rule")} value={rule.value} options={[["", t("app.all")], ...rules.map((one): [string, string] => [one, ruleTitle(one)])]} onChange={(one) => (rule.value = one)} />
      </div>
    </div>
  ); // prettier-ignore
}

/** To the device of an alert: its drawer, and its place on the map. */
function go(one: AlertBody): void {
  if (phone.value) openPanel(null);
  pick(one.device);
  city.value?.pick(one.device, true);
}

function Row({ alert: one }: { alert: AlertBody }): JSX.Element {
  const isOpen = chosen.value === one.id;
  const show = (): void => {
    chosen.value = isOpen ? null : one.id;
    if (!isOpen && !phone.value) go(one);
  };
  const key = (event: KeyboardEvent): void => {
    if (event.key.toLowerCase() !== "a" || one.stage !== "raised" || !mayAct.value) return;
    event.stopPropagation();
    void attempt(() => acknowledge(one.id), t("alerts.acked"));
  };
  return (
    <li class={`alert ${one.severity}${isOpen ? " open" : ""}`} data-id={one.id}>
      <button type="button" class="row" data-row aria-expanded={isOpen} onClick={show} onKeyDown={key}>
        <span class="line">
          <b>{ruleTitle(one.rule)}</b>
          <time title={whole(one.raised_at)}>{moment(one.raised_at)}</time>
        </span>
        <span class="line small">
          <span>{one.device_name || one.device}{one.raised_value === null ? "" : ` · ${measured(one.raised_value)}`}{one.parts ? ` · ${t("alerts.parts", one.parts)}` : ""}</span>
          <span class={`stage ${one.stage}`}>{t(`stage.${one.stage}`)}</span>
        </span>
      </button>
      {isOpen && <Actions alert={one} />}
    </li>
  ); // prettier-ignore
}

function Actions({ alert: one }: { alert: AlertBody }): JSX.Element {
  const [said, setSaid] = useState("");
  const [told, setTold] = useState<AlertDetail | null>(null);
  const [parts, setParts] = useState<AlertBody[] | null>(null);
  useEffect(() => void detail(one.id).then(setTold, () => undefined), [one.id, one.stage, one.quiet_until]);
  const act = (work: () => Promise<AlertDetail>, done: string): void =>
    void attempt(async () => {
      setTold(await work());
      setSaid("");
    }, done);
  const [ordering, setOrdering] = useState(false);
  const order = async (): Promise<void> => {
    setOrdering(true);
    await attempt(async () => say(t("alerts.ordered", (await orderFromAlert(one)).id)));
    setOrdering(false);
  };
  return (
    <div class="actions">
      {mayAct.value && (
        <>
          <textarea rows={2} maxLength={2000} placeholder={t("alerts.commentHint")} aria-label={t("alerts.comment")} value={said} onInput={(event) => setSaid(event.currentTarget.value)} />
          <div class="buttons">
            {one.stage === "raised" && <button type="button" class="main" onClick={() => act(() => acknowledge(one.id, said), t("alerts.acked"))}><Icon name="check" size={16} />{t("alerts.acknowledge")}</button>}
            <button type="button" disabled={ordering} onClick={() => void order()}>{t("alerts.order")}</button>
            {said.trim() && <button type="button" onClick={() => act(() => comment(one.id, said), t("alerts.commented"))}>{t("alerts.comment")}</button>}
            <select aria-label={t("alerts.snooze")} value="" onChange={(event) => { const minutes = Number(event.currentTarget.value); event.currentTarget.value = ""; if (minutes) act(() => snooze(one.id, minutes), t("alerts.snoozed")); }}>
              <option value="">{t("alerts.snooze")}</option>
              <option value="30">{t("alerts.snooze30")}</option>
              <option value="60">{t("alerts.snooze60")}</option>
              <option value="480">{t("alerts.snooze480")}</option>
            </select>
            <button type="button" onClick={() => act(() => close(one.id, said), t("alerts.closed"))}>{t("alerts.close")}</button>
          </div>
        </>
      )}
      <p class="small">
        {one.device} · {named("kind", one.device_kind)}{one.area ? ` · ${one.area}` : ""}{one.scope ? ` · ${one.scope}` : ""}
        {one.quiet_until && ` · ${t("alerts.quiet", moment(one.quiet_until))}`}
        {phone.value && <> · <button type="button" class="link" onClick={() => go(one)}>{t("alerts.show")}</button></>}
        {one.parts > 0 && <> · <button type="button" class="link" onClick={() => void partsOf(one.id).then(setParts)}>{t("alerts.parts", one.parts)}</button></>}
      </p>
      {parts && <ul class="log">{parts.map((each) => <li key={each.id}><time>{moment(each.raised_at)}</time> <button type="button" class="link" onClick={() => go(each)}>{each.device_name || each.device}</button> {ruleTitle(each.rule)}</li>)}</ul>}
      {told && <Log of={told} />}
    </div>
  ); // prettier-ignore
}

function Log({ of }: { of: AlertDetail }): JSX.Element {
  return (
    <ul class="log" aria-label={t("alerts.log")}>
      {of.log.map((one, place) => (
        <li key={place}>
          <time>{moment(one.at)}</time> {named("action", one.action)} {one.actor !== "hub" && <span class="thin">{t("alerts.by", one.actor)}</span>}
          {typeof one.detail["comment"] === "string" && one.detail["comment"] !== "" && <q>{one.detail["comment"]}</q>}
        </li>
      ))}
    </ul>
  ); // prettier-ignore
}
