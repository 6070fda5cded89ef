package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/rowtap/rowtap/internal/ledger"
)

// list is a response that is a JSON array. It is written element by element, so neither side has to
// hold all of it.
type list struct {
	w     http.ResponseWriter
	begun bool // something was written: the status can no longer report an error
}

func newList(w http.ResponseWriter) *list { return &list{w: w} }

func (l *list) add(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	lead := ","
	if !l.begun {
		lead = "["
	}
	return l.write(append([]byte(lead), b...))
}

// end ends the array, which may be empty.
func (l *list) end() error {
	if !l.begun {
		return l.write([]byte("[]\n"))
	}
	return l.write([]byte("]\n"))
}

func (l *list) write(b []byte) error {
	if !l.begun {
		l.w.Header().Set("Content-Type", "application/json")
		l.begun = true
	}
	if _, err := l.w.Write(b); err != nil {
		return errors.Join(errClientGone, err)
	}
	return nil
}

// sendList responds with the deliveries of a query as a JSON array.
func (s *Server) sendList(ctx context.Context, w http.ResponseWriter, q ledger.Query) (begun bool, err error) {
	l := newList(w)
	err = s.Engine.EachDelivery(ctx, q, func(d ledger.Delivery) error { return l.add(s.Show(ctx, d)) })
	if err == nil {
		err = l.end()
	}
	return l.begun, err
}
