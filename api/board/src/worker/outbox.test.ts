import { describe, expect, test } from "vitest";
import { drain, MOST_TELEMETRY, put, type Answer, type Hub, type Told } from "./outbox";
import { check, present } from "./sampling";
import type { Shelf } from "./shelf";
import type { AppealEntry, Entry, Fresh, IncidentEntry, OrderEntry, Telemetry, TelemetryEntry } from "./types";

/** A shelf in memory; what it hands out is a copy, as from a database. */
class Board implements Shelf {
  entries: Entry[] = [];
  private next = 1;
  async add(entry: Fresh): Promise<Entry> {
    const made = { ...entry, seq: this.next++ } as Entry;
    this.entries.push(made);
    return { ...made };
  }
  async oldest(owner: string, kind: Entry["kind"] | null, most: number): Promise<Entry[]> {
    return this.of(owner, kind).slice(0, most);
  }
  async replace(entry: Entry): Promise<void> {
    this.entries = this.entries.map((one) => (one.seq === entry.seq ? { ...entry } : one));
  }
  async remove(seqs: readonly number[]): Promise<void> {
    const gone = new Set(seqs);
    this.entries = this.entries.filter((one) => !gone.has(one.seq));
  }
  async count(owner: string, kind: Entry["kind"]): Promise<number> {
    return this.of(owner, kind).length;
  }
  private of(owner: string, kind: Entry["kind"] | null): Entry[] {
    return this.entries.filter((one) => one.owner === owner && (kind === null || one.kind === kind)).map((one) => ({ ...one }));
  }
}

/** A hub that files once what has the same time or reference, over a network that loses requests and answers. */
class FarHub implements Hub {
  filed = new Map<string, Telemetry>();
  reports = new Map<string, number>();
  photos = new Map<string, number>();
  steps: string[] = [];
  appeals: string[] = [];
  requests = 0;
  constructor(
    private readonly network: (request: number) => "ok" | "lost" | "answer-lost" | number = () => "ok",
    private readonly poison: (message: Telemetry) => boolean = () => false,
  ) {}
  private async over(work: () => Answer): Promise<Answer> {
    const how = this.network(this.requests++);
    if (typeof how === "number") return { status: how, body: null, detail: "" };
    if (how === "lost") return { status: 0, body: null, detail: "" };
    const answer = work();
    return how === "answer-lost" ? { status: 0, body: null, detail: "" } : answer;
  }
  telemetry(messages: Telemetry[]): Promise<Answer> {
    return this.over(() => {
      if (messages.length && messages.every(this.poison)) return { status: 422, body: null, detail: "nothing filed" };
      const bad = messages.filter(this.poison);
      for (const one of messages) if (!this.poison(one)) this.filed.set(one.ts, one);
      return { status: 200, body: { accepted: messages.length - bad.length, problems: bad.map(() => ({})) }, detail: "" };
    });
  }
  incident(form: IncidentEntry["form"]): Promise<Answer> {
    return this.over(() => {
      const known = this.reports.get(form.reference);
      const id = known ?? this.reports.size + 1;
      this.reports.set(form.reference, id);
      return { status: known ? 200 : 201, body: { incident: { id } }, detail: "" };
    });
  }
  photo(incident: number, photo: Blob): Promise<Answer> {
    return this.over(() => {
      this.photos.set(`${incident}/${photo.size}`, photo.size); // the same photo twice is one
      return { status: 201, body: {}, detail: "" };
    });
  }
  appeal(form: AppealEntry["form"]): Promise<Answer> {
    return this.over(() => {
      if (this.appeals.includes(form.deduction)) return { status: 409, body: null, detail: "another appeal is open" };
      this.appeals.push(form.deduction);
      return { status: 201, body: {}, detail: "" };
    });
  }
  order(entry: OrderEntry): Promise<Answer> {
    return this.over(() => {
      const step = `${entry.order}/${entry.action}`;
      if (this.steps.includes(step)) return { status: 409, body: null, detail: "is done already" };
      this.steps.push(step);
      return { status: 200, body: {}, detail: "" };
    });
  }
}

const quiet: Told = { settled: () => undefined, refused: () => undefined };
const telemetry = (at: number, owner = "li", message = present(at)): Fresh => ({ kind: "telemetry", owner, at, message });
const report = (reference: string, photos: number): Fresh => ({
  kind: "incident", owner: "li", at: 0, number: null, sent: 0, photos: Array.from({ length: photos }, (_, place) => new Blob(["x".repeat(place + 1)])),
  form: { reference, category: "other", lat: 1, lon: 2, accuracy_m: 3, text: "", place: "", seen_at: "" },
}); // prettier-ignore

/** Drain until all is sent, as the page does after each failure. */
async function persist(shelf: Shelf, hub: Hub, told = quiet): Promise<number> {
  for (let tries = 1; tries < 10_000; tries++) if ((await drain(shelf, "li", hub, told)) === "sent") return tries;
  throw new Error("it never ends");
}

test("everything arrives, in the order in which it came", async () => {
  const [shelf, hub] = [new Board(), new FarHub()];
  for (let at = 0; at < 500; at++) await put(shelf, telemetry(at * 1000));
  expect(await drain(shelf, "li", hub, quiet)).toBe("sent");
  expect([...hub.filed.keys()]).toEqual(Array.from({ length: 500 }, (_, at) => new Date(at * 1000).toISOString()));
  expect([shelf.entries, hub.requests]).toEqual([[], 3]);
});

describe.each([1, 2, 3, 4, 5])("over a network that fails in its own way (%i)", (seed) => {
  test("nothing is lost and nothing is doubled", async () => {
    let state = seed;
    const dice = (): number => (state = (state * 48271) % 2147483647) / 2147483647;
    const ways = ["ok", "lost", "answer-lost", 503, 429, "ok"] as const;
    const [shelf, hub] = [new Board(), new FarHub(() => ways[Math.floor(dice() * ways.length)] ?? "ok")];
    for (let at = 0; at < 300; at++) {
      await put(shelf, telemetry(at * 1000));
      if (at % 40 === 7) await put(shelf, report(`ref-${at}`, at % 3));
      if (at % 50 === 9) await put(shelf, { kind: "order", owner: "li", at, order: `o-${at}`, action: "done", text: "" });
      if (at % 25 === 0) await drain(shelf, "li", hub, quiet); // while it goes on coming
    }
    await persist(shelf, hub);
    expect(hub.filed.size).toBe(300);
    expect([...hub.filed.keys()]).toEqual([...hub.filed.keys()].sort());
    expect([...hub.reports.keys()]).toEqual([7, 47, 87, 127, 167, 207, 247, 287].map((at) => `ref-${at}`));
    expect(hub.photos.size).toBe([7, 47, 87, 127, 167, 207, 247, 287].reduce((sum, at) => sum + (at % 3), 0));
    expect(hub.steps).toEqual([9, 59, 109, 159, 209, 259].map((at) => `o-${at}/done`));
  });
});

test("a report goes on where it was cut off, and is told once", async () => {
  let broken = true;
  const [shelf, hub] = [new Board(), new FarHub((request) => (broken && request >= 2 ? "lost" : "ok"))];
  await put(shelf, report("ref", 3));
  expect(await drain(shelf, "li", hub, quiet)).toBe("later");
  expect(shelf.entries[0]).toMatchObject({ number: 1, sent: 1 });
  broken = false;
  const told: Entry[] = [];
  expect(await drain(shelf, "li", hub, { ...quiet, settled: (one) => void told.push(one) })).toBe("sent");
  expect([hub.photos.size, hub.requests, told.length, shelf.entries]).toEqual([3, 5, 1, []]);
});

test("an appeal whose answer was lost is one, and is not called refused", async () => {
  const form = { deduction: "d", reason: "locked", from: "", to: "", scheme: "weighted", version: 0 };
  const [shelf, hub] = [new Board(), new FarHub((request) => (request === 0 ? "answer-lost" : "ok"))];
  await put(shelf, { kind: "appeal", owner: "li", at: 0, form, about: { zh: "", en: "" }, tried: false });
  const told: string[] = [];
  const listening = { ...quiet, settled: (_: Entry, refused: string) => void told.push(refused) };
  expect(await drain(shelf, "li", hub, listening)).toBe("later");
  expect(await drain(shelf, "li", hub, listening)).toBe("sent");
  await put(shelf, { kind: "appeal", owner: "li", at: 1, form, about: { zh: "", en: "" }, tried: false });
  await drain(shelf, "li", hub, listening);
  expect([told, shelf.entries, hub.appeals]).toEqual([["", "another appeal is open"], [], ["d"]]);
});

test("one message that is refused costs no other", async () => {
  const bad = new Date(5_000).toISOString();
  const [shelf, hub] = [new Board(), new FarHub(undefined, (one) => one.ts === bad)];
  await put(shelf, telemetry(5_000));
  let refused = 0;
  const told = { ...quiet, refused: (count: number) => void (refused += count) };
  expect(await drain(shelf, "li", hub, told)).toBe("sent");
  for (const at of [4_000, 5_000, 6_000]) await put(shelf, telemetry(at));
  expect(await drain(shelf, "li", hub, told)).toBe("sent");
  expect([refused, [...hub.filed.keys()].length, shelf.entries]).toEqual([2, 2, []]);
});

test("a body that is too large goes in smaller ones", async () => {
  const [shelf, hub] = [new Board(), new FarHub((request) => (request === 0 ? 413 : "ok"))];
  for (let at = 0; at < 150; at++) await put(shelf, telemetry(at * 1000));
  expect(await drain(shelf, "li", hub, quiet)).toBe("sent");
  expect(hub.filed.size).toBe(150);
});

test.each([[401, "unknown"], [403, "no-badge"], [503, "later"], [0, "later"]])("at %i it stays on the shelf: %s", async (status, ended) => {
  const [shelf, hub] = [new Board(), new FarHub(() => status)];
  await put(shelf, telemetry(1_000));
  expect(await drain(shelf, "li", hub, quiet)).toBe(ended);
  expect(shelf.entries).toHaveLength(1);
}); // prettier-ignore

test("a step that the hub does not allow any more is told, and does not come again", async () => {
  const [shelf, hub] = [new Board(), new FarHub()];
  hub.steps.push("o-1/done");
  await put(shelf, { kind: "order", owner: "li", at: 0, order: "o-1", action: "done", text: "" });
  const said: string[] = [];
  expect(await drain(shelf, "li", hub, { ...quiet, settled: (_, why) => void said.push(why) })).toBe("sent");
  expect([said, shelf.entries]).toEqual([["is done already"], []]);
});

test("what is somebody else's stays", async () => {
  const [shelf, hub] = [new Board(), new FarHub()];
  await put(shelf, telemetry(1_000, "wang"));
  await put(shelf, telemetry(2_000));
  await drain(shelf, "li", hub, quiet);
  expect(shelf.entries.map((one) => one.owner)).toEqual(["wang"]);
});

test("a full shelf drops the oldest positions, and no check-in", async () => {
  const shelf = new Board();
  await put(shelf, telemetry(0, "li", check("check_in", 0, "person")));
  shelf.entries.push(...Array.from({ length: MOST_TELEMETRY }, (_, at) => ({ ...telemetry(at + 1), seq: 10 + at }) as TelemetryEntry));
  const dropped = await put(shelf, telemetry(99_999_999));
  expect(dropped).toBe(500);
  expect(shelf.entries).toHaveLength(MOST_TELEMETRY + 2 - 500);
  expect((shelf.entries[0] as TelemetryEntry).message.events?.[0]?.kind).toBe("check_in");
});
