/** One's own work orders and the crew's: accepted and done with a remark, also without network. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { moment, number } from "../format";
import { kindOf, stateOf } from "../orders/words";
import type { Order } from "../orders/types";
import { attempt } from "../toasts";
import { seen } from "./duty";
import { openOrders } from "./own";
import { Own } from "./parts";
import { person } from "./person";
import { apart, towards } from "./sampling";
import { enqueue, orders as queued } from "./sending";
import { Sign } from "./signs";
import { w } from "./words";

type Action = "accept" | "done";

export function Orders(): JSX.Element {
  return (
    <>
      <h2>{w("tab.orders")}</h2>
      <Own of={openOrders} none={w("orders.none")} empty={(one) => !one.length}>
        {(found) => found.map((one) => <Card key={one.id} order={one} />)}
      </Own>
    </>
  );
}

function Card({ order: one }: { order: Order }): JSX.Element {
  const [asked, setAsked] = useState<Action | null>(null);
  const waits = queued.value.filter((each) => each.order === one.id);
  const done = waits.some((each) => each.action === "done");
  const accepted = one.accepted_at !== null || waits.length > 0;
  const name = one.title && one.title !== one.device ? one.title : kindOf(one.kind);
  return (
    <article class="card order" data-order={one.id}>
      <p class="line"><b>{name}</b><span class={`mark ${one.state === "overdue" ? "late" : ""}`}>{stateOf(one.state)}</span></p>
      <p class="iconed"><Sign name="pin" size={20} /><span>{one.place || one.device || "–"} <Away of={one} /></span></p>
      <p class="iconed"><Sign name="clock" size={20} />{w("orders.by", moment(one.end))}{one.worker === null && one.crew !== null ? ` · ${w("orders.crew")}` : ""}</p>
      {one.note && <p class="note">{one.note}</p>}
      {waits.length > 0 && <p class="queued"><Sign name="up" size={20} />{w(done ? "orders.done" : "orders.accept")}: {w("orders.queued")}</p>}
      {asked ? (
        <Remark order={one} action={asked} onClose={() => setAsked(null)} />
      ) : (
        !done && (
          <div class="pair">
            {!accepted && <button type="button" class="large main" onClick={() => setAsked("accept")}>{w("orders.accept")}</button>}
            <button type="button" class={`large${accepted ? " main" : ""}`} onClick={() => setAsked("done")}><Sign name="check" />{w("orders.done")}</button>
          </div>
        )
      )}
    </article>
  ); // prettier-ignore
}

/** How far it is, where this phone knows its place. */
function Away({ of }: { of: Order }): JSX.Element | null {
  const here = seen.value;
  if (!here || of.lat === null || of.lon === null) return null;
  const there = { lat: of.lat, lon: of.lon };
  const far = apart(here, there);
  const words = far < 1000 ? `${number(Math.round(far / 10) * 10)} m` : `${number(far / 1000, 1)} km`;
  return <small>{w("orders.away", `${words} · ${w(`sign.${towards(here, there)}`)}`)}</small>;
}

function Remark({ order, action, onClose }: { order: Order; action: Action; onClose: () => void }): JSX.Element {
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    const owner = person.value?.name;
    if (!owner || busy) return;
    setBusy(true);
    if (await attempt(() => enqueue(owner, Date.now(), { kind: "order", order: order.id, action, text: text.trim() }))) onClose();
    setBusy(false);
  };
  return (
    <form class="remark" onSubmit={(event) => void send(event)}>
      <label>{w("orders.remark")}<textarea rows={2} maxLength={400} value={text} onInput={(event) => setText(event.currentTarget.value)} /></label>
      <div class="pair">
        <button type="submit" class="large main" disabled={busy}>{w(action === "done" ? "orders.done" : "orders.accept")}</button>
        <button type="button" class="large" onClick={onClose}>{w("orders.back")}</button>
      </div>
    </form>
  ); // prettier-ignore
}
