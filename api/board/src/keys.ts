/** Keys: a letter opens a panel, arrows move in lists, Escape closes. Nothing while somebody types. */
import { setSound, sound } from "./alerts";
import { onFit } from "./map/bridge";
import { panels, wantsKey } from "./session";
import { closeOne, helping, openPanel, panel, switchTheme } from "./view";
import { switchLanguage } from "./words";

export const LETTERS: Record<string, () => void> = {
  "?": () => (helping.value = !helping.value),
  "/": () => {
    openPanel("fleet");
    requestAnimationFrame(() => document.querySelector<HTMLInputElement>("#device-search")?.focus());
  },
  f: () => onFit.value?.(),
  d: switchTheme,
  l: switchLanguage,
  m: () => setSound(!sound.value),
};

export function handleKey(event: KeyboardEvent): void {
  if (event.key === "Escape") {
    if (wantsKey.value) wantsKey.value = false;
    else if (!closeOne()) (document.activeElement as HTMLElement | null)?.blur();
    return;
  }
  const typing = (event.target as HTMLElement).closest("input:not([type=range]):not([type=checkbox]), textarea, select, [contenteditable]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const place = Number(event.key) - 1;
  const name = panels.value[place];
  const letter = LETTERS[event.key];
  if (name) openPanel(panel.value === name ? null : name);
  else if (letter) letter();
  else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && move(event.target as HTMLElement, event.key)) void 0;
  else return;
  event.preventDefault();
}

/** Move the focus to the next row of the list that has it. */
function move(from: HTMLElement, key: string): boolean {
  const list = from.closest("[data-list]");
  if (!list) return false;
  const rows = [...list.querySelectorAll<HTMLElement>("[data-row]")];
  const at = rows.findIndex((row) => row === from || row.contains(from));
  const next = rows[at + (key === "ArrowDown" ? 1 : -1)];
  next?.focus();
  return Boolean(next);
}
