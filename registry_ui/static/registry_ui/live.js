/* Pages of running work move by themselves where scripts run; without, the browser's own reload shows the same. */
"use strict";

const PERIOD = 2000; // milliseconds between two looks at running work

/* Fetch the page again while work runs, and exchange its live parts; when the work has ended, the whole page is new. */
async function look() {
  const answer = await fetch(location.href, { credentials: "same-origin" });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!fresh.querySelector("[data-live]") && !typing()) {
    location.reload();
    return;
  }
  for (const part of document.querySelectorAll("[data-live]")) {
    const other = document.getElementById(part.id) && fresh.getElementById(part.id);
    if (other) part.innerHTML = other.innerHTML;
  }
}

function typing() {
  return [...document.querySelectorAll("textarea")].some((area) => area.value !== area.defaultValue);
}

if (document.querySelector("[data-live]")) setInterval(() => look().catch(() => undefined), PERIOD);
