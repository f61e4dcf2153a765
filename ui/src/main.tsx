// Entry of the Control UI: finds out where the page lives, builds the app, draws it, connects.
// Next to read: `state/app.ts`.
import { render } from "preact";
import { placeOf } from "./protocol/place";
import { App } from "./state/app";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/shell.css";
import "./styles/chat.css";
import "./styles/prose.css";
import "./styles/status.css";
import "./styles/asks.css";
import { AppView } from "./views/app-view";
import { AppContext } from "./views/context";

const app = new App(placeOf(location, import.meta.url));
const root = document.getElementById("app");
if (root !== null) {
  render(
    <AppContext.Provider value={app}>
      <AppView />
    </AppContext.Provider>,
    root,
  );
  app.start();
}
