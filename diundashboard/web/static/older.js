// Older versions of a row, opened below it.

import { $, $$ } from "./dom.js";
import { say } from "./say.js";
import { request } from "./server.js";
import { tellTimes } from "./times.js";

const below = (row) => $(":scope > .below", row);

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-open]");
  if (!link || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const row = link.closest(".update");
  if (!below(row)) return unfold(row, link);
  link.setAttribute("aria-expanded", "false");
  below(row).remove();
});

// Lists that are open are loaded again with each new version of the page.
export function reopen() {
  for (const list of $$(".update > .below")) {
    const link = $("[data-open]", list.parentElement);
    if (link) unfold(list.parentElement, link);
    else list.remove();
  }
}

async function unfold(row, link) {
  link.setAttribute("aria-expanded", "true");
  const answer = await request(link.dataset.open).catch(() => null);
  if (!answer?.ok) {
    link.setAttribute("aria-expanded", String(Boolean(below(row))));
    return below(row) || say("Can't reach the server to load the older versions.");
  }
  const text = await answer.text();
  const list = below(row) ?? Object.assign(document.createElement("ul"), { className: "below", id: `below-${row.id}` });
  list.dataset.own = "";
  if (!list.isConnected) row.append(list);
  const busy = list.contains(document.activeElement) && document.activeElement.getAttribute("aria-label");
  list.innerHTML = text;
  tellTimes(list);
  if (busy) $(`[aria-label="${CSS.escape(busy)}"]`, list)?.focus({ preventScroll: true });
}
