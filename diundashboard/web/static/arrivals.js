// Rows never move under a person. Where the next version of the list would move some, the list that is shown goes on.

import { $, $$, rows } from "./dom.js";

// Puts the list that is shown into the next version of the page, if that would move rows. What to say about it, or "".
export function withhold(next, answered) {
  const [list, coming] = [$("#list"), $("#list", next)];
  if (!coming) {
    if (!answered) $("#page", next).replaceWith($("#page").cloneNode(true));
    return answered ? "" : "List changed";
  }
  const [before, after] = [rows(list), rows(coming)];
  const [old, all] = [byId(before), byId(after)];
  const last = after.findLastIndex((row) => old.has(row.id));
  if (last < 0) return "";
  const fresh = after.slice(0, last).filter((row) => !old.has(row.id)).length;
  const gone = before.filter((row) => !all.has(row.id));
  const moved = order(before, all) !== order(after, old);
  if (!fresh && !moved && (answered || !gone.length)) return "";
  const kept = list.cloneNode(true);
  const finished = surely(gone, before, all, $("[rel=next]", next));
  for (const row of $$(".updates > .update", kept)) {
    if (finished.has(row.id)) answered ? row.remove() : row.classList.add("elsewhere");
    else if (answered && all.has(row.id)) row.replaceWith(all.get(row.id).cloneNode(true));
    else if (row.matches(".gone:not([data-leaving])")) row.remove();
  }
  append(kept, after.slice(last + 1), after[last].parentElement);
  coming.replaceWith(kept);
  // Nobody has seen what waits: an action on all that match leaves it out.
  $("[name=seen]", next)?.setAttribute("value", $("[name=seen]").value);
  return fresh ? `${fresh} new` : "List changed";
}

const byId = (list) => new Map(list.map((row) => [row.id, row]));
const order = (list, others) => list.filter((row) => others.has(row.id)).map((row) => row.id).join();

// A row at the end of a full page may only have been pushed to the next page.
function surely(gone, before, all, more) {
  const last = before.findLastIndex((row) => all.has(row.id));
  return byId(gone.filter((row) => !more || before.indexOf(row) < last));
}

// What follows at the end moves nothing: rows of the last group, and groups after it.
function append(kept, tail, last) {
  for (const group of new Set(tail.map((row) => row.parentElement))) {
    if (group === last) $$(".updates", kept).at(-1).append(...tail.filter((row) => row.parentElement === group));
    else kept.append(group.previousElementSibling, group);
  }
}
