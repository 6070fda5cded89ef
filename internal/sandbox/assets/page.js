// The demo page: an editable worksheet on the left, the records that CleverTap accepted on the right. The server holds the
// state; an event only means that the page must fetch it again.
"use strict";

const $ = (id) => document.getElementById(id);
const grid = $("grid"), body = grid.tBodies[0];
let sheet = null;               // response of GET /admin/sheets/{id}
let notes = [];                 // response of GET /admin/notes
let at = { row: 2, column: 1 }; // the selected cell
let editing = null;             // the cell being edited; the grid is not redrawn then
let ascending = true;
let lastSeq = 0;

async function call(path, data) {
  const init = data && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(data) };
  const answer = await fetch(path, init);
  const out = await answer.json();
  if (!answer.ok) throw new Error(out.error || answer.statusText);
  return out;
}

async function attempt(work) {
  try { await work(); $("problem").hidden = true; } catch (e) { $("problem").textContent = e.message; $("problem").hidden = false; }
}

const edit = (what, data) => attempt(async () => {
  await call(`/admin/sheets/${encodeURIComponent(sheet.id)}/${what}`, { worksheet: sheet.worksheet, ...data });
});

function el(tag, props, ...children) {
  const e = Object.assign(document.createElement(tag), props);
  e.append(...children);
  return e;
}

function letters(n) {
  let s = "";
  for (; n > 0; n = Math.floor((n - 1) / 26)) s = String.fromCharCode(65 + (n - 1) % 26) + s;
  return s;
}

// --- the worksheet

async function loadSheet() {
  const files = await call("/admin/sheets");
  if (!files.length) return;
  const fresh = await call(`/admin/sheets/${encodeURIComponent(files[0].id)}?tail=200`);
  const redraw = !editing;
  const widthBefore = sheet ? width() : 0;
  sheet = fresh;
  if (redraw) drawSheet(widthBefore);
}

const width = () => Math.max(1, ...sheet.rows.map((r) => r.cells.length));
const names = () => (sheet.rows[0] ? sheet.rows[0].cells.map((c) => (c ? c.shown : "")) : []);

function drawSheet(widthBefore) {
  const columns = width();
  const hadFocus = document.activeElement && document.activeElement.closest("#grid tbody");
  $("sheet-title").textContent = sheet.title;
  $("sheet-about").textContent = `Google Sheets, worksheet ${sheet.worksheet}, ${Math.max(0, sheet.filled - 1)} rows, ${sheet.zone}`;
  const top = el("tr", {}, el("th", { scope: "col" }));
  for (let c = 1; c <= columns; c++) top.append(el("th", { scope: "col", textContent: letters(c) }));
  grid.tHead.replaceChildren(top);
  const lines = [];
  let expected = 1;
  for (const row of sheet.rows) {
    if (row.number > expected) {
      lines.push(el("tr", { className: "gap" }, el("th", { textContent: "⋮" }), el("td", { colSpan: columns, textContent: `${row.number - expected} rows not shown` })));
    }
    expected = row.number + 1;
    const line = el("tr", { className: row.number === 1 ? "names" : "" }, el("th", { scope: "row", textContent: row.number }));
    line.dataset.row = row.number;
    for (let c = 1; c <= columns; c++) {
      const cell = row.cells[c - 1];
      const td = el("td", { tabIndex: -1, textContent: cell ? cell.shown : "", className: cell ? cell.kind : "", title: cell ? cell.shown : "" });
      td.dataset.typed = cell ? cell.typed : "";
      line.append(td);
    }
    lines.push(line);
    for (const n of notes.filter((n) => n.row === row.number)) {
      lines.push(el("tr", { className: `note ${n.state}` }, el("th", {}),
        el("td", { colSpan: columns }, el("span", { className: "said" }, el("a", { href: n.link, textContent: `${n.zap}: ${n.state}` }), n.why ? `, ${n.why}` : ""))));
    }
  }
  body.replaceChildren(...lines);
  at.row = Math.min(Math.max(1, at.row), Math.max(1, sheet.filled));
  at.column = Math.min(at.column, columns);
  if (!cellAt(at.row, 1)) at.row = sheet.rows.at(-1)?.number ?? 1; // the row is not shown
  pick(hadFocus);
  if (columns !== widthBefore || !grid.tFoot.rows.length) drawNewRow(columns);
  grid.tFoot.querySelector("th").textContent = sheet.filled + 1;
  if (!widthBefore) {
    $("scroll").scrollTop = $("scroll").scrollHeight;
    goToLinked();
  }
}

function drawNewRow(columns) {
  const line = el("tr", {}, el("th", {}));
  const header = names();
  for (let c = 1; c <= columns; c++) {
    line.append(el("td", {}, el("input", { type: "text", placeholder: c === 1 ? "type a new row" : header[c - 1] || "", ariaLabel: `New row, ${header[c - 1] || letters(c)}` })));
  }
  grid.tFoot.replaceChildren(line);
}

async function loadNotes() {
  const fresh = await call("/admin/notes");
  if (JSON.stringify(fresh) === JSON.stringify(notes)) return;
  notes = fresh;
  if (sheet && !editing) drawSheet(width());
}

// Links to a row end in its range, like Google's: #gid=0&range=9:9.
function goToLinked() {
  const row = Number(new URLSearchParams(location.hash.slice(1)).get("range")?.split(":")[0]);
  if (!row || !sheet) return;
  at = { row, column: 1 };
  pick(true);
}

const cellAt = (row, column) => body.querySelector(`tr[data-row="${row}"]`)?.cells[column];

function pick(focus) {
  body.querySelector("tr.picked")?.classList.remove("picked");
  body.querySelector('td[tabindex="0"]')?.setAttribute("tabindex", "-1");
  const cell = cellAt(at.row, at.column);
  if (!cell) return;
  cell.tabIndex = 0;
  cell.parentElement.classList.add("picked");
  if (focus) { cell.focus({ preventScroll: true }); cell.scrollIntoView({ block: "nearest", inline: "nearest" }); }
  const name = names()[at.column - 1];
  $("where").textContent = `${letters(at.column)}${at.row}${name ? ", " + name : ""}`;
  $("delete").disabled = at.row === 1;
}

function startEdit(cell, text) {
  if (editing || !cell) return;
  editing = cell;
  const { row, column } = at;
  const input = el("input", { type: "text", value: text ?? cell.dataset.typed, ariaLabel: `Edit ${letters(column)}${row}` });
  cell.classList.add("editing");
  cell.replaceChildren(input);
  input.focus();
  if (text === undefined) input.select();
  let done = false;
  const finish = async (keep) => {
    if (done) return;
    done = true;
    const changed = keep && input.value !== cell.dataset.typed;
    const focus = document.activeElement === input;
    editing = null;
    if (changed) await edit("set", { row, column, value: input.value });
    await attempt(loadSheet);
    if (focus) pick(true);
  };
  input.addEventListener("blur", () => finish(true));
  input.addEventListener("keydown", (e) => {
    e.stopPropagation();
    if (e.key === "Escape") { e.preventDefault(); finish(false); }
    if (e.key === "Enter") { e.preventDefault(); at.row = Math.min(at.row + 1, sheet.filled); finish(true); }
    if (e.key === "Tab") { at.column = Math.min(Math.max(1, at.column + (e.shiftKey ? -1 : 1)), width()); e.preventDefault(); finish(true); }
  });
}

body.addEventListener("click", (e) => {
  const cell = e.target.closest("td"), line = e.target.closest("tr[data-row]");
  if (!line || e.target.tagName === "INPUT") return;
  at = { row: Number(line.dataset.row), column: cell ? cell.cellIndex : at.column };
  pick(true);
  if (cell) startEdit(cell);
});

body.addEventListener("keydown", (e) => {
  const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[e.key];
  const cell = cellAt(at.row, at.column);
  if (step) {
    e.preventDefault();
    if (step[0] > 0 && at.row >= sheet.filled) return grid.tFoot.querySelector("input").focus();
    if (cellAt(at.row + step[0], at.column + step[1])?.tagName === "TD") { at.row += step[0]; at.column += step[1]; pick(true); }
  } else if (e.key === "Enter" || e.key === "F2") { e.preventDefault(); startEdit(cell); }
  else if (e.key === "Delete" || e.key === "Backspace") { e.preventDefault(); edit("set", { row: at.row, column: at.column, value: "" }); }
  else if (e.key.length === 1 && !e.ctrlKey && !e.metaKey && !e.altKey) { e.preventDefault(); startEdit(cell, e.key); }
});

grid.tFoot.addEventListener("keydown", async (e) => {
  if (e.key === "ArrowUp" && sheet.filled) { e.preventDefault(); at.row = sheet.filled; pick(true); }
  if (e.key !== "Enter") return;
  e.preventDefault();
  const inputs = [...grid.tFoot.querySelectorAll("input")];
  const cells = inputs.map((i) => i.value);
  if (!cells.some((c) => c.trim())) return;
  inputs.forEach((i) => { i.value = ""; });
  inputs[0].focus();
  await edit("append", { rows: [cells] });
});

$("insert").addEventListener("click", () => edit("insert", { row: at.row }));
$("delete").addEventListener("click", () => edit("delete", { from: at.row, to: at.row }));
$("sort").addEventListener("click", async () => {
  await edit("sort", { column: at.column, descending: !ascending });
  ascending = !ascending;
});

$("random").addEventListener("click", async () => {
  const one = (list) => list[Math.floor(Math.random() * list.length)];
  const digits = (n) => Array.from({ length: n }, () => Math.floor(Math.random() * 10)).join("");
  const first = one(["Priya", "Arjun", "Mei", "Lucas", "Zara", "Kabir", "Nora", "Ishaan", "Elena", "Tomás", "Aiko", "Farah"]);
  const last = one(["Nair", "Shah", "Lim", "Weber", "Khan", "Menon", "Silva", "Das", "Rossi", "Sato", "Haddad", "Gupta"]);
  const [country, mobile] = one([["IN", `+91 9${digits(4)} ${digits(5)}`], ["SG", `+65 8${digits(3)} ${digits(4)}`], ["DE", `+49 1512 ${digits(7)}`]]);
  const plain = (s) => s.normalize("NFD").replace(/[^a-z]/gi, "").toLowerCase();
  const made = {
    timestamp: new Date().toLocaleString("sv-SE", { timeZone: sheet.zone }),
    "first name": first, "last name": last, name: `${first} ${last}`, email: `${plain(first)}.${plain(last)}${digits(3)}@example.com`,
    mobile: { text: mobile }, phone: { text: mobile }, country, score: 20 + Math.floor(Math.random() * 80), consent: Math.random() < 0.8 ? "Yes" : "No",
  };
  await edit("append", { rows: [names().map((n) => made[n.trim().toLowerCase()] ?? "")] });
  $("scroll").scrollTop = $("scroll").scrollHeight;
});

// --- CleverTap

function show(v) { return typeof v === "string" ? v : JSON.stringify(v); }

function recordItem(r, fresh) {
  const data = (r.type === "event" ? r.record.evtData : r.record.profileData) || {};
  const props = el("dl", { className: "props" });
  for (const [name, value] of Object.entries(data)) props.append(el("div", {}, el("dt", { textContent: name }), el("dd", { textContent: show(value) })));
  const item = el("li", { className: `${r.type}${fresh ? " flash" : ""}` },
    el("div", { className: "top" },
      el("span", { className: "kind", textContent: r.type === "event" ? `Event: ${r.event}` : "Profile" }),
      el("span", { className: "who", textContent: r.identity }),
      el("time", { className: "when", dateTime: r.arrived_at, textContent: new Date(r.arrived_at).toLocaleTimeString() })),
    props);
  if (r.dropped) item.append(el("p", { className: "dropped", textContent: `Dropped by CleverTap: ${r.dropped.join("; ")}` }));
  return item;
}

async function loadCleverTap() {
  const counts = await call("/admin/clevertap/counts");
  const shown = [["Profiles", counts.profiles], ["Events", counts.events], ["Refused", counts.refused, counts.refused && "bad"],
    ["Requests", counts.requests], ["Dry runs", counts.dry_runs], ["Sheet reads", counts.reads]];
  $("counts").replaceChildren(...shown.map(([name, n, cls]) => el("div", { className: cls || "" }, el("dt", { textContent: name }), el("dd", { textContent: n.toLocaleString() }))));
  const fresh = await call(`/admin/clevertap/records?since=${lastSeq}&limit=50`);
  for (const r of fresh) {
    $("feed").prepend(recordItem(r, lastSeq > 0 || counts.accepted === fresh.length));
    lastSeq = Math.max(lastSeq, r.seq);
  }
  while ($("feed").children.length > 50) $("feed").lastChild.remove();
  $("empty").hidden = $("feed").children.length > 0;
}

// --- events

// soon returns a function that runs work after a burst of events, one run at a time.
function soon(work) {
  let timer = 0, running = Promise.resolve();
  return () => { timer ||= setTimeout(() => { timer = 0; running = running.then(() => attempt(work)); }, 80); };
}

const sheetSoon = soon(loadSheet), cleverSoon = soon(loadCleverTap);
const notesSoon = soon(() => loadNotes().catch(() => {})); // the daemon may still be starting
const source = new EventSource("/admin/events");
source.addEventListener("open", () => { $("live").textContent = "live"; $("live").classList.add("on"); sheetSoon(); cleverSoon(); });
source.addEventListener("error", () => { $("live").textContent = "reconnecting"; $("live").classList.remove("on"); });
source.addEventListener("sheet", sheetSoon);
addEventListener("hashchange", goToLinked);
// Notes come without an event of the sandbox, because a row whose mapping fails is not uploaded.
setInterval(() => { if (!document.hidden) notesSoon(); }, 1000);
source.addEventListener("upload", cleverSoon);
source.addEventListener("read", cleverSoon);
sheetSoon();
cleverSoon();
notesSoon();
