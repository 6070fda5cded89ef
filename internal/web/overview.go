package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
)

// overview is what an operator sees first.
type overview struct {
	Needs    []need
	More     int // needs that are not listed
	Headline string
	Plot     plot
	Spans    []stateTab
	Accounts []accountLine
	Machines []engine.Machine // that share a state on PostgreSQL; none: it is a file alone
	Zaps     []zapLine        // a page of them
	First    int              // of the page's zaps, counted from 1
	Last     int
	Matching int // zaps, on all pages
	Count    int // of zaps, with those that the filter drops
	Filter   string
	Show     string // which zaps, by their state; "": all
	States   []stateTab
	Before   string // where the page before this one is; "": this is the first
	After    string // where the next one is; "": this is the last

	Validated bool // one of all zaps is in shadow mode, or has rows that were validated in it
}

// zapsAPage bounds an overview's size, with which that of a page of it grows.
const zapsAPage = 50

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

// Key names the need among the others, whatever it counts.
func (n need) Key() string { return strings.Join([]string{n.Where, n.Post, n.Fields["do"]}, " ") }

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
	s.showShared(w, r, "overview", frame{Title: "Overview", News: &news{}}, func(now *snapshot) (any, error) {
		return s.overviewOf(now.status, choiceOf(r.URL.Query()), now.at), nil
	})
}

// choice says which zaps an overview shows, and of what time.
type choice struct {
	filter, show, span string
	page               int // from 1
}

func choiceOf(query url.Values) choice {
	page, err := strconv.Atoi(query.Get("page"))
	if err != nil {
		page = 1
	}
	return choice{strings.TrimSpace(query.Get("q")), query.Get("show"), query.Get("span"), page}
}

// link returns where a page of the chosen zaps is.
func (q choice) link(page int) string {
	number := ""
	if page > 1 {
		number = strconv.Itoa(page)
	}
	return address("/", map[string]string{"q": q.filter, "show": q.show, "span": q.span, "page": number})
}

func (s *server) overviewOf(st engine.Status, q choice, now time.Time) overview {
	recipes := map[string]*config.Zap{}
	for _, z := range s.Engine.Config().Zaps {
		recipes[z.Name] = z
	}
	of := spanOf(q.span)
	o := overview{Filter: q.filter, Show: q.show, Count: len(st.Zaps), Plot: newPlot(of, now, true)}
	counts := map[engine.ZapState]int64{}
	for _, z := range st.Zaps {
		o.Plot.add(z.Hours)
		counts[z.State]++
		o.Validated = o.Validated || z.Shadow || z.Validated > 0
		line := zapLine{ZapStatus: z}
		if r := recipes[z.Zap]; r != nil {
			line.Recipe = shortRecipe(r)
		}
		if (q.show == "" || q.show == string(z.State)) && line.matches(q.filter) {
			o.Zaps = append(o.Zaps, line)
		}
	}
	o.turnTo(q)
	for i := range o.Zaps {
		o.Zaps[i].Plot = newPlot(of, now, false)
		o.Zaps[i].Plot.add(o.Zaps[i].Hours)
	}
	o.Spans = of.choices(func(name string) string { return choice{q.filter, q.show, name, q.page}.link(q.page) })
	for _, a := range st.Accounts {
		o.Accounts = append(o.Accounts, newAccountLine(a))
	}
	o.Machines = st.Machines
	o.Needs = needs(st)
	if more := len(o.Needs) - mostNeeds; more > 0 {
		o.Needs, o.More = o.Needs[:mostNeeds], more
	}
	o.Headline = headline(len(st.Zaps), counts)
	o.States = []stateTab{{Name: "all", Path: choice{filter: q.filter, span: q.span}.link(1), Count: int64(len(st.Zaps)), On: q.show == ""}}
	for _, state := range []engine.ZapState{engine.Running, engine.NeedsHand, engine.Paused, engine.NotEnabled} {
		if counts[state] > 0 || q.show == string(state) {
			o.States = append(o.States, stateTab{string(state), choice{filter: q.filter, show: string(state), span: q.span}.link(1), counts[state], q.show == string(state)})
		}
	}
	return o
}

// turnTo leaves the zaps of the chosen page, the last one where there are fewer.
func (o *overview) turnTo(q choice) {
	o.Matching = len(o.Zaps)
	pages := max(1, (o.Matching+zapsAPage-1)/zapsAPage)
	page := min(max(1, q.page), pages)
	from := (page - 1) * zapsAPage
	o.Zaps = o.Zaps[from:min(from+zapsAPage, o.Matching)]
	o.First, o.Last = from+1, from+len(o.Zaps)
	if page > 1 {
		o.Before = q.link(page - 1)
	}
	if page < pages {
		o.After = q.link(page + 1)
	}
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
	if r := st.Refused; r != nil {
		stopped = append(stopped, need{
			Kind: "warn", Where: "Configuration", What: "is refused; the previous one stays in force", Why: r.Summary(), Hint: r.Hint,
			Button: "Load configuration anew", Post: "/reload",
		})
	}
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
			f.Button, f.Post, f.Fields = "Replay "+thousands(z.Failed), "/deliveries", map[string]string{"do": "replay", "zap": z.Zap, "state": "failed", "seen": strconv.FormatInt(z.Failed, 10)}
			rows = append(rows, f)
		}
		if z.Held > 0 {
			h := n
			h.What, h.Path = countedThing(z.Held, "row")+" held for you", n.Path+"?state=held"
			h.Button, h.Post, h.Fields = "Release "+thousands(z.Held), "/deliveries", map[string]string{"do": "release", "zap": z.Zap, "state": "held", "seen": strconv.FormatInt(z.Held, 10)}
			rows = append(rows, h)
		}
	}
	for _, n := range st.Notes {
		stopped = append(stopped, need{Kind: "warn", Where: "PostgreSQL", What: n.Text, Hint: n.Hint})
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
