"use strict";
// Rewrites each moment of the page to the viewer's zone. UTC stays in its title. The locale is fixed because the pages are in
// English; only the zone is the viewer's.
{
  const format = new Intl.DateTimeFormat("en-US", {
    year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
    timeZoneName: "short",
  });
  for (const time of document.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const of = Object.fromEntries(format.formatToParts(at).map((part) => [part.type, part.value]));
    time.textContent = `${of.year}-${of.month}-${of.day} ${of.hour}:${of.minute} ${of.timeZoneName}`;
  }
}
