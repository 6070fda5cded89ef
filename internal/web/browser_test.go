package web_test

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/rowtap/rowtap/internal/sandbox"
)

// axe finds what keeps people from using a page: https://github.com/dequelabs/axe-core, the npm package axe-core 4.14.1.
//
//go:embed testdata/axe.min.js
var axe string

// patience is how long a condition is awaited. It is no measure of speed.
const patience = 15 * time.Second

// site is a daemon, the real program, beside a sandbox.
type site struct {
	t          *testing.T
	sheets     *sandbox.Sheets
	cleverTap  *sandbox.CleverTap
	demo       string // the sandbox's address
	url, token string // the daemon's
	log        bytes.Buffer
}

const siteSettings = `google_accounts:
  marketing: {credentials_file: google.json, reads_per_minute: 6000, endpoint: "%[1]s/"}
clevertap_accounts:
  production: {account_id: TEST-000-000-000Z, passcode: SBX-PASS-0000, endpoint: "%[1]s"}
state: {path: state/rowtap.db}
http: {listen: "%[2]s"}
`

// busyZaps are zaps of all states, some with rows that need a hand.
var busyZaps = map[string]string{
	"signups": `enabled: true
schedule: "@every 1s"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: book, worksheet: Signups, start: beginning}
filter: Consent == "Yes"
action:
  app: clevertap
  event: create_update_user_profile
  account: production
  identity: "{{Email}}"
  properties: {Name: "{{Name}}", Score: {value: "{{Score}}", type: number}}
`,
	"trials": `enabled: true
schedule: "@every 1h"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: book, worksheet: Trials, start: beginning, max_new_rows: 3}
actions:
  - {app: clevertap, event: create_update_user_profile, account: production, identity: "{{Email}}", properties: {Plan: "{{Plan}}"}}
  - {app: clevertap, event: upload_event, event_name: Trial started, account: production, identity: "{{Email}}"}
`,
	"orders": `enabled: true
schedule: "@every 1h"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: book, worksheet: Orders, start: beginning, key: [Order]}
action: {app: clevertap, event: upload_event, event_name: Ordered, account: production, identity: "{{Email}}", properties: {Order: "{{Order}}", Total: {value: "{{Total}}", type: number}}}
`,
	"lost": `enabled: true
schedule: "@every 1h"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: book, worksheet: Gone}
action: {app: clevertap, event: create_update_user_profile, account: production, identity: "{{Email}}"}
`,
	"later": `enabled: false
schedule: "@every 1h"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: book, worksheet: Trials}
action: {app: clevertap, event: upload_event, event_name: Later, account: production, identity: "{{Email}}"}
`,
}

// startSite runs a daemon with zaps, which are YAML by name, until the test ends.
func startSite(t *testing.T, zaps map[string]string) *site {
	t.Helper()
	box, err := sandbox.New(sandbox.Options{ReadsPerMinute: -1, Page: true})
	must(t, err)
	srv := httptest.NewServer(box.Handler())
	t.Cleanup(srv.Close)
	t.Cleanup(box.Close)
	s := &site{t: t, sheets: box.Sheets(), cleverTap: box.CleverTap(), demo: srv.URL}
	must(t, s.sheets.AddSpreadsheet("book", "Book", "Asia/Kolkata"))
	must(t, s.sheets.AddWorksheet("book", "Signups", 0, row("Email", "Name", "Score", "Consent")))
	must(t, s.sheets.AddWorksheet("book", "Trials", 1, row("Email", "Plan")))
	must(t, s.sheets.AddWorksheet("book", "Orders", 2, row("Order", "Email", "Total"), row("A-1", "asha@example.com", "500"), row("A-1", "asha@example.com", "700"), row("A-2", "noor@example.com", "many")))

	key, err := box.ServiceAccountKey(srv.URL + "/token")
	must(t, err)
	dir, address := t.TempDir(), freeAddress(t)
	files := map[string]string{"rowtap.yaml": fmt.Sprintf(siteSettings, srv.URL, address), "google.json": string(key)}
	for name, text := range zaps {
		files[filepath.Join("zaps", name+".yaml")] = text
	}
	must(t, os.MkdirAll(filepath.Join(dir, "zaps"), 0o700))
	for name, text := range files {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}

	self, err := os.Executable()
	must(t, err)
	daemon := exec.CommandContext(t.Context(), self, "run", "--config", dir)
	daemon.Env = append(os.Environ(), asRowtap+"=1")
	daemon.Stderr = &s.log
	daemon.Cancel = func() error { return daemon.Process.Signal(os.Interrupt) }
	daemon.WaitDelay = patience
	must(t, daemon.Start())
	ended := make(chan error, 1)
	go func() { ended <- daemon.Wait() }()
	t.Cleanup(func() { // the context has ended by now
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("the daemon ended: %v", err)
		}
		if t.Failed() {
			t.Logf("the daemon's log:\n%s", s.log.String())
		}
	})
	s.url = "http://" + address
	await(t, "the daemon to be ready", func() bool {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/readyz", nil)
		must(t, err)
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		return err == nil && resp.StatusCode == http.StatusOK
	})
	token, err := os.ReadFile(filepath.Join(dir, "state", "api.token"))
	must(t, err)
	s.token = strings.TrimSpace(string(token))
	return s
}

// add appends a row to a worksheet.
func (s *site) add(worksheet string, cells ...string) {
	s.t.Helper()
	_, err := s.sheets.Append("book", worksheet, row(cells...))
	must(s.t, err)
}

func row(cells ...string) []sandbox.Value {
	values := make([]sandbox.Value, len(cells))
	for i, c := range cells {
		values[i] = sandbox.Parse(c)
	}
	return values
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	must(t, l.Close())
	return l.Addr().String()
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for %s", patience, what)
		}
	}
}

// tab is a page in a browser. What it writes to the console is an error of the test, but where it is said to be expected.
type tab struct {
	t    *testing.T
	base string
	ctx  context.Context

	console *console
}

// console is what the pages of a tab have written to theirs.
type console struct {
	mu    sync.Mutex
	lines []string
}

// taken returns the lines since it was asked last.
func (c *console) taken() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() { c.lines = nil }()
	return c.lines
}

// oneBrowser is shared by all tests, each of which has a daemon, and so a session, of its own.
var oneBrowser struct {
	sync.Mutex
	ctx  context.Context
	stop func()
}

// startBrowser returns a context for tabs of the browser. Without one the test is skipped, under ROWTAP_CI it fails.
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	switch {
	case path == "" && os.Getenv("ROWTAP_CI") != "":
		t.Fatal("there is no chromium")
	case path == "":
		t.Skip("there is no chromium: the page is not looked at (Debian: apt install chromium)")
	}
	oneBrowser.Lock()
	defer oneBrowser.Unlock()
	if oneBrowser.ctx == nil {
		options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU)
		allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), options...)
		ctx, stop := chromedp.NewContext(allocator)
		must(t, chromedp.Do(ctx)) // starts it
		oneBrowser.ctx, oneBrowser.stop = ctx, func() { stop(); stopAllocator() }
	}
	return oneBrowser.ctx
}

func stopBrowser() {
	if oneBrowser.stop != nil {
		oneBrowser.stop()
	}
}

// newTab opens a tab whose reader is in India.
func newTab(t *testing.T, browser context.Context, base string) *tab {
	t.Helper()
	ctx, stop := chromedp.NewContext(browser)
	t.Cleanup(stop)
	must(t, chromedp.Do(ctx)) // opens it
	b := &tab{t: t, base: base, ctx: ctx, console: &console{}}
	b.do("start", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Asia/Kolkata"})
		if err == nil {
			_, err = chromedp.Call(ctx, emulation.SetLocaleOverride, emulation.SetLocaleOverrideParams{Locale: "en-GB"})
		}
		return err
	}), chromedp.EmulateViewport(1280, 900))
	go func() { // until the tab is closed
		for m, err := range chromedp.Console(ctx) {
			if err != nil {
				return
			}
			b.console.mu.Lock()
			b.console.lines = append(b.console.lines, fmt.Sprintf("%s: %s (%s)", m.Type, m.Text, m.URL))
			b.console.mu.Unlock()
		}
	}()
	return b
}

func (b *tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, patience)
	defer stop()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%s: %v\nthe page shows:\n%s", what, err, b.text())
	}
}

// goes does something that leads to another page, and waits for that.
func (b *tab) goes(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, patience)
	defer stop()
	if _, err := chromedp.RunResponse(ctx, steps...); err != nil {
		b.t.Fatalf("%s: %v\nthe page shows:\n%s", what, err, b.text())
	}
}

func (b *tab) open(path string) {
	b.t.Helper()
	b.goes("open "+path, chromedp.Navigate(b.base+path))
}

// press clicks what leads to another page.
func (b *tab) press(css string) {
	b.t.Helper()
	b.goes("press "+css, chromedp.Click(chromedp.CSS(css)))
}

// sees waits for a condition, in JavaScript, to hold on the page. While one page goes and the next one comes, it does not.
func (b *tab) sees(what, condition string) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, patience)
	defer stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		holds, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+condition+")"))
		if err == nil && holds {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			b.t.Fatalf("waited %s to see %s (%v); the page shows:\n%s", patience, what, err, b.text())
		}
	}
}

// reads waits until an element's text has a part.
func (b *tab) reads(selector, part string) {
	b.t.Helper()
	quoted, err := json.Marshal([]string{selector, part})
	must(b.t, err)
	b.sees(fmt.Sprintf("%q in %s", part, selector), fmt.Sprintf("(([s, part]) => [...document.querySelectorAll(s)].some(el => el.innerText.includes(part)))(%s)", quoted))
}

func evaluate[T any](b *tab, expression string, options ...chromedp.EvaluateOption) T {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, patience)
	defer stop()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, options...))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

func (b *tab) text() string {
	ctx, stop := context.WithTimeout(b.ctx, 5*time.Second)
	defer stop()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText"))
	if err != nil {
		return err.Error()
	}
	return text
}

// quiet fails if the pages have written to the console since it was asked last.
func (b *tab) quiet() {
	b.t.Helper()
	for _, line := range b.console.taken() {
		b.t.Errorf("console: %s", line)
	}
}

// TestThePage does with a browser what an operator does.
func TestThePage(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	s := startSite(t, busyZaps)
	b := newTab(t, browser, s.url)

	t.Run("log in with the token", func(t *testing.T) {
		b := newTab(t, browser, s.url)
		b.open("/zaps/signups")
		b.reads("h1", "Log in to rowtap")
		b.sees("the field to type in", `document.activeElement.id === "token"`)
		b.goes("log in", chromedp.SendKeys(chromedp.CSS("#token"), s.token+"\n"))
		b.reads("h1", "signups")
		if at := evaluate[string](b, "location.pathname"); at != "/zaps/signups" {
			t.Errorf("lands at %s", at)
		}
		b.press("header form button")
		b.reads("h1", "Log in to rowtap")
		for _, line := range b.console.taken() { // a browser reports the answers that are the login page
			if !strings.Contains(line, "401") {
				t.Error(line)
			}
		}
	})

	b.open("/?token=" + s.token)
	t.Run("a row arrives", func(t *testing.T) {
		b := b.of(t)
		b.open("/zaps/signups")
		b.reads(".empty", "No row has been found yet")
		b.reads(".sentence", "each new row of Signups in Book → profile in CleverTap production, where Consent == \"Yes\"")
		b.stays()
		s.add("Signups", "asha@example.com", "Asha Nair", "72", "Yes")
		b.reads("table.history", "asha@example.com")
		b.reads("table.history .state", "sent")
		s.add("Signups", "noor@example.com", "Noor Khan", "64", "No")
		b.reads("table.history .state", "skipped")
		b.sees("the rows counted", `[...document.querySelectorAll("dl.facts div")].some(d => d.innerText.match(/Sent\s+1$/))`)
		b.stayed()
		title := evaluate[string](b, `document.querySelector("table.history time").title`)
		if !strings.HasSuffix(title, " UTC") {
			t.Errorf("a time's title is %q", title)
		}
		at := evaluate[string](b, `document.querySelector("table.history time").dateTime`)
		found, err := time.Parse(time.RFC3339, at)
		must(t, err)
		here := found.In(time.FixedZone("IST", 5*3600+1800)).Format("15:04:05")
		b.reads("table.history time", here)
	})

	t.Run("a failed one is replayed", func(t *testing.T) {
		b := b.of(t)
		b.open("/")
		b.stays()
		s.cleverTap.Refuse(sandbox.Refusal{Identity: "kabir@example.com", Code: 523, Error: "Invalid phone number"})
		s.add("Signups", "kabir@example.com", "Kabir Shah", "50", "Yes")
		b.reads(".needs", "1 row failed")
		b.reads("h1", "need")
		b.stayed()
		b.goes("look", chromedp.Click(chromedp.CSS(`.needs a[href="/zaps/signups?state=failed"]`)))
		b.reads("td.why", "523: Invalid phone number")
		b.press("table.history a[href='/deliveries/signups/3']")
		b.reads(".problem, .why", "Invalid phone number")
		s.cleverTap.Relent()
		b.stays()
		b.open("/zaps/signups?state=failed")
		b.do("tick", chromedp.Click(chromedp.CSS("td.tick input")))
		b.press("#bulk button[value=replay]")
		b.reads(".note", "1 delivery")
		b.open("/zaps/signups?q=kabir@example.com")
		b.reads("table.history .state", "sent")
	})

	t.Run("held ones are released", func(t *testing.T) {
		b := b.of(t)
		for i := range 5 {
			s.add("Trials", fmt.Sprintf("trial%d@example.com", i), "Pro")
		}
		b.open("/zaps/trials")
		b.press("form[action$='/poll'] button")
		b.reads(".tabs", "held")
		b.open("/zaps/trials?state=held")
		b.sees("five rows", `document.querySelectorAll("table.history td.tick").length === 5`)
		b.stays()
		b.do("tick all", chromedp.Click(chromedp.CSS("th.tick input")))
		if n := evaluate[int](b, `document.querySelectorAll("td.tick input:checked").length`); n != 5 {
			t.Errorf("%d are ticked", n)
		}
		b.press("form.all button[value=release]")
		b.reads(".note", "5 deliveries queued")
		b.open("/zaps/trials")
		b.sees("ten sent", `document.querySelectorAll("table.history .state.sent").length === 10`)
	})

	t.Run("discarding asks first", func(t *testing.T) {
		b := b.of(t)
		for i := range 4 {
			s.add("Trials", fmt.Sprintf("other%d@example.com", i), "Team")
		}
		b.open("/zaps/trials")
		b.press("form[action$='/poll'] button")
		b.open("/zaps/trials?state=held")
		b.press("form.all button[value=discard]")
		b.reads("h1", "Discard")
		b.press("main form button.danger")
		b.reads(".note", "4 deliveries discarded")
	})

	t.Run("a zap is paused and resumed", func(t *testing.T) {
		b := b.of(t)
		b.open("/zaps/signups")
		b.press("form[action$='/pause'] button")
		b.reads("h1", "paused")
		b.press("form[action$='/resume'] button.primary")
		b.reads("h1", "running")
	})

	t.Run("the filter follows what is typed", func(t *testing.T) {
		b := b.of(t)
		b.open("/")
		b.stays()
		b.do("type", chromedp.SendKeys(chromedp.CSS("#filter"), "gon"))
		b.sees("one zap", `document.querySelectorAll("table.zaps tbody tr").length === 1`)
		b.sees("what was typed", `document.activeElement.id === "filter" && document.activeElement.value === "gon"`)
		b.do("type on", chromedp.SendKeys(chromedp.CSS("#filter"), "x"))
		b.reads(".empty", "No zap matches")
		b.stayed()
		if at := evaluate[string](b, "location.search"); at != "?q=gonx" {
			t.Errorf("the address says %s", at)
		}
	})

	t.Run("by the keyboard", func(t *testing.T) {
		b := b.of(t)
		b.open("/")
		b.do("skip to the content", chromedp.KeyEvent("\t"))
		b.sees("the way past the head", `document.activeElement.className === "skip" && document.activeElement.getBoundingClientRect().top >= 0`)
		b.do("follow it", chromedp.KeyEvent("\r"))
		b.sees("the content", `document.activeElement.id === "main"`)
		b.do("go on", chromedp.KeyEvent("\t"))
		b.sees("a way to see where it is", `document.activeElement.closest("main") !== null && getComputedStyle(document.activeElement).outlineStyle !== "none"`)
	})

	t.Run("why", func(t *testing.T) {
		b := b.of(t)
		b.open("/zaps/signups")
		b.goes("ask", chromedp.SendKeys(chromedp.CSS("#row"), "2\n"))
		b.reads("#answer", "sent as signups/1")
	})

	t.Run("a page that nobody sees rests", func(t *testing.T) {
		b := b.of(t)
		b.open("/zaps/signups")
		seen := func(hidden bool) {
			evaluate[bool](b, fmt.Sprintf(`(Object.defineProperty(document, "hidden", {value: %t, configurable: true}), document.dispatchEvent(new Event("visibilitychange")))`, hidden))
		}
		b.sees("that it is live", `document.querySelector("#live.on")`)
		seen(true)
		s.add("Signups", "mei@example.com", "Mei Lim", "91", "Yes")
		other := newTab(t, browser, s.url)
		other.open("/zaps/signups")
		other.reads("table.history", "mei@example.com")
		if strings.Contains(b.text(), "mei@example.com") {
			t.Error("it has been refreshed")
		}
		seen(false)
		b.reads("table.history", "mei@example.com")
	})

	t.Run("numbers under the pointer", func(t *testing.T) {
		b := b.of(t)
		b.open("/zaps/signups")
		at := evaluate[[2]float64](b, `(() => { const r = document.querySelector("svg.plot.big").getBoundingClientRect(); return [r.right - 2, r.top + 5]; })()`)
		b.do("point", chromedp.MouseEvent(chromedp.MouseMoved, at[0], at[1]))
		b.reads(".tip", "3 sent, 1 skipped")
	})

	t.Run("without scripts", func(t *testing.T) {
		b := newTab(t, browser, s.url)
		b.do("scripts off", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
			return err
		}))
		b.open("/zaps/trials")
		b.press("form[action$='/pause'] button")
		b.press("form[action$='/resume'] button[name=skip]")
		b.press("button.danger")
		b.open("/?q=tri")
		text, err := chromedp.Run(b.ctx, chromedp.TextContent(chromedp.CSS("table.zaps")))
		must(t, err)
		if !strings.Contains(text, "running") || !strings.Contains(text, " UTC") || strings.Contains(text, "signups") {
			t.Errorf("the overview shows %s", text)
		}
		b.quiet()
	})
}

// TestNewsLeaveTheReaderAlone has a page change while somebody is about to do something on it: what has the focus keeps it, or nothing
// has it, never something else.
func TestNewsLeaveTheReaderAlone(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	s := startSite(t, busyZaps)
	b := newTab(t, browser, s.url)
	b.open("/?token=" + s.token)
	focus := func(b *tab, css string) {
		b.do("focus "+css, chromedp.Focus(chromedp.CSS(css)))
		b.stays()
	}
	has := func(b *tab, what, condition string) {
		b.t.Helper()
		if !evaluate[bool](b, "Boolean("+condition+")") {
			b.t.Errorf("the focus is not on %s: %s", what, evaluate[string](b, "document.activeElement.outerHTML.slice(0, 300)"))
		}
		b.stayed()
	}

	t.Run("the filter", func(t *testing.T) {
		b := b.of(t)
		s.post("/api/v1/zaps/lost/pause") // it was all that needs a hand, beside a failed order and a held one
		s.post("/api/v1/deliveries/discard", `{"zap": "orders", "state": "failed"}`)
		s.post("/api/v1/deliveries/discard", `{"zap": "orders", "state": "held"}`)
		b.open("/")
		b.reads("h1", "All good")
		focus(b, "#filter")
		s.cleverTap.Refuse(sandbox.Refusal{Identity: "kabir@example.com", Code: 523, Error: "Invalid phone number"})
		s.add("Signups", "kabir@example.com", "Kabir Shah", "50", "Yes")
		b.reads("h1", "1 thing needs a hand")
		has(b, "the filter", `document.activeElement.id === "filter"`)
		b.do("type", chromedp.SendKeys(chromedp.CSS("#filter"), "tri"))
		b.sees("that it filters", `document.querySelectorAll("table.zaps tbody tr").length === 2`)
	})

	t.Run("a button, when another comes above it", func(t *testing.T) {
		b := b.of(t)
		b.open("/")
		focus(b, ".needs form[action='/deliveries'] button")
		s.add("Orders", "A-1", "asha@example.com", "900")
		s.post("/api/v1/zaps/orders/poll")
		b.reads(".needs li:first-child", "orders")
		has(b, "the same button", `document.activeElement.textContent === "Replay 1" && document.activeElement.form.elements.zap.value === "signups"`)
		s.cleverTap.Refuse(sandbox.Refusal{Identity: "mei@example.com", Code: 523, Error: "Invalid phone number"})
		s.add("Signups", "mei@example.com", "Mei Lim", "91", "Yes")
		b.reads(".needs", "2 rows failed")
		has(b, "the same button", `document.activeElement.textContent === "Replay 2"`)
	})

	t.Run("a button that goes", func(t *testing.T) {
		b := b.of(t)
		b.open("/zaps/trials")
		focus(b, "form[action$='/pause'] button")
		s.post("/api/v1/zaps/trials/pause")
		b.reads("h1", "paused")
		has(b, "nothing", `document.activeElement === document.body`)
		s.post("/api/v1/zaps/trials/resume")
	})

	t.Run("a tick, when another row comes above it", func(t *testing.T) {
		b := b.of(t)
		b.open("/zaps/signups")
		b.do("tick", chromedp.Click(chromedp.CSS("td.tick input")))
		b.stays()
		was := evaluate[string](b, "document.activeElement.value")
		s.add("Signups", "nora@example.com", "Nora Silva", "40", "Yes")
		b.reads("table.history", "nora@example.com")
		has(b, "the same tick, which is still set", fmt.Sprintf("document.activeElement.value === %q && document.activeElement.checked", was))
		if ticked := evaluate[string](b, `[...document.querySelectorAll("td.tick input:checked")].map(i => i.value).join()`); ticked != was {
			t.Errorf("ticked are %s, want %s", ticked, was)
		}
	})

	t.Run("the search, when the first row comes", func(t *testing.T) {
		b := b.of(t)
		b.open("/zaps/trials")
		b.reads(".empty", "No row has been found yet")
		focus(b, "#search")
		b.do("type", chromedp.SendKeys(chromedp.CSS("#search"), "tri"))
		s.add("Trials", "trial@example.com", "Pro")
		s.post("/api/v1/zaps/trials/poll")
		b.sees("both sent", `document.querySelectorAll("table.history .state.sent").length === 2`)
		has(b, "the search", `document.activeElement.id === "search" && document.activeElement.value === "tri"`)
	})

	t.Run("an opened comparison, when its row moves", func(t *testing.T) {
		b := b.of(t)
		b.open("/zaps/orders?state=held")
		b.do("open it", chromedp.Click(chromedp.CSS("table.history summary")))
		b.stays()
		must(t, s.sheets.Insert("book", "Orders", 2, row("A-0", "zara@example.com", "5")))
		s.post("/api/v1/zaps/orders/poll")
		b.reads("table.history td[data-name=Row]", "6")
		if !evaluate[bool](b, `document.querySelector("table.history details").open`) {
			t.Error("it is closed")
		}
		has(b, "the summary", `document.activeElement.localName === "summary"`)
	})
}

// TestAPageComesBack has a proxy answer for a daemon that is away for a while.
func TestAPageComesBack(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	s := startSite(t, busyZaps)
	var away atomic.Bool
	daemon, err := url.Parse(s.url)
	must(t, err)
	through := httputil.NewSingleHostReverseProxy(daemon)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if away.Load() {
			http.Error(w, "the daemon is away", http.StatusBadGateway)
			return
		}
		through.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	b := newTab(t, browser, proxy.URL)
	b.open("/?token=" + s.token)
	b.open("/zaps/signups")
	b.stays()
	b.reads("#live.on", "live")
	away.Store(true)
	proxy.CloseClientConnections()
	b.reads("#live", "reconnecting")
	s.add("Signups", "asha@example.com", "Asha Nair", "72", "Yes")
	away.Store(false)
	b.reads("#live.on", "live")
	b.reads("table.history", "asha@example.com")
	b.stayed()
}

// post sends a request to the API.
func (s *site) post(path string, body ...string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url+path, strings.NewReader(strings.Join(body, "")))
	must(s.t, err)
	req.Header.Set("Authorization", "Bearer "+s.token)
	resp, err := http.DefaultClient.Do(req)
	must(s.t, err)
	must(s.t, resp.Body.Close())
	if resp.StatusCode >= 300 {
		s.t.Fatalf("POST %s: %s", path, resp.Status)
	}
}

// of is the tab for a subtest, at whose end there is nothing on the console.
func (b *tab) of(t *testing.T) *tab {
	t.Helper()
	one := *b
	one.t = t
	t.Cleanup(one.quiet)
	return &one
}

// stays marks a page, stayed fails if it has been loaded anew since.
func (b *tab) stays() { evaluate[bool](b, "window.stays = true") }

func (b *tab) stayed() {
	b.t.Helper()
	if !evaluate[bool](b, "window.stays === true") {
		b.t.Error("the page has been loaded anew")
	}
}

// look is a way that a page is shown, and axe's options for it: "" runs none.
type look struct {
	scheme string
	width  int64
	axe    string
}

// TestPagesAreForEverybody looks at every kind of page on a telephone and a screen, light and dark, for what keeps people from using it.
func TestPagesAreForEverybody(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	busy, empty := startSite(t, busyZaps), startSite(t, nil)
	busy.cleverTap.Refuse(sandbox.Refusal{Identity: "kabir@example.com", Code: 523, Error: "Invalid phone number"})
	long := strings.Repeat("averylongnamewithoutanyspaces", 4)
	busy.add("Signups", "asha@example.com", "Asha Nair", "72", "Yes")
	busy.add("Signups", long+"@example.com", long, "64", "Yes")
	busy.add("Signups", "kabir@example.com", "Kabir Shah", "50", "Yes")
	for i := range 5 {
		busy.add("Trials", fmt.Sprintf("trial%d@example.com", i), "Pro")
	}
	b := newTab(t, browser, busy.url)
	b.open("/?token=" + busy.token)
	b.open("/zaps/trials")
	b.press("form[action$='/poll'] button")
	b.open("/zaps/signups")
	b.sees("all rows", `document.querySelectorAll("table.history td.tick").length === 3`)
	demo, nothing, stranger := newTab(t, browser, busy.demo), newTab(t, browser, empty.url), newTab(t, browser, strings.Replace(busy.url, "127.0.0.1", "localhost", 1))
	nothing.open("/?token=" + empty.token)
	b.quiet()

	open := func(b *tab) { // what can be opened on a page
		evaluate[bool](b, `[...document.querySelectorAll("details")].every(d => d.open = true)`)
	}
	looks := []look{{"light", 390, "{}"}, {"dark", 1280, ""}}
	if os.Getenv("ROWTAP_CI") != "" { // which has the time
		looks = []look{{"light", 390, "{}"}, {"dark", 1280, `{runOnly: ["color-contrast"]}`}, {"light", 1280, ""}, {"dark", 390, ""}}
	}
	pages := []struct {
		name string
		tab  *tab
		path string
		has  string // a selector of what the page is looked at for
	}{
		{"overview", b, "/", ".needs li.bad"},
		{"filtered", b, "/?q=nobody", ".empty"},
		{"zap", b, "/zaps/signups", ".plot.big path"},
		{"failed", b, "/zaps/signups?state=failed", "form.all"},
		{"held", b, "/zaps/trials?state=held", "form.all"},
		{"beside another", b, "/zaps/orders?state=held", "table.compared .differs"},
		{"blocked zap", b, "/zaps/lost", "p.why.blocked"},
		{"disabled zap", b, "/zaps/later", ".empty"},
		{"sent delivery", b, "/deliveries/signups/2", ".way"},
		{"failed delivery", b, "/deliveries/signups/3", ".way .failed"},
		{"held delivery", b, "/deliveries/orders/2", "table.compared"},
		{"unmapped delivery", b, "/deliveries/orders/3", ".way .failed"},
		{"why", b, "/zaps/signups/why?row=3", "#answer"},
		{"why not", b, "/zaps/signups/why?row=99", "#answer"},
		{"nothing there", b, "/nowhere", "h1"},
		{"no zaps", nothing, "/", ".empty"},
		{"log in", stranger, "/", "#token"},
		{"demo", demo, "/", "h1"},
	}
	for _, p := range pages {
		t.Run(p.name, func(t *testing.T) {
			b := p.tab.of(t)
			if p.name == "nothing there" || p.name == "log in" {
				b.console = &console{} // a browser reports 404 and 401
			}
			b.open(p.path)
			b.sees(p.has, fmt.Sprintf("document.querySelector(%q)", p.has))
			open(b)
			for _, look := range looks {
				b.looksLike(look.scheme, look.width)
				if wide := evaluate[int64](b, "document.documentElement.scrollWidth"); wide > look.width {
					t.Errorf("%+v: the page is %d wide", look, wide)
				}
				if look.axe != "" {
					for _, f := range b.findings(look.axe) {
						t.Errorf("%+v: %s", look, f)
					}
				}
				if dir := os.Getenv("ROWTAP_SCREENSHOTS"); dir != "" {
					b.shoot(filepath.Join(dir, fmt.Sprintf("%s-%d-%s.png", strings.ReplaceAll(p.name, " ", "-"), look.width, look.scheme)))
				}
			}
		})
	}
}

// looksLike has the page shown in a colour scheme and a width in pixels.
func (b *tab) looksLike(scheme string, width int64) {
	b.t.Helper()
	b.do("look "+scheme, chromedp.EmulateViewport(width, 900), chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	}))
}

// findings returns what axe, run with options, finds on the page that is serious.
func (b *tab) findings(options string) []string {
	b.t.Helper()
	evaluate[bool](b, "window.axe ? true : (() => { "+axe+"\nreturn true })()")
	return evaluate[[]string](b, `axe.run(document, `+options+`).then(found => found.violations
		.filter(v => v.impact === "serious" || v.impact === "critical")
		.flatMap(v => v.nodes.map(n => v.id + ": " + v.help + ": " + n.html.slice(0, 200) + ": " + n.failureSummary)))`, chromedp.EvalAwaitPromise)
}

// shoot keeps a picture of the page, to be looked at.
func (b *tab) shoot(path string) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, patience)
	defer stop()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	must(b.t, err)
	must(b.t, os.WriteFile(path, png, 0o600))
}
