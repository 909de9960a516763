/** On shift: checking in and out, and sharing the position in between, and at no other time. */
import { effect, signal } from "@preact/signals";
import { say } from "../toasts";
import { entry, person } from "./person";
import { check, positioned, present, ticking, worth, type Seen } from "./sampling";
import { enqueue, kick } from "./sending";
import { w } from "./words";

export interface OnDuty {
  owner: string;
  since: number;
}

/** `sought`: no position yet. `shared`: the last one was. `denied`, `insecure`, `none`: why there is none. `another`: another window shares. */
export type Sharing = "off" | "sought" | "shared" | "denied" | "insecure" | "none" | "another";

const STORED = "sanihub.worker.duty";
const SIGN_MS = 60_000; // a sign of duty at least so often; attendance takes silence of five minutes for missing data
const SEND_MS = 30_000; // positions leave together
export const LONGEST_H = 16; // nobody works so long; somebody has forgotten to check out

export const duty = signal<OnDuty | null>(stored());
export const sharing = signal<Sharing>("off");
export const seen = signal<Seen | null>(null);
export const awake = signal(localStorage.getItem("sanihub.worker.awake") === "on");

const now = ticking(Date.now);
let watch: number | null = null;
let signed = 0; // when the last sign of duty was put down
let shared: Seen | null = null;
let timers: number[] = [];
let release: (() => void) | null = null;

function stored(): OnDuty | null {
  try {
    return JSON.parse(localStorage.getItem(STORED) ?? "null") as OnDuty | null;
  } catch {
    return null;
  }
}

function remember(value: OnDuty | null): void {
  duty.value = value;
  if (value) localStorage.setItem(STORED, JSON.stringify(value));
  else localStorage.removeItem(STORED);
}

export async function checkIn(): Promise<void> {
  const owner = person.value?.name;
  if (!owner || duty.value) return;
  const at = now();
  await enqueue(owner, at, { kind: "telemetry", message: check("check_in", at, "person") });
  signed = at;
  remember({ owner, since: at });
}

export async function checkOut(why: "person" | "limit" | "another" = "person"): Promise<void> {
  const owner = duty.value?.owner;
  if (!owner) return;
  remember(null); // nothing more is shared, whatever follows
  const at = now();
  await enqueue(owner, at, { kind: "telemetry", message: check("check_out", at, why) });
}

/** Off shift what another phone or a badge has begun. */
export async function checkOutElsewhere(): Promise<void> {
  const owner = person.value?.name;
  if (!owner || duty.value) return;
  const at = now();
  await enqueue(owner, at, { kind: "telemetry", message: check("check_out", at, "person") });
}

function take(position: GeolocationPosition): void {
  const on = duty.value;
  if (!on) return;
  const { latitude: lat, longitude: lon, accuracy, altitude, speed, heading } = position.coords;
  const told = Math.abs(position.timestamp - Date.now()) < 300_000 ? position.timestamp : Date.now();
  const at = Math.round(shared ? told : Math.max(told, on.since + 1)); // the first may be seconds older than the shift
  const next: Seen = { at, lat, lon, accuracy, altitude, speed, heading };
  seen.value = next;
  sharing.value = "shared";
  offer(on, next);
}

/** Share a position, if it is worth it by now. */
function offer(on: OnDuty, next: Seen): void {
  if (!worth(shared, next, Math.max(next.at, Date.now()))) return;
  shared = next;
  signed = Date.now();
  void enqueue(on.owner, next.at, { kind: "telemetry", message: positioned(next) }, false);
}

function failed(error: GeolocationPositionError): void {
  if (error.code === error.PERMISSION_DENIED) sharing.value = isSecureContext ? "denied" : "insecure";
  else if (sharing.value !== "shared" || Date.now() - (seen.value?.at ?? 0) > 120_000) sharing.value = "none";
}

/** A sign of duty where no position has told of it; and the end of a shift that somebody has forgotten. */
function sign(): void {
  const on = duty.value;
  if (!on) return;
  if (seen.value) offer(on, seen.value); // what came too soon after another
  if (Date.now() - on.since > LONGEST_H * 3_600_000) {
    void checkOut("limit");
    say(w("shift.limit", LONGEST_H), "wrong");
  } else if (Date.now() - signed >= SIGN_MS) {
    signed = Date.now(); // browsers tell of positions when they change: who stands still is asked for
    if (watch === null) signDuty();
    else navigator.geolocation.getCurrentPosition(take, signDuty, { enableHighAccuracy: true, maximumAge: 0, timeout: 20_000 });
  }
}

function signDuty(): void {
  const on = duty.value;
  const at = now();
  if (on) void enqueue(on.owner, at, { kind: "telemetry", message: present(at) }, false);
}

function share(): void {
  if (!duty.value || watch !== null) return;
  sharing.value = isSecureContext ? "sought" : "insecure";
  if ("geolocation" in navigator) {
    watch = navigator.geolocation.watchPosition(take, failed, { enableHighAccuracy: true, maximumAge: 5_000, timeout: 60_000 });
  }
  timers = [window.setInterval(sign, 5_000), window.setInterval(kick, SEND_MS)];
}

function unshare(): void {
  if (watch !== null) navigator.geolocation.clearWatch(watch);
  watch = null;
  timers.forEach(clearInterval);
  timers = [];
  sharing.value = "off";
  seen.value = null;
  shared = null;
  release?.();
  release = null;
}

let wanted = false;

/** One window of this browser shares; another one takes over when it is closed. */
function follow(): void {
  if (!duty.value) {
    wanted = false;
    unshare();
  } else if (!wanted) {
    wanted = true;
    if (!navigator.locks) return share();
    sharing.value = "another";
    void navigator.locks.request("sanihub.duty", async () => {
      if (!duty.value) return;
      const held = new Promise<void>((resolve) => (release = resolve));
      share();
      await held;
    });
  }
}

let lock: WakeLockSentinel | null = null;

async function stayAwake(): Promise<void> {
  const wants = awake.value && duty.value !== null && !document.hidden;
  try {
    if (wants && (!lock || lock.released)) lock = await navigator.wakeLock?.request("screen");
    else if (!wants) await lock?.release();
  } catch {
    // the phone saves its battery: it stays as it is
  }
}

export function setAwake(on: boolean): void {
  awake.value = on;
  localStorage.setItem("sanihub.worker.awake", on ? "on" : "off");
}

/** Begin to follow what is said here and in other windows. */
export function begin(): void {
  effect(follow);
  effect(() => {
    void [awake.value, duty.value];
    void stayAwake();
  });
  effect(() => {
    // Somebody else has signed in on this phone: the one before is not on shift here any more.
    const name = person.value?.name;
    if (entry.value === "in" && name && duty.value && duty.value.owner !== name) void checkOut("another");
  });
  document.addEventListener("visibilitychange", () => void stayAwake());
  addEventListener("storage", (event) => {
    if (event.key === STORED) duty.value = stored();
  });
}
