/** Who uses this phone. Known also without network: what is done meanwhile waits under their name. */
import { signal } from "@preact/signals";
import { ApiError, get, post, remove, whenUnknown } from "../api";
import { lang, switchLanguage } from "../words";

export interface Person {
  name: string;
  display_name: string;
  role: string;
  worker: string | null;
  device: string | null;
  language: "zh" | "en" | null;
}

/** `asking`: nothing is known yet. `in`: known, and as far as is known the hub knows them. `out`: has to sign in. */
export type Entry = "asking" | "in" | "out";

const STORED = "sanihub.worker.person";

export const entry = signal<Entry>("asking");
export const person = signal<Person | null>(stored());

function stored(): Person | null {
  try {
    return JSON.parse(localStorage.getItem(STORED) ?? "null") as Person | null;
  } catch {
    return null;
  }
}

whenUnknown(() => (entry.value = "out"));

function know(found: Person): void {
  const { name, display_name, role, worker, device, language } = found;
  const before = person.value;
  person.value = { name, display_name, role, worker, device, language };
  localStorage.setItem(STORED, JSON.stringify(person.value));
  entry.value = "in";
  if (before?.name !== name && language && language !== lang.value) switchLanguage();
}

/** Begin: whoever used the phone last, until the hub says otherwise. */
export async function begin(): Promise<void> {
  entry.value = person.value ? "in" : "out";
  if (!person.value) return;
  try {
    const found = await get<Person>("/session");
    if (found.name === person.value.name) know(found);
    else entry.value = "out";
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) entry.value = "out";
  }
}

export async function signIn(name: string, password: string): Promise<void> {
  know(await post<Person>("/session", { name, password }));
}

/** Raises where the hub does not answer: a session that nobody has ended would go on. */
export async function signOut(): Promise<void> {
  try {
    await remove("/session");
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 401)) throw error;
  }
  localStorage.removeItem(STORED);
  person.value = null;
  entry.value = "out";
}

/** Whether the hub takes what this browser sends as coming from `name`; another window may have signed in as somebody else. */
export async function speaksFor(name: string): Promise<"yes" | "unknown" | "later"> {
  try {
    if ((await get<Person>("/session")).name === name) return "yes";
    entry.value = "out";
    return "unknown";
  } catch (error) {
    return error instanceof ApiError && error.status === 401 ? "unknown" : "later";
  }
}
