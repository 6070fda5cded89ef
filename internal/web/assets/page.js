// What the page does beyond its forms and links: times in the reader's zone, numbers under the pointer, a filter that follows what is
// typed, and news. It draws nothing itself: when there is news, the page is asked for anew, and what has changed of it is put in place.
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

let typing = 0;

main.addEventListener("input", (e) => {
  if (e.target.id !== "filter") return;
  clearTimeout(typing);
  typing = setTimeout(() => {
    const to = new URL(location.href);
    to.searchParams.delete("page");
    to.searchParams.set("q", e.target.value);
    if (!e.target.value.trim()) to.searchParams.delete("q");
    history.replaceState(null, "", to);
    refresh();
  }, 150);
});

// --- ticks

// The head's box ticks all. On a narrow page its label is seen, too.
function tickAll() {
  const head = main.querySelector("table.history th.tick");
  if (!head || head.querySelector("input")) return;
  const label = document.createElement("label"), box = document.createElement("input"), text = document.createElement("span");
  box.type = "checkbox";
  text.className = "unseen";
  text.textContent = " Tick all";
  box.addEventListener("change", () => { for (const t of main.querySelectorAll("td.tick input")) t.checked = box.checked; });
  label.append(box, text);
  head.replaceChildren(label);
}

// --- news

let asking = false, again = false;

// refresh puts the sections in place that have changed. What the reader is doing stays as it is: ticks, what is open, what is typed.
async function refresh() {
  if (document.hidden) return; // it is refreshed when it is seen again
  if (asking) { again = true; return; }
  asking = true;
  again = false;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.status === 401) { location.reload(); return; }
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const there = fresh.getElementById("main");
    main.dataset.seen = there.dataset.seen;
    patch(main, there);
  } catch { /* the daemon is away; the next news brings it back */ } finally {
    asking = false;
    if (again) setTimeout(refresh, 500);
  }
}

// what each section looked like as it was sent: dressed, it looks otherwise
const sent = new WeakMap();
const remember = (root) => { for (const el of root.children) sent.set(el, el.outerHTML); };

const typedIn = (el) => el.matches("input:not([type=checkbox])");

function patch(old, fresh) {
  remember(fresh);
  const ticked = new Set([...old.querySelectorAll("td.tick input:checked")].map((i) => i.value));
  const opened = new Set([...old.querySelectorAll("details[open]")].map((d) => d.id));
  replace(old, fresh, document.activeElement);
  for (const i of old.querySelectorAll("td.tick input")) i.checked = ticked.has(i.value);
  for (const d of old.querySelectorAll("details")) if (opened.has(d.id)) d.open = true;
  dress();
}

// replace puts the fresh children in place of the old ones, around the field that is typed in.
function replace(old, fresh, focus) {
  const before = [...old.children], after = [...fresh.children];
  const alike = before.length === after.length && before.every((el, i) => el.tagName === after[i].tagName && el.className === after[i].className);
  if (!alike) {
    if (old.contains(focus) && focus !== old) return; // not under the reader's hands
    old.replaceChildren(...after);
    return;
  }
  before.forEach((el, i) => {
    if (sent.has(el) && sent.get(el) === sent.get(after[i])) return;
    if (el === focus && typedIn(el)) return;
    if (el.contains(focus) && typedIn(focus)) {
      sent.set(el, sent.get(after[i]));
      replace(el, after[i], focus);
    } else if (el.role === "status") { // announced when its text changes
      if (el.textContent !== after[i].textContent) el.textContent = after[i].textContent;
    } else {
      const place = el.contains(focus) && focus.matches("button, a, input") ? pathTo(el, focus) : null;
      el.replaceWith(after[i]);
      place?.reduce((at, n) => at?.children[n], after[i])?.focus({ preventScroll: true });
    }
  });
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
}

// A page that nobody sees does not listen: browsers open six connections to a host, and would wait for a seventh.
let source = null;

function listen() {
  const mark = document.getElementById("live");
  if (!mark || document.hidden || source) return;
  mark.hidden = false;
  let broke = false;
  source = new EventSource(`/live?${new URLSearchParams({ of: main.dataset.news, seen: main.dataset.seen })}`);
  source.addEventListener("open", () => {
    mark.textContent = "live";
    mark.classList.add("on");
    if (broke) refresh();
    broke = false;
  });
  source.addEventListener("error", () => { mark.textContent = "reconnecting"; mark.classList.remove("on"); broke = true; });
  source.addEventListener("news", refresh);
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    source?.close();
    source = null;
  } else if (document.getElementById("live")) {
    refresh();
    listen();
  }
});

remember(main);
dress();
listen();
setInterval(() => showTimes(false), 1000);
