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

function ahead(days) {
  const then = new Date();
  then.setDate(then.getDate() + days);
  return then;
}

// As the server writes it, whatever the language of the browser: the words around it are English.
const dayOf = (then) => `${part(then, "weekday")} ${then.getDate()} ${part(then, "month")}`;
const part = (then, name) => then.toLocaleDateString("en", { [name]: "short" });

export function tellTimes(root = document) {
  for (const time of $$("time", root)) {
    const moment = new Date(time.dateTime);
    time.title = zone.format(moment);
    if (moment < Date.now() && time.textContent !== age(moment)) time.textContent = age(moment);
  }
  for (const field of $$('input[name="zone"]', root)) field.value = new Date().getTimezoneOffset();
  for (const day of $$("[data-days]", root)) day.textContent = dayOf(ahead(Number(day.dataset.days)));
  for (const field of $$('input[type="date"]', root)) field.min = ahead(1).toLocaleDateString("sv"); // As ISO 8601.
}
