/**
 * Which parts of a route a day's positions cover, part by part and with the moment. An approximation for the eyes: it
 * takes the positions as they are; what counts is the route report of the hub (fleet/compliance).
 */
import type { Position } from "../types";
import { metres } from "./plane";

const PIECE_M = 20;
const LEAST_REACH_M = 15;
/** Positions further apart than this are no driven way: what lies between is unknown. */
const GAP_MS = 60_000;

export interface Fix {
  at: number;
  lon: number;
  lat: number;
  working: boolean;
}

export interface Piece {
  line: [Position, Position];
  metres: number;
  /** When it was first driven while working; Infinity: never. */
  coveredAt: number;
  /** When it was first driven without work; Infinity: never. */
  passedAt: number;
}

export type Part = "covered" | "passed" | "missed" | "pending";

/** Cut lines into pieces of about 20 m. */
export function pieces(lines: readonly Position[][]): Piece[] {
  const found: Piece[] = [];
  for (const line of lines) {
    line.forEach((end, index) => {
      const start = line[index - 1];
      if (!start) return;
      const length = metres(start, end);
      const count = Math.max(1, Math.round(length / PIECE_M));
      const at = (n: number): Position => [start[0] + ((end[0] - start[0]) * n) / count, start[1] + ((end[1] - start[1]) * n) / count];
      for (let n = 0; n < count; n++) found.push({ line: [at(n), at(n + 1)], metres: length / count, coveredAt: Infinity, passedAt: Infinity });
    });
  }
  return found;
}

/** Mark the pieces that the way between positions touches, within `tolerance` metres. */
export function judge(route: Piece[], fixes: readonly Fix[], tolerance: number): Piece[] {
  const reach = Math.max(tolerance, LEAST_REACH_M);
  const cell = 0.002; // about 200 m
  const grid = new Map<string, Piece[]>();
  for (const piece of route) {
    const [lon, lat] = middle(piece);
    const name = `${Math.floor(lon / cell)},${Math.floor(lat / cell)}`;
    const held = grid.get(name);
    if (held) held.push(piece);
    else grid.set(name, [piece]);
  }
  fixes.forEach((fix, index) => {
    const before = fixes[index - 1];
    const from: Fix = before && fix.at - before.at <= GAP_MS ? before : fix;
    for (const piece of near(grid, cell, from, fix)) {
      if (distance(middle(piece), from, fix) > reach) continue;
      if (fix.working) piece.coveredAt = Math.min(piece.coveredAt, fix.at);
      else piece.passedAt = Math.min(piece.passedAt, fix.at);
    }
  });
  return route;
}

function middle(piece: Piece): Position {
  const [a, b] = piece.line;
  return [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
}

function* near(grid: ReadonlyMap<string, Piece[]>, cell: number, a: Fix, b: Fix): Generator<Piece> {
  const low = (x: number, y: number): number => Math.floor(Math.min(x, y) / cell - 0.2);
  const high = (x: number, y: number): number => Math.floor(Math.max(x, y) / cell + 0.2);
  for (let x = low(a.lon, b.lon); x <= high(a.lon, b.lon); x++)
    for (let y = low(a.lat, b.lat); y <= high(a.lat, b.lat); y++) yield* grid.get(`${x},${y}`) ?? [];
}

/** Metres from a point to the way between two positions. */
function distance(point: Position, a: Fix, b: Fix): number {
  const scale = Math.cos((point[1] * Math.PI) / 180);
  const [px, py] = [(point[0] - a.lon) * scale, point[1] - a.lat];
  const [dx, dy] = [(b.lon - a.lon) * scale, b.lat - a.lat];
  const square = dx * dx + dy * dy;
  const share = square ? Math.max(0, Math.min(1, (px * dx + py * dy) / square)) : 0;
  return Math.hypot(px - share * dx, py - share * dy) * 111_194.9;
}

/** What a piece is at an instant. Passed: driven along without work; missed: not covered when the shift was over. */
export function partAt(piece: Piece, at: number, over: number): Part {
  if (piece.coveredAt <= at) return "covered";
  if (at >= over) return "missed";
  return piece.passedAt <= at ? "passed" : "pending";
}

/** The lines of each part at an instant, neighbours joined; and the metres covered. */
export function partsAt(route: readonly Piece[], at: number, over: number): { lines: Record<Part, Position[][]>; covered: number } {
  const lines: Record<Part, Position[][]> = { covered: [], passed: [], missed: [], pending: [] };
  let covered = 0;
  let last: Piece | undefined;
  let lastPart: Part | undefined;
  for (const piece of route) {
    const part = partAt(piece, at, over);
    if (part === "covered") covered += piece.metres;
    const own = lines[part];
    const tail = own.at(-1);
    if (tail && last && part === lastPart && last.line[1][0] === piece.line[0][0] && last.line[1][1] === piece.line[0][1]) tail.push(piece.line[1]);
    else own.push([...piece.line]);
    last = piece;
    lastPart = part;
  }
  return { lines, covered };
}
