/* The review page, a little better where scripts run: a slider over the threshold, and progress that shows itself. */
"use strict";

const PERIOD = 2000; // milliseconds between two looks at running work

function slide(root) {
  const table = JSON.parse(document.getElementById("threshold-table").textContent);
  const range = root.querySelector("input[type=range]");
  const typed = root.querySelector("input[name=threshold]");
  const markers = document.querySelectorAll("[data-marker]");

  function show(row) {
    for (const place of root.querySelectorAll("[data-shown]")) {
      const value = row[place.dataset.shown];
      place.textContent = value === null ? "–" : Number.isInteger(value) && place.dataset.shown === "flips" ? value : value.toFixed(4);
    }
    range.setAttribute("aria-valuetext", row.threshold.toFixed(4));
    for (const line of markers) {
      const x = Number(line.dataset.left) + row.threshold * Number(line.dataset.width);
      line.setAttribute("x1", x);
      line.setAttribute("x2", x);
    }
  }

  range.value = table.findIndex((row) => row.own);
  range.addEventListener("input", () => {
    const row = table[Number(range.value)];
    show(row);
    if (typed) typed.value = row.own ? "" : row.threshold;
  });
  show(table[Number(range.value)]);
  root.querySelector("[data-slider]").hidden = false;
}

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

for (const root of document.querySelectorAll("[data-threshold]")) slide(root);
if (document.querySelector("[data-live]")) setInterval(() => look().catch(() => undefined), PERIOD);
