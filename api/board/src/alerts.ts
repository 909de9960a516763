/** Open alerts, kept fresh by the news; rules by which they are named; the bell. */
import { computed, signal } from "@preact/signals";
import { all, get, post } from "./api";
import { onNews } from "./live";
import { say } from "./toasts";
import type { AlertBody, AlertCounts, AlertDetail, Page, Rule, Severity } from "./types";
import { t, titled } from "./words";

const MOST = 1000; // what a person can look through; figures are of all
const PAUSE_MS = 2000;

export const open = signal<AlertBody[]>([]);
export const more = signal(false);
export const counts = signal<AlertCounts | null>(null);
export const rules = signal<ReadonlyMap<string, Rule>>(new Map());
export const sound = signal(localStorage.getItem("sanihub.sound") === "on");

const RANK: Record<Severity, number> = { critical: 0, warning: 1, info: 2 };
/** The worst severity of open alerts, by device. */
export const worst = computed(() => {
  const found = new Map<string, Severity>();
  for (const one of open.value) {
    const before = found.get(one.device);
    if (!before || RANK[one.severity] < RANK[before]) found.set(one.device, one.severity);
  }
  return found;
});

let known: Set<number> | null = null; // ids that were open before; null: nothing read yet
let timer = 0;
let again = false;
let reading = false;

export function ruleTitle(id: string): string {
  const rule = rules.value.get(id);
  return rule ? titled(rule) : id;
}

async function read(): Promise<void> {
  if (reading) {
    again = true;
    return;
  }
  reading = true;
  try {
    const [page, figures] = await Promise.all([
      get<Page<AlertBody>>("/alerts", { open: true, limit: MOST }),
      get<AlertCounts>("/alerts/counts"),
    ]);
    await readRules(page.items);
    ring(page.items);
    open.value = page.items;
    more.value = page.next_cursor !== null;
    counts.value = figures;
  } catch {
    // the bar says that data stand still
  }
  reading = false;
  if (again) {
    again = false;
    refresh();
  }
}

const unnamed = new Set<string>(); // rules of alerts that the newest set does not have either

/** Read the rules at first, and again where an alert is of one that came since. */
async function readRules(items: readonly AlertBody[]): Promise<void> {
  const strange = items.map((one) => one.rule).filter((id) => !rules.value.has(id) && !unnamed.has(id));
  if (rules.value.size && !strange.length) return;
  const found = await get<{ rules: Rule[] }>("/rules");
  rules.value = new Map(found.rules.map((rule) => [rule.id, rule]));
  for (const id of strange) if (!rules.value.has(id)) unnamed.add(id);
}

/** Ask again soon; however often it is called, at most every two seconds. */
export function refresh(now = false): void {
  if (now) {
    clearTimeout(timer);
    timer = 0;
    void read();
    return;
  }
  timer ||= window.setTimeout(() => {
    timer = 0;
    void read();
  }, PAUSE_MS);
}

onNews((what) => {
  if (what === "alert") refresh(known === null);
});

function ring(items: readonly AlertBody[]): void {
  const fresh = known === null ? [] : items.filter((one) => !known?.has(one.id) && one.severity !== "info" && one.storm === null);
  known = new Set(items.map((one) => one.id));
  const first = fresh.filter((one) => one.stage === "raised" && !one.flapping && !one.shelved).sort((a, b) => RANK[a.severity] - RANK[b.severity])[0];
  if (!first) return;
  if (first.severity === "critical") say(t("alerts.new", `${ruleTitle(first.rule)} · ${first.device_name || first.device}`), "bell");
  if (sound.value) bell(first.severity);
}

let audio: AudioContext | null = null;

export function setSound(on: boolean): void {
  sound.value = on;
  localStorage.setItem("sanihub.sound", on ? "on" : "off");
  if (on) bell("warning"); // the click lets the browser play, and tells how it sounds
}

function bell(severity: Severity): void {
  audio ??= new AudioContext();
  void audio.resume();
  const notes = severity === "critical" ? [880, 660, 880, 660] : [660, 880];
  notes.forEach((pitch, place) => {
    const at = (audio as AudioContext).currentTime + place * 0.18;
    const tone = new OscillatorNode(audio as AudioContext, { type: "sine", frequency: pitch });
    const loudness = new GainNode(audio as AudioContext, { gain: 0 });
    loudness.gain.setValueAtTime(0, at);
    loudness.gain.linearRampToValueAtTime(0.18, at + 0.02);
    loudness.gain.exponentialRampToValueAtTime(0.001, at + 0.17);
    tone.connect(loudness).connect((audio as AudioContext).destination);
    tone.start(at);
    tone.stop(at + 0.18);
  });
}

async function act(id: number, action: string, body: unknown): Promise<AlertDetail> {
  const detail = await post<AlertDetail>(`/alerts/${id}/${action}`, body);
  refresh(true);
  return detail;
}

export const acknowledge = (id: number, comment = ""): Promise<AlertDetail> => act(id, "acknowledge", { comment });
export const close = (id: number, comment = ""): Promise<AlertDetail> => act(id, "close", { comment });
export const comment = (id: number, text: string): Promise<AlertDetail> => act(id, "comment", { comment: text });
export const snooze = (id: number, minutes: number): Promise<AlertDetail> => act(id, "snooze", { minutes });
export const detail = (id: number): Promise<AlertDetail> => get<AlertDetail>(`/alerts/${id}`);
export const partsOf = (id: number): Promise<AlertBody[]> => all<AlertBody>("/alerts", { storm: id, open: true, limit: 1000 }, 1000);
export const alertsOf = (device: string): Promise<Page<AlertBody>> => get<Page<AlertBody>>("/alerts", { device, limit: 30 });
