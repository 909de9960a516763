/** The ways to the panels: a rail at the side, or a bar at the bottom of a phone. */
import type { JSX } from "preact";
import { counts } from "../alerts";
import { Icon } from "../icons";
import { panels } from "../session";
import { moreOpen, openPanel, panel, picked, type Panel } from "../view";
import { t } from "../words";

function Badge({ name }: { name: Panel }): JSX.Element | null {
  const found = counts.value;
  if (name !== "alerts" || !found?.unacknowledged) return null;
  return <span class={`badge${found.critical.unacknowledged ? " critical" : ""}`}>{found.unacknowledged > 99 ? "99+" : found.unacknowledged}</span>;
}

export function Rail(): JSX.Element {
  return (
    <nav class="rail" aria-label={t("app.title")}>
      {panels.value.map((name, place) => (
        <button type="button" key={name} aria-pressed={panel.value === name} title={`${t(`app.${name}`)} (${place + 1})`} onClick={() => openPanel(panel.value === name ? null : name)}>
          <Icon name={name} />
          <span>{t(`app.${name}`)}</span>
          <Badge name={name} />
        </button>
      ))}
    </nav>
  );
}

const SHORT: readonly Panel[] = ["alerts", "fleet", "orders"];

export function BottomBar(): JSX.Element {
  const onMap = panel.value === null && !moreOpen.value;
  return (
    <nav class="bottom" aria-label={t("app.title")}>
      <button type="button" aria-pressed={onMap} onClick={() => { openPanel(null); picked.value = null; }}><Icon name="map" /><span>{t("app.map")}</span></button>
      {SHORT.filter((name) => panels.value.includes(name)).map((name) => (
        <button type="button" key={name} aria-pressed={panel.value === name} onClick={() => openPanel(name)}>
          <Icon name={name} />
          <span>{t(`app.${name}`)}</span>
          <Badge name={name} />
        </button>
      ))}
      <button type="button" aria-expanded={moreOpen.value} aria-pressed={panel.value !== null && !SHORT.includes(panel.value)} onClick={() => (moreOpen.value = !moreOpen.value)}><Icon name="more" /><span>{t("app.more")}</span></button>
    </nav>
  ); // prettier-ignore
}
