// Selecting rows: one by one, a range, a group, the whole list.

import { $, $$, rows, tickOf } from "./dom.js";

let lastTick = null; // The key of its row.

export const allChosen = () => $("[name=all]:checked");

// Tells how many are selected, also by the three states of the boxes that select several.
export function selected() {
  const all = allChosen();
  const count = ticks(rows()).filter((tick) => tick.checked).length;
  const words = all ? `All ${all.value} selected` : `${count} selected`;
  if ($("[data-selected]") && $("[data-selected]").textContent !== words) $("[data-selected]").textContent = words;
  for (const box of $$("[data-all]")) {
    const its = ticks(under(box));
    const checked = its.filter((tick) => tick.checked).length;
    box.checked = checked > 0 && checked === its.length;
    box.indeterminate = checked > 0 && checked < its.length;
  }
  return words;
}

const ticks = (list) => list.map(tickOf).filter(Boolean);

// The rows that a box is about: those of its group, or the whole list.
function under(box) {
  const group = box.closest(".group");
  return group ? rows().filter((row) => row.parentElement === group.nextElementSibling) : rows();
}

function tickAll(list, checked) {
  for (const tick of ticks(list)) tick.checked = checked;
}

// Gives the rows from the last one that was ticked to this one the state of this one.
export function range(row) {
  const all = rows();
  const [from, to] = [all.findIndex((each) => each.dataset.key === lastTick), all.indexOf(row)].sort((a, b) => a - b);
  if (from >= 0) for (const each of all.slice(from, to + 1)) tickOf(each).checked = tickOf(row).checked;
}

document.addEventListener("click", (event) => {
  const box = event.target.closest("[type=checkbox]");
  if (!box) return;
  const row = box.closest(".updates > .update");
  if (box.name === "all") tickAll(rows(), box.checked);
  if (box.matches("[data-all]")) tickAll(under(box), box.checked);
  if (row) {
    if (event.shiftKey) range(row);
    lastTick = row.dataset.key;
  }
  if (!box.checked && box.name !== "all" && allChosen()) allChosen().checked = false;
  selected();
});

document.addEventListener("reset", () => setTimeout(selected));
addEventListener("pageshow", selected);
