/** API keys: the list, making one that is shown once, revoking. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { moment } from "../format";
import { Icon } from "../icons";
import { Choice, useLoaded, Waiting } from "../panels/parts";
import { attempt } from "../toasts";
import { areasOf, keys, makeKey, revoke, type KeyForm } from "./data";
import { Field, Shown, Sure, type Secret } from "./parts";
import { KEY_ROLES, type KeyRole } from "./types";
import { p, roleOf } from "./words";

export function Keys(): JSX.Element {
  const found = useLoaded(keys, []);
  const [making, setMaking] = useState(false);
  const [secret, setSecret] = useState<Secret | null>(null);
  const made = (told: Secret): void => {
    setSecret(told);
    setMaking(false);
    found.reload();
  };
  return (
    <>
      {secret && <Shown secret={secret} onClose={() => setSecret(null)} />}
      {making ? <Making onMade={made} onClose={() => setMaking(false)} /> : (
        <>
          <div class="filters"><button type="button" onClick={() => setMaking(true)}><Icon name="plus" size={16} />{p("make")}</button></div>
          <ul class="rows" data-list="keys">
            {found.data?.map((one) => (
              <li class="row" key={one.prefix} data-key={one.prefix}>
                <span class="line"><b>{one.name}</b><span>{roleOf(one.role)}</span></span>
                <span class="line small"><span>{one.prefix} · {one.device ?? one.areas?.join(", ") ?? p("allAreas")}</span><span class="thin">{p("used", one.last_used_at ? moment(one.last_used_at) : p("never"))}{one.expires_at ? ` · ${p("ends", moment(one.expires_at))}` : ""}</span></span>
                <span class="buttons"><Sure words={p("revoke")} ask={p("sureRevoke")} act={() => void attempt(() => revoke(one.prefix), p("saved")).then(found.reload)} /></span>
              </li>
            ))}
            {!found.data?.length && <li><Waiting of={found} none={p("noKeys")} /></li>}
          </ul>
        </>
      )}
    </>
  ); // prettier-ignore
}

function Making({ onMade, onClose }: { onMade: (secret: Secret) => void; onClose: () => void }): JSX.Element {
  const [name, setName] = useState("");
  const [role, setRole] = useState<KeyRole>("integration");
  const [device, setDevice] = useState("");
  const [areas, setAreas] = useState("");
  const [busy, setBusy] = useState(false);
  const limits = role === "viewer" || role === "dispatcher" || role === "manager";
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    const form: KeyForm = { name: name.trim(), role };
    const within = limits ? areasOf(areas) : null;
    if (role === "device") form.device = device.trim();
    if (within) form.areas = within;
    await attempt(async () => onMade({ title: p("key", form.name), value: await makeKey(form) }));
    setBusy(false);
  };
  return (
    <div class="rows">
      <button type="button" class="link" onClick={onClose}><Icon name="back" size={16} />{p("back")}</button>
      <form class="give" onSubmit={(event) => void send(event)}>
        <Field words={p("keyName")} value={name} set={setName} name="key-name" required />
        <Choice label={p("role")} value={role} options={KEY_ROLES.map((one): [KeyRole, string] => [one, roleOf(one)])} onChange={setRole} />
        {role === "device" && <Field words={p("device")} value={device} set={setDevice} name="device" required />}
        {limits && <Field words={p("areas")} value={areas} set={setAreas} name="areas" maxLength={1000} />}
        <button type="submit" class="main" disabled={busy}>{p("make")}</button>
      </form>
    </div>
  ); // prettier-ignore
}
