// Actions: a row leaves at once, the request follows, and what is done quickly goes in one request.

import { askFor } from "./ask.js";
import { $, $$, current, goTo, rows, still, tickOf } from "./dom.js";
import { closeMenus } from "./menus.js";
import { forget } from "./refresh.js";
import { retry, say } from "./say.js";
import { allChosen, selected } from "./select.js";
import { post } from "./server.js";
import { show } from "./show.js";

const TOGETHER = 200; // How long an action waits for others of its kind, in milliseconds.
const LONGEST = 1000;
const DOUBLE = 150; // A click that follows so soon at the same place is the other half of a double click.
const CLOSING = 150;
const LEAVES = {
  pending: ["acknowledge", "snooze", "mute"],
  snoozed: ["acknowledge", "wake", "mute"],
  acknowledged: ["reopen"],
  muted: ["unmute"],
};

const queue = [];
let sent = [];
let running = null;
let timer = 0;
let oldest = 0;

export const busy = () => Boolean(running) || queue.length > 0;

// What a form and its button ask for: `one` row, which can be sent with others, or whatever the fields choose.
export function chosen(form, button) {
  const action = button?.getAttribute("formaction") ?? form.getAttribute("action"); // The properties are not reliable.
  const menu = form.closest("details.menu");
  const entry = { action, fields: new URLSearchParams(new FormData(form)), one: "", rows: [], menu };
  if (button?.name === "only") return about(entry, button.value, button.closest(".update"));
  if (button?.name) entry.fields.append(button.name, button.value);
  const shown = button?.name === "shown" && button.value.split(" ");
  if (form.matches("#act"))
    entry.rows = rows().filter((row) => (shown ? shown.includes(tickOf(row)?.value) : allChosen() || tickOf(row)?.checked));
  return entry;
}

export function about(entry, one, row) {
  for (const name of ["id", "all", "only"]) entry.fields.delete(name);
  return Object.assign(entry, { one, rows: row ? [row] : [] });
}

// `then` is called with what went wrong, or without anything; without it, the rows leave at once and tell it themselves.
export function send(entry) {
  if ([...queue, ...sent].some((other) => kindOf(other) === kindOf(entry) && other.one === entry.one)) return;
  for (const row of entry.rows) $(":scope > .failed", row)?.remove();
  if (!entry.then && LEAVES[$("#act")?.dataset.state]?.includes(entry.action.split("/").at(-1))) leave(entry.rows);
  if (!queue.length) oldest = Date.now();
  queue.push(entry);
  clearTimeout(timer);
  timer = setTimeout(flush, entry.one && !entry.then && Date.now() - oldest < LONGEST ? TOGETHER : 0);
}

const kindOf = ({ action, fields }) => `${action}?${fields}`;

// Sends everything that waits; it is done when all is answered.
export function flush() {
  clearTimeout(timer);
  running ??= drain().finally(() => (running = null));
  return running;
}

// A person who leaves the page does not wait for one answer after the other.
addEventListener("pagehide", () => {
  while (queue.length) deliver(take());
});

async function drain() {
  while (queue.length) await deliver(take());
}

// What is next in the queue, and goes in one request.
function take() {
  const [first] = queue;
  const others = first.one ? queue.findIndex((entry) => !entry.one || kindOf(entry) !== kindOf(first)) : 1;
  return queue.splice(0, others < 0 ? queue.length : others);
}

async function deliver(batch) {
  const [{ action, fields: shared }] = batch;
  const fields = new URLSearchParams(shared);
  for (const { one } of batch) if (one) fields.append("id", one);
  sent = batch;
  const result = await post(action, fields);
  sent = [];
  result.error ? failed(batch, result.error) : answered(batch, result);
}

function answered(batch, { text, url }) {
  for (const { one, rows } of batch) {
    for (const row of rows) delete row.dataset.leaving;
    if (!one) for (const tick of $$(".update > :checked, [name=all]:checked")) tick.checked = false;
  }
  if (batch.some(({ menu }) => menu?.open)) closeMenus();
  forget();
  history.replaceState(history.state, "", url);
  const [{ action, fields }] = batch;
  if (!show(text, { answered: true, whole: action.endsWith("/undo") })) return location.assign(url);
  if (fields.has("shown") || fields.has("group")) toTop();
  for (const { then } of batch) then?.();
}

// What comes next is not under the pointer and the focus.
function toTop() {
  scrollTo(0, 0);
  $("h1")?.focus({ preventScroll: true });
}

function failed(batch, words) {
  const again = () => batch.forEach(send);
  let marked = 0;
  for (const { rows, then } of batch) {
    if (then) then(words);
    else for (const row of rows) marked += comeBack(row, words, again);
  }
  selected();
  if (marked) say(marked > 1 ? `${marked} changes not saved.` : "1 change not saved.");
  else if (!batch[0].then) say(words.startsWith("Not saved") ? words : `Not saved. ${words}`, again);
}

// Rows close up, and the keyboard goes on to the next one.
function leave(list) {
  const all = $$(".updates > .update");
  const row = list.find((each) => each.contains(document.activeElement));
  const at = all.indexOf(list.includes(current()) ? current() : row);
  const busy = document.activeElement;
  for (const each of list) {
    const height = `${each.offsetHeight}px`;
    each.dataset.leaving = tickOf(each)?.checked ? "ticked" : "";
    if (tickOf(each)) tickOf(each).checked = false;
    each.classList.add("gone");
    const frames = { height: [height, 0], minHeight: [height, 0], opacity: [1, 0], visibility: ["visible", "visible"] };
    if (!still()) each.animate(frames, CLOSING);
  }
  selected();
  const free = (each) => !each.matches(".gone");
  const next = at < 0 ? null : (all.slice(at).find(free) ?? all.slice(0, at).findLast(free));
  if ($(".update.here.gone")) goTo(next);
  if (!row || !next) return;
  const same = busy.matches(":focus-visible[formaction]") && $(`.actions > [formaction="${busy.getAttribute("formaction")}"]`, next);
  (same || $("strong a", next)).focus({ preventScroll: true });
}

function comeBack(row, words, again) {
  row.classList.remove("gone");
  if (row.dataset.leaving === "ticked") tickOf(row).checked = true;
  delete row.dataset.leaving;
  const mark = Object.assign(document.createElement("p"), { className: "note failed", id: `failed-${row.id}` });
  mark.dataset.own = "";
  const head = Object.assign(document.createElement("strong"), { textContent: "Not saved" });
  mark.append(head, " · ", retry(again), ` ${words}`);
  row.append(mark);
  return 1;
}

let clicked = 0;

document.addEventListener(
  "click",
  (event) => {
    if (!event.target.closest("#list button, .deeds > button")) return;
    if (event.detail > 1 && event.timeStamp - clicked < DOUBLE) event.preventDefault();
    clicked = event.timeStamp;
  },
  true,
);

document.addEventListener("submit", (event) => {
  const { target: form, submitter: button } = event;
  if (!form.matches("[data-enhance], [data-did]") || button?.matches("[data-plain]") || !$("#page")) return;
  if (button?.dataset.ask && !askFor(button)) return;
  event.preventDefault();
  if (!button?.dataset.ask) send(chosen(form, button));
});
