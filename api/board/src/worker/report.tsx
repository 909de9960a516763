/** Reporting what one sees: what, a photo, where. It is kept on the phone first, and sent from there. */
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { moment, number } from "../format";
import { drawn } from "../orders/drawn";
import { attempt, say } from "../toasts";
import { lang } from "../words";
import { catalogue, incidents } from "./own";
import { MOST_PHOTOS, MOST_REPORTS } from "./outbox";
import { Own } from "./parts";
import { person } from "./person";
import { shrunk } from "./photo";
import { enqueue, reports } from "./sending";
import { Sign } from "./signs";
import { w } from "./words";

interface Picture {
  blob: Blob;
  url: string;
}

type Where = { state: "finding" | "none" } | { state: "found"; lat: number; lon: number; accuracy: number; at: number };

/** What is being written: it stays while one looks at another screen. */
const category = signal("");
const pictures = signal<readonly Picture[]>([]);
const where = signal<Where>({ state: "none" });
const text = signal("");
const place = signal("");

/** Asked for a report, also off shift: one position, once, for what is seen there. */
function find(): void {
  if (!("geolocation" in navigator)) return;
  where.value = { state: "finding" };
  navigator.geolocation.getCurrentPosition(
    (one) => (where.value = { state: "found", lat: one.coords.latitude, lon: one.coords.longitude, accuracy: one.coords.accuracy, at: Date.now() }),
    () => (where.value = { state: "none" }),
    { enableHighAccuracy: true, maximumAge: 10_000, timeout: 20_000 },
  );
}

/** Chosen, it stands alone: what follows is a thumb away. */
function choose(id: string): void {
  category.value = id;
  if (id && where.value.state === "none") find();
}

function clear(): void {
  for (const one of pictures.value) URL.revokeObjectURL(one.url);
  pictures.value = [];
  category.value = text.value = place.value = "";
  where.value = { state: "none" };
}

export function Report(): JSX.Element {
  return (
    <>
      <Form />
      <h2>{w("report.mine")}</h2>
      {reports.value.map((one) => <p key={one.seq} class="card queued" data-waits={one.form.reference}><Sign name="up" size={20} />{categoryName(one.form.category)} · {w("report.photos", one.photos.length)} · {w("report.waits")}</p>)}
      <Own of={incidents} none={w("report.none")} empty={(found) => !found.length && !reports.value.length}>
        {(found) => found.map((one) => (
          <article key={one.id} class="card" data-incident={one.id}>
            <p class="line"><b>{categoryName(one.category)}</b><span class="mark">{w(`state.${one.state}`)}</span></p>
            <p class="thin">{moment(one.seen_at)} · {w("report.photos", one.photos)}{one.place ? ` · ${one.place}` : ""}</p>
            {one.text && <p>{one.text}</p>}
          </article>
        ))}
      </Own>
    </>
  ); // prettier-ignore
}

function categoryName(id: string): string {
  const found = catalogue.held.value?.value.categories.find((one) => one.id === id);
  return found ? found[lang.value] : id;
}

function Form(): JSX.Element {
  const [busy, setBusy] = useState(false);
  const spot = where.value;
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    const owner = person.value?.name;
    if (!owner || busy || spot.state !== "found") return;
    if (reports.value.length >= MOST_REPORTS) return say(w("report.full", reports.value.length), "wrong");
    setBusy(true);
    const form = {
      reference: drawn(), category: category.value, lat: spot.lat, lon: spot.lon, accuracy_m: Math.round(spot.accuracy),
      text: text.value.trim(), place: place.value.trim(), seen_at: new Date().toISOString(),
    }; // prettier-ignore
    const photos = pictures.value.map((one) => one.blob);
    if (await attempt(() => enqueue(owner, Date.now(), { kind: "incident", form, photos, number: null, sent: 0 }), w("report.kept"))) clear();
    setBusy(false);
  };
  return (
    <form class="report" onSubmit={(event) => void send(event)}>
      <Photos />
      <fieldset>
        <legend>{w("report.what")}</legend>
        <Own of={catalogue} none="" empty={() => false}>
          {(found) => (
            <div class="grid">
              {found.categories.filter((one) => !category.value || one.id === category.value).map((one) => <button type="button" key={one.id} aria-pressed={category.value === one.id} onClick={() => choose(one.id)}>{one[lang.value]}</button>)}
              {category.value && <button type="button" onClick={() => choose("")}>{w("report.other")}</button>}
            </div>
          )}
        </Own>
      </fieldset>
      <p class={`spot${spot.state === "found" ? " found" : ""}`} data-spot={spot.state}>
        <Sign name="pin" size={24} />
        <span>{spot.state === "found" ? w("report.found", number(spot.accuracy)) : spot.state === "finding" ? w("report.finding") : category.value ? w("report.notFound") : w("report.where")}</span>
        <button type="button" class="large" aria-label={w("report.again")} onClick={find}><Sign name="turn" size={22} /></button>
      </p>
      <label>{w("report.text")}<textarea rows={2} maxLength={2000} value={text.value} onInput={(event) => (text.value = event.currentTarget.value)} /></label>
      <label>{w("report.place")}<input maxLength={200} value={place.value} onInput={(event) => (place.value = event.currentTarget.value)} /></label>
      <button type="submit" class="giant in" disabled={busy || !category.value || spot.state !== "found"}>{w("report.send")}</button>
    </form>
  ); // prettier-ignore
}

function Photos(): JSX.Element {
  const [busy, setBusy] = useState(false);
  useEffect(() => void (category.value && where.value.state === "none" && find()), []);
  const take = async (input: HTMLInputElement): Promise<void> => {
    setBusy(true);
    for (const file of [...(input.files ?? [])].slice(0, MOST_PHOTOS - pictures.value.length)) {
      try {
        const blob = await shrunk(file);
        pictures.value = [...pictures.value, { blob, url: URL.createObjectURL(blob) }];
      } catch {
        say(w("report.badPhoto"), "wrong");
      }
    }
    input.value = ""; // the same file can be chosen again
    setBusy(false);
  };
  const drop = (one: Picture): void => {
    URL.revokeObjectURL(one.url);
    pictures.value = pictures.value.filter((each) => each !== one);
  };
  return (
    <div class="photos">
      {pictures.value.map((one) => (
        <span class="photo" key={one.url}>
          <img src={one.url} alt="" />
          <button type="button" class="square" aria-label={w("report.drop")} onClick={() => drop(one)}><Sign name="close" size={22} /></button>
        </span>
      ))}
      {pictures.value.length < MOST_PHOTOS && (
        <label class="large take">
          <Sign name="report" size={32} />
          {busy ? w("report.shrinking") : w(pictures.value.length ? "report.more" : "report.photo")}
          <input type="file" name="photo" accept="image/*" capture="environment" disabled={busy} onChange={(event) => void take(event.currentTarget)} />
        </label>
      )}
    </div>
  ); // prettier-ignore
}
