/** What the API says of people, keys and the audit. */
export const ROLES = ["worker", "viewer", "dispatcher", "manager", "admin"] as const;
export const KEY_ROLES = ["device", "integration", "viewer", "dispatcher", "manager", "admin"] as const;
export type Role = (typeof ROLES)[number];
export type KeyRole = (typeof KEY_ROLES)[number];

export interface Person {
  name: string;
  display_name: string;
  role: Role;
  areas: string[] | null;
  worker: string | null;
  active: boolean;
  signed_in_at: string | null;
}

export interface Key {
  prefix: string;
  name: string;
  role: KeyRole;
  device: string | null;
  areas: string[] | null;
  expires_at: string | null;
  revoked_at: string | null;
  last_used_at: string | null;
}

export interface AuditEntry {
  id: number;
  at: string;
  actor: string;
  action: string;
  target: string;
  outcome: string;
  details: Record<string, unknown>;
}
