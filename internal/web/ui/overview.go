package ui

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/quantity"
)

// overview is the first page.
type overview struct {
	Needs    []need
	More     int // needs that are not listed
	Headline string
	Plot     plot
	Spans    []stateTab
	Accounts []accountLine
	Machines []engine.Machine // that share a state on PostgreSQL; none: it is only a file
	Zaps     []zapLine        // of this page
	First    int              // the number of the page's first zap, from 1
	Last     int
	Matching int // zaps that match filter and state, on all pages
	Count    int // all zaps
	Filter   string
	Show     string // the state by which zaps are filtered; "": all
	States   []stateTab
	Before   string // link to the previous page; "": this is the first
	After    string // link to the next page; "": this is the last

	CanPause  bool // any zap runs
	CanResume bool // any zap is paused

	Validated bool // any zap is in shadow mode, or has rows that were validated in it
}

const (
	// zapsPerPage limits the size of an overview.
	zapsPerPage = 50
	// maxNeeds limits the list of what needs attention.
	maxNeeds = 12
)

// stateTab links to the zaps or deliveries of a state.
type stateTab struct {
	Name, Path string
	Count      int64
	On         bool
}

// need is something that requires an operator's attention.
type need struct {
	Kind  string // bad: a zap or an account is stopped; warn: rows wait
	What  string
	Path  string // link to the page about it
	Where string
	Why   string
	Hint  string

	Button, Post string            // a button and where its form goes; "": the page cannot help
	Fields       map[string]string // of the form
}

// Key identifies the need whatever its counts.
func (n need) Key() string { return strings.Join([]string{n.Where, n.Post, n.Fields["do"]}, " ") }

type accountLine struct {
	engine.AccountStatus
	AppName string
	Percent int // of the quota used in the last minute
	Needed  int // by the zaps, of the quota
}

type zapLine struct {
	engine.ZapStatus
	Recipe string
	Plot   plot
	InSpan ledger.Hour // the sum of the plot
}

func (s *Server) overview(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, view{name: "overview", frame: frame{Title: "Overview"}, shared: true, main: func(now *snapshot) (any, error) {
		return s.overviewOf(now.status, choiceOf(r.URL.Query()), now.at), nil
	}})
}

// choice says which zaps an overview shows, and which time its plots span.
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

// link returns the address of a page of the chosen zaps.
func (q choice) link(page int) string {
	number := ""
	if page > 1 {
		number = strconv.Itoa(page)
	}
	return address("/", map[string]string{"q": q.filter, "show": q.show, "span": q.span, "page": number})
}

func (s *Server) overviewOf(st engine.Status, q choice, now time.Time) overview {
	recipes := map[string]*config.Zap{}
	for _, z := range s.Engine.Config().Zaps {
		recipes[z.Name] = z
	}
	of := spanOf(q.span)
	o := overview{Filter: q.filter, Show: q.show, Count: len(st.Zaps), Plot: newPlot(of, now, true)}
	o.Plot.add(st.Removed, time.Time{})
	counts := map[engine.ZapState]int64{}
	for _, z := range st.Zaps {
		o.Plot.add(z.Hours, z.CountedFrom)
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
	o.CanPause = counts[engine.Running]+counts[engine.NeedsHand] > 0
	o.CanResume = counts[engine.Paused] > 0
	o.turnTo(q)
	for i := range o.Zaps {
		o.Zaps[i].Plot = newPlot(of, now, false)
		o.Zaps[i].Plot.add(o.Zaps[i].Hours, o.Zaps[i].CountedFrom)
		o.Zaps[i].InSpan = o.Zaps[i].Plot.sum()
	}
	o.Spans = of.choices(func(name string) string { return choice{q.filter, q.show, name, q.page}.link(q.page) })
	for _, a := range st.Accounts {
		o.Accounts = append(o.Accounts, newAccountLine(a))
	}
	o.Machines = st.Machines
	o.Needs = needs(st)
	if more := len(o.Needs) - maxNeeds; more > 0 {
		o.Needs, o.More = o.Needs[:maxNeeds], more
	}
	o.Headline = headline(len(st.Zaps), counts)
	all := choice{filter: q.filter, span: q.span}.link(1)
	o.States = []stateTab{{Name: "all", Path: all, Count: int64(len(st.Zaps)), On: q.show == ""}}
	for _, state := range []engine.ZapState{engine.Running, engine.NeedsHand, engine.Paused, engine.NotEnabled} {
		if counts[state] > 0 || q.show == string(state) {
			link := choice{filter: q.filter, show: string(state), span: q.span}.link(1)
			o.States = append(o.States, stateTab{string(state), link, counts[state], q.show == string(state)})
		}
	}
	return o
}

// turnTo keeps the zaps of the chosen page, or of the last one if there are fewer pages.
func (o *overview) turnTo(q choice) {
	o.Matching = len(o.Zaps)
	pages := max(1, (o.Matching+zapsPerPage-1)/zapsPerPage)
	page := min(max(1, q.page), pages)
	from := (page - 1) * zapsPerPage
	o.Zaps = o.Zaps[from:min(from+zapsPerPage, o.Matching)]
	o.First, o.Last = from+1, from+len(o.Zaps)
	if page > 1 {
		o.Before = q.link(page - 1)
	}
	if page < pages {
		o.After = q.link(page + 1)
	}
}

// matches reports whether a zap contains all words of a filter.
func (z zapLine) matches(filter string) bool {
	text := strings.ToLower(z.Zap + " " + z.Recipe + " " + string(z.State) + " " + z.Reason)
	for word := range strings.FieldsSeq(strings.ToLower(filter)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// shortRecipe says what a zap does: Signups → profile in CleverTap production.
func shortRecipe(z *config.Zap) string {
	actions := make([]string, len(z.Actions))
	for i, a := range z.Actions {
		actions[i] = describeAction(a)
	}
	return worksheetName(z.Trigger.Worksheet, "") + " → " + strings.Join(actions, ", then ")
}

func newAccountLine(a engine.AccountStatus) accountLine {
	line := accountLine{AccountStatus: a, AppName: "CleverTap"}
	if a.App == "google_sheets" {
		line.AppName = "Google Sheets"
		line.Percent = min(int(a.QuotaUsed*100+0.5), 100)
		if a.Quota > 0 {
			line.Needed = int(a.ReadsPerMinute*100/float64(a.Quota) + 0.5)
		}
	}
	return line
}

func headline(zaps int, counts map[engine.ZapState]int64) string {
	if zaps == 0 {
		return "There are no zaps yet"
	}
	parts := []string{quantity.Count(counts[engine.Running], "zap") + " running"}
	for _, state := range []engine.ZapState{engine.NeedsHand, engine.Paused, engine.NotEnabled} {
		if n := counts[state]; n > 0 {
			parts = append(parts, quantity.Number(n)+" "+string(state))
		}
	}
	return strings.Join(parts, ", ")
}

// needs lists what requires an operator's attention: stopped accounts and zaps first, then rows.
func needs(st engine.Status) []need {
	var stopped, rows []need
	if r := st.Refused; r != nil {
		stopped = append(stopped, need{
			Kind: "warn", Where: "Configuration", What: "is refused; the previous one stays in force", Why: r.Summary(), Hint: r.Hint,
			Button: "Reload configuration", Post: "/reload",
		})
	}
	reasons := map[string]bool{} // of accounts; zaps blocked for the same reason are not listed
	for _, a := range st.Accounts {
		if a.State != "blocked" {
			continue
		}
		reasons[a.Reason] = true
		stopped = append(stopped, need{
			Kind: "bad", Where: newAccountLine(a).AppName + " " + a.Account, What: "account is blocked", Why: a.Reason, Hint: a.Hint,
			Button: "Reload configuration", Post: "/reload",
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
			f.What, f.Path = quantity.Count(z.Failed, "row")+" failed", n.Path+"?state=failed"
			f.offer("Replay", engine.Replay, z.Zap, ledger.Failed, z.Failed)
			rows = append(rows, f)
		}
		if z.Held > 0 {
			h := n
			h.What, h.Path = quantity.Count(z.Held, "row")+" held for review", n.Path+"?state=held"
			h.offer("Release", engine.Release, z.Zap, ledger.Held, z.Held)
			rows = append(rows, h)
		}
	}
	for _, n := range st.Notes {
		stopped = append(stopped, need{Kind: "warn", Where: "PostgreSQL", What: n.Text, Hint: n.Hint})
	}
	return append(stopped, rows...)
}

// offer adds a button that acts on all deliveries of a zap in a state.
func (n *need) offer(button string, action engine.Action, zapName string, state ledger.State, count int64) {
	n.Button, n.Post = button+" "+quantity.Number(count), "/deliveries"
	n.Fields = map[string]string{
		"do": string(action), "zap": zapName, "state": state.String(), "seen": strconv.FormatInt(count, 10),
	}
}

// recipeOf returns a zap's recipe, nil if it is not in the configuration.
func (s *Server) recipeOf(name string) *config.Zap {
	for _, z := range s.Engine.Config().Zaps {
		if z.Name == name {
			return z
		}
	}
	return nil
}
