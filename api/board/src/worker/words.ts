/** The words of the worker's page, in the language that is chosen. */
import { speaker } from "../words/speaker";
import { EN, ZH, type WorkerKey } from "./phrases";

export const w = speaker<WorkerKey>(EN, ZH);
