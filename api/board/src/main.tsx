/** The live board: reads the settings, asks who is there, and shows the page. */
import "./style/base.css";
import "./style/frame.css";
import "./style/panels.css";
import { render } from "preact";
import { App } from "./app";
import { boardConfig } from "./config";
import { useZone } from "./format";
import { ask } from "./session";

const config = await boardConfig();
useZone(config.zone);
render(<App config={config} />, document.getElementById("app") as HTMLElement);
void ask(config);
