package web

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
	"net/http"
	"sync"
	"time"

	"github.com/rowtap/rowtap/internal/engine"
)

// freshFor is how old the status may be that the overview shows, and how often an open page hears of news.
const freshFor = 2 * time.Second

// live is the status as the open pages share it, and the overview made of it: that of five hundred zaps is made once, however many
// look at it.
type live struct {
	mu      sync.Mutex
	seed    maphash.Seed
	at      time.Time // of the status; zero: none
	status  engine.Status
	version uint64            // changes with the status
	pages   map[string][]byte // overviews of this version by query, compressed
}

// maxOverviews bounds how many overviews are kept: filters make others.
const maxOverviews = 32

// current returns the status, at most freshFor old, and its version.
func (s *server) current() (engine.Status, uint64, error) {
	l := &s.page.live
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if !l.at.IsZero() && now.Sub(l.at) < freshFor {
		return l.status, l.version, nil
	}
	st, err := s.Engine.Status()
	if err != nil {
		return st, 0, err
	}
	version, err := l.versionOf(st, now)
	if err != nil {
		return st, 0, err
	}
	if version != l.version {
		l.pages = nil
	}
	l.at, l.status, l.version = now, st, version
	return st, version, nil
}

// versionOf returns a hash of all that the overview shows: what the API says, and the hour, with which the plots move on.
func (l *live) versionOf(st engine.Status, now time.Time) (uint64, error) {
	var h maphash.Hash
	h.SetSeed(l.seed)
	if err := json.NewEncoder(&h).Encode(st); err != nil {
		return 0, err
	}
	_ = h.WriteByte(byte(now.Hour())) // it never fails
	return h.Sum64(), nil
}

// outdated has the next page show what an action has just changed.
func (s *server) outdated() {
	l := &s.page.live
	l.mu.Lock()
	defer l.mu.Unlock()
	l.at = time.Time{}
}

func (l *live) kept(version uint64, query string) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if version != l.version {
		return nil
	}
	return l.pages[query]
}

func (l *live) keep(version uint64, query string, zipped []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if version != l.version || len(l.pages) >= maxOverviews {
		return
	}
	if l.pages == nil {
		l.pages = map[string][]byte{}
	}
	l.pages[query] = zipped
}

// stream tells an open page that there is news, until it goes away. The page then asks for itself anew.
func (s *server) stream(w http.ResponseWriter, r *http.Request) {
	const beat = 20 * time.Second // keeps proxies from closing a quiet stream
	control := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	send := func(text string) bool {
		if err := control.SetWriteDeadline(time.Now().Add(beat)); err != nil && !isUnsupported(err) {
			return false
		}
		_, err := fmt.Fprint(w, text)
		return err == nil && control.Flush() == nil
	}
	_, seen, err := s.current()
	if err != nil || !send(": rowtap\n\n") {
		return
	}
	tick := time.NewTicker(freshFor)
	defer tick.Stop()
	said := time.Now()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
		_, version, err := s.current()
		switch {
		case err != nil:
			return
		case version != seen:
			seen, said = version, time.Now()
			if !send("event: news\ndata: \n\n") {
				return
			}
		case time.Since(said) > beat/2:
			said = time.Now()
			if !send(": still here\n\n") {
				return
			}
		}
	}
}
