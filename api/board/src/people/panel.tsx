/** People and keys, for admins: who may sign in, which programs may, and who did what. It is loaded when it is opened. */
import "../style/acting.css";
import "./people.css";
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { PanelHead } from "../panels/parts";
import { Audit } from "./audit";
import { Keys } from "./keys";
import { Users } from "./users";
import { p } from "./words";

const VIEWS = { people: Users, keys: Keys, audit: Audit } as const;
const view = signal<keyof typeof VIEWS>("people");

export function PeoplePanel(): JSX.Element {
  const Shown = VIEWS[view.value];
  return (
    <>
      <PanelHead title={p("title")} />
      <div class="filters">
        <div class="segments" role="group" aria-label={p("title")}>
          {(Object.keys(VIEWS) as (keyof typeof VIEWS)[]).map((one) => <button type="button" key={one} aria-pressed={view.value === one} onClick={() => (view.value = one)}>{p(one)}</button>)}
        </div>
      </div>
      <Shown />
    </>
  ); // prettier-ignore
}
