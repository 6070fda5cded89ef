package ui

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
)

// search selects the deliveries that a zap's page shows.
type search struct {
	zap    string
	state  ledger.State // 0: any
	text   string       // a sheet row, a delivery's #number, or a part of an identity; "": all
	before string
	span   string // of the plot
	period
}

// history is a page of deliveries, newest first.
type history struct {
	Lines []historyLine
	Older string // link to the next page; "": there is none
	Newer string // link to the first page; "": this is it
	// Through is how far back a search has read; zero: to the end.
	Through time.Time
}

const (
	linesPerPage = 50
	// searchTime limits how long a search reads before it shows what it has found: there is no
	// index of parts of identities, of rows, or of errors.
	searchTime = 300 * time.Millisecond
)

// search returns a page of deliveries. A number is a sheet row, or a part of an identity if no
// delivery is of that row.
func (s *Server) search(ctx context.Context, q search) (history, error) {
	query := ledger.Query{Zap: q.zap, State: q.state, Before: q.before, Since: q.since, Until: q.until, Error: q.Error}
	text := strings.ToLower(q.text)
	of := strings.ToLower(q.zap) + "/"
	if number, ok := strings.CutPrefix(strings.TrimPrefix(text, of), "#"); ok || strings.HasPrefix(text, of) {
		if n, err := strconv.ParseUint(number, 10, 64); err == nil {
			return s.one(ctx, q, n)
		}
	}
	if n, err := strconv.Atoi(text); err == nil && n > 0 {
		ofRow := query
		ofRow.Row = n
		if h, err := s.scan(ctx, q, ofRow, ""); err != nil || len(h.Lines) > 0 || h.Older != "" {
			return h, err
		}
	}
	if text != "" && s.Engine.HidesIdentity(ctx, q.zap) { // matches would reveal what is hidden
		return history{}, nil
	}
	return s.scan(ctx, q, query, text)
}

// scan reads deliveries until a page is full, or for searchTime.
func (s *Server) scan(ctx context.Context, q search, query ledger.Query, text string) (history, error) {
	began := time.Now()
	more := func() bool { return text == "" && query.Row == 0 && !q.limits() || time.Since(began) < searchTime }
	var found []ledger.Delivery
	var last ledger.Found
	for ok := true; ok; ok = len(found) <= linesPerPage && last.Before != "" && more() {
		query.Limit = linesPerPage + 1 - len(found)
		var err error
		if last, err = s.Engine.Search(ctx, query, text, more); err != nil {
			return history{}, err
		}
		query.Before = last.Before
		for _, d := range last.Deliveries {
			if text == "" || strings.Contains(strings.ToLower(s.API.IdentityOf(ctx, d)), text) {
				found = append(found, d)
			}
		}
	}
	var h history
	if q.before != "" {
		h.Newer = q.link("")
	}
	switch {
	case len(found) > linesPerPage:
		found = found[:linesPerPage]
		h.Older = q.link(found[linesPerPage-1].ID())
	case last.Before != "":
		h.Older, h.Through = q.link(last.Before), last.Through
	}
	for _, d := range found {
		line, err := s.lineOf(ctx, d)
		if err != nil {
			return history{}, err
		}
		h.Lines = append(h.Lines, line)
	}
	return h, nil
}

// one returns the delivery with a number, if it exists.
func (s *Server) one(ctx context.Context, q search, n uint64) (history, error) {
	d, ok, err := s.Engine.Stored(ctx, q.zap, n)
	if err != nil || !ok {
		return history{}, err
	}
	line, err := s.lineOf(ctx, d)
	return history{Lines: []historyLine{line}}, err
}

func (s *Server) lineOf(ctx context.Context, d ledger.Delivery) (line historyLine, err error) {
	line = historyLine{Delivery: s.API.Show(ctx, d)}
	line.SheetLink = rowLink(line.Delivery, d.DeletedInSheet)
	if d.State == ledger.Held && d.Like != 0 {
		line.Compared, err = s.compared(ctx, d)
	}
	return line, err
}

// link returns the address of the page of deliveries before one; "" is the first page.
func (q search) link(before string) string {
	query := q.query()
	query["q"], query["before"], query["span"] = q.text, before, q.span
	return address(zapPath(q.zap), query)
}

// query returns the parameters that pages and the API share.
func (q search) query() map[string]string {
	query := map[string]string{"since": q.From, "until": q.To, "error": q.Error}
	if q.state != 0 {
		query["state"] = q.state.String()
	}
	return query
}

// csv returns the address of a CSV file with the deliveries of a search without a text; "" if it has
// one, which the API does not search for.
func (q search) csv() string {
	if q.text != "" {
		return ""
	}
	query := q.query()
	query["zap"] = q.zap
	return csvLink(query)
}
