/** Who may sign in: the list, and what an admin does with one of them. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { moment } from "../format";
import { Icon } from "../icons";
import { Choice, useLoaded, Waiting } from "../panels/parts";
import { attempt } from "../toasts";
import { areasOf, change, enter, people, resetPassword } from "./data";
import { Field, Shown, Sure, type Secret } from "./parts";
import { ROLES, type Person, type Role } from "./types";
import { p, roleOf } from "./words";

const roles = ROLES.map((one): [Role, string] => [one, roleOf(one)]);

export function Users(): JSX.Element {
  const found = useLoaded(people, []);
  const [sought, setSought] = useState("");
  const [chosen, setChosen] = useState<string | null>(null); // a name; "": somebody new
  const [secret, setSecret] = useState<Secret | null>(null);
  const shown = (found.data ?? []).filter((one) => `${one.name} ${one.display_name} ${one.worker ?? ""}`.toLowerCase().includes(sought.trim().toLowerCase()));
  const one = found.data?.find((each) => each.name === chosen) ?? null;
  const dialog = secret && <Shown secret={secret} onClose={() => setSecret(null)} />;
  if (chosen !== null && (chosen === "" || one))
    return <>{dialog}<Sheet key={chosen} of={one} onSecret={setSecret} onChange={found.reload} onClose={() => setChosen(null)} /></>; // prettier-ignore
  return (
    <>
      {dialog}
      <div class="filters">
        <Field words={p("search")} value={sought} set={setSought} type="search" />
        <button type="button" onClick={() => setChosen("")}><Icon name="plus" size={16} />{p("add")}</button>
      </div>
      <div class="rows" data-list="people">
        {shown.map((each) => (
          <button type="button" class="row" key={each.name} data-row data-person={each.name} onClick={() => setChosen(each.name)}>
            <span class="line"><b>{each.display_name || each.name}</b><span>{roleOf(each.role)}</span></span>
            <span class="line small"><span>{each.name} · {each.areas?.join(", ") ?? p("allAreas")}</span><span class="thin">{each.active ? p("signedIn", each.signed_in_at ? moment(each.signed_in_at) : p("never")) : p("disabled")}</span></span>
          </button>
        ))}
        {!shown.length && <Waiting of={found} none={p("nobody")} />}
      </div>
    </>
  ); // prettier-ignore
}

interface SheetProps {
  of: Person | null;
  onSecret: (secret: Secret) => void;
  onChange: () => void;
  onClose: () => void;
}

function Sheet({ of, onSecret, onChange, onClose }: SheetProps): JSX.Element {
  const [name, setName] = useState(of?.name ?? "");
  const [shown, setShown] = useState(of?.display_name ?? "");
  const [role, setRole] = useState<Role>(of?.role ?? "viewer");
  const [areas, setAreas] = useState(of?.areas?.join(", ") ?? "");
  const [worker, setWorker] = useState(of?.worker ?? "");
  const [busy, setBusy] = useState(false);
  const act = async (work: () => Promise<unknown>, done = p("saved")): Promise<void> => {
    setBusy(true);
    if (await attempt(work, done)) onChange();
    setBusy(false);
  };
  const tell = (value: string): void => onSecret({ title: p("password", name), value });
  const save = (event: Event): void => {
    event.preventDefault();
    const form = { display_name: shown.trim(), role, areas: areasOf(areas), worker: worker.trim() || null };
    void act(async () => {
      if (of) await change(of.name, form);
      else tell(await enter(name, form));
      onClose();
    });
  };
  return (
    <div class="rows" data-sheet={of?.name ?? ""}>
      <button type="button" class="link" onClick={onClose}><Icon name="back" size={16} />{p("back")}</button>
      <form class="give" onSubmit={save}>
        {of ? <p><b>{of.name}</b>{!of.active && <span class="thin"> · {p("disabled")}</span>}</p>
          : <Field words={p("name")} value={name} set={setName} name="name" required pattern="[a-z0-9][a-z0-9._\-]*" autocomplete="off" autocapitalize="none" />}
        <Field words={p("shown")} value={shown} set={setShown} name="display_name" required />
        <Choice label={p("role")} value={role} options={roles} onChange={setRole} />
        <Field words={p("areas")} value={areas} set={setAreas} name="areas" maxLength={1000} />
        <Field words={p("worker")} value={worker} set={setWorker} name="worker" />
        <button type="submit" class="main" disabled={busy}>{p("save")}</button>
        {of && (
          <div class="buttons">
            <button type="button" disabled={busy} onClick={() => void act(() => change(of.name, { active: !of.active }))}>{p(of.active ? "disable" : "enable")}</button>
            <Sure words={p("reset")} ask={p("sureReset")} act={() => void act(async () => tell(await resetPassword(of.name)), "")} />
          </div>
        )}
      </form>
    </div>
  ); // prettier-ignore
}
