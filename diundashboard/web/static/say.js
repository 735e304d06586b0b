// Messages, in a region that is there from the start so that screen readers read them out.

import { $ } from "./dom.js";

const STAYS = 10_000;

const region = $("#said");

// The server's message about what was done, with its Undo button. It is not repeated when the page is loaded again.
export function told(root = document) {
  const bar = $("[data-did]", root);
  if (!bar) return;
  for (const inner of bar.querySelectorAll("[role=status]")) inner.removeAttribute("role");
  put(document.adoptNode(bar));
  const url = new URL(location);
  url.searchParams.delete("did");
  history.replaceState(history.state, "", url);
}

export const quiet = () => region.replaceChildren();

export function say(words, again) {
  const bar = document.createElement("p");
  bar.className = "did";
  bar.append(Object.assign(document.createElement("span"), { textContent: words }));
  if (again) bar.append(retry(again));
  put(bar);
}

export function retry(again) {
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Retry" });
  button.addEventListener("click", again);
  return button;
}

function put(bar) {
  region.replaceChildren(bar);
  leave(bar);
}

// It waits for a person who is about to use it.
function leave(bar) {
  setTimeout(() => (bar.matches(":focus-within, :hover") ? leave(bar) : bar.remove()), STAYS);
}
