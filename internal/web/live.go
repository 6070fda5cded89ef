package web

import (
	"context"
	"encoding/json"
	"hash/maphash"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/ledger"
)

// freshFor is how old the status may be that the overview shows, and how often an open page hears of news.
const freshFor = 2 * time.Second

// live is the snapshot that the open pages share: the status of five hundred zaps is read once, however many look at it.
type live struct {
	mu   sync.Mutex
	seed maphash.Seed
	last *snapshot // nil: none, or one that an action has outdated
	pace *rate.Limiter
}

// snapshot is the status at a time, and the pages made of it.
type snapshot struct {
	at     time.Time
	status engine.Status
	news   string // changes with what the overview shows

	mu    sync.Mutex
	pages map[string][]byte // by their address, compressed
}

// maxKept bounds how many pages a snapshot keeps: searches make ever others.
const maxKept = 64

// current returns a snapshot that is at most freshFor old.
func (s *server) current(ctx context.Context) (*snapshot, error) {
	l := &s.page.live
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if l.last != nil && now.Sub(l.last.at) < freshFor {
		return l.last, nil
	}
	st, err := s.Engine.Status(ctx)
	if err != nil {
		return nil, err
	}
	news, err := l.hash(st, now)
	if err != nil {
		return nil, err
	}
	l.last = &snapshot{at: now, status: st, news: news, pages: map[string][]byte{}}
	return l.last, nil
}

// hash returns a hash of what the API says of something, and of the hour, with which the plots move on.
func (l *live) hash(what any, now time.Time) (string, error) {
	var h maphash.Hash
	h.SetSeed(l.seed)
	if err := json.NewEncoder(&h).Encode(what); err != nil {
		return "", err
	}
	_ = h.WriteByte(byte(now.Hour())) // it never fails
	return strconv.FormatUint(h.Sum64(), 36), nil
}

// zap returns the status of a zap.
func (n *snapshot) zap(name string) (engine.ZapStatus, bool) {
	i := slices.IndexFunc(n.status.Zaps, func(z engine.ZapStatus) bool { return z.Zap == name })
	if i < 0 {
		return engine.ZapStatus{}, false
	}
	return n.status.Zaps[i], true
}

func (n *snapshot) kept(address string) []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.pages[address]
}

func (n *snapshot) keep(address string, zipped []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.pages) < maxKept {
		n.pages[address] = zipped
	}
}

// changing has the next page show what a request, of the page or of the API, has just changed.
func (s *server) changing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			defer s.outdated()
		}
		next.ServeHTTP(w, r)
	})
}

func (s *server) outdated() {
	l := &s.page.live
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = nil
}

// newsOf changes with a delivery or a zap, of which the name is given, "": with any zap. A page takes it before what it shows, so that
// what changes in between is news.
func (s *server) newsOf(ctx context.Context, now *snapshot, name string) (string, error) {
	if name == "" {
		return now.news, nil
	}
	zapName, number, err := ledger.ParseID(name)
	if err != nil {
		z, _ := now.zap(name)
		return s.page.live.hash(z, now.at)
	}
	d, _, err := s.Engine.Stored(ctx, zapName, number)
	if err != nil {
		return "", err
	}
	return s.page.live.hash(d, now.at)
}

func (s *server) newsNow(ctx context.Context, name string) (string, error) {
	now, err := s.current(ctx)
	if err != nil {
		return "", err
	}
	return s.newsOf(ctx, now, name)
}

// pageNews bounds how many zap and delivery pages a second are sent for: each is made for one reader, while overviews are shared. With
// many of them open, each hears of news later.
const pageNews = 5

// stream tells an open page that there is news of what it shows, until it goes away. The page then asks for itself anew. It says what
// it has seen: what has happened since it was made is news, too.
func (s *server) stream(w http.ResponseWriter, r *http.Request) {
	of, seen := r.URL.Query().Get("of"), r.URL.Query().Get("seen")
	send := eventStream(w)
	if !send(": rowtap\n\n") {
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
		news, err := s.newsNow(r.Context(), of)
		switch {
		case err != nil:
			return
		case news != seen && (of == "" || s.page.live.pace.Allow()):
			seen, said = news, time.Now()
			if !send("event: news\ndata: \n\n") {
				return
			}
		case time.Since(said) > streamBeat/2:
			said = time.Now()
			if !send(": still here\n\n") {
				return
			}
		}
	}
}
