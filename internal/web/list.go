package web

import (
	"encoding/json"
	"net/http"
)

// list is a response that is a JSON array, written element by element: what holds it all is neither this process nor, if it reads so,
// the client.
type list struct {
	w      http.ResponseWriter
	begun  bool  // something was written: an error can no longer be answered with a status
	broken error // what writing came to: the client is gone
}

func answerList(w http.ResponseWriter) *list { return &list{w: w} }

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
