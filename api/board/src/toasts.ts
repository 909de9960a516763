/** Short words at the edge of the page: what was done, and what the hub refused. */
import { signal } from "@preact/signals";
import { ApiError } from "./api";
import { t } from "./words";

export interface Toast {
  id: number;
  tone: "done" | "wrong" | "bell";
  text: string;
}

export const toasts = signal<Toast[]>([]);
let next = 1;

export function say(text: string, tone: Toast["tone"] = "done"): void {
  const id = next++;
  toasts.value = [...toasts.value.slice(-3), { id, tone, text }];
  setTimeout(() => dismiss(id), tone === "wrong" ? 9000 : 4000);
}

export function dismiss(id: number): void {
  toasts.value = toasts.value.filter((one) => one.id !== id);
}

export function explain(error: unknown): string {
  if (error instanceof ApiError) return error.status === 0 ? t("app.noAnswer") : error.detail || error.title;
  return error instanceof Error ? error.message : String(error);
}

/** Do it; what goes wrong is shown. True when it went well. */
export async function attempt(work: () => Promise<unknown>, done = ""): Promise<boolean> {
  try {
    await work();
    if (done) say(done);
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return false; // the page asks who is there
    say(`${t("app.failed")}: ${explain(error)}`, "wrong");
    return false;
  }
}
