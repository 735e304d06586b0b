// Pickers: what is typed filters the tags, and a number chooses when a snooze ends.

import { $, $$ } from "./dom.js";

const FIELD = "[data-find]";
const shown = (button) => !button.hidden;
const choices = (field) => $$("[data-tags] button", field.closest(".picker"));
const named = (button) => button.value.toLowerCase();

// Shows the tags whose names contain what is typed, and marks the one that Enter chooses.
export function filter(field, words = field.value.trim()) {
  const typed = words.toLowerCase();
  const all = choices(field);
  for (const button of all) button.hidden = !(button.value ? named(button).includes(typed) : !typed);
  const found = all.filter(shown);
  const exact = all.find((button) => button.value === words) ?? found.find((button) => named(button) === typed);
  const first = exact ?? found.find((button) => named(button).startsWith(typed)) ?? found[0];
  for (const button of all) button.classList.toggle("first", Boolean(words) && button === first);
  tell(field, words, first, exact);
}

// The button beside the field creates the tag. A tag that is not listed may have the name already.
function tell(field, words, first, exact) {
  const listed = $("[data-tags]", field.closest(".picker")).dataset.tags === "0";
  const create = $("button", field.form);
  create.hidden = !words || Boolean(exact);
  create.textContent = `${listed ? "Create" : "Use or create"} “${words}”`;
  const does = first ? `choose “${first.textContent}”` : `${listed ? "create" : "use or create"} “${words}”`;
  $("[role=status]", field.form).textContent = words ? `Press Enter to ${does}.` : "Leave empty to remove the tag.";
}

// Marks the tag that a row has. Its row shows the name as the button does.
export function mark(field, name) {
  for (const button of choices(field)) {
    if (name && button.value && button.textContent === name) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
}

// The tags as they were before anything was typed. A name that the field begins with is replaced by typing.
export function begin(field) {
  filter(field, "");
  field.select();
}

// After a refresh.
export function refilter() {
  for (const field of $$(FIELD)) filter(field, field.value === field.defaultValue ? "" : undefined);
}

document.addEventListener("input", ({ target }) => target.matches(FIELD) && filter(target));

document.addEventListener("toggle", ({ target: menu }) => menu.open && $(FIELD, menu) && begin($(FIELD, menu)), true);

document.addEventListener("keydown", (event) => {
  const field = $(FIELD, event.target.closest?.(".picker") ?? document.createDocumentFragment());
  if (!field || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  const stops = [field, ...choices(field).filter(shown)];
  const step = { ArrowDown: 1, ArrowUp: -1, ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const sideways = /Left|Right/.test(event.key);
  const first = event.key === "Enter" && event.target === field && $("button.first", field.closest(".picker"));
  if (first) first.click();
  else if (step && !(sideways && event.target === field)) stops[stops.indexOf(event.target) + step]?.focus();
  else return;
  event.preventDefault();
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.target.closest("input, textarea, select")) return;
  const button = $$(`button[aria-keyshortcuts="${CSS.escape(event.key)}"]`).find((each) => each.checkVisibility());
  if (!button) return;
  event.preventDefault();
  button.click();
});

refilter();
