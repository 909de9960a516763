/** What the page shows: the panel, the device, the colours. */
import { computed, effect, signal } from "@preact/signals";
import { asked } from "./address";

export const PANELS = ["alerts", "fleet", "orders", "playback", "evaluation", "reports", "hub", "incidents"] as const;
export type Panel = (typeof PANELS)[number];
export type Theme = "light" | "dark";

const narrow = matchMedia("(max-width: 760px)");
const night = matchMedia("(prefers-color-scheme: dark)");

export const phone = signal(narrow.matches);
narrow.addEventListener("change", () => (phone.value = narrow.matches));

export const panel = signal<Panel | null>(narrow.matches ? null : "alerts");
/** The device whose drawer is open. */
export const picked = signal<string | null>(null);
export const helping = signal(false);
export const layersOpen = signal(!narrow.matches);
export const moreOpen = signal(false);

const chosen = signal<Theme | null>(localStorage.getItem("sanihub.theme") as Theme | null);
const system = signal<Theme>(night.matches ? "dark" : "light");
night.addEventListener("change", () => (system.value = night.matches ? "dark" : "light"));
export const theme = computed<Theme>(() => chosen.value ?? system.value);
effect(() => {
  document.documentElement.dataset["theme"] = theme.value;
});

export function switchTheme(): void {
  chosen.value = theme.value === "dark" ? "light" : "dark";
  localStorage.setItem("sanihub.theme", chosen.value);
}

/** What the playback panel is to begin with. */
export const wanted = signal<{ vehicle: string; day: string } | null>(null);

export function openPanel(name: Panel | null): void {
  panel.value = name;
  moreOpen.value = false;
  if (phone.value) picked.value = null;
}

/** Show a device: its drawer, and its place on the map. */
export function pick(id: string | null): void {
  picked.value = id;
}

/** Show what the address asks for, as links from elsewhere do. */
function follow(): void {
  const wish = asked(location.hash, PANELS);
  if (wish.panel) openPanel(wish.panel);
  if (wish.device) pick(wish.device);
}
addEventListener("hashchange", follow);
follow();

/** Close the uppermost thing that is open; false when there was none. */
export function closeOne(): boolean {
  if (helping.value) helping.value = false;
  else if (moreOpen.value) moreOpen.value = false;
  else if (picked.value) picked.value = null;
  else if (panel.value) panel.value = null;
  else return false;
  return true;
}
