/** One work order: what, where, whose, its history, and what is done about it. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { devices } from "../devices";
import { moment, number, whole } from "../format";
import { Icon } from "../icons";
import { city } from "../map/bridge";
import { toldOrders } from "../orders";
import { useLoaded, Waiting } from "../panels/parts";
import { mayAct } from "../session";
import { attempt } from "../toasts";
import { assign, candidates, detail, step, type Step } from "./data";
import { Assignee, type Chosen } from "./give";
import { whose } from "./panel";
import type { Order, OrderDetail } from "./types";
import { actionOf, kindOf, o, stateOf } from "./words";

const ENDED = ["done", "cancelled"];

export function OneOrder({ id, onClose }: { id: string; onClose: () => void }): JSX.Element {
  const found = useLoaded(() => detail(id), [id, toldOrders.changed(id)]);
  const told = found.data?.order.id === id ? found.data : null;
  return (
    <div class="rows">
      <button type="button" class="link" onClick={onClose}><Icon name="back" size={16} />{o("back")}</button>
      {told ? <Whole of={told} onChange={found.reload} /> : <Waiting of={found} none="" />}
    </div>
  ); // prettier-ignore
}

function Whole({ of, onChange }: { of: OrderDetail; onChange: () => void }): JSX.Element {
  const one = of.order;
  const origin = one.alert ?? one.incident ?? one.run ?? "";
  const name = whose(one);
  return (
    <article class="dossier" data-detail={one.id}>
      <p class="line"><b>{kindOf(one.kind)} · {one.title || one.place}</b><span class={`stage ${one.state}`}>{stateOf(one.state)}</span></p>
      <p class="small thin">{one.id} · {o(`origin.${one.origin}`, origin)} · {o("until", whole(one.end))}</p>
      <p>{devices.get(name)?.name || name || o("nobody")}{one.sent_by ? <span class="thin"> · {o("sentBy", one.sent_by)}</span> : null}</p>
      {(one.place || one.device) && <p>{one.place || one.device} {one.lat !== null && one.lon !== null && <button type="button" class="link" onClick={() => city.value?.flyTo(one.lon as number, one.lat as number)}>{o("show")}</button>}</p>}
      {one.note && <p><q>{one.note}</q></p>}
      {one.fault && <p class="minus">{o("fault", one.fault)}</p>}
      {one.evidence && <p>{o("evidence")}: {Object.entries(one.evidence).map(([key, value]) => `${key} ${String(value)}`).join(" · ")}</p>}
      {mayAct.value && <Actions of={one} onChange={onChange} />}
      <h3>{o("history")}</h3>
      <ul class="log">
        {of.history.map((line, place) => <li key={place}><time>{moment(line.at)}</time> {actionOf(line.action)} <span class="thin">{line.actor}</span>{line.text && <q>{line.text}</q>}</li>)}
      </ul>
    </article>
  ); // prettier-ignore
}

function Actions({ of: one, onChange }: { of: Order; onChange: () => void }): JSX.Element {
  const [text, setText] = useState("");
  const [assigning, setAssigning] = useState(false);
  const said = text.trim();
  const act = (work: () => Promise<unknown>): void =>
    void attempt(async () => {
      await work();
      setText("");
      setAssigning(false);
      onChange();
    }, o("changed"));
  const button = (name: Step, words: string, main = false): JSX.Element => <button type="button" class={main ? "main" : ""} onClick={() => act(() => step(one.id, name, said))}>{words}</button>;
  const over = ENDED.includes(one.state);
  return (
    <div class="actions">
      <textarea rows={2} maxLength={500} placeholder={o("remark")} aria-label={o("remark")} value={text} onInput={(event) => setText(event.currentTarget.value)} />
      <div class="buttons">
        {!over && whose(one) !== "" && one.accepted_at === null && button("accept", o("accept"))}
        {!over && button("done", o("done"), true)}
        {!over && one.vehicle !== null && button("send", o("send"))}
        {!over && <button type="button" aria-expanded={assigning} onClick={() => setAssigning(!assigning)}>{o("assign")}</button>}
        {!over && button("cancel", o("cancel"))}
        {said && button("comments", o("comment"))}
      </div>
      {assigning && <Assigning of={one} onChoose={(to) => act(() => assign(one.id, to))} />}
    </div>
  ); // prettier-ignore
}

/** Who could do it, the nearest first; or anybody by id. */
function Assigning({ of: one, onChoose }: { of: Order; onChoose: (to: Chosen) => void }): JSX.Element {
  const [to, setTo] = useState<Chosen>({});
  const near = useLoaded(async () => (one.lat === null || one.lon === null ? [] : candidates({ lat: one.lat, lon: one.lon, kind: one.kind })), [one.id]);
  return (
    <div class="candidates">
      <h3>{o("candidates")}</h3>
      {near.data?.map((each) => (
        <button type="button" key={each.vehicle} data-candidate={each.vehicle} disabled={each.vehicle === one.vehicle} onClick={() => onChoose({ vehicle: each.vehicle })}>
          <span>{each.name || each.vehicle}</span><span class="thin">{o("candidate", far(each.distance_m), number(each.open_orders))}</span>
        </button>
      ))}
      {!near.data?.length && <Waiting of={near} none={o("noCandidates")} />}
      <Assignee value={to} onChange={setTo} />
      <button type="button" onClick={() => onChoose(to)}>{o("assign")}</button>
    </div>
  ); // prettier-ignore
}

function far(metres: number): string {
  return metres < 1000 ? `${number(metres)} m` : `${number(metres / 1000, 1)} km`;
}
