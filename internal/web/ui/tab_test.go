package ui_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// tab is a page in a browser. What it writes to the console is an error of the test, but where it
// is said to be expected.
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

// startBrowser returns a context for tabs of the browser. Without one the test is skipped, under
// ROWTAP_CI it fails.
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

// sees waits for a condition, in JavaScript, to hold on the page. While one page goes and the next
// one comes, it does not.
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

// of is the tab for a subtest, at whose end there is nothing on the console.
func (b *tab) of(t *testing.T) *tab {
	t.Helper()
	one := *b
	one.t = t
	t.Cleanup(one.quiet)
	return &one
}

// changes does something, and waits until an element's text differs from what it was before.
func (b *tab) changes(selector string, do func()) {
	b.t.Helper()
	quoted, err := json.Marshal(selector)
	must(b.t, err)
	text := fmt.Sprintf("document.querySelector(%s).textContent", quoted)
	was, err := json.Marshal(evaluate[string](b, text))
	must(b.t, err)
	do()
	b.sees("a change of "+selector, text+" !== "+string(was))
}

// stays marks a page, stayed fails if it has been reloaded since.
func (b *tab) stays() { evaluate[bool](b, "window.stays = true") }

func (b *tab) stayed() {
	b.t.Helper()
	if !evaluate[bool](b, "window.stays === true") {
		b.t.Error("the page has been reloaded")
	}
}
