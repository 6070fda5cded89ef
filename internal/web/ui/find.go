package ui

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/ledger"
)

// period limits deliveries by their last update, and by the text of an error, as texts of a form.
type period struct {
	From, To, Error string
	since, until    time.Time
	// Zone is the time zone of dates: the daemon's.
	Zone  string
	Wrong string // what is wrong with the texts; "": nothing
}

func periodOf(query url.Values) period {
	p := period{From: strings.TrimSpace(query.Get("since")), To: strings.TrimSpace(query.Get("until")), Error: query.Get("error")}
	now := time.Now()
	p.Zone, _ = now.Zone()
	var err error
	if p.since, p.until, err = engine.ParsePeriod(p.From, p.To, now); err != nil {
		p.Wrong = err.Error()
	}
	return p
}

// limits reports whether the period excludes any delivery.
func (p period) limits() bool { return p.From != "" || p.To != "" || p.Error != "" }

// reasonLine is why some deliveries of a zap failed, with a button that replays them.
type reasonLine struct {
	engine.Reason
	Path string // link to them
}

// foundView is the page with the deliveries of a user in all zaps.
type foundView struct {
	history
	Identity string
	CSV      string
	Hiding   int // zaps that hide their identities and are not searched
}

// findPage shows the deliveries of a user in all zaps.
func (s *Server) findPage(w http.ResponseWriter, r *http.Request) {
	identity := strings.TrimSpace(r.URL.Query().Get("identity"))
	s.show(w, r, view{
		name: "find", still: true, frame: frame{Title: cmp.Or(identity, "Find a user"), Trail: []crumb{{"Zaps", "/"}}, Identity: identity},
		main: func(now *snapshot) (any, error) { return s.found(r, now, identity) },
	})
}

func (s *Server) found(r *http.Request, now *snapshot, identity string) (foundView, error) {
	v := foundView{Identity: identity}
	for _, z := range now.status.Zaps {
		if s.Engine.HidesIdentity(r.Context(), z.Zap) {
			v.Hiding++
		}
	}
	if identity == "" {
		return v, nil
	}
	before := r.URL.Query().Get("before")
	link := func(before string) string {
		return address("/find", map[string]string{"identity": identity, "before": before})
	}
	v.CSV = csvLink(map[string]string{"identity": identity})
	if before != "" {
		v.Newer = link("")
	}
	q := ledger.Query{Identity: identity, Before: before, Limit: linesPerPage + 1}
	err := s.Engine.EachDelivery(r.Context(), q, func(d ledger.Delivery) error {
		if len(v.Lines) == linesPerPage {
			v.Older = link(v.Lines[linesPerPage-1].ID)
			return nil
		}
		line, err := s.lineOf(r.Context(), d)
		v.Lines = append(v.Lines, line)
		return err
	})
	return v, err
}

// csvLink returns the address of a CSV file with all deliveries of a query and their cells.
func csvLink(query map[string]string) string {
	query["limit"], query["columns"] = "0", "true"
	return address("/deliveries.csv", query)
}

// csvFile responds with deliveries as CSV.
func (s *Server) csvFile(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	query.Set("format", "csv")
	r.URL.RawQuery = query.Encode()
	s.API.Deliveries(w, r)
}
