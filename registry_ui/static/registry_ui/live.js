/* Pages of running work move by themselves where scripts run; without, the browser's own reload shows the same. */
"use strict";

const PERIOD = 2000; // milliseconds between two looks at running work
let timer;

/* Fetch the page again while work runs, and exchange its live parts. When the work has ended, the whole page is new;
   where it was live "to-the-end", its parts are exchanged once more and stay. */
async function look() {
  const answer = await fetch(location.href, { credentials: "same-origin" });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const ended = !fresh.querySelector("[data-live]");
  if (ended && !document.querySelector("[data-live=to-the-end]")) {
    if (!typing()) location.reload();
    return;
  }
  for (const live of document.querySelectorAll("[data-live]")) {
    const parts = live.querySelectorAll("[data-part]");
    for (const part of parts.length ? parts : [live]) exchange(part, part.id && fresh.getElementById(part.id));
    if (ended) live.removeAttribute("data-live");
  }
  if (ended) clearInterval(timer);
}

/* Only what differs is exchanged. Focus stays where it was, and so does a log: at its end, or where it was read. */
function exchange(part, other) {
  if (!other || shown(part) === shown(other)) return;
  const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
  const log = part.querySelector("pre");
  const place = log && log.scrollTop + log.clientHeight < log.scrollHeight - 4 ? log.scrollTop : Infinity;
  part.className = other.className;
  part.innerHTML = other.innerHTML;
  const moved = part.querySelector("pre");
  if (moved) moved.scrollTop = Math.min(place, moved.scrollHeight);
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

/* Its HTML without the form token, which is another one each time. */
function shown(part) {
  return part.innerHTML.replace(/name="csrfmiddlewaretoken" value="[^"]*"/g, "");
}

function typing() {
  return [...document.querySelectorAll("textarea")].some((area) => area.value !== area.defaultValue);
}

function watch() {
  clearInterval(timer);
  timer = setInterval(() => look().catch(() => undefined), PERIOD);
}

/* What a closed section would show is asked for when somebody opens it. */
for (const section of document.querySelectorAll("details[data-asks]")) {
  section.addEventListener(
    "toggle",
    async () => {
      const form = section.querySelector("form[data-asked]");
      if (!section.open || !form) return;
      await fetch(form.action, { method: "POST", body: new FormData(form), credentials: "same-origin" });
      section.setAttribute("data-live", "to-the-end");
      watch();
    },
    { once: true },
  );
}

if (document.querySelector("[data-live]")) watch();
