/** Where and how often: the cells on the map, and the same in tables. */
import { signal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect } from "preact/hooks";
import { number, zoneName } from "../format";
import { city } from "../map/bridge";
import { Choice, useLoaded, Waiting } from "../panels/parts";
import { categoryName, counted, heat, type Wanted } from "./data";
import type { Heat } from "./types";
import { i } from "./words";
import type { IncidentKey } from "./phrases";

const CELLS = ["100", "250", "500", "1000"] as const;
const cell = signal<(typeof CELLS)[number]>("250");

export function HeatTable({ wanted, onHeat }: { wanted: Wanted; onHeat: (found: Heat | null) => void }): JSX.Element {
  const found = useLoaded(() => heat(wanted, Number(cell.value), zoneName()), [JSON.stringify(wanted), cell.value, counted.value]);
  const told = found.data;
  useEffect(() => {
    if (told) onHeat(told);
    return () => onHeat(null);
  }, [told]);
  if (!told) return <div class="rows"><Waiting of={found} none="" /></div>;
  const most = told.cells.slice(0, 10);
  return (
    <div class="rows heat">
      <div class="pair inset"><b>{i("total", number(told.total))}</b><Choice label={i("cell")} value={cell.value} options={CELLS.map((one) => [one, i("metres", one)])} onChange={(one) => (cell.value = one)} /></div>
      <Counts title={i("category")} counts={told.categories} name={categoryName} />
      <Counts title={i("area")} counts={told.areas} name={(id) => id || i("nowhere")} />
      <Bars title={i("hours")} counts={told.hours} name={(place) => String(place)} />
      <Bars title={i("weekdays")} counts={told.weekdays} name={(place) => i(`day.${place}` as IncidentKey)} />
      {most.length > 0 && <h3>{i("worst")}</h3>}
      <ul class="log">
        {most.map((one) => (
          <li key={`${one.west},${one.south}`}><button type="button" class="link" onClick={() => city.value?.flyTo((one.west + one.east) / 2, (one.south + one.north) / 2)}>{number(one.count)} · {Object.keys(one.categories).map(categoryName).join(", ")}</button></li>
        ))}
      </ul>
    </div>
  ); // prettier-ignore
}

function Counts({ title, counts, name }: { title: string; counts: Record<string, number>; name: (id: string) => ComponentChildren }): JSX.Element | null {
  const rows = Object.entries(counts).sort((a, b) => b[1] - a[1]);
  if (!rows.length) return null;
  return (
    <table>
      <thead><tr><th scope="col">{title}</th><th scope="col">{i("count")}</th></tr></thead>
      <tbody>{rows.map(([id, count]) => <tr key={id}><th scope="row">{name(id)}</th><td>{number(count)}</td></tr>)}</tbody>
    </table>
  );
}

const HIGH = 54;

/** Counts over the hours or days, as bars that a reader hears as a list. */
function Bars({ title, counts, name }: { title: string; counts: readonly number[]; name: (place: number) => string }): JSX.Element | null {
  const most = Math.max(...counts);
  if (!most) return null;
  return (
    <>
      <h3>{title}</h3>
      <ol class="bars">
        {counts.map((count, place) => (
          <li key={place} title={`${name(place)}: ${count}`}>
            <svg viewBox={`0 0 10 ${HIGH}`} preserveAspectRatio="none" role="img" aria-label={`${name(place)}: ${count}`}><rect x="1" width="8" y={HIGH - (count / most) * HIGH} height={(count / most) * HIGH} /></svg>
            <span aria-hidden="true">{counts.length < 10 || place % 3 === 0 ? name(place) : ""}</span>
          </li>
        ))}
      </ol>
    </>
  ); // prettier-ignore
}
