package ui_test

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

// axe finds what keeps people from using a page: https://github.com/dequelabs/axe-core, the npm
// package axe-core 4.14.1.
//
//go:embed testdata/axe.min.js
var axe string

// look is a way that a page is shown, and axe's options for it: "" runs none.
type look struct {
	scheme string
	width  int64
	axe    string
}

// TestPagesAreForEverybody looks at every kind of page on a telephone and a screen, light and dark,
// for what keeps people from using it.
func TestPagesAreForEverybody(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	busy, empty := startSite(t, busyZaps), startSite(t, nil)
	busy.cleverTap.Refuse(lab.Refusal{Identity: "kabir@example.com", Code: 523, Error: "Invalid phone number"})
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
	busy.edit("later", strings.Replace(busyZaps["later"], "enabled", "# "+long+"\ntests: []\nenabeld", 1))
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
		{"reasons", b, "/zaps/signups?since=2026-01-01", ".reasons li"},
		{"user", b, "/find?identity=asha@example.com", "table.history"},
		{"no user", b, "/find?identity=nobody", ".empty"},
		{"held", b, "/zaps/trials?state=held", "form.all"},
		{"compared", b, "/zaps/orders?state=held", "table.compared .differs"},
		{"blocked zap", b, "/zaps/lost", "p.why.blocked"},
		{"disabled zap", b, "/zaps/later", ".empty"},
		{"sent delivery", b, "/deliveries/signups/2", ".timeline"},
		{"failed delivery", b, "/deliveries/signups/3", ".timeline .failed"},
		{"held delivery", b, "/deliveries/orders/2", "table.compared"},
		{"unmapped delivery", b, "/deliveries/orders/3", ".timeline .failed"},
		{"file", b, "/zaps/orders/file", "ol.lines"},
		{"edited file", b, "/zaps/later/file", "li.wrong"},
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
