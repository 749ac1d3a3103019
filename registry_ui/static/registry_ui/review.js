/* The review page, a little better where scripts run: a slider over the threshold. */
"use strict";

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

for (const root of document.querySelectorAll("[data-threshold]")) slide(root);
