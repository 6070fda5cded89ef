package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/ledger"
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
	State      string // that the history is filtered by
	Search     string
	Back       string // the page as it is, to come back to
	All        string // what can be done with all of the state shown: replay, release; "": nothing
	AllCount   int64
	history
}

// recipeSentence is a recipe in words.
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
	Delivery
	SheetLink string
	Compared  *comparison // with the row that it may be, of held ones
}

func (s *server) zapPage(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("zap")
	if !s.knows(w, r, name) {
		return
	}
	f := frame{Title: name, Trail: []crumb{{"Zaps", "/"}}}
	if r.URL.Query().Get("q") == "" { // a search is too much work to be done at every news
		f.News = &news{Of: name}
	}
	s.showShared(w, r, "zap", f, func(now *snapshot) (any, error) {
		return s.zapViewOf(r.Context(), now, name, r.URL)
	})
}

// knows tells whether there is a zap, and answers that there is none.
func (s *server) knows(w http.ResponseWriter, r *http.Request, name string) bool {
	known, err := s.Engine.Known(r.Context(), name)
	switch {
	case err != nil:
		s.showFailure(w, r, err)
	case !known:
		s.showProblem(w, r, http.StatusNotFound, "There is no zap "+name, s.Engine.Meant(name))
	}
	return err == nil && known
}

func (s *server) zapViewOf(ctx context.Context, now *snapshot, name string, at *url.URL) (*zapView, error) {
	query := at.Query()
	v := &zapView{ZapStatus: engine.ZapStatus{Zap: name, State: engine.NotEnabled, Reason: "removed from the configuration"}}
	if z, ok := now.zap(name); ok {
		v.ZapStatus = z
	}
	kept, err := s.Engine.StoredZap(ctx, name)
	if err != nil {
		return nil, err
	}
	v.Since = kept.StartedAt
	if z := s.recipeOf(name); z != nil {
		v.describe(s, z, kept)
	}
	of := spanOf(query.Get("span"))
	v.Plot = newPlot(of, now.at, true)
	v.Plot.add(v.Hours)

	v.State, v.Search = query.Get("state"), strings.TrimSpace(query.Get("q"))
	state, err := ledger.ParseState(v.State)
	if err != nil {
		v.State, state = "", 0
	}
	q := search{zap: name, state: state, text: v.Search, span: query.Get("span"), before: query.Get("before")}
	v.Spans = of.choices(func(name string) string { q := q; q.span = name; return q.link(q.before) })
	v.tabs(q, kept.Counts)
	v.Back = (&url.URL{Path: at.Path, RawQuery: query.Encode()}).String()
	v.history, err = s.search(ctx, q)
	if err != nil {
		return nil, err
	}
	return v, nil
}

func (v *zapView) describe(s *server, z *config.Zap, kept ledger.Zap) {
	v.Configured = true
	v.File = z.File
	if z.Filter != nil {
		v.Filter = z.Filter.Text
	}
	words := make([]string, len(z.Actions))
	for i, a := range z.Actions {
		words[i] = actionInWords(a)
		v.Actions = append(v.Actions, actionView{words[i], mappingOf(a)})
	}
	title, gid := kept.Title, kept.GID
	if kept.SpreadsheetID != z.Trigger.SpreadsheetID {
		title, gid = "", z.Trigger.Worksheet.GID
	}
	v.Sentence = recipeSentence{
		Schedule: scheduleInWords(z.Schedule.Text), Worksheet: worksheetInWords(z.Trigger.Worksheet, title),
		SheetLink: s.sheetLink(z.Trigger.SpreadsheetID, gid, 0), Actions: strings.Join(words, ", then "), Shadow: z.Shadow,
	}
}

// tabs are the choices of history by state.
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
			continue // most zaps were never in shadow mode
		}
		v.Tabs = append(v.Tabs, stateTab{t.state.String(), path(t.state), t.count, on})
		if on && t.count > 0 && v.Search == "" {
			v.AllCount = t.count
			v.All = map[ledger.State]string{ledger.Failed: string(engine.Replay), ledger.Held: string(engine.Release)}[t.state]
		}
	}
}
