/** Pieces that several panels are made of. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError } from "../api";
import { Icon } from "../icons";
import { access, entering, entry, wantsKey } from "../session";
import { explain } from "../toasts";
import { openPanel } from "../view";
import { t } from "../words";

/** The head of a panel, with what stands beside the title. */
export function PanelHead({ title, children }: { title: string; children?: ComponentChildren }): JSX.Element {
  return (
    <div class="panel-head">
      <h2>{title}</h2>
      {children}
      <button type="button" class="plain" aria-label={t("app.close")} title={t("app.close")} onClick={() => openPanel(null)}><Icon name="close" size={18} /></button>
    </div>
  ); // prettier-ignore
}

/** A dialog over the page. The focus stays in it and goes back where it was. */
export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }): JSX.Element {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => box.current?.showModal(), []);
  return (
    <dialog ref={box} class="dialog" aria-label={title} onClose={onClose} onClick={(event) => event.target === box.current && onClose()}>
      <div class="panel-head">
        <h2>{title}</h2>
        <button type="button" class="plain" aria-label={t("app.close")} onClick={onClose}><Icon name="close" size={18} /></button>
      </div>
      {children}
    </dialog>
  ); // prettier-ignore
}

/** One of a few. */
export function Choice<T extends string>({ label, value, options, onChange }: { label: string; value: T; options: readonly [T, string][]; onChange: (value: T) => void }): JSX.Element {
  return (
    <label class="field">
      <span>{label}</span>
      <select value={value} onChange={(event) => onChange(event.currentTarget.value as T)}>
        {options.map(([name, words]) => <option key={name} value={name}>{words}</option>)}
      </select>
    </label>
  ); // prettier-ignore
}

export interface Loaded<T> {
  data: T | null;
  error: string;
  unknown: boolean;
  reload: () => void;
}

/** What is read for a panel; read anew when `on` changes. What was read before stays until the new is there. */
export function useLoaded<T>(read: () => Promise<T>, on: readonly unknown[]): Loaded<T> {
  const [held, setHeld] = useState<{ data: T | null; error: string; unknown: boolean }>({ data: null, error: "", unknown: false });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let gone = false;
    read().then(
      (data) => gone || setHeld({ data, error: "", unknown: false }),
      (error: unknown) => gone || setHeld({ data: null, error: explain(error), unknown: error instanceof ApiError && error.status === 401 }),
    );
    return () => {
      gone = true;
    };
  }, [...on, turn, access.value]);
  return { ...held, reload: () => setTurn((before) => before + 1) };
}

/** What stands in place of a list that is not there (yet). */
export function Waiting({ of, none }: { of: Loaded<unknown>; none: string }): JSX.Element {
  if (of.unknown && entry.value === "visiting") return <p class="empty">{t("session.needed")} <button type="button" class="link" onClick={() => (entering.value = true)}>{t("session.enter")}</button></p>; // prettier-ignore
  if (of.unknown) return <p class="empty">{t("key.needed")} <button type="button" class="link" onClick={() => (wantsKey.value = true)}>{t("key.label")}</button></p>; // prettier-ignore
  if (of.error) return <p class="empty">{of.error} <button type="button" class="link" onClick={of.reload}>{t("app.retry")}</button></p>; // prettier-ignore
  return <p class="empty">{of.data === null ? t("app.loading") : none}</p>;
}
