package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/ledger"
)

// overview is what an operator sees first.
type overview struct {
	Needs    []need
	More     int // needs that are not listed
	Headline string
	Plot     plot
	Accounts []accountLine
	Zaps     []zapLine
	Count    int // of zaps, with those that the filter drops
	Filter   string
	Show     string // which zaps, by their state; "": all
	States   []stateTab
}

// stateTab is a choice of zaps or deliveries by state.
type stateTab struct {
	Name, Path string
	Count      int64
	On         bool
}

// need is something that waits for an operator.
type need struct {
	Kind  string // bad: nothing goes on; warn: rows wait
	What  string
	Path  string // where to look
	Where string
	Why   string
	Hint  string

	Button, Post string            // what to press, and where that goes; "": nothing helps from here
	Fields       map[string]string // that go with it
}

type accountLine struct {
	engine.AccountStatus
	AppName string
	Percent int // of the quota used in the last minute
	Asked   int // of the quota that the zaps ask for, in percent
}

type zapLine struct {
	engine.ZapStatus
	Recipe string
	Plot   plot
}

// mostNeeds bounds the list of what needs a hand.
const mostNeeds = 12

func (s *server) overview(w http.ResponseWriter, r *http.Request) {
	st, version, err := s.current()
	if err != nil {
		s.showFailure(w, r, err)
		return
	}
	query := r.URL.Query()
	_, noted := r.Cookie(noteCookie)
	key := strings.Join([]string{query.Get("q"), query.Get("show"), strconv.FormatBool(s.bearer(r))}, "\n")
	if kept := s.page.live.kept(version, key); kept != nil && noted != nil {
		writePage(w, r, http.StatusOK, kept)
		return
	}
	f := frame{Title: "Overview"}
	if noted == nil {
		s.render(w, r, http.StatusOK, "overview", f, s.overviewOf(st, query.Get("q"), query.Get("show"), time.Now()))
		return
	}
	body, err := s.rendered(r, "overview", f, s.overviewOf(st, query.Get("q"), query.Get("show"), time.Now()))
	if err != nil {
		s.showFailure(w, r, err)
		return
	}
	zipped := squeezed(body)
	s.page.live.keep(version, key, zipped)
	writePage(w, r, http.StatusOK, zipped)
}

func (s *server) overviewOf(st engine.Status, filter, show string, now time.Time) overview {
	recipes := map[string]*config.Zap{}
	for _, z := range s.Engine.Config().Zaps {
		recipes[z.Name] = z
	}
	o := overview{Filter: filter, Show: show, Count: len(st.Zaps)}
	var all []ledger.Hour
	counts := map[engine.ZapState]int64{}
	for _, z := range st.Zaps {
		all = merge(all, z.Hours)
		counts[z.State]++
		line := zapLine{ZapStatus: z, Plot: newPlot(z.Hours, 24, now)}
		if r := recipes[z.Zap]; r != nil {
			line.Recipe = shortRecipe(r)
		}
		if (show == "" || show == string(z.State)) && line.matches(filter) {
			o.Zaps = append(o.Zaps, line)
		}
	}
	o.Plot = newPlot(all, 24, now)
	o.Plot.Big, o.Plot.Width, o.Plot.Height = true, 12, 64
	for _, a := range st.Accounts {
		o.Accounts = append(o.Accounts, newAccountLine(a))
	}
	o.Needs = needs(st)
	if more := len(o.Needs) - mostNeeds; more > 0 {
		o.Needs, o.More = o.Needs[:mostNeeds], more
	}
	o.Headline = headline(len(st.Zaps), counts)
	o.States = []stateTab{{Name: "all", Path: "/", Count: int64(len(st.Zaps)), On: show == ""}}
	for _, state := range []engine.ZapState{engine.Running, engine.NeedsHand, engine.Paused, engine.NotEnabled} {
		if counts[state] > 0 || show == string(state) {
			o.States = append(o.States, stateTab{string(state), "/?show=" + string(state), counts[state], show == string(state)})
		}
	}
	return o
}

// matches tells whether a zap has all words of a filter.
func (z zapLine) matches(filter string) bool {
	text := strings.ToLower(z.Zap + " " + z.Recipe + " " + string(z.State) + " " + z.Reason)
	for word := range strings.FieldsSeq(strings.ToLower(filter)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// merge adds hours to those of other zaps.
func merge(all, more []ledger.Hour) []ledger.Hour {
	out := make([]ledger.Hour, 0, max(len(all), len(more)))
	for len(all) > 0 && len(more) > 0 {
		switch c := all[0].At.Compare(more[0].At); {
		case c < 0:
			out, all = append(out, all[0]), all[1:]
		case c > 0:
			out, more = append(out, more[0]), more[1:]
		default:
			h := all[0]
			add(&h, more[0])
			out, all, more = append(out, h), all[1:], more[1:]
		}
	}
	return append(append(out, all...), more...)
}

// shortRecipe tells what a zap does in a few words: Signups → profile in CleverTap production.
func shortRecipe(z *config.Zap) string {
	actions := make([]string, len(z.Actions))
	for i, a := range z.Actions {
		actions[i] = actionInWords(a)
	}
	return worksheetInWords(z.Trigger.Worksheet, "") + " → " + strings.Join(actions, ", then ")
}

func newAccountLine(a engine.AccountStatus) accountLine {
	line := accountLine{AccountStatus: a, AppName: "CleverTap"}
	if a.App == "google_sheets" {
		line.AppName = "Google Sheets"
		line.Percent = min(int(a.QuotaUsed*100+0.5), 100)
		if a.Quota > 0 {
			line.Asked = int(a.ReadsPerMinute*100/float64(a.Quota) + 0.5)
		}
	}
	return line
}

func headline(zaps int, counts map[engine.ZapState]int64) string {
	if zaps == 0 {
		return "There are no zaps yet"
	}
	parts := []string{countedThing(counts[engine.Running], "zap") + " running"}
	for _, state := range []engine.ZapState{engine.NeedsHand, engine.Paused, engine.NotEnabled} {
		if n := counts[state]; n > 0 {
			parts = append(parts, thousands(n)+" "+string(state))
		}
	}
	return strings.Join(parts, ", ")
}

// needs lists what waits for an operator: what stops whole accounts and zaps first, then rows.
func needs(st engine.Status) []need {
	var stopped, rows []need
	reasons := map[string]bool{} // of accounts: a zap that says no more is not listed beside it
	for _, a := range st.Accounts {
		if a.State != "blocked" {
			continue
		}
		reasons[a.Reason] = true
		stopped = append(stopped, need{
			Kind: "bad", Where: newAccountLine(a).AppName + " " + a.Account, What: "account is blocked", Why: a.Reason, Hint: a.Hint,
			Button: "Load configuration anew", Post: "/reload",
		})
	}
	for _, z := range st.Zaps {
		n := need{Path: zapPath(z.Zap), Where: z.Zap, Kind: "warn"}
		if z.State == engine.NeedsHand && !reasons[z.Reason] {
			b := n
			b.Kind, b.What, b.Why, b.Hint = "bad", "is blocked", z.Reason, z.Hint
			b.Button, b.Post = "Try now", zapPath(z.Zap)+"/poll"
			stopped = append(stopped, b)
		}
		if z.Failed > 0 {
			f := n
			f.What, f.Path = countedThing(z.Failed, "row")+" failed", n.Path+"?state=failed"
			f.Button, f.Post, f.Fields = "Replay "+thousands(z.Failed), "/deliveries", map[string]string{"do": "replay", "zap": z.Zap, "state": "failed"}
			rows = append(rows, f)
		}
		if z.Held > 0 {
			h := n
			h.What, h.Path = countedThing(z.Held, "row")+" held for you", n.Path+"?state=held"
			h.Button, h.Post, h.Fields = "Release "+thousands(z.Held), "/deliveries", map[string]string{"do": "release", "zap": z.Zap, "state": "held"}
			rows = append(rows, h)
		}
	}
	return append(stopped, rows...)
}

// recipeOf returns a zap's recipe, nil if the configuration does not have it.
func (s *server) recipeOf(name string) *config.Zap {
	for _, z := range s.Engine.Config().Zaps {
		if z.Name == name {
			return z
		}
	}
	return nil
}
