/** On a phone: the panels and switches that have no room in the bar. */
import type { JSX } from "preact";
import { setSound, sound } from "../alerts";
import { Icon } from "../icons";
import { entering, entry, panels, session, signOut } from "../session";
import { attempt } from "../toasts";
import { moreOpen, openPanel, phone, switchTheme, theme, type Panel } from "../view";
import { switchLanguage, t } from "../words";

const REST: readonly Panel[] = ["incidents", "playback", "evaluation", "reports", "hub", "people"];

export function More(): JSX.Element | null {
  if (!phone.value || !moreOpen.value) return null;
  return (
    <section class="sheet" aria-label={t("app.more")}>
      {REST.filter((name) => panels.value.includes(name)).map((name) => <button type="button" key={name} onClick={() => openPanel(name)}><Icon name={name} />{t(`app.${name}`)}</button>)}
      <button type="button" onClick={switchLanguage}><b class="glyph">文</b>{t("app.language")}</button>
      <button type="button" onClick={switchTheme}><Icon name={theme.value === "dark" ? "sun" : "moon"} />{t(theme.value === "dark" ? "app.light" : "app.dark")}</button>
      <button type="button" onClick={() => setSound(!sound.value)}><Icon name={sound.value ? "soundOn" : "soundOff"} />{t(sound.value ? "alerts.soundOn" : "alerts.soundOff")}</button>
      {entry.value === "in" && <button type="button" onClick={() => void attempt(signOut)}><Icon name="leave" />{t("session.leave")} · {session.value?.display_name}</button>}
      {entry.value === "visiting" && <button type="button" onClick={() => (entering.value = true)}><Icon name="leave" />{t("session.enter")}</button>}
    </section>
  ); // prettier-ignore
}
