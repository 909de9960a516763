/** The frame: what the phone is doing at the top, the screen, four ways at the bottom. */
import type { JSX } from "preact";
import { signal } from "@preact/signals";
import { number } from "../format";
import { attempt } from "../toasts";
import { switchTheme, theme } from "../view";
import { switchLanguage, t } from "../words";
import { duty, sharing } from "./duty";
import { Entrance } from "./entrance";
import { Orders } from "./orders";
import { tab, TABS, openOrders, type Tab } from "./own";
import { entry, person, signOut } from "./person";
import { Points } from "./points";
import { Report } from "./report";
import { database, dropped, net, refusals, sending, waiting } from "./sending";
import { forget } from "./shelf";
import { ShiftScreen } from "./shift";
import { Sign } from "./signs";
import { Says } from "./parts";
import { w } from "./words";

const SHOWN: Record<Tab, () => JSX.Element> = { shift: ShiftScreen, orders: Orders, report: Report, points: Points };
const settings = signal(false);

export function App(): JSX.Element {
  if (entry.value === "out") return <><Entrance /><Says /></>; // prettier-ignore
  const Shown = SHOWN[tab.value];
  return (
    <div class="phone">
      <Head />
      <Net />
      <main id="screen" tabIndex={-1} key={tab.value}>
        <Shown />
      </main>
      <Ways />
      <Says />
    </div>
  );
}

function Head(): JSX.Element {
  const on = duty.value !== null;
  return (
    <header class={`head ${on ? "on" : "off"}`}>
      <div class="head-line">
        <span class={`pulse ${on ? sharing.value : ""}`} aria-hidden="true" />
        <h1>{w(on ? "shift.on" : "shift.off")}</h1>
        <span class="who">{person.value?.display_name}</span>
        <button type="button" class="square" aria-label={w("me.settings")} aria-expanded={settings.value} onClick={() => (settings.value = !settings.value)}><Sign name="settings" /></button>
      </div>
      {settings.value && <Settings />}
    </header>
  ); // prettier-ignore
}

function Settings(): JSX.Element {
  const leave = async (): Promise<void> => {
    const name = person.value?.name ?? "";
    if (await attempt(signOut)) {
      settings.value = false;
      await forget(await database, name);
    }
  };
  return (
    <div class="settings">
      <button type="button" title={t("app.languageTitle")} onClick={switchLanguage}>{t("app.language")}</button>
      <button type="button" onClick={switchTheme}>{t(theme.value === "dark" ? "app.light" : "app.dark")}</button>
      <button type="button" disabled={duty.value !== null} onClick={() => void leave()}>{w("me.leave")}</button>
      {duty.value && <p>{w("me.leaveFirst")}</p>}
    </div>
  ); // prettier-ignore
}

/** Says when there is no network, and what waits; nothing where all is well. */
function Net(): JSX.Element {
  const trouble = net.value !== "up";
  const few = duty.value ? 40 : 0; // on shift, positions always wait a moment: they leave together
  const shown = trouble || waiting.value > few || refusals.value > 0 || dropped.value > 0;
  return (
    <div class="net" role="status" data-net={net.value} hidden={!shown}>
      {trouble && <p class="strong"><Sign name="cloud" size={22} />{w(net.value === "offline" ? "net.offline" : net.value === "away" ? "net.away" : "net.noBadge")}</p>}
      {waiting.value > 0 && <p><b>{w("net.waiting", number(waiting.value))}</b> {w(sending.value ? "net.sending" : "net.kept")}</p>}
      {refusals.value > 0 && <p>{w("net.refused", number(refusals.value))}</p>}
      {dropped.value > 0 && <p>{w("net.lost", number(dropped.value))}</p>}
    </div>
  ); // prettier-ignore
}

function Ways(): JSX.Element {
  const fresh = openOrders.held.value?.value.filter((one) => one.accepted_at === null).length ?? 0;
  return (
    <nav class="ways" aria-label={w("title")}>
      {TABS.map((name) => (
        <button type="button" key={name} aria-current={tab.value === name ? "page" : undefined} onClick={() => (tab.value = name)}>
          <Sign name={name} />
          <span>{w(`tab.${name}`)}</span>
          {name === "orders" && fresh > 0 && <i class="badge">{number(fresh)}</i>}
        </button>
      ))}
    </nav>
  );
}
