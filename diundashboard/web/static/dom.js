// What every other script asks of the page.

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

export const ROOT = $(".brand").pathname.replace(/\/$/, "");
// The address of this page. That of one update says where it stands in the list, also if its link did not.
export const here = () => $("#page")?.dataset.self ?? location.pathname + location.search;
export const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

// The rows of the list, without those that are leaving it.
export const rows = (root = document) => $$(".updates > .update:not(.gone)", root);
export const tickOf = (row) => $(":scope > input", row);
export const current = () => $(".update.here:not(.gone)");

export function goTo(row) {
  $(".update.here")?.classList.remove("here");
  row?.classList.add("here");
}

export const parsed = (text) => new DOMParser().parseFromString(text, "text/html");
