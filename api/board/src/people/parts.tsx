/** What lists of people and keys have in common: a field, a question before what cannot be undone, a secret shown once. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Dialog } from "../panels/parts";
import { attempt } from "../toasts";
import { p } from "./words";

export interface Secret {
  title: string;
  value: string;
}

export function Field({ words, value, set, ...more }: { words: string; value: string; set: (text: string) => void } & Record<string, unknown>): JSX.Element {
  return <label class="field"><span>{words}</span><input maxLength={64} value={value} onInput={(event) => set(event.currentTarget.value)} {...more} /></label>; // prettier-ignore
}

/** A button that asks once more. */
export function Sure({ words, ask, act }: { words: string; ask: string; act: () => void }): JSX.Element {
  const [asked, setAsked] = useState(false);
  if (!asked) return <button type="button" onClick={() => setAsked(true)}>{words}</button>; // prettier-ignore
  return (
    <span class="sure" role="group" aria-label={ask}>
      <span>{ask}</span>
      <button type="button" class="main" onClick={() => { setAsked(false); act(); }}>{p("yes")}</button>
      <button type="button" autofocus onClick={() => setAsked(false)}>{p("no")}</button>
    </span>
  ); // prettier-ignore
}

export function Shown({ secret, onClose }: { secret: Secret; onClose: () => void }): JSX.Element {
  return (
    <Dialog title={secret.title} onClose={onClose}>
      <p><span>{p("once")}</span><code class="secret">{secret.value}</code></p>
      <p class="buttons">
        <button type="button" onClick={() => void attempt(() => navigator.clipboard.writeText(secret.value), p("copied"))}>{p("copy")}</button>
        <button type="button" class="main" onClick={onClose}>{p("seen")}</button>
      </p>
    </Dialog>
  ); // prettier-ignore
}
