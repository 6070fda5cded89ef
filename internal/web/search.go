package web

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
)

// search says which deliveries of a zap a page shows.
type search struct {
	zap    string
	state  ledger.State // 0: any
	text   string       // a sheet row's number, a delivery's #number, or a part of an identity; "": all
	before string
	span   string // of the plot above them
}

// history is a page of deliveries, newest first.
type history struct {
	Lines []historyLine
	Older string // where the next page is; "": these were the last
	Newer string // where the first page is; "": this is it
	// Through, not zero, says how far back a search has looked without coming to the end.
	Through time.Time
}

const (
	linesAPage = 50
	// searchPatience is how long a search reads before it shows what it has: neither identities nor rows have an index.
	searchPatience = 300 * time.Millisecond
)

// search returns a page of deliveries. A number is a sheet row's, or, where no delivery was of that, a part of an identity.
func (s *server) search(ctx context.Context, q search) (history, error) {
	query := ledger.Query{Zap: q.zap, State: q.state, Before: q.before}
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
	if text != "" && s.Engine.HidesIdentity(ctx, q.zap) { // what is found would tell what is hidden
		return history{}, nil
	}
	return s.scan(ctx, q, query, text)
}

// scan goes through deliveries until a page is full, or its patience at an end.
func (s *server) scan(ctx context.Context, q search, query ledger.Query, text string) (history, error) {
	began := time.Now()
	goOn := func() bool { return text == "" && query.Row == 0 || time.Since(began) < searchPatience }
	var found []ledger.Delivery
	var last ledger.Found
	for ok := true; ok; ok = len(found) <= linesAPage && last.Before != "" && goOn() {
		query.Limit = linesAPage + 1 - len(found)
		var err error
		if last, err = s.Engine.Search(ctx, query, text, goOn); err != nil {
			return history{}, err
		}
		query.Before = last.Before
		for _, d := range last.Deliveries {
			if text == "" || strings.Contains(strings.ToLower(s.identity(ctx, d)), text) {
				found = append(found, d)
			}
		}
	}
	var h history
	if q.before != "" {
		h.Newer = q.link("")
	}
	switch {
	case len(found) > linesAPage:
		found = found[:linesAPage]
		h.Older = q.link(found[linesAPage-1].ID())
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

// one returns the delivery of a number, if it is there.
func (s *server) one(ctx context.Context, q search, n uint64) (history, error) {
	d, ok, err := s.Engine.Stored(ctx, q.zap, n)
	if err != nil || !ok {
		return history{}, err
	}
	line, err := s.lineOf(ctx, d)
	return history{Lines: []historyLine{line}}, err
}

func (s *server) lineOf(ctx context.Context, d ledger.Delivery) (line historyLine, err error) {
	line = historyLine{Delivery: s.shown(ctx, d)}
	line.SheetLink = rowLink(line.Delivery, d.DeletedInSheet)
	if d.State == ledger.Held && d.Like != 0 {
		line.Compared, err = s.compared(ctx, d)
	}
	return line, err
}

// link returns where the page is that goes on before a delivery; "" is the first.
func (q search) link(before string) string {
	state := ""
	if q.state != 0 {
		state = q.state.String()
	}
	return address(zapPath(q.zap), map[string]string{"q": q.text, "before": before, "state": state, "span": q.span})
}

// Tries is how many requests it was in.
func (d Delivery) Tries() int64 { return int64(d.Attempts) }

// WhenFound tells whether Row is where the row was when it was found: the rows of deliveries that are done with, or under way, are not
// followed.
func (d Delivery) WhenFound() bool {
	return d.State != ledger.Waiting.String() && d.State != ledger.Failed.String() && d.State != ledger.Held.String()
}

// Number is a delivery's number in its zap.
func (d Delivery) Number() string { return d.ID[strings.LastIndexByte(d.ID, '/')+1:] }

// Why is what there is to say of a delivery's state in a line.
func (d Delivery) Why() string {
	if d.Error == nil {
		return d.Reason
	}
	text := d.Error.Message
	if d.Error.Code != nil {
		text = fmt.Sprint(d.Error.Code) + ": " + text
	}
	if n := len(d.Errors); n > 1 {
		text = fmt.Sprintf("%d mistakes: %s", n, text)
	}
	return text
}
