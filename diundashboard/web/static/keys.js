// Keys. None acts while the person types.

import { flush, send } from "./act.js";
import { $, $$, ROOT, current, goTo, here, rows, tickOf } from "./dom.js";
import { closeMenus } from "./menus.js";
import { range, selected } from "./select.js";

const link = (row) => row && $("strong a", row);

// The next or the previous row; on the page of one update, the next or the previous update.
function go(step) {
  const all = rows();
  if (!all.length) return $(`main a[rel=${step > 0 ? "next" : "prev"}]:not(.pages *)`)?.click();
  const next = all[Math.min(all.length - 1, Math.max(0, all.indexOf(current()) + step))];
  goTo(next);
  next.scrollIntoView({ block: "nearest" });
  link(next).focus({ preventScroll: true });
}

// Selects the row and the next or the previous one.
function extend(step) {
  const row = current();
  if (row && tickOf(row)) tickOf(row).checked = true;
  go(step);
  if (current() && tickOf(current())) tickOf(current()).checked = true;
  selected();
}

function selectRange() {
  const row = current();
  if (!row || !tickOf(row)) return;
  tickOf(row).checked = true;
  range(row);
  selected();
}

const turn = (way) => $(`.pages a[rel=${way}]`)?.click();

// Presses the button for the selection, for the row, or on the page of one update.
function press(verb) {
  const ticked = $(".update > input:checked");
  const row = current();
  const place = ticked ? $(".selection") : $("#list") ? row : $("main");
  const button = place && $(`button[formaction$="/act/${verb}"]`, place);
  const next = rows()[rows().indexOf(row) + 1];
  if (button) button.click();
  else if (place) open($(`form[action$="/act/${verb}"]`, place));
  if (!ticked && button && !button.dataset.ask && row && row === current() && next) goTo(next);
}

function open(form) {
  const folded = form?.closest("details");
  if (folded) folded.open = true;
  $("input:not([type=hidden]), textarea, button", form ?? document.head)?.focus();
}

// Undoes the last action, and then the one before it.
async function undo() {
  await flush();
  const page = $("#page[data-view]");
  const button = $("[data-did] button");
  if (button) return button.click();
  if (!page) return;
  const fields = new URLSearchParams(page.dataset);
  send({ action: `${ROOT}/act/undo`, fields, one: "", rows: [] });
}

function search() {
  const field = $(".search input[type=search]");
  field?.focus();
  field?.select();
}

const ROOMS = { u: "?state=pending", t: "tags", h: "hosts", i: "insights", l: "history", c: "connect" };
const MOVES = {
  j: () => go(1),
  k: () => go(-1),
  J: () => extend(1),
  K: () => extend(-1),
};
const KEYS = {
  x: () => tickOf(current() ?? document.body)?.click(),
  X: selectRange,
  a: () => press("acknowledge"),
  s: () => press("snooze"),
  m: () => press("mute"),
  t: () => press("tag"),
  n: () => press("note"),
  o: () => $("[data-open]", current() ?? document.head)?.click(),
  u: undo,
  "]": () => turn("next"),
  "[": () => turn("prev"),
  "/": search,
  "?": () => $("#keys")?.showModal(),
};
let going = false;

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.target.closest("textarea")?.form.requestSubmit();
  if (event.ctrlKey || event.metaKey || event.altKey || $("dialog[open]")) return;
  const typing = event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
  if (event.key === "Escape") return escape(event, typing);
  if (typing) return;
  const room = going && ROOMS[event.key];
  going = event.key === "g" && !going;
  const does = MOVES[event.key] ?? (event.repeat ? null : KEYS[event.key]);
  if (room) location.assign(`${ROOT}/${room}`);
  else if (!going && does) does();
  else if (!going) return;
  event.preventDefault();
});

function escape(event, typing) {
  if (closeMenus()) event.preventDefault();
  else if (!typing && $(".way")) $(".way a").click();
  else if (!typing) $(".selection [type=reset]")?.click();
  else if (link(current())) link(current()).focus();
  else typing.blur();
}

document.addEventListener("click", ({ target }) => target.closest("[data-keys]") && KEYS["?"]());

// The row of the keyboard is found again by going back.
const PLACE = `place ${here()}`;

addEventListener("pagehide", () => sessionStorage.setItem(PLACE, current()?.dataset.key ?? ""));

export function restorePlace() {
  if (performance.getEntriesByType("navigation")[0]?.type !== "back_forward") return;
  const row = rows().find((each) => each.dataset.key === sessionStorage.getItem(PLACE));
  if (!row) return;
  goTo(row);
  link(row).focus({ preventScroll: true });
}
