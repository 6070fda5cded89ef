package ui

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

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
)

const (
	// refreshEvery is how often an open page refreshes itself (page.js), and how old the status
	// that it shows may be.
	refreshEvery = time.Second
	// rendersPerSecond limits how many pages of zaps and deliveries are rendered for refreshes; if
	// more have changed, the others are refreshed later.
	rendersPerSecond = 10
	// maxPages limits the pages that a snapshot keeps: every filter is a page of its own.
	maxPages = 64
)

// snapshots holds the latest snapshot, which all open pages share: the status of 500 zaps is read
// once for all of them.
type snapshots struct {
	mu   sync.Mutex
	seed maphash.Seed
	last *snapshot // nil: there is none, or an action has invalidated it
	pace *rate.Limiter

	config *config.Config // in force at the last snapshot
	loads  int            // how often it has changed
}

// snapshot is the status at a time, and the pages rendered from it.
type snapshot struct {
	at     time.Time
	status engine.Status
	hash   func() (uint64, error) // of the status
	loads  int                    // changes when the configuration is reloaded

	mu    sync.Mutex
	pages map[string][]byte // by their ETag
}

func newSnapshots() snapshots {
	return snapshots{seed: maphash.MakeSeed(), pace: rate.NewLimiter(rendersPerSecond, rendersPerSecond)}
}

// current returns a snapshot that is at most refreshEvery old.
func (s *Server) current(ctx context.Context) (*snapshot, error) {
	c := &s.snapshots
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.last != nil && now.Sub(c.last.at) < refreshEvery {
		return c.last, nil
	}
	st, err := s.Engine.Status(ctx)
	if err != nil {
		return nil, err
	}
	if in := s.Engine.Config(); in != c.config {
		c.config = in
		c.loads++
	}
	hash := sync.OnceValues(func() (uint64, error) { return c.hash(st) })
	c.last = &snapshot{at: now, status: st, hash: hash, loads: c.loads, pages: map[string][]byte{}}
	return c.last, nil
}

// hash returns a hash of a value, as JSON.
func (c *snapshots) hash(v any) (uint64, error) {
	var h maphash.Hash
	h.SetSeed(c.seed)
	err := json.NewEncoder(&h).Encode(v)
	return h.Sum64(), err
}

// tag returns the ETag of a page that shows a value.
func (c *snapshots) tag(shown any) (string, error) {
	sum, err := c.hash(shown)
	return `W/"` + strconv.FormatUint(sum, 36) + `"`, err
}

// tagOf returns the ETag of a page. It is read before the page is rendered, so that a change in
// between is in the next refresh.
func (s *Server) tagOf(ctx context.Context, now *snapshot, v view, address string) (string, error) {
	hour := now.at.UTC().Truncate(time.Hour) // in which plots end
	shown := []any{hour, now.loads, address, v.frame.Logout}
	switch {
	case v.also != nil:
		shown = append(shown, v.also)
	case v.of == "":
		status, err := now.hash()
		if err != nil {
			return "", err
		}
		shown = append(shown, status)
	default:
		z, _ := now.zap(v.of)
		deliveries, err := s.Engine.Sum(ctx, v.of)
		if err != nil {
			return "", err
		}
		shown = append(shown, z, deliveries)
	}
	return s.snapshots.tag(shown)
}

// zap returns the status of a zap.
func (n *snapshot) zap(name string) (engine.ZapStatus, bool) {
	i := slices.IndexFunc(n.status.Zaps, func(z engine.ZapStatus) bool { return z.Zap == name })
	if i < 0 {
		return engine.ZapStatus{}, false
	}
	return n.status.Zaps[i], true
}

// page returns the page with an ETag, nil if it has not been rendered.
func (n *snapshot) page(tag string) []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.pages[tag]
}

func (n *snapshot) keep(tag string, body []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.pages) < maxPages {
		n.pages[tag] = body
	}
}

// InvalidateOnChange makes the next page show what a request to the page or the API has changed.
func (s *Server) InvalidateOnChange(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			defer s.invalidateSnapshot()
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) invalidateSnapshot() {
	s.snapshots.mu.Lock()
	defer s.snapshots.mu.Unlock()
	s.snapshots.last = nil
}
