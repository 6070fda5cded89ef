package ui

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/web/api"
)

// zapView is a zap's page.
type zapView struct {
	engine.ZapStatus
	Configured bool
	Since      time.Time // when the worksheet was first read; zero: not yet
	Sentence   recipeSentence
	Actions    []actionView
	Filter     string
	File       string
	Plot       plot
	Spans      []stateTab
	Tabs       []stateTab
	State      string // by which the history is filtered
	Search     string
	Back       string // the address of this page
	All        string // the action for all deliveries of the state shown: replay, release; "": none
	AllCount   int64
	CSV        string       // link to the deliveries shown; "": there is none
	Failures   []reasonLine // why deliveries failed
	period
	history
}

// recipeSentence describes a recipe.
type recipeSentence struct {
	Schedule, Worksheet, SheetLink, Actions string
	Shadow                                  bool
}

// actionView is an action and its mapping.
type actionView struct {
	Words string
	Lines []mapped
}

// historyLine is a delivery in a zap's history.
type historyLine struct {
	api.Delivery
	SheetLink string
	Compared  *comparison // of a held row, with the row that it may be
}

func (s *Server) zapPage(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("zap")
	s.show(w, r, view{
		name: "zap", of: name, frame: frame{Title: name, Trail: []crumb{{"Zaps", "/"}}},
		still:  r.URL.Query().Get("q") != "" || periodOf(r.URL.Query()).limits(), // a search is too expensive to repeat
		shared: true,
		main:   func(now *snapshot) (any, error) { return s.zapViewOf(r.Context(), now, name, r.URL) },
	})
}

// mustKnow returns an error if there is no such zap.
func (s *Server) mustKnow(ctx context.Context, name string) error {
	known, err := s.Engine.Known(ctx, name)
	if err == nil && !known {
		err = &notFoundError{"There is no zap " + name, s.Engine.Meant(name)}
	}
	return err
}

func (s *Server) zapViewOf(ctx context.Context, now *snapshot, name string, at *url.URL) (*zapView, error) {
	if err := s.mustKnow(ctx, name); err != nil {
		return nil, err
	}
	query := at.Query()
	v := &zapView{ZapStatus: engine.ZapStatus{Zap: name, State: engine.NotEnabled, Reason: "removed from the configuration"}}
	if z, ok := now.zap(name); ok {
		v.ZapStatus = z
	}
	stored, err := s.Engine.StoredZap(ctx, name)
	if err != nil {
		return nil, err
	}
	v.Since = stored.StartedAt
	if z := s.recipeOf(name); z != nil {
		v.describe(s, z, stored)
	}
	of := spanOf(query.Get("span"))
	v.Plot = newPlot(of, now.at, true)
	v.Plot.add(v.Hours, v.CountedFrom)

	v.State, v.Search = query.Get("state"), strings.TrimSpace(query.Get("q"))
	state, err := ledger.ParseState(v.State)
	if err != nil {
		v.State, state = "", 0
	}
	v.period = periodOf(query)
	q := search{zap: name, state: state, text: v.Search, span: query.Get("span"), before: query.Get("before"), period: v.period}
	v.Spans = of.choices(func(name string) string { q := q; q.span = name; return q.link(q.before) })
	v.tabs(q, stored.Counts)
	v.Back = (&url.URL{Path: at.Path, RawQuery: query.Encode()}).String()
	v.CSV = q.csv()
	if v.Failed > 0 {
		if err := v.groupFailures(ctx, s, q); err != nil {
			return nil, err
		}
	}
	if v.Wrong != "" {
		return v, nil
	}
	v.history, err = s.search(ctx, q)
	return v, err
}

// maxReasons limits the list of reasons.
const maxReasons = 20

// groupFailures groups the failed deliveries by reason.
func (v *zapView) groupFailures(ctx context.Context, s *Server, q search) error {
	reasons, err := s.Engine.Reasons(ctx, v.Zap, ledger.Failed)
	if err != nil {
		return err
	}
	for _, r := range reasons[:min(len(reasons), maxReasons)] {
		of := search{zap: v.Zap, state: ledger.Failed, span: q.span, period: period{Error: r.Text}}
		v.Failures = append(v.Failures, reasonLine{r, of.link("")})
	}
	return nil
}

func (v *zapView) describe(s *Server, z *config.Zap, stored ledger.Zap) {
	v.Configured = true
	v.File = z.File
	if z.Filter != nil {
		v.Filter = z.Filter.Text
	}
	words := make([]string, len(z.Actions))
	for i, a := range z.Actions {
		words[i] = describeAction(a)
		v.Actions = append(v.Actions, actionView{words[i], mappingOf(a)})
	}
	title, gid := stored.Title, stored.GID
	if stored.SpreadsheetID != z.Trigger.SpreadsheetID {
		title, gid = "", z.Trigger.Worksheet.GID
	}
	v.Sentence = recipeSentence{
		Schedule: describeSchedule(z.Schedule.Text), Worksheet: worksheetName(z.Trigger.Worksheet, title),
		SheetLink: s.sheetLink(z.Trigger.SpreadsheetID, gid, ""), Actions: strings.Join(words, ", then "), Shadow: z.Shadow,
	}
}

// tabs are the links to the history of each state.
func (v *zapView) tabs(q search, c ledger.Counts) {
	path := func(state ledger.State) string { q.state = state; return q.link("") }
	all := c.Waiting + c.Queued + c.Sent + c.Skipped + c.Failed + c.Held + c.Discarded + c.Validated
	v.Tabs = []stateTab{{"all", path(0), all, v.State == ""}}
	for _, t := range []struct {
		state ledger.State
		count int64
	}{
		{ledger.Failed, c.Failed},
		{ledger.Held, c.Held},
		{ledger.Queued, c.Queued},
		{ledger.Waiting, c.Waiting},
		{ledger.Sent, c.Sent},
		{ledger.Validated, c.Validated},
		{ledger.Skipped, c.Skipped},
		{ledger.Discarded, c.Discarded},
	} {
		on := v.State == t.state.String()
		if t.state == ledger.Validated && t.count == 0 && !on {
			continue // most zaps have never been in shadow mode
		}
		v.Tabs = append(v.Tabs, stateTab{t.state.String(), path(t.state), t.count, on})
		if on && t.count > 0 && v.Search == "" && !q.limits() {
			v.AllCount = t.count
			v.All = map[ledger.State]string{ledger.Failed: string(engine.Replay), ledger.Held: string(engine.Release)}[t.state]
		}
	}
}
