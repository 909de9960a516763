/** People, keys and the audit as the API has them, and what an admin does with them. */
import { all, get, patch, post, remove } from "../api";
import type { Page } from "../types";
import type { AuditEntry, Key, Person } from "./types";

const MOST = 5_000;

export interface PersonForm {
  display_name: string;
  role: Person["role"];
  areas: string[] | null;
  worker: string | null;
}

export interface KeyForm {
  name: string;
  role: Key["role"];
  device?: string;
  areas?: string[];
}

export interface Asked {
  actor: string;
  action: string;
  target: string;
}

const at = (name: string): string => `/users/${encodeURIComponent(name)}`;

export const people = (): Promise<Person[]> => all<Person>("/users", { limit: 1000 }, MOST);
/** Enter somebody; the password that was drawn for them, which is shown once. */
export const enter = async (name: string, form: PersonForm): Promise<string> => (await post<{ password: string }>("/users", { name, ...form })).password;
export const change = (name: string, form: Partial<PersonForm> & { active?: boolean }): Promise<Person> => patch<Person>(at(name), form);
export const resetPassword = async (name: string): Promise<string> => (await patch<{ password: string }>(at(name), { reset_password: true })).password;

export const keys = (): Promise<Key[]> => all<Key>("/keys", { limit: 1000 }, MOST);
/** Make a key; the key itself, which is shown once. */
export const makeKey = async (form: KeyForm): Promise<string> => (await post<{ key: string }>("/keys", form)).key;
export const revoke = (prefix: string): Promise<void> => remove(`/keys/${encodeURIComponent(prefix)}`);

export const audit = (asked: Asked, cursor: string | null): Promise<Page<AuditEntry>> => get("/audit", { ...asked, cursor, limit: 50 });

/** Areas as they are written, separated by commas or blanks; nothing: no limit. */
export function areasOf(text: string): string[] | null {
  const found = text.split(/[\s,，、]+/).filter(Boolean);
  return found.length ? found : null;
}
