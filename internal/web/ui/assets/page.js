// What the page does beyond its forms and links: times in the reader's zone, numbers under the pointer, a filter that
// applies while typing, and a refresh every second. It renders nothing: it fetches the page, and replaces the parts of it
// that have changed.
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
  const at = new Date(el.dateTime), gone = (Date.now() - at) / 1000; // seconds
  const today = at.toDateString() === new Date().toDateString();
  let text = today ? clock.format(at) : inZone.format(at);
  if (el.dataset.as === "ago") text = gone < 1 ? "just now" : `${span(gone)} ago`;
  if (el.dataset.as === "hour") text = at.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
  if (el.dataset.as === "until") text = gone >= 0 ? "now" : `in ${span(-gone)}`;
  if (el.textContent !== text) el.textContent = text;
  el.title ||= `${inZone.format(at)} here, ${at.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

function showTimes(root) {
  for (const el of root.querySelectorAll("time")) showTime(el);
}

// --- numbers under the pointer

const kinds = ["sent", "validated", "skipped", "held", "failed"];
let tip = null;
let pointer = null; // where it last was, in the window

function hideTip() { tip?.remove(); tip = null; }

// showTip shows the numbers of the bar under the pointer.
function showTip(target) {
  const plot = target?.closest?.("svg.plot");
  if (!plot) return hideTip();
  const box = plot.getBoundingClientRect(), bars = plot.dataset.rows.split(" "), bar = Number(plot.dataset.bar);
  const i = Math.min(bars.length - 1, Math.max(0, Math.floor((pointer.x - box.left) / box.width * bars.length)));
  const numbers = bars[i].split(",");
  const parts = kinds.map((k, n) => (numbers[n] ? `${Number(numbers[n]).toLocaleString()} ${k}` : ""));
  const words = parts.filter(Boolean).join(", ") || "no rows";
  const from = new Date((Number(plot.dataset.from) + i * bar) * 1000);
  const today = from.toDateString() === new Date().toDateString();
  const day = today ? "" : from.toLocaleDateString(undefined, { weekday: "short" }) + " ";
  const hour = day + from.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
  const date = from.toLocaleDateString(undefined, { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });
  const when = bar > 3600 ? `${date} UTC` : hour;
  if (!tip) {
    tip = document.createElement("div");
    tip.className = "tip";
    tip.ariaHidden = "true";
    document.body.append(tip);
  }
  tip.textContent = `${when}: ${words}`;
  const half = tip.offsetWidth / 2 + 4;
  const middle = box.left + (i + 0.5) / bars.length * box.width;
  const x = Math.min(document.documentElement.clientWidth - half, Math.max(half, middle));
  tip.style.left = `${x + scrollX}px`;
  tip.style.top = `${box.top + scrollY - 4}px`;
}

document.addEventListener("pointermove", (e) => {
  pointer = { x: e.clientX, y: e.clientY };
  showTip(e.target);
});
document.addEventListener("scroll", hideTip, { passive: true });

// The titles, which have the numbers without this script, would be shown next to the tip.
function removeTitles(root) {
  for (const t of root.querySelectorAll("svg.plot title")) t.remove();
}

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

// --- selecting deliveries

// addSelectAll adds a box for all to the table's head, with a label that narrow pages show.
function addSelectAll(root) {
  const head = root.querySelector("table.history th.tick");
  if (!head) return;
  const label = document.createElement("label"), box = document.createElement("input"), text = document.createElement("span");
  box.type = "checkbox";
  box.id = "select-all";
  text.className = "unseen";
  text.textContent = " Select all";
  label.append(box, text);
  head.replaceChildren(label);
}

const boxes = () => [...main.querySelectorAll("td.tick input")];

main.addEventListener("change", (e) => {
  if (e.target.id === "select-all") for (const box of boxes()) box.checked = e.target.checked;
});

// --- refresh

// The parts of a page that change. Parts with a field to type into only appear and disappear.
const parts = (root) => [...root.querySelectorAll("[data-part]")];
const partLike = (fresh) => main.querySelector(`[data-part="${fresh.dataset.part}"]`);

// The content of each part as it was sent: it differs once it is dressed.
const sent = new Map(parts(main).map((part) => [part, part.innerHTML]));

let tag = main.dataset.tag; // the page's ETag; undefined: it does not refresh itself
let asked = null; // the address of the request in flight

async function refresh() {
  const address = location.href;
  if (!tag || document.visibilityState !== "visible" || asked === address) return;
  asked = address;
  try {
    const response = await fetch(address, { headers: { "If-None-Match": tag }, signal: AbortSignal.timeout(10_000) });
    if (response.status === 401) return location.reload();
    let complete = tag !== "incomplete"; // a 304 leaves it so
    if (response.status !== 304) {
      if (!response.headers.has("ETag")) throw new Error(response.statusText);
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      if (asked !== address) return; // the filter has changed
      if (parts(page).some((fresh) => !partLike(fresh))) return location.reload(); // of another release, or of an unready daemon
      complete = replaceParts(page);
      tag = complete ? response.headers.get("ETag") : "incomplete";
    }
    showLive(complete ? "live" : "paused");
  } catch {
    showLive("reconnecting");
  } finally {
    if (asked === address) asked = null;
  }
}

function showLive(state) {
  const mark = document.getElementById("live");
  mark.hidden = false;
  mark.textContent = state;
  mark.classList.toggle("on", state === "live");
}

// replaceParts replaces the parts that have changed, and reports whether it could: a part stays as it is while the
// reader presses a button or has selected text in it.
function replaceParts(page) {
  const selection = getSelection(), inView = placesInView();
  let complete = true;
  for (const fresh of parts(page)) {
    const part = partLike(fresh), html = fresh.innerHTML;
    if (sent.get(part) === html && part.hidden === fresh.hidden) continue;
    if (part.matches(":active") || selection.type === "Range" && selection.containsNode(part, true)) {
      complete = false;
      continue;
    }
    replacePart(part, fresh);
    sent.set(part, html);
  }
  scrollBackTo(inView);
  if (tip) showTip(document.elementFromPoint(pointer.x, pointer.y));
  return complete;
}

// placesInView returns the sections and rows that begin above the window's top edge, the nearest first, and where.
function placesInView() {
  const places = [...main.querySelectorAll("section, [data-key]")].map((el) => ({ el, top: el.getBoundingClientRect().top }));
  return places.filter(({ el, top }) => top < 0 && el.offsetHeight).reverse();
}

// scrollBackTo scrolls so that what the reader looks at stays where it was, if rows came or went above it. Browsers do so
// only for elements that are not replaced.
function scrollBackTo(places) {
  for (const { el, top } of places) {
    const now = el.isConnected ? el : main.querySelector(`[data-key="${CSS.escape(el.dataset.key)}"]`);
    if (now?.offsetHeight) return scrollBy({ top: now.getBoundingClientRect().top - top, behavior: "instant" });
  }
}

// replacePart replaces a part's content. Focus, checked boxes, opened details and horizontal scrolling stay.
function replacePart(part, fresh) {
  const all = (selector) => [...part.querySelectorAll(selector)];
  const active = document.activeElement; // :focus matches nothing while another window has the focus
  const focused = part.contains(active) && active, name = focused && nameOf(focused);
  const focusVisible = focused && focused.matches(":focus-visible");
  const checked = new Set(all("td.tick input:checked").map((box) => box.value));
  const opened = new Set(all("details[open]").map((details) => details.id));
  const scrolled = new Map(all(".scroll").map((el) => [nameOf(el), el.scrollLeft]));
  part.replaceChildren(...fresh.childNodes);
  part.hidden = fresh.hidden;
  dress(part);
  for (const box of all("td.tick input")) box.checked = checked.has(box.value);
  for (const box of all("#select-all")) box.checked = boxes().every((b) => b.checked);
  for (const details of all("details")) details.open = opened.has(details.id);
  for (const el of all(".scroll")) el.scrollLeft = scrolled.get(nameOf(el)) ?? 0;
  if (focused) all("a, button, input, summary, .scroll").find((el) => nameOf(el) === name)?.focus({ preventScroll: true, focusVisible });
}

// nameOf identifies an element within its part by what it is, not by its position: the button that follows the one with
// the focus is another button.
function nameOf(el) {
  const attributes = ["id", "name", "value", "href", "aria-label"].map((name) => el.getAttribute(name));
  const near = [el.closest("[data-key]")?.dataset.key, el.closest("details")?.id, el.closest("form")?.getAttribute("action")];
  return [el.localName, ...attributes, ...near].join("\n");
}

// dress does what the server cannot.
function dress(root) {
  showTimes(root);
  removeTitles(root);
  addSelectAll(root);
}

dress(main);
refresh();
document.addEventListener("visibilitychange", refresh);
setInterval(() => { showTimes(main); refresh(); }, 1000);
