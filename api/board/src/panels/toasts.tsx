/** Where short words appear. */
import type { JSX } from "preact";
import { Icon } from "../icons";
import { dismiss, toasts } from "../toasts";
import { t } from "../words";

export function Toasts(): JSX.Element {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map((one) => (
        <div key={one.id} class={`toast ${one.tone}`}>
          <span>{one.text}</span>
          <button type="button" class="plain" aria-label={t("app.close")} onClick={() => dismiss(one.id)}><Icon name="close" size={16} /></button>
        </div>
      ))}
    </div>
  ); // prettier-ignore
}
