/** What was read last of one's own, kept on the phone: shown at once, also without network, with its time. */
import { signal, type Signal } from "@preact/signals";
import { ApiError } from "../api";
import { explain } from "../toasts";
import { person } from "./person";
import { database, heard } from "./sending";
import { keep, kept } from "./shelf";

interface Held<T> {
  at: number;
  value: T;
}

export class Kept<T> {
  readonly held: Signal<Held<T> | null> = signal(null);
  readonly error = signal("");
  private owner = "";
  private asked = 0;

  constructor(
    private readonly name: () => string,
    private readonly read: () => Promise<T>,
  ) {}

  /** Show what is kept, then what the hub says. `fresh`: not if it was asked within so many ms. */
  async refresh(fresh = 0): Promise<void> {
    const owner = person.value?.name;
    if (!owner) return;
    const key = `${owner}/${this.name()}`;
    const db = await database;
    if (this.owner !== key) {
      this.owner = key;
      this.asked = 0;
      this.held.value = (await kept<Held<T>>(db, key)) ?? null;
    }
    if (Date.now() - this.asked < fresh) return;
    this.asked = Date.now();
    try {
      const value = await this.read();
      heard(true);
      if (this.owner !== key || person.value?.name !== owner) return; // somebody has switched meanwhile
      this.held.value = { at: Date.now(), value };
      this.error.value = "";
      await keep(db, key, this.held.value);
    } catch (error) {
      this.asked = 0;
      if (error instanceof ApiError && error.status === 0) heard(false);
      this.error.value = explain(error);
    }
  }
}
