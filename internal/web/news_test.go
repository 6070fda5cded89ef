package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

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
		s.cleverTap.Refuse(lab.Refusal{Identity: "kabir@example.com", Code: 523, Error: "Invalid phone number"})
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
		s.cleverTap.Refuse(lab.Refusal{Identity: "mei@example.com", Code: 523, Error: "Invalid phone number"})
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
