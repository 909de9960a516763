/** Giving a work order by hand. */
import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import { Icon } from "../icons";
import { city } from "../map/bridge";
import { Choice } from "../panels/parts";
import { attempt, say } from "../toasts";
import { give, type Given } from "./data";
import { orderReference } from "./drawn";
import { unplaced } from "./place";
import { kindOf, o } from "./words";

const KINDS = ["collect", "clean", "repair", "inspect", "clear", "tip", "other"] as const;
const FIRST_MIN = 120; // until when, where nobody says otherwise

export type Chosen = { vehicle?: string; crew?: string; worker?: string; nearest?: boolean };
type To = "nobody" | "nearest" | "vehicle" | "crew" | "worker";

/** Who is to do it, by id. `nearest` is offered where `nearby` says that there is a place. */
export function Assignee({ value, onChange, nearby = false }: { value: Chosen; onChange: (to: Chosen) => void; nearby?: boolean }): JSX.Element {
  const [to, setTo] = useState<To>(nearby ? "nearest" : "nobody");
  const [who, setWho] = useState(value.vehicle ?? value.crew ?? value.worker ?? "");
  const tell = (next: To, name: string): void => {
    setTo(next);
    setWho(name);
    onChange(next === "nearest" ? { nearest: true } : next === "nobody" || !name.trim() ? {} : { [next]: name.trim() });
  };
  const options: [To, string][] = [["nobody", o("toNobody")], ["vehicle", o("toVehicle")], ["crew", o("toCrew")], ["worker", o("toWorker")]];
  if (nearby) options.splice(1, 0, ["nearest", o("toNearest")]);
  return (
    <div class="pair">
      <Choice label={o("to")} value={to} options={options} onChange={(next) => tell(next, who)} />
      {to !== "nobody" && to !== "nearest" && <label class="field"><span>{o("who")}</span><input maxLength={64} value={who} onInput={(event) => tell(to, event.currentTarget.value)} /></label>}
    </div>
  ); // prettier-ignore
}

/** `2026-11-24T16:30`, the local time of this browser, as an input of type datetime-local wants it. */
function local(at: number): string {
  return new Date(at - new Date(at).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export function GiveOrder({ onClose }: { onClose: (made: string | null) => void }): JSX.Element {
  const reference = useMemo(orderReference, []); // clicked twice it is one order
  const [kind, setKind] = useState<(typeof KINDS)[number]>("clean");
  const [title, setTitle] = useState("");
  const [note, setNote] = useState("");
  const [place, setPlace] = useState("");
  const [device, setDevice] = useState("");
  const [end, setEnd] = useState(local(Date.now() + FIRST_MIN * 60_000));
  const [spot, setSpot] = useState<{ lat: number; lon: number } | null>(null);
  const [to, setTo] = useState<Chosen>({ nearest: true });
  const [busy, setBusy] = useState(false);
  const here = (): void => {
    const at = city.value?.map.getCenter();
    if (at && city.value) setSpot(unplaced(city.value.place, at.lng, at.lat));
  };
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    const form: Given = { reference, kind, end: new Date(end).toISOString(), ...(spot ?? {}), ...to };
    for (const [name, text] of Object.entries({ title, note, place, device })) if (text.trim()) Object.assign(form, { [name]: text.trim() });
    await attempt(async () => {
      const made = await give(form);
      say(o("given", made.order.id));
      onClose(made.order.id);
    });
    setBusy(false);
  };
  const field = (words: string, value: string, set: (text: string) => void, more: Record<string, unknown> = {}): JSX.Element => (
    <label class="field"><span>{words}</span><input maxLength={200} value={value} onInput={(event) => set(event.currentTarget.value)} {...more} /></label>
  ); // prettier-ignore
  return (
    <div class="rows">
      <button type="button" class="link" onClick={() => onClose(null)}><Icon name="back" size={16} />{o("back")}</button>
      <form class="give" onSubmit={(event) => void send(event)}>
        <Choice label={o("kind")} value={kind} options={KINDS.map((one) => [one, kindOf(one)])} onChange={setKind} />
        {field(o("titled"), title, setTitle, { name: "title", required: !device.trim() })}
        {field(o("about"), device, setDevice, { name: "device", maxLength: 64 })}
        {field(o("place"), place, setPlace, { name: "place" })}
        <p class="line small"><span>{spot ? `${spot.lat}, ${spot.lon}` : ""}</span><button type="button" onClick={here}><Icon name="target" size={16} />{o("here")}</button></p>
        {field(o("by"), end, setEnd, { name: "end", type: "datetime-local", required: true })}
        <Assignee value={to} onChange={setTo} nearby />
        {field(o("note"), note, setNote, { name: "note", maxLength: 500 })}
        <button type="submit" class="main" disabled={busy}>{o("give")}</button>
      </form>
    </div>
  ); // prettier-ignore
}
