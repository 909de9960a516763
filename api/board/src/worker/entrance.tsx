/** Signing in. What waits on the phone stays there, and a shift goes on. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ApiError } from "../api";
import { number } from "../format";
import { explain } from "../toasts";
import { switchTheme, theme } from "../view";
import { switchLanguage, t } from "../words";
import { duty } from "./duty";
import { person, signIn, signOut } from "./person";
import { waitingOf } from "./sending";
import { w } from "./words";

export function Entrance(): JSX.Element {
  const [name, setName] = useState(person.value?.name ?? "");
  const [password, setPassword] = useState("");
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);
  const [waits, setWaits] = useState(0);
  useEffect(() => void (person.value && waitingOf(person.value.name).then(setWaits)), []);
  const enter = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      await signIn(name.trim().toLowerCase(), password);
      if (person.value && person.value.worker === null) {
        const shown = person.value.display_name;
        await signOut();
        setWrong(w("entry.noWorker", shown));
      }
    } catch (error) {
      const status = error instanceof ApiError ? error.status : -1;
      setWrong(status === 401 ? t("session.wrong") : status === 429 ? t("session.throttled") : status === 0 ? w("entry.offline") : explain(error)); // prettier-ignore
    }
    setBusy(false);
  };
  return (
    <main class="entry">
      <form onSubmit={(event) => void enter(event)}>
        <h1><img src="/favicon.svg" alt="" width="52" height="52" />sanihub</h1>
        <p class="thin">{w("entry.intro")}</p>
        {duty.value && <p class="strong">{w("entry.onShift")}</p>}
        {waits > 0 && <p>{w("entry.waiting", number(waits))}</p>}
        <label>{t("session.name")}<input name="name" autocomplete="username" autocapitalize="none" spellcheck={false} required value={name} onInput={(event) => setName(event.currentTarget.value)} /></label>
        <label>{t("session.password")}<input name="password" type="password" autocomplete="current-password" required value={password} onInput={(event) => setPassword(event.currentTarget.value)} /></label>
        <p class="wrong" role="alert">{wrong}</p>
        <button type="submit" class="main" disabled={busy}>{t("session.enter")}</button>
        <div class="pair">
          <button type="button" title={t("app.languageTitle")} onClick={switchLanguage}>{t("app.language")}</button>
          <button type="button" onClick={switchTheme}>{t(theme.value === "dark" ? "app.light" : "app.dark")}</button>
        </div>
      </form>
    </main>
  ); // prettier-ignore
}
