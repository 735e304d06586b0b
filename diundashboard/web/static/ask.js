// Dialogs that ask for a date, a tag or a note. One stays open, with what was typed, until the server has saved it.

import { chosen, send } from "./act.js";
import { $, $$, current } from "./dom.js";
import { begin, mark } from "./pickers.js";
import { selected } from "./select.js";
import { tellTimes } from "./times.js";

let entry = null;

// The one row that a question is about, if it is one.
function askedRow(button) {
  const ticks = $$(".update > input:checked");
  return button.closest(".update") ?? (ticks.length === 1 ? ticks[0].closest(".update") : null);
}

// Whether it asks: a long note, which the row shows in part, is changed on a page of its own.
export function askFor(button) {
  const dialog = $(`#ask-${button.dataset.ask}`);
  const row = askedRow(button);
  const note = row && $(":scope > .said", row);
  if (!dialog || (button.dataset.ask === "note" && note?.matches("[data-cut]"))) return false;
  entry = chosen(button.form, button);
  for (const form of $$("form", dialog)) form.reset();
  $(".failed", dialog)?.remove();
  tellTimes(dialog);
  if ($("textarea", dialog)) $("textarea", dialog).value = note?.textContent.trim() ?? "";
  $("[data-about]", dialog).textContent = row ? `${$("strong a", row).textContent} on ${$(".where strong", row).textContent}` : selected();
  const menu = button.closest("details[open]");
  if (menu) {
    menu.open = false;
    $("summary", menu).focus();
  }
  dialog.showModal();
  const field = $("[data-find]", dialog);
  if (!field) return true;
  mark(field, row && $(".labels .label", row)?.textContent);
  begin(field);
  return true;
}

document.addEventListener("submit", (event) => {
  const { target: form, submitter: button } = event;
  const dialog = form.closest("dialog[id^=ask-]");
  if (!dialog || button?.value === "cancel") return;
  event.preventDefault();
  if (dialog.matches("[aria-busy]")) return;
  const fields = new URLSearchParams(entry.fields);
  for (const [name, value] of new FormData(form, button)) fields.append(name, value);
  dialog.setAttribute("aria-busy", "true");
  send({ ...entry, fields, then: (error) => answered(dialog, error) });
});

// What had the focus may be gone: the row of the keyboard gets it.
function close(dialog) {
  dialog.close();
  if (!document.activeElement.matches("body, dialog *") || !current()) return;
  $("strong a", current()).focus({ preventScroll: true });
}

function answered(dialog, error) {
  dialog.removeAttribute("aria-busy");
  $(".failed", dialog)?.remove();
  if (!error) return close(dialog);
  const words = Object.assign(document.createElement("p"), { className: "failed", role: "alert", textContent: error });
  $("h2", dialog).after(words);
}
