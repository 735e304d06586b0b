// Menus close by Escape or a click elsewhere, stay inside the window, and put the focus into the form that they open.

import { $, $$ } from "./dom.js";

const OPEN = "details:is(.menu, .more)[open]";
const MARGIN = 8;

// Closes what is open, and puts the focus back on what had opened it. Whether there was anything.
export function closeMenus() {
  const menus = $$(OPEN);
  for (const menu of menus) {
    const back = menu.contains(document.activeElement) || document.activeElement === document.body;
    menu.open = false;
    if (back) $("summary", menu).focus();
  }
  return menus.length > 0;
}

document.addEventListener("click", ({ target }) => {
  for (const menu of $$(OPEN)) if (!menu.contains(target)) menu.open = false;
});

// A menu that has no room below opens upwards; one that has room nowhere scrolls.
document.addEventListener(
  "toggle",
  ({ target: menu }) => {
    if (!menu.matches?.(".menu")) return;
    menu.classList.remove("up");
    const list = $(":scope > :not(summary)", menu);
    list.style.maxHeight = "";
    if (!menu.open || getComputedStyle(list).position !== "absolute") return;
    const { top, bottom } = $("summary", menu).getBoundingClientRect();
    const [above, below] = [top - MARGIN, floor() - bottom - MARGIN];
    if (list.offsetHeight <= below) return;
    menu.classList.toggle("up", above > below);
    list.style.maxHeight = `${Math.min(list.offsetHeight, Math.max(above, below))}px`;
  },
  true,
);

// A form that is opened is ready to be filled in.
document.addEventListener(
  "toggle",
  ({ target: opened }) => {
    const active = document.activeElement;
    if (!opened.open || !opened.matches(":is(.asks, .deeds) > details, .more") || $("form", opened)?.contains(active)) return;
    if (active === document.body || opened.contains(active)) $("input:not([type=hidden], [type=radio]), textarea", opened)?.focus();
  },
  true,
);

// A link to what a menu holds opens the menu.
export function openTarget() {
  const menu = document.getElementById(location.hash.slice(1))?.closest("details.menu");
  if (menu) menu.open = true;
}

addEventListener("hashchange", openTarget);

// Where the window ends: on a phone, at what is fixed to its bottom.
function floor() {
  const bars = $$(".rooms, .selection").filter((bar) => {
    const { position, visibility } = getComputedStyle(bar);
    return position === "fixed" && visibility === "visible";
  });
  return Math.min(innerHeight, ...bars.map((bar) => bar.getBoundingClientRect().top));
}
