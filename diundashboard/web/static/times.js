// Times: the server knows the moment, the browser knows the time zone.

import { $$ } from "./dom.js";

const zone = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

function age(time) {
  const seconds = Math.max(0, (Date.now() - time) / 1000);
  if (seconds < 60) return "now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h`;
  const days = Math.floor(seconds / 86400);
  return days === 1 ? "yesterday" : days < 730 ? `${days} d` : `${Math.floor(days / 365)} y`;
}

export function tellTimes(root = document) {
  for (const time of $$("time", root)) {
    const moment = new Date(time.dateTime);
    time.title = zone.format(moment);
    if (moment < Date.now() && time.textContent !== age(moment)) time.textContent = age(moment);
  }
  for (const field of $$('input[name="zone"]', root)) field.value = new Date().getTimezoneOffset();
  const tomorrow = new Date();
  tomorrow.setDate(tomorrow.getDate() + 1);
  for (const field of $$('input[type="date"]', root)) field.min = tomorrow.toLocaleDateString("sv"); // As ISO 8601.
}
