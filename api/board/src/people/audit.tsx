/** Who did what: entries of the audit, the newest first. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { moment, whole } from "../format";
import { useLoaded, Waiting } from "../panels/parts";
import { attempt } from "../toasts";
import { audit, type Asked } from "./data";
import { Field } from "./parts";
import type { AuditEntry } from "./types";
import { p } from "./words";

const PAUSE_MS = 400; // after a key, before it is asked

export function Audit(): JSX.Element {
  const [typed, setTyped] = useState<Asked>({ actor: "", action: "", target: "" });
  const [asked, setAsked] = useState(typed);
  useEffect(() => {
    const timer = setTimeout(() => setAsked(typed), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  const found = useLoaded(() => audit(asked, null), [JSON.stringify(asked)]);
  const [rest, setRest] = useState<{ of: unknown; items: AuditEntry[]; next: string | null }>({ of: null, items: [], next: null });
  const more = rest.of === found.data ? rest.items : [];
  const next = rest.of === found.data && found.data ? rest.next : found.data?.next_cursor;
  const further = (): void =>
    void attempt(async () => {
      const page = await audit(asked, next ?? null);
      setRest({ of: found.data, items: [...more, ...page.items], next: page.next_cursor });
    });
  const field = (name: keyof Asked, words: string): JSX.Element => <Field words={words} value={typed[name]} set={(text) => setTyped({ ...typed, [name]: text.trim() })} name={name} type="search" autocapitalize="none" maxLength={100} />;
  return (
    <>
      <div class="filters three">{field("actor", p("who"))}{field("action", p("what"))}{field("target", p("whom"))}</div>
      <ul class="rows" data-list="audit">
        {[...(found.data?.items ?? []), ...more].map((one) => (
          <li class="row" key={one.id} data-entry={one.id}>
            <span class="line"><b>{one.action}</b><time title={whole(one.at)}>{moment(one.at)}</time></span>
            <span class="line small"><span>{one.actor} → {one.target}</span><span class="thin">{one.outcome}</span></span>
          </li>
        ))}
        {!found.data?.items.length && <li><Waiting of={found} none={p("nothing")} /></li>}
        {next && <li><button type="button" class="link" onClick={further}>{p("more")}</button></li>}
      </ul>
    </>
  ); // prettier-ignore
}
