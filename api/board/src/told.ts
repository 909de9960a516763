/** What the stream said last of things that lists show, so that a list need not be read anew at each change. */
import { signal } from "@preact/signals";

const MOST = 2_000; // beyond it all is forgotten, and lists are read anew

interface Thing {
  id: string | number;
  changed_at: string;
}

export class Told<T extends Thing> {
  /** Counts up when lists are to be read anew. */
  readonly turn = signal(0);
  private readonly things = signal<ReadonlyMap<T["id"], T>>(new Map());
  private readonly steps = new Map<T["id"], number>(); // how often something was told of it

  /** Something happened to these; null: to whom is not known. */
  take(told: readonly T[] | null): void {
    const things = new Map(told === null ? [] : this.things.value);
    for (const one of told ?? []) {
      things.delete(one.id);
      things.set(one.id, one);
      this.steps.set(one.id, (this.steps.get(one.id) ?? 0) + 1);
    }
    if (told === null || things.size > MOST) {
      this.things.value = new Map();
      this.steps.clear();
      this.turn.value += 1;
    } else this.things.value = things;
  }

  /** Another text each time that something was told of it: for who shows more of it than the stream tells. */
  changed(id: T["id"]): string {
    void this.things.value;
    return `${this.turn.value} ${this.steps.get(id) ?? 0}`;
  }

  /** A list as it is by now: what does not fit any more is left out, what fits now is put in (where `isNew` says so). */
  over(list: readonly T[], fits: (one: T) => boolean, before: (a: T, b: T) => number, isNew: (one: T) => boolean = () => true): T[] {
    const things = this.things.value;
    const newer = (one: T): T => {
      const told = things.get(one.id);
      return told && Date.parse(told.changed_at) >= Date.parse(one.changed_at) ? told : one;
    };
    const known = new Set(list.map((one) => one.id));
    const more = [...things.values()].filter((one) => !known.has(one.id) && isNew(one));
    return [...list.map(newer), ...more].filter(fits).sort(before);
  }
}
