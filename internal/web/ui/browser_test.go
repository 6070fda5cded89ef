package ui_test

import (
	"context"
	_ "embed"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

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
		for _, line := range b.console.taken() { // the login page has status 401
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
		s.cleverTap.Refuse(lab.Refusal{Identity: "kabir@example.com", Code: 523, Error: "Invalid phone number"})
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
		b.reads(".flash", "1 delivery")
		b.open("/zaps/signups?q=kabir@example.com")
		b.reads("table.history .state", "sent")
	})

	t.Run("one that a newer row has overtaken", func(t *testing.T) {
		b := b.of(t)
		score := func() string {
			p, _ := s.cleverTap.Profile("lucas@example.com")
			return fmt.Sprint(p.Data["Score"])
		}
		s.cleverTap.Refuse(lab.Refusal{Identity: "lucas@example.com", Code: 523, Error: "Invalid phone number"})
		s.add("Signups", "lucas@example.com", "Lucas Weber", "1", "Yes")
		b.open("/zaps/signups?state=failed")
		b.reads("table.history", "lucas@example.com")
		s.cleverTap.Relent()
		s.add("Signups", "lucas@example.com", "Lucas Weber", "2", "Yes")
		await(t, "the newer row to be sent", func() bool { return score() == "2" })
		b.open("/deliveries/signups/4")
		b.press("button[value=replay]")
		b.reads("h1", "Send signups/4 although a newer row has updated its user?")
		if got := score(); got != "2" {
			t.Errorf("before it is sure, the score is %s", got)
		}
		b.press("button.danger")
		b.reads(".flash", "1 delivery queued again")
		await(t, "the older row to be sent", func() bool { return score() == "1" })
	})

	t.Run("a failed one is corrected in the sheet", func(t *testing.T) {
		b := b.of(t)
		s.add("Signups", "n/a", "Lena Vogt", "many", "Yes")
		b.open("/zaps/signups?state=failed")
		b.reads("table.history", "2 mistakes")
		b.press("table.history a[href='/deliveries/signups/6']")
		b.stays()
		b.reads(".cells tr.wrong:nth-child(1)", "n/a failed A7")
		b.reads(".cells tr.wrong:nth-child(3)", "many failed C7")
		b.reads(".record", "profileData.Name")
		must(t, s.sheets.Set("book", "Signups", 7, 3, sandbox.Parse("83")))
		b.reads("[data-part=cells] tr:nth-child(3)", "83 when found: many")
		b.sees("one cell left", `document.querySelectorAll("tr.wrong").length === 1`)
		b.sees("the record's score", `[...document.querySelectorAll(".record tr:not(.missing) th")].some(th => th.innerText === "profileData.Score")`)
		b.reads("[data-part=record]", "1 error left")
		must(t, s.sheets.Set("book", "Signups", 7, 1, sandbox.Parse("lena@example.com")))
		b.reads("h1", "sent")
		b.sees("none left", `document.querySelectorAll("tr.wrong").length === 0`)
		b.stayed()
	})

	t.Run("held ones are released", func(t *testing.T) {
		b := b.of(t)
		b.holdTrials(s, "trial", 5)
		b.sees("five rows", `document.querySelectorAll("table.history td.tick").length === 5`)
		b.stays()
		b.do("tick all", chromedp.Click(chromedp.CSS("th.tick input")))
		if n := evaluate[int](b, `document.querySelectorAll("td.tick input:checked").length`); n != 5 {
			t.Errorf("%d are ticked", n)
		}
		b.press("form.all button[value=release]")
		b.reads(".flash", "5 deliveries queued")
		b.open("/zaps/trials")
		b.sees("ten sent", `document.querySelectorAll("table.history .state.sent").length === 10`)
	})

	t.Run("discarding asks first", func(t *testing.T) {
		b := b.of(t)
		b.holdTrials(s, "other", 4)
		b.press("form.all button[value=discard]")
		b.reads("h1", "Discard")
		b.press("main form button.danger")
		b.reads(".flash", "4 deliveries discarded")
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

	t.Run("a hidden page is not refreshed", func(t *testing.T) {
		b := b.of(t)
		b.open("/zaps/signups")
		seen := func(state string) {
			evaluate[bool](b, fmt.Sprintf(`(Object.defineProperty(document, "visibilityState", {value: %q, configurable: true}), document.dispatchEvent(new Event("visibilitychange")))`, state))
		}
		b.sees("that it is live", `document.querySelector("#live.on")`)
		seen("hidden")
		s.add("Signups", "mei@example.com", "Mei Lim", "91", "Yes")
		other := newTab(t, browser, s.url)
		other.open("/zaps/signups")
		other.reads("table.history", "mei@example.com")
		if strings.Contains(b.text(), "mei@example.com") {
			t.Error("it has been refreshed")
		}
		seen("visible")
		b.reads("table.history", "mei@example.com")
	})

	t.Run("numbers under the pointer", func(t *testing.T) {
		b := b.of(t)
		b.open("/zaps/signups")
		at := evaluate[[2]float64](b, `(() => { const r = document.querySelector("svg.plot.big").getBoundingClientRect(); return [r.right - 2, r.top + 5]; })()`)
		b.do("point", chromedp.MouseEvent(chromedp.MouseMoved, at[0], at[1]))
		b.reads(".tip", "6 sent, 1 skipped")
		s.add("Signups", "ida@example.com", "Ida Berg", "61", "Yes")
		b.reads(".tip", "6 sent, 1 skipped") // the plot was replaced under the pointer
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

// holdTrials adds more rows than the zap trials takes in one poll, polls it by its button, and
// shows what is held.
func (b *tab) holdTrials(s *site, name string, rows int) {
	b.t.Helper()
	for i := range rows {
		s.add("Trials", fmt.Sprintf("%s%d@example.com", name, i), "Pro")
	}
	b.open("/zaps/trials")
	b.press("form[action$='/poll'] button")
	b.reads(".flash", fmt.Sprintf("(0 waiting, %d held)", rows))
	b.open("/zaps/trials?state=held")
}
