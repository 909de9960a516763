/** The top line: how the city is doing in a few figures, whether it is live, and the switches. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { counts, setSound, sound } from "../alerts";
import { figures, turn } from "../devices";
import { clock, number } from "../format";
import { Icon } from "../icons";
import { heardAt, state } from "../live";
import { entering, entry, session, signOut } from "../session";
import { attempt } from "../toasts";
import { helping, openPanel, phone, switchTheme, theme } from "../view";
import { switchLanguage, t } from "../words";

export function TopLine(): JSX.Element {
  return (
    <header class="top">
      <h1><img src="/favicon.svg" alt="" width="24" height="24" />{!phone.value && <span>sanihub</span>}</h1>
      <Figures />
      <Pulse />
      {!phone.value && <Switches />}
    </header>
  ); // prettier-ignore
}

function Figures(): JSX.Element {
  void turn.value;
  const now = figures();
  const alerts = counts.value;
  return (
    <ul class="figures">
      {!phone.value && <Figure value={now.vehicles} words={t("figures.vehicles")} />}
      <Figure value={now.states.working} words={t("figures.working")} tone="s-working" />
      {!phone.value && <Figure value={now.states.transit} words={t("figures.moving")} tone="s-transit" />}
      {!phone.value && <Figure value={now.states.idle} words={t("figures.idle")} tone="s-idle" />}
      <Figure value={now.binsFull} words={t("figures.binsFull")} tone="f-full" />
      {!phone.value && <Figure value={now.workers} words={t("figures.workers")} tone="worker" />}
      {alerts && (
        <li class={alerts.critical.open ? "alarm" : ""}>
          <button type="button" onClick={() => openPanel("alerts")}>
            <b>{number(alerts.critical.open)}</b> {t("figures.critical")}
            {!phone.value && <><span class="thin"> · </span><b>{number(alerts.open)}</b> {t("figures.open")}</>}
          </button>
        </li>
      )}
    </ul>
  ); // prettier-ignore
}

function Figure({ value, words, tone }: { value: number; words: string; tone?: string }): JSX.Element {
  return <li>{tone && <i class={`dot ${tone}`} />}<b>{number(value)}</b> <span>{words}</span></li>; // prettier-ignore
}

function Pulse(): JSX.Element {
  const [, setNow] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const words = { connecting: t("live.connecting"), live: t("live.live"), polling: t("live.live"), stale: t("live.staleShort") }[state.value];
  return (
    <p class="pulse" data-state={state.value} title={state.value === "polling" ? t("live.polling") : undefined}>
      <i class="dot" />
      <span>{words}</span>
      {!phone.value && <time>{clock(Date.now())}</time>}
    </p>
  );
}

function Switches(): JSX.Element {
  return (
    <div class="switches">
      <button type="button" class="plain" title={t("alerts.sound")} aria-label={t("alerts.sound")} aria-pressed={sound.value} onClick={() => setSound(!sound.value)}><Icon name={sound.value ? "soundOn" : "soundOff"} /></button>
      <button type="button" class="plain" title={t(theme.value === "dark" ? "app.light" : "app.dark")} aria-label={t(theme.value === "dark" ? "app.light" : "app.dark")} onClick={switchTheme}><Icon name={theme.value === "dark" ? "sun" : "moon"} /></button>
      <button type="button" class="plain word" id="language" title={t("app.languageTitle")} onClick={switchLanguage}>{t("app.language")}</button>
      <button type="button" class="plain" title={`${t("app.help")} (?)`} aria-label={t("app.help")} onClick={() => (helping.value = true)}><Icon name="help" /></button>
      {entry.value === "in" && <button type="button" class="plain word" title={t("session.leave")} onClick={() => void attempt(signOut)}>{session.value?.display_name || session.value?.name} <Icon name="leave" size={17} /></button>}
      {entry.value === "visiting" && <button type="button" class="plain word" id="sign-in" onClick={() => (entering.value = true)}>{t("session.enter")}</button>}
    </div>
  ); // prettier-ignore
}

/** Says that what is shown is old, and since when. */
export function StaleBar(): JSX.Element {
  const words = state.value === "stale" ? t("live.stale", clock(heardAt.value)) : "";
  return <div class="stale" role="status" hidden={!words}>{words}</div>; // prettier-ignore
}
