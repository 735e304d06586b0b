// Rows are dragged by their initials to a tag, in a strip that is there meanwhile. A selected row takes the selection along.

import { about, chosen, send } from "./act.js";
import { $, $$, ROOT, rows, tickOf } from "./dom.js";
import { selected } from "./select.js";
import { request } from "./server.js";

const HANDLE = "#list .updates > .update > .initials";

let dragged = null;

export const dragging = () => dragged !== null;

document.addEventListener("pointerdown", ({ target, pointerType }) => {
  const handle = target.closest(HANDLE);
  if (handle) handle.draggable = pointerType === "mouse";
});

document.addEventListener("dragstart", async (event) => {
  const row = event.target.closest?.(HANDLE)?.closest(".update");
  if (!row) return;
  dragged = row;
  event.dataTransfer.setData("text/plain", $("strong a", row).textContent);
  event.dataTransfer.setDragImage(row, 0, 0);
  const answer = await request(`${ROOT}/tags/strip`).catch(() => null);
  const strip = await answer?.text();
  if (answer?.ok && dragged === row && !$(".strip")) document.body.insertAdjacentHTML("beforeend", strip);
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
  const tick = tickOf(dragged);
  if (target.matches("[data-other]")) {
    if (tick && !tick.checked) for (const row of rows()) tickOf(row).checked = row === dragged;
    selected();
    $('.selection [formaction$="/act/tag"]').click();
  } else {
    const entry = chosen($("#act"), target);
    send(tick?.checked ? entry : about(entry, dragged.id.replace("update-", ""), dragged));
  }
  dropped();
});

document.addEventListener("dragend", dropped);

function dropped() {
  dragged = null;
  $(".strip")?.remove();
}
