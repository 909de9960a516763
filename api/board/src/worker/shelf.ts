/** Where entries wait on the phone: IndexedDB, which outlives the page, the browser and the battery. */
import type { Entry, Fresh } from "./types";

/** A shelf of entries in the order in which they came. */
export interface Shelf {
  add(entry: Fresh): Promise<Entry>;
  /** The oldest of an owner, of a kind or of all. */
  oldest(owner: string, kind: Entry["kind"] | null, most: number): Promise<Entry[]>;
  replace(entry: Entry): Promise<void>;
  remove(seqs: readonly number[]): Promise<void>;
  count(owner: string, kind: Entry["kind"]): Promise<number>;
}

const NAME = "sanihub-worker";

export function opened(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const asked = indexedDB.open(NAME, 1);
    asked.onupgradeneeded = () => {
      const store = asked.result.createObjectStore("outbox", { keyPath: "seq", autoIncrement: true });
      store.createIndex("kind", ["owner", "kind", "seq"]);
      store.createIndex("owner", ["owner", "seq"]);
      asked.result.createObjectStore("kept");
    };
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error ?? new Error("IndexedDB"));
  });
}

/** The result of a transaction, once it is written. */
function settled<T>(transaction: IDBTransaction, result: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(result());
    transaction.onabort = transaction.onerror = () => reject(transaction.error ?? new Error("IndexedDB"));
  });
}

export class PhoneShelf implements Shelf {
  constructor(private readonly db: IDBDatabase) {}

  async add(entry: Fresh): Promise<Entry> {
    const transaction = this.db.transaction("outbox", "readwrite", { durability: "strict" });
    const asked = transaction.objectStore("outbox").add(entry);
    return settled(transaction, () => ({ ...entry, seq: asked.result as number }) as Entry);
  }

  oldest(owner: string, kind: Entry["kind"] | null, most: number): Promise<Entry[]> {
    const transaction = this.db.transaction("outbox");
    const store = transaction.objectStore("outbox");
    const asked = kind === null ? store.index("owner").getAll(all(owner), most) : store.index("kind").getAll(all(owner, kind), most);
    return settled(transaction, () => asked.result as Entry[]);
  }

  replace(entry: Entry): Promise<void> {
    const transaction = this.db.transaction("outbox", "readwrite");
    transaction.objectStore("outbox").put(entry);
    return settled(transaction, () => undefined);
  }

  remove(seqs: readonly number[]): Promise<void> {
    const transaction = this.db.transaction("outbox", "readwrite");
    for (const seq of seqs) transaction.objectStore("outbox").delete(seq);
    return settled(transaction, () => undefined);
  }

  count(owner: string, kind: Entry["kind"]): Promise<number> {
    const transaction = this.db.transaction("outbox");
    const asked = transaction.objectStore("outbox").index("kind").count(all(owner, kind));
    return settled(transaction, () => asked.result);
  }
}

/** Every key of an index that begins with these. */
function all(...first: string[]): IDBKeyRange {
  return IDBKeyRange.bound([...first, 0], [...first, Number.MAX_SAFE_INTEGER]);
}

export async function keep(db: IDBDatabase, key: string, value: unknown): Promise<void> {
  const transaction = db.transaction("kept", "readwrite");
  transaction.objectStore("kept").put(value, key);
  await settled(transaction, () => undefined);
}

export async function kept<T>(db: IDBDatabase, key: string): Promise<T | undefined> {
  const transaction = db.transaction("kept");
  const asked = transaction.objectStore("kept").get(key);
  return settled(transaction, () => asked.result as T | undefined);
}

/** Forget what was kept of somebody; what waits to be sent stays. */
export async function forget(db: IDBDatabase, owner: string): Promise<void> {
  const transaction = db.transaction("kept", "readwrite");
  transaction.objectStore("kept").delete(IDBKeyRange.bound(`${owner}/`, `${owner}/\uffff`));
  await settled(transaction, () => undefined);
}
