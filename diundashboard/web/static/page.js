// Comfort on top of pages that work without it: refresh in place, keys, selection, copy, the viewer's own times.

const REFRESH = 15_000;
const LISTEN = 3_000;
const UNDO = 10_000;
const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const ROOT = $(".brand").pathname.replace(/\/$/, "");

// Times: the server knows the moment, the browser knows the zone.

const zone = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

function age(time) {
  const seconds = Math.max(0, (Date.now() - time) / 1000);
  if (seconds < 60) return "now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h`;
  const days = Math.floor(seconds / 86400);
  return days === 1 ? "yesterday" : days < 730 ? `${days} d` : `${Math.floor(days / 365)} y`;
}

function tellTimes(root = document) {
  for (const time of $$("time", root)) {
    const moment = new Date(time.dateTime);
    time.title = zone.format(moment);
    if (moment < Date.now()) time.textContent = age(moment);
  }
  for (const field of $$('input[name="zone"]', root)) field.value = new Date().getTimezoneOffset();
  const tomorrow = new Date();
  tomorrow.setDate(tomorrow.getDate() + 1);
  for (const field of $$('input[type="date"]', root)) field.min = tomorrow.toLocaleDateString("sv"); // As ISO 8601.
}

// A new version of the page replaces what changed, and leaves alone what the person is busy with.

const rows = (list = document) => $$(".updates > .update", list);

function merge(list, next) {
  const old = new Map(rows(list).map((row) => [row.dataset.key, row]));
  for (const row of rows(next)) {
    const before = old.get(row.dataset.key);
    if (!before) {
      row.classList.add("fresh");
      continue;
    }
    const tick = $(":scope > input", before);
    const open = $(":scope > .below", before);
    if (tick && $(":scope > input", row)) $(":scope > input", row).checked = tick.checked;
    if (before.classList.contains("here")) row.classList.add("here");
    const older = $("[data-open]", row);
    if (open && older) {
      row.append(open);
      unfold(row, older);
    }
  }
}

function show(text, refreshed = false) {
  const next = new DOMParser().parseFromString(text, "text/html");
  const page = $("#page");
  const nextPage = $("#page", next);
  if (!page || !nextPage) return false;
  const busy = document.activeElement?.closest?.("#page") ? document.activeElement : null;
  const typed = busy?.matches("input:not([type=checkbox]), textarea") ? [busy.value, busy.selectionStart] : null;
  const drafts = $$(".bar input:not([type=hidden])", page).filter((field) => field.value !== field.defaultValue);
  const again = busy && place(busy, page);
  const menu = $$("details[open]", page).map(known);
  const sheet = HTMLElement.prototype.togglePopover && $("#filters:popover-open", page);
  if ($("#list", page) && $("#list", nextPage)) merge($("#list", page), $("#list", nextPage));
  const [all, nextAll] = [$("[name=all]", page), $("[name=all]", nextPage)];
  if (all?.checked && nextAll) {
    nextAll.checked = true;
    tickAll(nextPage, true);
  }
  const at = rows(page).indexOf(current());
  const bar = $("[data-did]", page);
  if (refreshed && bar && !$("[data-did]", nextPage)) nextPage.append(bar);
  for (const each of $$("details", nextPage)) if (menu.includes(known(each))) each.open = true;
  page.replaceWith(document.adoptNode(nextPage));
  for (const { name, value } of drafts) for (const field of $$(`.bar input[name="${name}"]:not([type=hidden])`)) field.value = value;
  if (sheet) $("#filters")?.showPopover();
  document.title = next.title;
  $('link[rel="icon"]').href = $('link[rel="icon"]', next).getAttribute("href");
  if ($("#kept").innerHTML !== $("#kept", next).innerHTML) $("#kept").replaceChildren(...$("#kept", next).childNodes);
  const counted = $$(".rooms a", next);
  for (const [at, room] of $$(".rooms a").entries()) room.replaceChildren(...counted[at].childNodes);
  tellTimes();
  if (!refreshed) told();
  showCopies();
  selected();
  // The row that one was at may be gone: the next one stands in its place.
  if (at >= 0 && !current()) rows()[Math.min(at, rows().length - 1)]?.classList.add("here");
  const focus = again?.($("#page")) ?? (busy?.closest(".update") && $("strong a", current() ?? rows()[0]));
  if (focus) focus.focus({ preventScroll: true });
  showTab();
  if (typed && focus) [focus.value, focus.selectionStart] = typed;
  return true;
}

// The states are one line that moves sideways on a phone. The page itself stays where it is.
function showTab() {
  const tab = $(".choice [aria-current]");
  if (tab) tab.parentElement.scrollLeft = tab.offsetLeft + tab.offsetWidth - tab.parentElement.clientWidth;
}

// What a menu is known by: its row, and what stands on it.
const known = (menu) => `${menu.closest(".update")?.dataset.key} ${$("summary", menu).textContent}`;

// How to find in the next page what has the focus in this one: in a row by its label, elsewhere by its place.
function place(element, page) {
  const row = element.closest(".updates > .update");
  if (row) {
    const key = `.update[data-key="${CSS.escape(row.dataset.key)}"]`;
    const label = element.getAttribute("aria-label");
    return (next) => $(label ? `${key} [aria-label="${CSS.escape(label)}"]` : `${key} a`, next);
  }
  const others = (root) => $$(element.localName, root).filter((each) => !each.closest(".update"));
  const at = others(page).indexOf(element);
  return (next) => others(next)[at];
}

let tag = null;
const live = $("[data-live]");

// What a person asks for; whoever is logged out by now is led to the door. Polling says what it is: it keeps no session alive.
async function request(address, options = {}) {
  const answer = await fetch(address, { ...options, headers: { "X-Requested-With": "page" } });
  if (answer.status === 401) location.assign(`${ROOT}/login?next=${encodeURIComponent(here())}`);
  return answer;
}

const poll = (address, tag) =>
  fetch(address, { headers: { "X-Requested-With": "poll", ...(tag && { "If-None-Match": tag }) }, cache: "no-store" });

async function refresh() {
  if (document.hidden || dragged || !$("#page") || $("dialog[open]")) return;
  try {
    const answer = await poll(here(), tag);
    live?.classList.toggle("off", !answer.ok && answer.status !== 304);
    if (answer.status === 200) {
      const text = await answer.text();
      if ($("dialog[open]")) return; // It asks about the rows that are there.
      tag = answer.headers.get("ETag");
      show(text, true);
    }
    if (live) live.textContent = answer.ok || answer.status === 304 ? "live" : answer.status === 401 ? "logged out" : "the database does not answer";
  } catch {
    if (live) live.textContent = "no connection";
    live?.classList.add("off");
  }
}

const here = () => location.pathname + location.search;

if ($("#page")) {
  if (live) live.hidden = false;
  setInterval(refresh, REFRESH);
  document.addEventListener("visibilitychange", refresh);
}

// Forms answer in place.

let sent = Promise.resolve();
const waiting = new Set();

// One after the other. What a double click asks for again is on its way already.
function send(form, button, more = []) {
  const body = new FormData(form);
  for (const [name, value] of [...(button?.name ? [[button.name, button.value]] : []), ...more]) body.append(name, value);
  const action = button?.getAttribute("formaction") ?? form.getAttribute("action"); // The properties are not reliable.
  const fields = new URLSearchParams(body);
  const asked = `${action}?${fields}`;
  if (waiting.has(asked)) return;
  waiting.add(asked);
  const key = button?.closest(".updates > .update")?.dataset.key;
  const only = button?.closest(".update")?.id;
  sent = sent
    .then(() => sendNow(action, fields, key, only, button?.name === "shown"))
    .catch(() => say("No connection: nothing was done"))
    .finally(() => waiting.delete(asked));
}

async function sendNow(action, fields, key, only, shown) {
  const answer = await request(action, { method: "POST", body: fields });
  if (!answer.ok) return document.body.replaceChildren(...new DOMParser().parseFromString(await answer.text(), "text/html").body.children);
  const text = await answer.text();
  history.replaceState(null, "", answer.url);
  const row = only && document.getElementById(only);
  if (row && /acknowledge|snooze|mute|reopen|wake/.test(action)) {
    if (row.dataset.key === key) row.classList.add("gone");
    await new Promise((done) => setTimeout(done, matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 150));
  }
  tag = null;
  if (!only) for (const tick of $$("#page :checked")) tick.checked = false;
  if (!show(text)) return location.assign(answer.url);
  if (shown) $(".line")?.scrollIntoView({ block: "nearest" });
}

document.addEventListener("submit", (event) => {
  const { target: form, submitter: button } = event;
  if (form.matches("dialog form")) {
    const ask = form.closest("dialog");
    if (!ask.dataset.asks || button?.value === "cancel") return;
    event.preventDefault();
    const fields = new FormData(form, button);
    ask.close();
    return answerWith(fields);
  }
  if (!form.matches("[data-enhance], [data-did]") || button?.matches("[data-plain]")) return;
  if (button?.dataset.ask === "note" && $(".said[data-cut]", askedRow(button))) return; // The page that asks has all of it.
  if (form.matches("[data-did]") && !$("#page")) return;
  event.preventDefault();
  if (button?.dataset.ask) return askFor(button);
  send(form, button);
});

let asked = null;

// The one row that a question is about; otherwise a part of the document without rows.
function askedRow(button) {
  const ticks = $$(".update > input:checked");
  return button.closest(".update") ?? (ticks.length === 1 ? ticks[0].closest(".update") : document.head);
}

// A note that is there already can be gone on with.
function askFor(button) {
  const dialog = $(`#ask-${button.dataset.ask}`);
  dialog.dataset.asks = button.dataset.ask;
  asked = button;
  for (const form of $$("form", dialog)) form.reset();
  const row = askedRow(button);
  if (row !== document.head && $("textarea", dialog)) $("textarea", dialog).value = $(".said", row)?.textContent.trim() ?? "";
  const name = $("strong a", row)?.textContent;
  $("[data-about]", dialog).textContent = name ? `${name} on ${$(".where strong", row).textContent}` : selected();
  dialog.showModal();
}

function answerWith(fields) {
  send($("#act"), asked, fields);
}

// The bar with the way back leaves by itself.

function told() {
  const bar = $("[data-did]");
  if (!bar) return;
  const url = new URL(location);
  url.searchParams.delete("did");
  history.replaceState(null, "", url);
  leave(bar);
}

// It waits for who is about to use it.
function leave(bar) {
  setTimeout(() => (bar.matches(":focus-within, :hover") ? leave(bar) : bar.remove()), UNDO);
}

function say(words) {
  const bar = document.createElement("p");
  bar.className = "did";
  bar.role = "alert";
  bar.textContent = words;
  document.body.append(bar);
  leave(bar);
  if (live) live.textContent = "no connection";
  live?.classList.add("off");
}

// Clicks: older versions in place, ranges of ticks, copies.

let lastTick = null; // The key of its row: the row itself may have been replaced since.

document.addEventListener("click", async (event) => {
  const older = event.target.closest("[data-open]");
  if (older && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    return openOlder(older);
  }
  if (event.target.closest("[data-keys]")) return KEYS["?"]();
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    await toClipboard(await textOf(copy));
    copy.lastChild.textContent = " copied";
  }
  const tick = event.target.closest(".update > input[type=checkbox]");
  if (tick) {
    const all = rows();
    const row = tick.closest(".update");
    const [from, to] = [all.findIndex((each) => each.dataset.key === lastTick), all.indexOf(row)].sort((a, b) => a - b);
    if (event.shiftKey && from >= 0)
      for (const each of all.slice(from, to + 1)) $(":scope > input", each).checked = tick.checked;
    lastTick = row.dataset.key;
    if (!tick.checked && $("[name=all]")) $("[name=all]").checked = false;
  }
  const all = event.target.closest("[name=all]");
  if (all) tickAll(document, all.checked);
  if (event.target.closest("[type=checkbox]")) selected();
  if (!event.target.closest(".menu")) for (const menu of $$(".menu[open]")) menu.open = false;
});

document.addEventListener("reset", () => setTimeout(selected));
addEventListener("pageshow", selected);

// Who chooses all that match chooses what is shown of it too, and the other way round.
function tickAll(root, checked) {
  for (const tick of $$(".update > input", root)) tick.checked = checked;
}

function selected() {
  const all = $("[name=all]:checked");
  const words = all ? `All ${all.value} selected` : `${$$(".update > input:checked").length} selected`;
  if ($("[data-selected]")) $("[data-selected]").textContent = words;
  return words;
}

async function openOlder(link) {
  const row = link.closest(".update");
  const open = $(":scope > .below", row);
  if (!open) return unfold(row, link);
  link.setAttribute("aria-expanded", "false");
  open.remove();
}

// Fills the list below a row, also anew where it is open.
async function unfold(row, link) {
  link.setAttribute("aria-expanded", "true");
  const answer = await request(link.dataset.open).catch(() => null);
  let list = $(":scope > .below", row);
  if (!answer?.ok) {
    if (!list) link.setAttribute("aria-expanded", "false");
    return list || say("No connection: the older versions cannot be shown");
  }
  const text = await answer.text();
  if (!list) {
    list = document.createElement("ul");
    list.className = "below";
    row.append(list);
  }
  const busy = list.contains(document.activeElement) && document.activeElement.getAttribute("aria-label");
  list.innerHTML = text;
  tellTimes(list);
  if (busy) $(`[aria-label="${CSS.escape(busy)}"]`, list)?.focus({ preventScroll: true });
}

function showCopies() {
  for (const button of $$("[data-copy]")) button.hidden = false;
}

// A secret that the page does not show is fetched to be copied.
async function textOf(button) {
  const code = $("code", button.parentElement);
  if (!button.dataset.copy) return code.textContent;
  const answer = await request(button.dataset.copy, { method: "POST" });
  return $(`#${code.id}`, new DOMParser().parseFromString(await answer.text(), "text/html")).textContent;
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

// Rows can be dropped on a tag, in a strip that is there while one is dragged. A row that is ticked takes its selection along.

let dragged = null;

document.addEventListener("pointerdown", ({ target, pointerType }) => {
  const row = target.closest("#list .update");
  if (row) row.draggable = pointerType === "mouse" && !target.closest("input, button");
});

document.addEventListener("dragstart", async (event) => {
  const row = event.target.closest?.("#list .update");
  if (!row) return;
  dragged = row;
  event.dataTransfer.setData("text/plain", $("strong a", row).textContent);
  const answer = await request(`${ROOT}/tags/strip`);
  const strip = await answer.text();
  if (answer.ok && dragged === row && !$(".strip")) document.body.insertAdjacentHTML("beforeend", strip);
});

document.addEventListener("dragover", (event) => {
  const target = dragged && event.target.closest?.(".strip button");
  for (const button of $$(".strip button")) button.classList.toggle("over", button === target);
  if (target) event.preventDefault();
});

document.addEventListener("drop", (event) => {
  const target = dragged && event.target.closest?.(".strip button");
  if (!target) return;
  event.preventDefault();
  const tick = $(":scope > input", dragged);
  if (target.matches("[data-other]")) {
    if (tick && !tick.checked) for (const each of $$(".update > input")) each.checked = each === tick;
    selected();
    $('.selection [formaction$="/act/tag"]').click();
  } else {
    if (!tick?.checked) $(".strip [name=only]").value = dragged.id.replace("update-", "");
    send($("#act"), target);
  }
  dropped();
});

document.addEventListener("dragend", dropped);

function dropped() {
  dragged = null;
  $(".strip")?.remove();
}

// The Connect page listens for DIUN.

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
      // It is asked again.
    }
  }
  setTimeout(listen, LISTEN);
}

function hear(text) {
  for (const part of $$("[data-part]", new DOMParser().parseFromString(text, "text/html")))
    $(`#${part.dataset.part}`).replaceChildren(...part.childNodes);
  tellTimes();
}

if (listening) setTimeout(listen, LISTEN);

// Keys. Nothing fires while typing.

const current = () => $(".update.here");

function go(step) {
  const all = rows();
  const at = all.indexOf(current());
  const next = all[Math.min(all.length - 1, Math.max(0, at + step))];
  current()?.classList.remove("here");
  next?.classList.add("here");
  next?.scrollIntoView({ block: "nearest" });
  $("strong a", next)?.focus({ preventScroll: true });
}

function press(verb) {
  const ticked = $(".update > input:checked");
  const row = current();
  const button = $(`button[formaction$="/act/${verb}"]`, ticked ? $(".selection") : (row ?? document.head));
  const next = rows()[rows().indexOf(row) + 1];
  button?.click();
  if (ticked || !button || button.dataset.ask || !next) return;
  row.classList.remove("here");
  next.classList.add("here");
}

const ROOMS = { u: "?state=pending", t: "tags", h: "hosts", i: "insights", l: "history", c: "connect" };
const KEYS = {
  j: () => go(1),
  k: () => go(-1),
  x: () => $(":scope > input", current() || document.body)?.click(),
  a: () => press("acknowledge"),
  s: () => press("snooze"),
  m: () => press("mute"),
  t: () => press("tag"),
  n: () => press("note"),
  o: () => $("[data-open]", current() || document.body)?.click(),
  u: () => $("[data-did] button")?.click(),
  "/": () => $(".search input[type=search]")?.focus(),
  "?": () => $("#keys")?.showModal(),
};
let going = false;

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.target.closest("textarea")?.form.requestSubmit();
  if (event.ctrlKey || event.metaKey || event.altKey || $("dialog[open]")) return;
  if (event.key === "Escape") {
    const menus = $$(".menu[open]");
    for (const menu of menus) menu.open = false;
    if (!menus.length && !event.target.matches("input:not([type=checkbox])")) $(".selection [type=reset]")?.click();
  }
  if (event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const room = going && ROOMS[event.key];
  going = event.key === "g" && !going;
  if (room) location.assign(`${ROOT}/${room}`);
  else if (!going && KEYS[event.key]) KEYS[event.key]();
  else if (!going) return;
  event.preventDefault();
});

tellTimes();
told();
showCopies();
$("[data-keys]").hidden = false;
showTab();
