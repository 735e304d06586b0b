// The page asks by itself what is new, and shows it.

import { busy } from "./act.js";
import { $, here } from "./dom.js";
import { dragging } from "./drag.js";
import { poll, tell } from "./server.js";
import { show, showWaiting } from "./show.js";
import { tellTimes } from "./times.js";

const EVERY = 15_000;

let tag = document.body.dataset.tag;
let version = 0;

// The page is another one now: an answer that is on its way is about the one before.
export function forget() {
  tag = null;
  version += 1;
}

async function refresh() {
  if (document.hidden || busy() || dragging() || $("dialog[open]")) return;
  tellTimes();
  showWaiting();
  const asked = version;
  try {
    const answer = await poll(here(), tag);
    const known = answer.ok || answer.status === 304;
    if (answer.status === 200) {
      const text = await answer.text();
      if (version !== asked || busy() || $("dialog[open]")) return; // It is about other rows.
      tag = answer.headers.get("ETag");
      show(text);
    }
    tell(known ? "live" : answer.status === 401 ? "logged out" : "database not responding", known);
  } catch {
    tell("no connection");
  }
}

if (tag) {
  if ($("[data-live]")) $("[data-live]").hidden = false;
  setInterval(refresh, EVERY);
  document.addEventListener("visibilitychange", refresh);
}
