// Package standby runs a rowtap process whose state is on PostgreSQL. The process is a standby with
// a warm copy of the state until the lease is free, then the active one until it loses the lease,
// hands over or stops.
//
//	open the cache → follow the database ──lease is free──► acquire → follow again → promote → serve
//	      ▲                                                                                      │
//	      └───────────────────── close the cache ◄── lease lost, handed over, cache broken ◄─────┘
//
// A standby that must not take over stays a standby and reports why in [State.Trouble], in its log
// and to all other processes: its copy belongs to another state or is ahead of the database, or a
// newer rowtap has written the database.
package standby

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mirror"
)

// Options configure a [Process].
type Options struct {
	Mirror *mirror.Mirror
	Path   string // of the cache
	// Open opens the cache.
	Open  func(ctx context.Context) (*ledger.Ledger, error)
	Log   *zap.Logger
	Plan  func() string // hash of the current configuration
	Pulse func()        // called after each look of a standby; must not block
	Seed  bool          // it may make the state file the state of a database that has none
	Every time.Duration // how often the database is queried and the copy brought up to date; 0: every second
	// Serve is called whenever this process becomes the active one. It returns when ctx ends or the
	// ledger has ended.
	Serve func(ctx context.Context, l *ledger.Ledger, t *mirror.Term) error
}

// State is what a process knows of itself and the other processes.
type State struct {
	Active  bool
	Now     mirror.Now // the last successful look at the database
	At      time.Time  // when that was; zero if never
	Err     error      // why the last look failed; nil if it did not
	Trouble error      // why this process cannot take over; nil if it can
	Commit  uint64     // last commit of this process
	Warning string     // see [mirror.Mirror.Warning]
}

// Process is one of the processes of a deployment.
type Process struct {
	o Options

	mu         sync.Mutex
	state      State
	activePlan string                  // of the last other active machine
	cease      context.CancelCauseFunc // ends the active role; nil while standing by
	waiting    time.Time               // set by a handover: no takeover before this, until another is active
	ceased     chan struct{}           // closed when the active role has ended

	cache *ledger.Ledger // while standing by; nil if closed or in use by the active role

	prepared bool // the tables existed at the last query
}

var (
	// ErrNoStandby means that no standby can take over.
	ErrNoStandby = errors.New("no standby could take over")
	// ErrNothing means that a state file has no zaps, so it is perhaps not the one that is meant.
	ErrNothing = errors.New("the state file has no zaps")
	// ErrEmpty means that the database has no state, and this process must not put one there.
	ErrEmpty = errors.New("the database has no state yet")
	// ErrTaken means that the database already has a state.
	ErrTaken = errors.New("the database already has a state")
	// ErrBehind is the trouble of a machine while another one has commits that the database has lost.
	ErrBehind = errors.New("another machine's copy of the state is ahead of the database")
)

var (
	// errHandOver is the cause that ends the active role in a handover.
	errHandOver = errors.New("handed over")
	// errTakeOver means that a process acquired the lease but could not become active. The cache is
	// reopened, since it may be promoted already and then cannot follow.
	errTakeOver = errors.New("take over")
)

const (
	// lookEvery is the default of Options.Every.
	lookEvery = time.Second
	// askTimeout bounds a query; a pull may take longer.
	askTimeout = 5 * time.Second
	// stepBack is how long a process leaves the lease to others after a handover.
	stepBack = 15 * time.Second
	// aliveFor is the maximum age of a standby's last report for a handover.
	aliveFor = 10 * time.Second
	// purgeEvery is how often old tombstones are removed and the database's settings checked.
	purgeEvery = 10 * time.Minute
)

// New returns a process. It starts nothing.
func New(o Options) *Process {
	o.Every = cmp.Or(o.Every, lookEvery)
	return &Process{o: o}
}

// State returns the state of the process at its last look.
func (p *Process) State() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

// Run stands by and serves in turns until ctx ends. It returns an error if the cache cannot be
// opened, or if Serve fails for a reason other than the lease or the cache.
func (p *Process) Run(ctx context.Context) error {
	defer func() {
		leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
		defer cancel()
		_ = p.o.Mirror.Leave(leaving) // best effort: the others also notice its silence
	}()
	for ctx.Err() == nil {
		if err := p.round(ctx); err != nil && !passing(err) && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(p.pause()):
		}
	}
	return nil
}

// passing reports whether an error ends a round but not the process: the lease is lost, or the
// cache must be reopened and reloaded.
func passing(err error) bool {
	return slices.ContainsFunc([]error{
		ledger.ErrNotActive, ledger.ErrMirrorAway, ledger.ErrStale, ledger.ErrDisk, ledger.ErrCorrupt, mirror.ErrAhead, context.Canceled, errTakeOver,
	}, func(again error) bool { return errors.Is(err, again) })
}

// round stands by and then serves once.
func (p *Process) round(ctx context.Context) (err error) {
	l, err := p.o.Open(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := l.Close(); closeErr != nil {
			p.o.Log.Warn("the copy of the state was not closed and will be reloaded", zap.Error(closeErr))
		}
	}()
	p.mu.Lock()
	p.cache = l
	p.mu.Unlock()
	term, err := p.follow(ctx, l)
	p.mu.Lock()
	p.cache = nil
	p.mu.Unlock()
	if term == nil || err != nil {
		return err
	}
	return p.serve(ctx, l, term)
}
