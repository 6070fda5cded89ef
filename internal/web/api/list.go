package api

import (
	"encoding/json"
	"net/http"
)

// list is a response that is a JSON array. It is written element by element, so neither side has to
// hold all of it.
type list struct {
	w      http.ResponseWriter
	begun  bool  // something was written: the status can no longer report an error
	broken error // of a write: the client is gone
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
	_, l.broken = l.w.Write(b)
	return l.broken
}
