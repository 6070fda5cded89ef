// What the page does beyond its forms and links: times in the reader's zone, numbers under the pointer, a filter that needs no round
// trip, and news. It draws nothing itself: when there is news, the page is asked for anew, and what has changed of it is put in place.
"use strict";

const main = document.getElementById("main");

// --- times

const inZone = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

function span(seconds) {
  const n = Math.max(0, Math.round(seconds));
  if (n < 60) return `${n} s`;
  if (n < 3600) return `${Math.floor(n / 60)} min`;
  if (n < 86400) return `${Math.floor(n / 3600)} h ${Math.floor((n % 3600) / 60)} min`;
  return `${Math.floor(n / 86400)} d ${Math.floor((n % 86400) / 3600)} h`;
}

function showTime(el) {
  const at = new Date(el.dateTime), gone = (Date.now() - at) / 1000;
  const today = at.toDateString() === new Date().toDateString();
  let text = today ? clock.format(at) : inZone.format(at);
  if (el.dataset.as === "ago") text = gone < 1 ? "just now" : `${span(gone)} ago`;
  if (el.dataset.as === "until") text = gone >= 0 ? "now" : `in ${span(-gone)}`;
  if (el.textContent !== text) el.textContent = text;
  el.title ||= `${inZone.format(at)} here, ${at.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

function showTimes(all) {
  for (const el of main.querySelectorAll("time")) if (all || el.dataset.as !== "when") showTime(el);
}

// --- numbers under the pointer

const kinds = ["sent", "skipped", "held", "failed"];
let tip = null;

function hideTip() { tip?.remove(); tip = null; }

document.addEventListener("pointermove", (e) => {
  const plot = e.target.closest?.("svg.plot");
  if (!plot) return hideTip();
  const box = plot.getBoundingClientRect(), hours = plot.dataset.hours.split(" ");
  const i = Math.min(hours.length - 1, Math.max(0, Math.floor((e.clientX - box.left) / box.width * hours.length)));
  const numbers = hours[i].split(",");
  const words = kinds.map((k, n) => (numbers[n] ? `${Number(numbers[n]).toLocaleString()} ${k}` : "")).filter(Boolean).join(", ") || "no rows";
  const from = new Date((Number(plot.dataset.from) + i * 3600) * 1000);
  const day = from.toDateString() === new Date().toDateString() ? "" : from.toLocaleDateString(undefined, { weekday: "short" }) + " ";
  if (!tip) {
    tip = document.createElement("div");
    tip.className = "tip";
    tip.ariaHidden = "true";
    document.body.append(tip);
  }
  tip.textContent = `${day}${from.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" })}: ${words}`;
  const half = tip.offsetWidth / 2 + 4;
  const x = Math.min(document.documentElement.clientWidth - half, Math.max(half, box.left + (i + 0.5) / hours.length * box.width));
  tip.style.left = `${x + scrollX}px`;
  tip.style.top = `${box.top + scrollY - 4}px`;
});
document.addEventListener("scroll", hideTip, { passive: true });

// The titles that tell the numbers without this script would come up beside the tip.
const withoutTitles = (root) => { for (const t of root.querySelectorAll("svg.plot title")) t.remove(); };

// --- the filter

function filter() {
  const box = document.getElementById("filter"), rows = document.getElementById("zap-rows");
  if (!box || !rows) return;
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of rows.rows) {
    const text = row.cells[0].textContent.toLowerCase() + " " + row.cells[1].textContent;
    row.hidden = !words.every((w) => text.includes(w));
    if (!row.hidden) shown++;
  }
  document.getElementById("none").hidden = shown > 0;
}

main.addEventListener("input", (e) => { if (e.target.id === "filter") filter(); });

// --- ticks

// The head's box ticks all.
function tickAll() {
  const head = main.querySelector("table.history th.tick");
  if (!head || head.querySelector("input")) return;
  const box = document.createElement("input");
  box.type = "checkbox";
  box.ariaLabel = "Tick all";
  box.addEventListener("change", () => { for (const t of main.querySelectorAll('td.tick input')) t.checked = box.checked; });
  head.replaceChildren(box);
}

// --- news

let asking = false, again = false;

// refresh puts the sections in place that have changed. What the reader is doing stays as it is: ticks, what is open, what is typed.
async function refresh() {
  if (document.hidden) { again = true; return; }
  if (asking) { again = true; return; }
  asking = true;
  again = false;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.status === 401) { location.reload(); return; }
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    patch(main, fresh.getElementById("main"));
  } catch { /* the daemon is away; the next news brings it back */ } finally {
    asking = false;
    if (again) setTimeout(refresh, 500);
  }
}

// what each section looked like as it was sent: dressed, it looks otherwise
const sent = new WeakMap();
const remember = (root) => { for (const el of root.children) sent.set(el, el.outerHTML); };

function patch(old, fresh) {
  remember(fresh);
  const ticked = new Set([...old.querySelectorAll("td.tick input:checked")].map((i) => i.value));
  const opened = new Set([...old.querySelectorAll("details[open]")].map((d) => d.id));
  const focus = document.activeElement;
  const before = [...old.children], after = [...fresh.children];
  const alike = before.length === after.length && before.every((el, i) => el.tagName === after[i].tagName && el.className === after[i].className);
  if (!alike) {
    if (old.contains(focus) && focus !== old) return; // not under the reader's hands
    old.replaceChildren(...after);
  } else {
    before.forEach((el, i) => {
      if (sent.get(el) === sent.get(after[i])) return;
      if (el.contains(focus) && focus.matches("input:not([type=checkbox])")) return;
      const place = el.contains(focus) && focus.matches("button, a, input") ? pathTo(el, focus) : null;
      el.replaceWith(after[i]);
      place?.reduce((at, n) => at?.children[n], after[i])?.focus({ preventScroll: true });
    });
  }
  for (const i of old.querySelectorAll("td.tick input")) i.checked = ticked.has(i.value);
  for (const d of old.querySelectorAll("details")) if (opened.has(d.id)) d.open = true;
  dress();
}

function pathTo(root, el) {
  const path = [];
  for (; el !== root; el = el.parentElement) path.unshift([...el.parentElement.children].indexOf(el));
  return path;
}

function dress() {
  showTimes(true);
  withoutTitles(main);
  tickAll();
  if (document.getElementById("filter")?.value) filter();
}

function listen() {
  const mark = document.getElementById("live");
  if (!mark || !("live" in main.dataset)) return;
  mark.hidden = false;
  let broke = false;
  const source = new EventSource("/live");
  source.addEventListener("open", () => {
    mark.textContent = "live";
    mark.classList.add("on");
    if (broke) refresh();
    broke = false;
  });
  source.addEventListener("error", () => { mark.textContent = "reconnecting"; mark.classList.remove("on"); broke = true; });
  source.addEventListener("news", refresh);
  document.addEventListener("visibilitychange", () => { if (!document.hidden && again) refresh(); });
}

remember(main);
dress();
listen();
setInterval(() => showTimes(false), 1000);
