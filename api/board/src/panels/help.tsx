/** The list of keys. */
import type { JSX } from "preact";
import { helping } from "../view";
import { t } from "../words";
import { Dialog } from "./parts";

export function Help(): JSX.Element | null {
  if (!helping.value) return null;
  const rows: [string, string][] = [
    ["1 – 9", t("help.panels")], ["/", t("help.search")], ["↑ ↓", t("help.arrows")], ["Enter", t("help.enter")], ["A", t("help.ack")],
    ["Space", t("help.space")], ["F", t("help.fit")], ["M", t("help.sound")], ["D", t("help.theme")], ["L", t("help.language")], ["Esc", t("help.escape")], ["?", t("help.this")],
  ]; // prettier-ignore
  return (
    <Dialog title={t("help.title")} onClose={() => (helping.value = false)}>
      <dl class="key-list">
        {rows.map(([key, words]) => <div key={key}><dt><kbd>{key}</kbd></dt><dd>{words}</dd></div>)}
      </dl>
      <p><a href="/docs">{t("app.apiDocs")}</a></p>
    </Dialog>
  ); // prettier-ignore
}
