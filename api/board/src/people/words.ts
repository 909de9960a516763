/** The words of people and keys, in the language that is chosen. */
import { speaker } from "../words/speaker";
import { EN, ZH, type PeopleKey } from "./phrases";
import type { KeyRole, Role } from "./types";

export const p = speaker<PeopleKey>(EN, ZH);
export const roleOf = (role: Role | KeyRole): string => p(`role.${role}`);
