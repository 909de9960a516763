/** The worker's page: shows what is kept on the phone, and then asks the hub. */
import "../style/base.css";
import "./worker.css";
import { effect } from "@preact/signals";
import { render } from "preact";
import { boardConfig } from "../config";
import { useZone } from "../format";
import { lang } from "../words";
import { App } from "./app";
import * as duty from "./duty";
import * as own from "./own";
import { begin, entry, person } from "./person";
import { kick, look } from "./sending";
import { w } from "./words";

const ZONE = "sanihub.worker.zone";

async function zone(): Promise<void> {
  const config = await boardConfig();
  if (config.version) localStorage.setItem(ZONE, config.zone);
  useZone(localStorage.getItem(ZONE) ?? config.zone);
}

effect(() => {
  void lang.value;
  document.title = w("title");
});
useZone(localStorage.getItem(ZONE) ?? "Asia/Shanghai");
render(<App />, document.getElementById("app") as HTMLElement);
void zone();
void begin().then(() => {
  duty.begin();
  own.begin();
});
effect(() => {
  if (!person.value || entry.value === "asking") return;
  void look().then(kick); // what has waited since the page was closed
});
if ("serviceWorker" in navigator) {
  void navigator.serviceWorker.register("/worker-sw.js", { scope: "/worker" }).catch(() => undefined); // it works without, as long as there is network
  void navigator.storage?.persist?.();
}
