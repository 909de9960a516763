import { expect, test } from "vitest";
import { Told } from "./told";

const one = (id: number, state: string, second: number): { id: number; state: string; changed_at: string } => ({ id, state, changed_at: `2026-11-24T08:00:0${second}Z` });
const open = ({ state }: { state: string }): boolean => state === "open";
const byId = (a: { id: number }, b: { id: number }): number => a.id - b.id;

test("a list follows what was told of it, without being read anew", () => {
  const told = new Told<ReturnType<typeof one>>();
  const list = [one(1, "open", 1), one(3, "open", 5)];
  told.take([one(1, "done", 2), one(2, "open", 2), one(3, "done", 4)]);
  expect(told.over(list, open, byId).map(({ id }) => id)).toEqual([2, 3]); // of the third the list is newer
  expect(told.turn.value).toBe(0);
  told.take(null);
  expect(told.turn.value).toBe(1);
  expect(told.over(list, open, byId)).toEqual(list);
});

test("what is told without end is not kept without end", () => {
  const told = new Told<ReturnType<typeof one>>();
  for (let id = 0; id <= 2_000; id++) told.take([one(id, "open", 1)]);
  expect(told.over([], open, byId)).toEqual([]);
  expect(told.turn.value).toBe(1);
});
