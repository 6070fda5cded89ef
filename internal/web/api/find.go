package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/web/problem"
)

// QueryOf returns the deliveries that the parameters of a request select: zap, state, row, since,
// until, identity, error, before and limit, which is 50 unless given. Times are those of
// [engine.ParseTime], dates in the time zone of the daemon. On an error it also returns what could
// be read.
func QueryOf(values url.Values) (ledger.Query, error) {
	const usual = 50
	q := ledger.Query{
		Zap: values.Get("zap"), Identity: values.Get("identity"), Error: values.Get("error"),
		Before: values.Get("before"), Limit: usual,
	}
	var err, wrong error
	if err = q.State.UnmarshalText([]byte(values.Get("state"))); err != nil {
		wrong = &hint.Error{Err: err, Hint: "states are waiting, queued, sent, validated, skipped, failed, held and discarded"}
	}
	for name, to := range map[string]*int{"row": &q.Row, "limit": &q.Limit} {
		text := values.Get(name)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			wrong = fmt.Errorf("%s must be a whole number, not %s", name, problem.Quote(text))
			continue
		}
		*to = n
	}
	if q.Since, q.Until, err = engine.ParsePeriod(values.Get("since"), values.Get("until"), time.Now()); err != nil {
		wrong = err
	}
	return q, wrong
}

// Deliveries responds with a list of deliveries, newest first: JSON, or with format=csv a CSV file,
// then also with the cells of the rows (columns=true) and with cells left as they are (raw=true).
func (s *Server) Deliveries(w http.ResponseWriter, r *http.Request) {
	ctx, values := r.Context(), r.URL.Query()
	q, err := QueryOf(values)
	if err != nil {
		problem.Write(w, http.StatusBadRequest, err.Error(), hint.Of(err))
		return
	}
	if q.Zap != "" && !s.knownZap(ctx, w, q.Zap) {
		return
	}
	out := &stream{ResponseWriter: w}
	switch format := values.Get("format"); format {
	case "", "json":
		out.head = http.Header{"Content-Type": {"application/json"}}
		err = s.writeList(ctx, out, q)
	case "csv":
		out.head = http.Header{"Content-Type": {"text/csv; charset=utf-8"}, "Content-Disposition": {`attachment; filename="deliveries.csv"`}}
		err = s.writeCSV(ctx, out, q, values.Get("columns") == "true", values.Get("raw") == "true")
	default:
		problem.Write(w, http.StatusBadRequest, "there is no format "+problem.Quote(format), "formats are json and csv")
		return
	}
	switch {
	case err == nil:
	case !out.begun:
		s.failed(w, err)
	default:
		if ctx.Err() == nil && !errors.Is(err, errClientGone) {
			s.Log.Error("list of deliveries is incomplete", zap.Error(err))
		}
		panic(http.ErrAbortHandler) // the client must notice that the list is incomplete
	}
}

// errClientGone means that a response could not be written.
var errClientGone = errors.New("the client is gone")

// stream is a list of deliveries that is sent as it is made, so that neither side has to hold all of
// it.
type stream struct {
	http.ResponseWriter
	head  http.Header // of a response without an error
	begun bool        // something was written: the status can no longer report an error
}

// Write sends a part of the list.
func (s *stream) Write(b []byte) (int, error) {
	if !s.begun {
		maps.Copy(s.Header(), s.head)
		s.begun = true
	}
	n, err := s.ResponseWriter.Write(b)
	if err != nil {
		err = errors.Join(errClientGone, err)
	}
	return n, err
}

// writeList writes the deliveries of a query as a JSON array.
func (s *Server) writeList(ctx context.Context, w io.Writer, q ledger.Query) error {
	lead, end := "[", "[]\n"
	err := s.Engine.EachDelivery(ctx, q, func(d ledger.Delivery) error {
		b, err := json.Marshal(s.Show(ctx, d))
		if err == nil {
			_, err = w.Write(append([]byte(lead), b...))
		}
		lead, end = ",", "]\n"
		return err
	})
	if err == nil {
		_, err = io.WriteString(w, end)
	}
	return err
}

// selection is the body of an action on deliveries.
type selection struct {
	engine.Selection
	Since string `json:"since"` // as in QueryOf
	Until string `json:"until"`
}

// readSelection decodes the deliveries that a request selects, which are not all.
func (s *Server) readSelection(w http.ResponseWriter, r *http.Request) (engine.Selection, bool) {
	var body selection
	if !read(w, r, &body) {
		return engine.Selection{}, false
	}
	sel := body.Selection
	var err error
	if sel.Since, sel.Until, err = engine.ParsePeriod(body.Since, body.Until, time.Now()); err != nil {
		problem.Write(w, http.StatusBadRequest, err.Error(), "")
		return sel, false
	}
	if sel.Empty() {
		problem.Write(w, http.StatusBadRequest, "no deliveries are selected", `send {"ids": ["ZAP/NUMBER"]} or {"zap": "ZAP", "state": "failed"}`)
		return sel, false
	}
	return sel, sel.Zap == "" || s.knownZap(r.Context(), w, sel.Zap)
}

func (s *Server) status(w http.ResponseWriter, r *http.Request) {
	since, err := engine.ParseTime(r.URL.Query().Get("since"), time.Now())
	if err != nil {
		problem.Write(w, http.StatusBadRequest, err.Error(), "")
		return
	}
	var st engine.Status
	if since.IsZero() {
		st, err = s.Engine.Status(r.Context())
	} else {
		st, err = s.Engine.StatusSince(r.Context(), since)
	}
	s.answer(w, st, err)
}
