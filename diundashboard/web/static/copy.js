// Buttons that copy what stands beside them.

import { $, $$, parsed } from "./dom.js";
import { request } from "./server.js";
import { say } from "./say.js";

export function showCopies() {
  for (const button of $$("[data-copy]")) button.hidden = false;
}

document.addEventListener("click", async ({ target }) => {
  const button = target.closest("[data-copy]");
  if (!button) return;
  try {
    await toClipboard(await textOf(button));
    button.lastChild.textContent = " Copied";
  } catch {
    say("Not copied. Select the text and copy it yourself.");
  }
});

// A secret that the page does not show is fetched to be copied.
async function textOf(button) {
  const code = $("code", button.parentElement);
  if (!button.dataset.copy) return code.textContent;
  const answer = await request(button.dataset.copy, { method: "POST" });
  return $(`#${code.id}`, parsed(await answer.text())).textContent;
}

// Over plain HTTP a browser offers no clipboard, only the old way through a selection.
async function toClipboard(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = document.createElement("textarea");
  field.value = text;
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}
