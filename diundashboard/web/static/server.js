// Requests to the server, and the mark in the header that says how it is.

import { $, ROOT, here, parsed } from "./dom.js";

const PATIENCE = 20_000;
const BUSY = 300;

export const UNREACHED = "Can't reach the server. Your change may not be saved.";

const live = $("[data-live]");

export function tell(words, on = false) {
  if (!live) return;
  live.textContent = words;
  live.classList.toggle("off", !on);
}

// A request that a person makes. Whoever is logged out by now is sent to the login page.
export async function request(address, options = {}) {
  const signal = AbortSignal.timeout(PATIENCE);
  const answer = await fetch(address, { signal, ...options, headers: { "X-Requested-With": "page" } });
  if (answer.status === 401) location.assign(`${ROOT}/login?next=${encodeURIComponent(here())}`);
  return answer;
}

// A request that the page makes by itself: it keeps no session alive.
export const poll = (address, tag) =>
  fetch(address, { headers: { "X-Requested-With": "poll", ...(tag && { "If-None-Match": tag }) }, cache: "no-store" });

// Sends a form, which arrives even if the person leaves the page. The result is either the page that answers, or
// `error`: why nothing was saved.
export async function post(address, fields) {
  const busy = setTimeout(() => $("main").setAttribute("aria-busy", "true"), BUSY);
  try {
    const answer = await request(address, { method: "POST", body: fields, keepalive: true });
    const text = await answer.text();
    if (answer.ok) return { text, url: answer.url };
    return { error: reason(answer, text) };
  } catch {
    tell("no connection");
    return { error: UNREACHED };
  } finally {
    clearTimeout(busy);
    $("main").removeAttribute("aria-busy");
  }
}

function reason(answer, text) {
  if (answer.status === 401) return "You are logged out.";
  const page = parsed(text);
  return ($("main [role=alert]", page) ?? $("main h1 + p", page))?.textContent.trim() ?? `The server answered ${answer.status}.`;
}
