package ui_test

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

// TestARefreshLeavesTheReaderAlone changes a page while it is used. The focus stays on its element,
// or on nothing if that is gone, never on another one. Caret, typed text, checked boxes, opened
// details, selected text and scrolling stay.
func TestARefreshLeavesTheReaderAlone(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	s := startSite(t, busyZaps)
	b := newTab(t, browser, s.url)
	b.open("/?token=" + s.token)
	const sent = "dl.facts div:nth-child(5) dd" // the number of rows sent
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
		s.post("/api/v1/zaps/lost/pause") // then nothing needs attention
		s.post("/api/v1/deliveries/discard", `{"zap": "orders", "state": "failed"}`)
		s.post("/api/v1/deliveries/discard", `{"zap": "orders", "state": "held"}`)
		b.open("/")
		b.reads("h1", "All good")
		focus(b, "#filter")
		s.cleverTap.Refuse(lab.Refusal{Identity: "kabir@example.com", Code: 523, Error: "Invalid phone number"})
		s.add("Signups", "kabir@example.com", "Kabir Shah", "50", "Yes")
		b.reads("h1", "1 item needs attention")
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
		must(t, s.sheets.Insert("book", "Orders", 2, cellsOf("A-0", "zara@example.com", "5")))
		s.post("/api/v1/zaps/orders/poll")
		b.reads("table.history td[data-name=Row]", "6")
		if !evaluate[bool](b, `document.querySelector("table.history details").open`) {
			t.Error("it is closed")
		}
		has(b, "the summary", `document.activeElement.localName === "summary"`)
	})

	t.Run("caret and typed text, while the table changes", func(t *testing.T) {
		b := b.of(t)
		b.open("/")
		focus(b, "#filter")
		b.do("type", chromedp.SendKeys(chromedp.CSS("#filter"), "signups"))
		b.sees("that it filters", `document.querySelectorAll("table.zaps tbody tr").length === 1`)
		evaluate[bool](b, `(document.activeElement.setSelectionRange(2, 5, "backward"), true)`)
		b.changes("td[data-name=Sent]", func() { s.add("Signups", "omar@example.com", "Omar Haddad", "77", "Yes") })
		has(b, "the filter, with its text and selection", `(({id, value, selectionStart, selectionEnd, selectionDirection: d}) =>
			[id, value, selectionStart, selectionEnd, d].join() === "filter,signups,2,5,backward")(document.activeElement)`)
		b.do("type on", chromedp.KeyEvent("x"))
		b.sees("that it goes where the caret was", `document.activeElement.value === "sixps"`)
	})

	t.Run("a field next to what changes", func(t *testing.T) {
		b := b.of(t)
		b.open("/zaps/signups")
		focus(b, "#row")
		b.do("type", chromedp.SendKeys(chromedp.CSS("#row"), "12"))
		s.add("Signups", "ines@example.com", "Ines Costa", "59", "Yes")
		b.reads("table.history", "ines@example.com")
		has(b, "the field", `document.activeElement.id === "row" && document.activeElement.value === "12"`)
	})

	t.Run("selected text", func(t *testing.T) {
		b := b.of(t)
		b.open("/zaps/orders") // which changes only once
		b.reads("#live.on", "live")
		b.stays()
		const selected = "getSelection().toString()"
		evaluate[bool](b, `(getSelection().selectAllChildren(document.querySelector("td.who")), true)`)
		was := evaluate[string](b, selected)
		s.add("Orders", "A-9", "yuki@example.com", "83")
		s.post("/api/v1/zaps/orders/poll")
		b.reads("#live", "paused")
		if got := evaluate[string](b, selected); got != was || was == "" {
			t.Errorf("selected is %q, was %q", got, was)
		}
		evaluate[bool](b, `(getSelection().removeAllRanges(), true)`)
		b.reads("table.history", "yuki@example.com")
		b.reads("#live.on", "live")
		b.stayed()
	})

	t.Run("a button while it is pressed", func(t *testing.T) {
		b := b.of(t)
		b.open("/zaps/signups")
		b.reads("#live.on", "live")
		b.do("select", chromedp.Click(chromedp.CSS("td.tick input")))
		at := evaluate[[2]float64](b, `(el => { el.scrollIntoView({block: "center"}); const r = el.getBoundingClientRect();
			return [r.left + r.width / 2, r.top + r.height / 2]; })(document.querySelector("#bulk button[value=discard]"))`)
		b.do("press", chromedp.MouseEvent(chromedp.MousePressed, at[0], at[1], chromedp.ButtonLeft, chromedp.ClickCount(1)))
		b.changes(sent, func() { s.add("Signups", "emma@example.com", "Emma Olsen", "66", "Yes") })
		b.goes("release", chromedp.MouseEvent(chromedp.MouseReleased, at[0], at[1], chromedp.ButtonLeft, chromedp.ClickCount(1)))
		b.reads("h1", "Discard")
	})

	t.Run("scrolling", func(t *testing.T) {
		b := b.of(t)
		b.looksLike("light", 390)
		defer b.looksLike("light", 1280)
		b.open("/zaps/signups")
		b.stays()
		evaluate[bool](b, `(document.querySelector(".cells").style.width = "2000px", document.querySelector(".scroll").scrollLeft = 120,
			scrollTo(0, 500), true)`)
		was := evaluate[[2]float64](b, `[scrollY, document.querySelector(".scroll").scrollLeft]`)
		b.changes(sent, func() { s.add("Signups", "raj@example.com", "Raj Iyer", "70", "Yes") })
		if got := evaluate[[2]float64](b, `[scrollY, document.querySelector(".scroll").scrollLeft]`); got != was || was[0] == 0 || was[1] == 0 {
			t.Errorf("scrolled to %v, was %v", got, was)
		}
		b.stayed()
	})

	t.Run("the row that is read, when another comes above it", func(t *testing.T) {
		b := b.of(t)
		b.looksLike("light", 390)
		defer b.looksLike("light", 1280)
		b.open("/zaps/signups")
		b.stays()
		evaluate[bool](b, `(window.read = document.querySelectorAll("table.history tbody tr")[2].dataset.key,
			document.querySelector("table.history tr[data-key='" + read + "']").scrollIntoView(), scrollBy(0, 20), true)`)
		const top = `Math.round(document.querySelector("tr[data-key='" + read + "']").getBoundingClientRect().top)`
		was := evaluate[float64](b, top)
		b.changes(sent, func() { s.add("Signups", "vera@example.com", "Vera Novak", "52", "Yes") })
		b.reads("table.history", "vera@example.com")
		// Windows scroll by whole pixels, and rows have fractions of them; the row above is 100 pixels high.
		if got := evaluate[float64](b, top); math.Abs(got-was) > 1 || math.Abs(was+20) > 1 {
			t.Errorf("it is at %v, was at %v", got, was)
		}
		b.stayed()
	})

	t.Run("a comparison that is scrolled, when its table changes", func(t *testing.T) {
		b := b.of(t)
		b.looksLike("light", 390)
		defer b.looksLike("light", 1280)
		b.open("/zaps/orders?state=held")
		b.do("open it", chromedp.Click(chromedp.CSS("table.history summary")))
		evaluate[bool](b, `((style) => { style.replaceSync(".compared { min-width: 900px !important }"); document.adoptedStyleSheets = [style];
			document.querySelector("details .scroll").scrollLeft = 90; return true })(new CSSStyleSheet())`)
		b.changes("table.history tbody", func() {
			s.add("Orders", "A-1", "asha@example.com", "910")
			s.post("/api/v1/zaps/orders/poll")
		})
		if got := evaluate[float64](b, `document.querySelector("details[open] .scroll").scrollLeft`); got != 90 {
			t.Errorf("scrolled to %v", got)
		}
	})
}

// TestAPageComesBack lets a proxy respond while the daemon is unreachable.
func TestAPageComesBack(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	s := startSite(t, busyZaps)
	var away, unready atomic.Bool
	daemon, err := url.Parse(s.url)
	must(t, err)
	through := httputil.NewSingleHostReverseProxy(daemon)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if away.Load() {
			http.Error(w, "the daemon is away", http.StatusBadGateway)
			return
		}
		if unready.Load() {
			w.Header().Set("ETag", `"1"`)
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`<h1>Not ready</h1><main id="main"><p data-part="unready"></p></main>`))
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
	unready.Store(true) // another page is at its address
	b.reads("h1", "Not ready")
}
