// Comfort on top of pages that work without it.

const zone = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
for (const time of document.querySelectorAll("time")) time.title = zone.format(new Date(time.dateTime));
