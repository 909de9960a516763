/** The frame of the page: top line, rail of panels, map, drawer; or the sign-in page. */
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { IncidentsPanel } from "./incidents/panel";
import { handleKey } from "./keys";
import { MapView } from "./map/view";
import { OrdersPanel } from "./orders/panel";
import { AlertsPanel } from "./panels/alerts";
import { Drawer } from "./panels/drawer";
import { EvaluationPanel } from "./panels/evaluation";
import { FleetPanel } from "./panels/fleet";
import { Help } from "./panels/help";
import { later } from "./panels/later";
import { HubPanel } from "./panels/hub";
import { KeyDialog, SignIn } from "./panels/login";
import { More } from "./panels/more";
import { PlaybackPanel } from "./panels/playback";
import { ReportsPanel } from "./panels/reports";
import { Toasts } from "./panels/toasts";
import { StaleBar, TopLine } from "./panels/topline";
import { BottomBar, Rail } from "./panels/rail";
import { entering, entry, panels } from "./session";
import type { BoardConfig } from "./types";
import { panel, phone, picked, type Panel } from "./view";
import { t } from "./words";

const SHOWN: Record<Panel, () => JSX.Element> = {
  alerts: AlertsPanel,
  fleet: FleetPanel,
  orders: OrdersPanel,
  incidents: IncidentsPanel,
  playback: PlaybackPanel,
  evaluation: EvaluationPanel,
  reports: ReportsPanel,
  hub: HubPanel,
  people: later(async () => (await import("./people/panel")).PeoplePanel),
};

export function App({ config }: { config: BoardConfig }): JSX.Element {
  useEffect(() => {
    addEventListener("keydown", handleKey);
    return () => removeEventListener("keydown", handleKey);
  }, []);
  if (entry.value === "out" || entering.value) return <SignIn />;
  const Shown = panel.value && panels.value.includes(panel.value) && SHOWN[panel.value];
  return (
    <div class="frame" data-panel={panel.value ?? ""} data-drawer={picked.value ? "open" : ""}>
      <a class="skip" href="#panel">{t("app.skip")}</a>
      <TopLine />
      <StaleBar />
      {!phone.value && <Rail />}
      {Shown && (
        <aside class="panel" id="panel" aria-label={t(`app.${panel.value as Panel}`)} tabIndex={-1}>
          <Shown />
        </aside>
      )}
      <MapView config={config} />
      {picked.value && <Drawer id={picked.value} key={picked.value} />}
      {phone.value && <BottomBar />}
      <More />
      <Help />
      <KeyDialog />
      <Toasts />
    </div>
  );
}
