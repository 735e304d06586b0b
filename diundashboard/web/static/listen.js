// The Connect page listens for DIUN.

import { $, $$, parsed } from "./dom.js";
import { poll } from "./server.js";
import { tellTimes } from "./times.js";

const EVERY = 3_000;

const listening = $("[data-listen]");
let heard = listening?.dataset.heard;

async function listen() {
  if (!document.hidden) {
    try {
      const answer = await poll(listening.dataset.listen, heard);
      if (answer.status === 200) {
        heard = answer.headers.get("ETag");
        hear(await answer.text());
      }
    } catch {
      // The next request may get through.
    }
  }
  setTimeout(listen, EVERY);
}

function hear(text) {
  for (const part of $$("[data-part]", parsed(text))) $(`#${part.dataset.part}`).replaceChildren(...part.childNodes);
  tellTimes();
}

if (listening) setTimeout(listen, EVERY);
