/** The words of incidents, in the language that is chosen. */
import { speaker } from "../words/speaker";
import { EN, ZH, type IncidentKey } from "./phrases";

export const i = speaker<IncidentKey>(EN, ZH);

export function actionOf(name: string): string {
  const key = `action.${name}`;
  return key in EN ? i(key as IncidentKey) : name.replaceAll("_", " ");
}
