// Turns the page into its next version. What the person is busy with stays: ticks, typed text, open menus, the focus.

import { $, $$, rows } from "./dom.js";
import { Idiomorph } from "./idiomorph-0.8.0.js";

const typed = (field) => field.matches("input:not([type=hidden], [type=checkbox], [type=radio]), textarea");

// `news`: rows that come are marked for a moment.
export function morph(page, next, news) {
  // A row keeps its place in the document while its series gets a new version, and with it another id.
  const coming = new Map(rows(next).map((row) => [row.dataset.key, row]));
  for (const row of $$(".updates > .update", page)) row.id = coming.get(row.dataset.key)?.id ?? row.id;
  const boxes = unapplied(page, next);
  Idiomorph.morph(page, next, {
    callbacks: {
      beforeNodeMorphed: keep,
      beforeNodeRemoved: (node) => !node.matches?.("[data-own]"),
      beforeAttributeUpdated: (name, element) => !(name === "style" || (typed(element) && changed(element, name))),
      afterNodeAdded: (node) => news && node.matches?.(".updates > .update") && node.classList.add("fresh"),
    },
  });
  boxes();
}

// The boxes of the filters that are ticked and not applied yet stay so, wherever they are now.
function unapplied(page, next) {
  const all = (root) => $$(".boxes input", root);
  const key = ({ name, value }) => `${name}=${value}`;
  const ticked = new Map(all(page).flatMap((box) => (box.checked === box.defaultChecked ? [] : [[key(box), box.checked]])));
  const applied = new Set(all(next).flatMap((box) => (box.defaultChecked ? [key(box)] : [])));
  return () => {
    for (const box of all(page)) {
      box.defaultChecked = applied.has(key(box));
      box.checked = ticked.get(key(box)) ?? box.defaultChecked;
    }
  };
}

// What a script put there is its own, and so is what a person opened or ticked.
function keep(old, next) {
  if (old.nodeType !== Node.ELEMENT_NODE) return true;
  if (old.matches("[data-own]")) return false;
  if (old.matches("details[open]")) Object.assign(next, { open: true, className: old.className });
  if (old.matches("[type=checkbox], [type=radio]")) next.checked = old.checked;
  if (old.matches("[data-copy]")) next.hidden = old.hidden;
  if (old.matches("[data-open][aria-expanded=true]")) next.setAttribute("aria-expanded", "true");
  if (old.matches(".update.here")) next.classList.add("here");
  if (old.matches(".update[data-leaving]")) {
    next.classList.add("gone");
    next.dataset.leaving = "";
  }
  return true;
}

const changed = (field, name) => (name === "value" || name === "checked") && field.value !== field.defaultValue;

// The frame of the page: title, icon, navigation and notices.
export function frame(next) {
  document.title = next.title;
  $('link[rel="icon"]').href = $('link[rel="icon"]', next).getAttribute("href");
  for (const part of [".rooms", "#kept", "#tags"]) if ($(part) && $(part, next)) Idiomorph.morph($(part), $(part, next));
}
