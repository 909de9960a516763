/** Who is there: the sign-in page, and the question for a key where the hub knows no people. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { ApiError } from "../api";
import { ended, enterKey, mayVisit, signIn, visit, wantsKey } from "../session";
import { explain } from "../toasts";
import { switchTheme, theme } from "../view";
import { Icon } from "../icons";
import { switchLanguage, t } from "../words";
import { Dialog } from "./parts";

export function SignIn(): JSX.Element {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);
  const enter = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      await signIn(name, password);
    } catch (error) {
      const status = error instanceof ApiError ? error.status : 0;
      setWrong(status === 401 ? t("session.wrong") : status === 429 ? t("session.throttled") : explain(error));
    }
    setBusy(false);
  };
  return (
    <main class="entrance">
      <form onSubmit={(event) => void enter(event)}>
        <h1><img src="/favicon.svg" alt="" width="40" height="40" />sanihub</h1>
        <p>{ended.value ? t("session.ended") : t("session.intro")}</p>
        <label>{t("session.name")}<input name="name" autocomplete="username" required value={name} onInput={(event) => setName(event.currentTarget.value)} /></label>
        <label>{t("session.password")}<input name="password" type="password" autocomplete="current-password" required value={password} onInput={(event) => setPassword(event.currentTarget.value)} /></label>
        <p class="wrong" role="alert">{wrong}</p>
        <button type="submit" class="main" disabled={busy}>{t("session.enter")}</button>
        {mayVisit() && <button type="button" onClick={visit}>{t("session.visit")}</button>}
        <Looks />
      </form>
    </main>
  ); // prettier-ignore
}

function Looks(): JSX.Element {
  return (
    <div class="switches">
      <button type="button" class="plain word" title={t("app.languageTitle")} onClick={switchLanguage}>{t("app.language")}</button>
      <button type="button" class="plain" aria-label={t(theme.value === "dark" ? "app.light" : "app.dark")} onClick={switchTheme}><Icon name={theme.value === "dark" ? "sun" : "moon"} /></button>
    </div>
  ); // prettier-ignore
}

export function KeyDialog(): JSX.Element | null {
  const [value, setValue] = useState("");
  if (!wantsKey.value) return null;
  return (
    <Dialog title={t("key.title")} onClose={() => (wantsKey.value = false)}>
      <form onSubmit={(event) => { event.preventDefault(); enterKey(value); }}>
        <p>{t("key.why")}</p>
        <label>{t("key.label")}<input type="password" name="key" autocomplete="off" required value={value} onInput={(event) => setValue(event.currentTarget.value)} /></label>
        <button type="submit" class="main">{t("key.use")}</button>
      </form>
    </Dialog>
  ); // prettier-ignore
}
