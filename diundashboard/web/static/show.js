// Shows the next version of the page, and decides what of it has to wait.

import { withhold } from "./arrivals.js";
import { enliven } from "./enliven.js";
import { $, current, goTo, parsed, rows } from "./dom.js";
import { frame, morph } from "./morph.js";
import { quiet, told } from "./say.js";

let waiting = null; // The version of the page of which something is withheld.

// `answered`: the page answers what the person did. `whole`: nothing is withheld.
export function show(text, { answered = false, whole = false } = {}) {
  const next = parsed(text);
  frame(next);
  if (!$("#page") || !$("#page", next)) return false;
  if (answered) quiet();
  told(next);
  const at = rows().indexOf(current());
  const news = whole || calm() ? "" : withhold(next, answered);
  morph($("#page"), $("#page", next), whole || !answered);
  // The row of the keyboard may be gone: the next one takes its place.
  if (at >= 0 && !current()) goTo(rows()[Math.min(at, rows().length - 1)]);
  waiting = news && text;
  announce(news);
  enliven();
  return true;
}

export function showWaiting() {
  if (waiting && calm()) show(waiting, { whole: true });
}

// Whether the person is busy elsewhere: then rows may move.
function calm() {
  const list = $("#list");
  if (!list) return true;
  const text = getSelection();
  return !(
    scrollY > 0 ||
    list.matches(":hover") ||
    list.contains(document.activeElement) ||
    $(".update > input:checked") ||
    (!text.isCollapsed && text.containsNode(list, true))
  );
}

// "3 new · Show", in a place above the list that is always there.
function announce(news) {
  const region = $("#arrivals");
  if (!region || region.dataset.news === news) return;
  region.dataset.news = news;
  region.replaceChildren(...(news ? [`${news} · `, Object.assign(document.createElement("button"), { type: "button", textContent: "Show" })] : []));
}

document.addEventListener("click", ({ target }) => {
  if (!target.closest("#arrivals button")) return;
  show(waiting, { whole: true });
  $("strong a", rows()[0])?.focus();
});
