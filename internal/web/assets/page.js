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
  if (el.dataset.as === "hour") text = at.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
  if (el.dataset.as === "until") text = gone >= 0 ? "now" : `in ${span(-gone)}`;
  if (el.textContent !== text) el.textContent = text;
  el.title ||= `${inZone.format(at)} here, ${at.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

function showTimes(all) {
  for (const el of main.querySelectorAll("time")) if (all || el.dataset.as !== "when") showTime(el);
}

// --- numbers under the pointer

const kinds = ["sent", "validated", "skipped", "held", "failed"];
let tip = null;

function hideTip() { tip?.remove(); tip = null; }

document.addEventListener("pointermove", (e) => {
  const plot = e.target.closest?.("svg.plot");
  if (!plot) return hideTip();
  const box = plot.getBoundingClientRect(), bars = plot.dataset.rows.split(" "), bar = Number(plot.dataset.bar);
  const i = Math.min(bars.length - 1, Math.max(0, Math.floor((e.clientX - box.left) / box.width * bars.length)));
  const numbers = bars[i].split(",");
  const words = kinds.map((k, n) => (numbers[n] ? `${Number(numbers[n]).toLocaleString()} ${k}` : "")).filter(Boolean).join(", ") || "no rows";
  const from = new Date((Number(plot.dataset.from) + i * bar) * 1000);
  const day = from.toDateString() === new Date().toDateString() ? "" : from.toLocaleDateString(undefined, { weekday: "short" }) + " ";
  const when = bar > 3600 ? `${from.toLocaleDateString(undefined, { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" })} UTC`
    : day + from.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
  if (!tip) {
    tip = document.createElement("div");
    tip.className = "tip";
    tip.ariaHidden = "true";
    document.body.append(tip);
  }
  tip.textContent = `${when}: ${words}`;
  const half = tip.offsetWidth / 2 + 4;
  const x = Math.min(document.documentElement.clientWidth - half, Math.max(half, box.left + (i + 0.5) / bars.length * box.width));
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
function tickAll(root) {
  const head = root.querySelector("table.history th.tick");
  if (!head || head.querySelector("input")) return;
  const label = document.createElement("label"), box = document.createElement("input"), text = document.createElement("span");
  box.type = "checkbox";
  box.id = "tick-all";
  text.className = "unseen";
  text.textContent = " Tick all";
  label.append(box, text);
  head.replaceChildren(label);
}

const ticks = () => [...main.querySelectorAll("td.tick input")];

main.addEventListener("change", (e) => {
  if (e.target.id === "tick-all") for (const t of ticks()) t.checked = e.target.checked;
});

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
    refreshed(main, there);
  } catch { /* the daemon is away; the next news brings it back */ } finally {
    asking = false;
    if (again) setTimeout(refresh, 500);
  }
}

// what each section looked like as it was sent: dressed, it looks otherwise
const sent = new WeakMap();
const remember = (root) => { for (const el of root.children) sent.set(el, el.outerHTML); };

const typedIn = (el) => el.matches("input:not([type=checkbox])");

function refreshed(old, fresh) {
  remember(fresh);
  tickAll(fresh);
  const ticked = new Set(ticks().filter((t) => t.checked).map((t) => t.value));
  const opened = new Set([...old.querySelectorAll("details[open]")].map((d) => d.id));
  patch(old, fresh, document.activeElement);
  for (const t of ticks()) t.checked = ticked.has(t.value);
  for (const d of old.querySelectorAll("details")) if (opened.has(d.id)) d.open = true;
  const all = document.getElementById("tick-all");
  if (all) all.checked = ticks().every((t) => t.checked);
  dress();
}

// keyed names the elements in another by what they are, not by where they stand: the button that was next to the one with the focus
// is another button.
function keyed(parent) {
  const named = new Map(), times = {};
  for (const el of parent.children) {
    const key = nameOf(el);
    times[key] = (times[key] ?? 0) + 1;
    named.set(`${key} ${times[key]}`, el);
  }
  return named;
}

function nameOf(el) {
  const name = el.id || el.dataset.key || el.getAttribute("aria-labelledby") || el.getAttribute("aria-label");
  if (name) return name;
  switch (el.localName) {
    case "a": return `a ${el.getAttribute("href")}`;
    case "button":
    case "input": return `${el.localName} ${el.name}=${el.value}`;
    case "form": return ["form", el.getAttribute("action"), ...[...el.querySelectorAll("input[type=hidden]:not([name=seen]), button[name]")].map(nameOf)].join(" ");
  }
  return el.localName;
}

// patch makes an element's content the fresh one's. What has the focus keeps it, as long as it is there, and with it all that it
// stands in; what is typed stays. Else what is as it was sent before stays, and the rest is replaced.
function patch(old, fresh, focus) {
  const there = keyed(old), keys = new Map([...keyed(fresh)].map(([key, el]) => [el, key]));
  let fixed = null;
  const nodes = [...fresh.childNodes].map((node) => {
    const was = there.get(keys.get(node));
    if (!was) return node;
    const holds = was.contains(focus);
    if (holds) fixed = was;
    if (sent.has(was) && sent.get(was) === sent.get(node)) return was;
    if (was === focus && typedIn(was)) return was;
    if (was.getAttribute("role") === "status") { // a change of its text is told to who listens
      if (was.textContent !== node.textContent) was.textContent = node.textContent;
      return was;
    }
    if (!holds) return node;
    dressAlike(was, node);
    patch(was, node, focus);
    if (sent.has(node)) sent.set(was, sent.get(node));
    return was;
  });
  if (!fixed) {
    old.replaceChildren(...nodes);
    return;
  }
  for (const node of [...old.childNodes]) if (!nodes.includes(node)) node.remove();
  const at = nodes.indexOf(fixed);
  fixed.before(...nodes.slice(0, at));
  fixed.after(...nodes.slice(at + 1));
}

function dressAlike(old, fresh) {
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
}

function dress() {
  showTimes(true);
  withoutTitles(main);
  tickAll(main);
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
  source.addEventListener("error", () => {
    mark.textContent = "reconnecting";
    mark.classList.remove("on");
    broke = true;
    if (source?.readyState !== EventSource.CLOSED) return; // it tries again by itself
    source = null; // a proxy has answered for a daemon that is away
    setTimeout(() => { refresh(); listen(); }, 5000);
  });
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
