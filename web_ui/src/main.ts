// Start-up: styles, the way to Python, the models, the one view.
import { mount } from "svelte";

import { openBridge } from "./bridge/bridge";
import { App } from "./models/app.svelte";
import "./styles/tokens.css";
import "./styles/base.css";
import View from "./views/App.svelte";

const app = new App(await openBridge());
mount(View, { target: document.getElementById("app")!, props: { app } });
await app.begin();
