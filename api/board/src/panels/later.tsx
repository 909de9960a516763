/** A panel that few people open: it is loaded when somebody does. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { t } from "../words";

export function later(load: () => Promise<() => JSX.Element>): () => JSX.Element {
  let Loaded: (() => JSX.Element) | null = null;
  return function Later(): JSX.Element {
    const [, setThere] = useState(Loaded !== null);
    const [failed, setFailed] = useState(false);
    useEffect(() => {
      if (Loaded) return;
      load().then((found) => { Loaded = found; setThere(true); }, () => setFailed(true)); // prettier-ignore
    }, []);
    if (Loaded) return <Loaded />;
    return <p class="empty">{t(failed ? "app.noAnswer" : "app.loading")}</p>;
  };
}
