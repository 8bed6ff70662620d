// What every page does by itself: it stays live while somebody looks, remembers the colours, and copies text.
import { drawAll } from "./charts.js";

const SECONDS = 5;
const root = document.documentElement;
const live = document.querySelector("[data-live]");
const said = document.querySelector("#said");

const remembered = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
const remember = (name, value) => { try { localStorage.setItem(name, value); } catch { /* private window */ } };

// Fragments ask for themselves anew at every tick; a hidden tab or a pressed pause gives none.
const paused = () => live?.getAttribute("aria-pressed") === "true";
const tick = () => { if (!document.hidden && !paused()) document.body.dispatchEvent(new Event("tick")); };
setInterval(tick, SECONDS * 1000);
document.addEventListener("visibilitychange", tick);

live?.addEventListener("click", () => {
  const pause = !paused();
  live.setAttribute("aria-pressed", String(pause));
  live.querySelector(".live-word").textContent = pause ? "Paused" : "Live";
  if (!pause) tick();
});

// One sentence when the connection is lost, and one when it is back; nothing is read out in between.
const connection = (lost) => {
  if (!live || live.classList.contains("lost") === lost) return;
  live.classList.toggle("lost", lost);
  live.querySelector(".live-word").textContent = lost ? "No answer" : paused() ? "Paused" : "Live";
  said.textContent = lost ? "The service does not answer; trying again." : "The service answers again.";
};
document.addEventListener("htmx:error", () => connection(true));
document.addEventListener("htmx:after:request", (event) => {
  const status = event.detail?.ctx?.response?.raw?.status ?? event.detail?.ctx?.response?.status ?? 200;
  connection(status >= 500);
  if (status === 401) location.reload();
});

// What is new in a fragment: charts are drawn again, and alarms that were not there before are read out.
let alarms = document.querySelector("[data-alarms]")?.dataset.alarms;
document.addEventListener("htmx:after:swap", () => {
  drawAll();
  const now = document.querySelector("[data-alarms]")?.dataset.alarms;
  if (now !== undefined && now !== alarms) {
    said.textContent = now === "0" ? "There is no alarm any more." : `There are ${now} alarms now.`;
    alarms = now;
  }
});

// Light, dark, or as the system has it.
const themes = ["auto", "light", "dark"];
const switcher = document.querySelector("[data-theme-switch]");
const showTheme = (name) => {
  if (name === "auto") delete root.dataset.theme; else root.dataset.theme = name;
  switcher?.setAttribute("aria-label", `Colours: ${name}. Change`);
  switcher?.setAttribute("title", `Colours: ${name}`);
  for (const icon of switcher?.querySelectorAll("svg") ?? []) icon.toggleAttribute("hidden", icon.dataset.icon !== name);
  drawAll(true);
};
switcher?.addEventListener("click", () => {
  const next = themes[(themes.indexOf(remembered("theme") ?? "auto") + 1) % themes.length];
  remember("theme", next);
  showTheme(next);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll(true));

// Pieces of pages are the same for all who look; what only this browser may say goes into their forms here.
document.addEventListener("submit", ({ target }) => {
  const field = target.querySelector("[data-token]");
  if (field) field.value = document.body.dataset.formToken;
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  said.textContent = "Copied.";
  const word = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = word; }, 1500);
});

// A select that is a form of its own goes at once; without scripts its button is there.
document.addEventListener("change", (event) => event.target.closest?.("[data-at-once]")?.requestSubmit());

// On a phone the row of pages scrolls; where we are is in sight.
const here = document.querySelector(".nav [aria-current]");
if (here) here.parentElement.scrollLeft = here.offsetLeft - here.parentElement.offsetLeft - 40;

// An address that points at something folded unfolds it.
const unfold = () => {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) { target.open = true; target.scrollIntoView(); }
};
addEventListener("hashchange", unfold);
unfold();

showTheme(remembered("theme") ?? "auto");
