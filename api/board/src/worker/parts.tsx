/** Pieces of several screens. */
import type { ComponentChildren, JSX } from "preact";
import { moment } from "../format";
import { dismiss, toasts } from "../toasts";
import { t } from "../words";
import type { Kept } from "./kept";
import { Sign } from "./signs";
import { w } from "./words";

/** Short words over the bottom line. */
export function Says(): JSX.Element {
  return (
    <div class="says" role="status" aria-live="polite">
      {toasts.value.map((one) => (
        <div key={one.id} class={`says-one ${one.tone}`}>
          <span>{one.text}</span>
          <button type="button" class="square" aria-label={t("app.close")} onClick={() => dismiss(one.id)}><Sign name="close" size={22} /></button>
        </div>
      ))}
    </div>
  ); // prettier-ignore
}

/** What was read of one's own; where it is old, since when; where it is not there, why. */
export function Own<T>({ of, none, empty, children }: { of: Kept<T>; none: string; empty: (value: T) => boolean; children: (value: T) => ComponentChildren }): JSX.Element {
  const held = of.held.value;
  const error = of.error.value;
  if (!held) {
    return error ? <p class="none">{error} <button type="button" class="link" onClick={() => void of.refresh()}>{t("app.retry")}</button></p> : <p class="none">{t("app.loading")}</p>; // prettier-ignore
  }
  return (
    <>
      {error !== "" && <p class="old">{w("asOf", moment(held.at))}</p>}
      {empty(held.value) ? <p class="none">{none}</p> : children(held.value)}
    </>
  );
}
