/** One incident with its evidence, and what is done about it. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { moment, number, whole } from "../format";
import { Icon } from "../icons";
import { city } from "../map/bridge";
import { useLoaded, Waiting } from "../panels/parts";
import { mayAct } from "../session";
import { attempt, say } from "../toasts";
import { shrunk } from "../worker/photo";
import { lang } from "../words";
import { addPhoto, catalogue, categoryName, comment, departmentName, dossier, finish, handOn, OPEN, order, photoAddress, reject, told } from "./data";
import type { Dossier, Photo } from "./types";
import { actionOf, i } from "./words";

const LETTERS_MS = 10_000;

export function Detail({ id, onClose }: { id: number; onClose: () => void }): JSX.Element {
  const found = useLoaded(() => dossier(id), [id, told.changed(id)]);
  const one = found.data?.incident.id === id ? found.data : null;
  const waits = one?.letters.some((letter) => !letter.delivered_at && !letter.given_up_at) ?? false;
  useEffect(() => {
    if (!waits) return undefined;
    const timer = setInterval(() => document.hidden || found.reload(), LETTERS_MS); // the stream does not tell of letters
    return () => clearInterval(timer);
  }, [waits]);
  return (
    <div class="rows">
      <button type="button" class="link" onClick={onClose}><Icon name="back" size={16} />{i("back")}</button>
      {one ? <Whole of={one} onChange={found.reload} /> : <Waiting of={found} none="" />}
    </div>
  ); // prettier-ignore
}

function Whole({ of, onChange }: { of: Dossier; onChange: () => void }): JSX.Element {
  const one = of.incident;
  return (
    <article class="dossier" data-dossier={one.id}>
      <p class="line"><b>#{one.id} {categoryName(one.category)}</b><span class={`stage ${one.state}`}>{i(`state.${one.state}`)}</span></p>
      {one.text && <p>{one.text}</p>}
      <p class="small thin">
        {i("seen", whole(one.seen_at))} · {i("by", one.reporter)}{one.place ? ` · ${one.place}` : ""}{one.area ? ` · ${one.area}` : ""}
        {one.accuracy_m !== null ? ` · ${i("accuracy", number(one.accuracy_m))}` : ""}
        {one.department ? ` · ${departmentName(one.department)}` : ""}{one.work_order ? ` · ${one.work_order}` : ""}
        {" · "}<button type="button" class="link" onClick={() => city.value?.flyTo(one.lon, one.lat)}>{i("show")}</button>
      </p>
      <div class="gallery">{of.photos.map((photo, place) => <Picture key={photo.sha256} incident={one.id} photo={photo} place={place + 1} />)}</div>
      {mayAct.value && <Actions of={of} onChange={onChange} />}
      <h3>{i("log")}</h3>
      <ul class="log">
        {of.log.map((line, place) => <li key={place}><time>{moment(line.at)}</time> {actionOf(line.action)} <span class="thin">{line.actor}</span>{line.text && <q>{line.text}</q>}</li>)}
      </ul>
      {of.letters.length > 0 && <h3>{i("letters")}</h3>}
      {of.letters.length > 0 && <ul class="log">
        {of.letters.map((letter) => <li key={letter.id}>{departmentName(letter.department)}: {letter.delivered_at ? i("delivered", moment(letter.delivered_at)) : letter.given_up_at ? i("givenUp", moment(letter.given_up_at)) : i("waiting", letter.attempts)}{letter.answer && <q>{letter.answer}</q>}</li>)}
      </ul>}
    </article>
  ); // prettier-ignore
}

function Picture({ incident, photo, place }: { incident: number; photo: Photo; place: number }): JSX.Element {
  const address = photoAddress(incident, photo.sha256);
  const about = i("photo", place, photo.width, photo.height, number(photo.bytes / 1000));
  return (
    <figure>
      <a href={address} target="_blank" rel="noopener"><img src={address} alt={about} loading="lazy" decoding="async" /></a>
      <figcaption class="small thin" title={i("hash", photo.sha256)}>{about}{photo.taken_at ? ` · ${i("taken", photo.taken_at)}` : ""}</figcaption>
    </figure>
  );
}

function Actions({ of, onChange }: { of: Dossier; onChange: () => void }): JSX.Element {
  const [text, setText] = useState("");
  const id = of.incident.id;
  const said = text.trim();
  const act = (work: () => Promise<unknown>, done = i("said")): void =>
    void attempt(async () => {
      await work();
      setText("");
      onChange();
    }, done);
  const departments = catalogue.value?.departments ?? [];
  const isOpen = OPEN.includes(of.incident.state);
  return (
    <div class="actions">
      <textarea rows={2} maxLength={2000} placeholder={i("text")} aria-label={i("text")} value={text} onInput={(event) => setText(event.currentTarget.value)} />
      <div class="buttons">
        {isOpen && of.incident.state !== "ordered" && <button type="button" class="main" onClick={() => act(async () => say(i("ordered", (await order(id, said)).id)), "")}>{i("order")}</button>}
        {isOpen && <button type="button" onClick={() => act(() => finish(id, said))}><Icon name="check" size={16} />{i("done")}</button>}
        {isOpen && <button type="button" onClick={() => (said ? act(() => reject(id, said)) : say(i("rejectWhy"), "wrong"))}>{i("reject")}</button>}
        {isOpen && departments.length > 0 && (
          <select aria-label={i("handOn")} value="" onChange={(event) => { const name = event.currentTarget.value; event.currentTarget.value = ""; if (name) act(() => handOn(id, name, said)); }}>
            <option value="">{i("handOn")}…</option>
            {departments.map((one) => <option key={one.name} value={one.name}>{one[lang.value]}</option>)}
          </select>
        )}
        {said && <button type="button" onClick={() => act(() => comment(id, said))}>{i("comment")}</button>}
        <label class="upload">
          {i("addPhoto")}
          <input type="file" name="photo" accept="image/*" onChange={(event) => { const input = event.currentTarget; const file = input.files?.[0]; if (file) act(async () => addPhoto(id, await shrunk(file))); input.value = ""; }} />
        </label>
      </div>
    </div>
  ); // prettier-ignore
}
