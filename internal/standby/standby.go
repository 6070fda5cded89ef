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
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/rowtap/rowtap/internal/hint"
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

	mu      sync.Mutex
	state   State
	cease   context.CancelCauseFunc // ends the active role; nil while standing by
	waiting time.Time               // set by a handover: no takeover before this
	ceased  chan struct{}           // closed when the active role has ended

	cache *ledger.Ledger // while standing by; nil if closed or in use by the active role

	prepared bool // the tables existed at the last query

	activePlan string // of the last other active machine; used only by the loop of Run
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

// Take makes this process the active one at once, for a command, until release is called. It
// returns mirror.ErrHeld if another process is active.
func (p *Process) Take(ctx context.Context) (l *ledger.Ledger, term *mirror.Term, release func() error, err error) {
	if l, err = p.o.Open(ctx); err != nil {
		return nil, nil, nil, err
	}
	term, err = p.step(ctx, l)
	state := p.State()
	switch {
	case err != nil:
	case term != nil:
	case state.Trouble != nil:
		err = state.Trouble
	default:
		err = fmt.Errorf("%w: %s", mirror.ErrHeld, state.Now.Who())
	}
	if err != nil {
		return nil, nil, nil, errors.Join(err, l.Close())
	}
	stop := keep(ctx, term)
	return l, term, func() error {
		stop()
		return giveUp(ctx, term)
	}, nil
}

// giveUp releases the lease, even if ctx has ended.
func giveUp(ctx context.Context, term *mirror.Term) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
	defer cancel()
	return term.Release(ctx)
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

// follow keeps the cache up to date until this process is the active one. The term is nil if ctx
// ended or the cache must be reopened.
func (p *Process) follow(ctx context.Context, l *ledger.Ledger) (*mirror.Term, error) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, nil
		case <-timer.C:
		}
		term, err := p.step(ctx, l)
		switch {
		case ctx.Err() != nil && term == nil:
			return nil, nil
		case errors.Is(err, ledger.ErrStale), errors.Is(err, ledger.ErrDisk), errors.Is(err, ledger.ErrCorrupt), errors.Is(err, errTakeOver):
			return nil, p.note(err) // the next round reopens the cache, and reloads it if needed
		case term != nil:
			return term, nil
		case err == nil:
			at := l.Position()
			s := p.State()
			if errors.Is(s.Trouble, mirror.ErrForeign) {
				at = ledger.Position{}
			}
			err = p.o.Mirror.Say(ctx, at, p.o.Plan(), textOf(s.Trouble))
		}
		_ = p.note(err)
		p.o.Pulse()
		timer.Reset(p.pause())
	}
}

// pause returns the time until the next look: lookEvery, or less if the lease ends before.
func (p *Process) pause() time.Duration {
	left := p.State().Now.Left
	if left > 0 && left < p.o.Every {
		return left + 5*time.Millisecond
	}
	return p.o.Every
}

// step brings the cache up to date and becomes the active one if no process is.
func (p *Process) step(ctx context.Context, l *ledger.Ledger) (*mirror.Term, error) {
	m := p.o.Mirror
	now, err := p.look(ctx)
	if err != nil {
		return nil, p.withHint(err)
	}
	_, trouble := m.Pull(ctx, l)
	if ctx.Err() != nil || errors.Is(trouble, ledger.ErrMirrorAway) || errors.Is(trouble, ledger.ErrStale) || errors.Is(trouble, ledger.ErrDisk) {
		return nil, cmp.Or(ctx.Err(), trouble)
	}
	if trouble = p.withHint(trouble); trouble == nil {
		trouble = behind(now)
	}
	p.heed(l.Position().Commit, trouble)
	if !p.mayTry(now) {
		return nil, nil
	}
	term, err := m.Acquire(ctx)
	if errors.Is(err, mirror.ErrHeld) { // another was quicker
		err = nil
	}
	if term == nil {
		return nil, err
	}
	if err := p.promote(ctx, l, term); err != nil {
		return nil, errors.Join(err, giveUp(ctx, term))
	}
	return term, nil
}

// behind returns ErrBehind if a reachable machine has commits that the database does not have,
// because that failed over without them or was restored. A takeover would then resend rows that the
// machine had sent. An operator decides: by restoring a state, or by stopping that machine.
func behind(now mirror.Now) error {
	for _, m := range now.Members {
		if m.Ahead && m.Ago < aliveFor {
			return &hint.Error{
				Err:  fmt.Errorf("%w: %s has commit %d, and the database's last one is %d", ErrBehind, m.Host, m.Commit, now.Commit),
				Hint: "on " + m.Host + ": rowtap status says what can be done",
			}
		}
	}
	return nil
}

// mayTry reports whether no other process is active and this one can take over and has not just
// handed over.
func (p *Process) mayTry(now mirror.Now) bool {
	active, busy := now.Active()
	// An own lease means that the response to the acquisition was lost.
	busy = busy && active.ID != p.o.Mirror.Self().ID
	p.mu.Lock()
	defer p.mu.Unlock()
	if busy {
		p.waiting, p.activePlan = time.Time{}, active.Plan
	}
	return !busy && p.state.Trouble == nil && !time.Now().Before(p.waiting)
}

// promote makes the cache the state of a term that has just begun, after following the last commits
// of the previous term.
func (p *Process) promote(ctx context.Context, l *ledger.Ledger, term *mirror.Term) error {
	defer keep(ctx, term)()
	commit, err := p.o.Mirror.Pull(ctx, l)
	switch {
	case err != nil || commit > 0:
	case p.o.Seed:
		err = p.seed(ctx, l, term)
	default:
		err = ErrEmpty
	}
	if err == nil {
		err = term.MayBegin() // it can take long to get a lease
	}
	if err == nil {
		err = l.Promote(ctx, term, term.ID())
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errTakeOver, err)
	}
	p.o.Log.Info("this machine is now active", zap.Uint64("commit", l.Position().Commit))
	if p.activePlan != "" && p.activePlan != p.o.Plan() {
		p.o.Log.Warn("the configuration differs from that of the previously active machine",
			zap.String("next", "compare rowtap.yaml and zaps/ on both machines, then: rowtap reload"))
	}
	return nil
}

// Send makes a plain state file the state in the database and stamps the file as a copy of it. l
// was opened by ledger.OpenCache. It returns ledger.ErrCopy if the file is a copy already. If the
// database has a state, Send replaces it if instead is set and otherwise returns ErrTaken.
func Send(ctx context.Context, m *mirror.Mirror, l *ledger.Ledger, instead bool) (ledger.Position, error) {
	if l.Position() != (ledger.Position{}) {
		return ledger.Position{}, fmt.Errorf("the state file: %w", ledger.ErrCopy)
	}
	if err := m.Prepare(ctx); err != nil {
		return ledger.Position{}, err
	}
	now, err := m.Look(ctx)
	if err != nil {
		return ledger.Position{}, err
	}
	zaps, err := l.Zaps(ctx)
	if err != nil {
		return ledger.Position{}, err
	}
	if !instead {
		if len(zaps) == 0 {
			return ledger.Position{}, ErrNothing
		}
		if taken, err := m.HasZaps(ctx); err != nil {
			return ledger.Position{}, err
		} else if taken && !now.Empty() {
			return ledger.Position{}, ErrTaken
		}
	}
	term, err := m.Acquire(ctx)
	if errors.Is(err, mirror.ErrHeld) {
		err = fmt.Errorf("%w: %s", err, now.Who())
	}
	if err != nil {
		return ledger.Position{}, err
	}
	stop := keep(ctx, term)
	position, err := term.Replace(ctx, l)
	if err == nil {
		err = l.Stamp(ctx, position)
	}
	stop()
	return position, errors.Join(err, giveUp(ctx, term))
}

// Clear removes the values of a state that was moved out of the database.
func Clear(ctx context.Context, m *mirror.Mirror) error {
	term, err := m.Acquire(ctx)
	if err != nil {
		return err
	}
	return errors.Join(term.Clear(ctx), giveUp(ctx, term))
}

// keep renews a lease until stop is called.
func keep(ctx context.Context, term *mirror.Term) (stop func()) {
	keeping, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var kept errgroup.Group
	kept.Go(func() error { return term.Keep(keeping) })
	return func() {
		cancel()
		_ = kept.Wait() // an error is reported by each commit and by MayBegin
	}
}

// Backup writes a copy of a standby's cache, which is at most a second behind the active machine's
// state while the database can be reached.
func (p *Process) Backup(ctx context.Context, w io.Writer) error {
	p.mu.Lock()
	l := p.cache
	p.mu.Unlock()
	state := p.State()
	switch {
	case l == nil || l.Position().Epoch == "":
		return errors.New("this machine has no copy of the state yet")
	case state.Err != nil || time.Since(state.At) > aliveFor:
		return fmt.Errorf("this machine's copy of the state is from %s, for the database cannot be reached since", state.At.UTC().Format(time.DateTime+" UTC"))
	}
	_, err := l.Backup(ctx, w)
	return err
}

// Host returns the name of this machine.
func (p *Process) Host() string { return p.o.Mirror.Self().Host }

// seed makes the state file the state of a database that has none.
func (p *Process) seed(ctx context.Context, l *ledger.Ledger, term *mirror.Term) error {
	position, err := term.Replace(ctx, l)
	if err != nil {
		return err
	}
	p.o.Log.Info("state copied to PostgreSQL; the state file is now a copy", zap.Uint64("commit", position.Commit))
	return l.Stamp(ctx, position)
}

// serve runs the active role until the term ends, a handover is requested or ctx ends.
func (p *Process) serve(ctx context.Context, l *ledger.Ledger, term *mirror.Term) error {
	active, cease := context.WithCancelCause(ctx)
	defer cease(nil)
	p.mu.Lock()
	p.state.Active, p.cease, p.ceased = true, cease, make(chan struct{})
	p.mu.Unlock()

	// The lease is also renewed while uploads in flight finish.
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	tasks := errgroup.Group{}
	tasks.Go(func() error {
		if err := term.Keep(renewing); err != nil {
			p.inactive()
			cease(err)
		}
		return nil
	})
	tasks.Go(func() error { p.watch(active, l, term); return nil })
	err := p.o.Serve(active, l, term)
	cease(nil)
	stop()
	_ = tasks.Wait() // always nil
	p.inactive()

	cause := context.Cause(active)
	why := errors.Join(err, causeOf(cause))
	if ctx.Err() == nil {
		p.o.Log.Warn("this machine is no longer active", zap.Error(why))
	}
	if !errors.Is(cause, ledger.ErrNotActive) && !errors.Is(why, mirror.ErrAhead) { // while that lease lasts, all others hear of it
		if releaseErr := giveUp(ctx, term); releaseErr != nil {
			p.o.Log.Warn("the lease was not released and will expire", zap.Error(releaseErr))
		}
	}
	if ctx.Err() == nil {
		_, lookErr := p.look(ctx) // or it would still say that it is the active one itself
		_ = p.note(lookErr)
	}
	p.mu.Lock()
	if errors.Is(cause, errHandOver) {
		p.waiting = time.Now().Add(stepBack)
	}
	close(p.ceased)
	p.mu.Unlock()
	return err
}

// causeOf returns cause, or nil if it is a plain cancellation.
func causeOf(cause error) error {
	if errors.Is(cause, context.Canceled) {
		return nil
	}
	return cause
}

// inactive records that this process is no longer the active one.
func (p *Process) inactive() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state.Active, p.cease = false, nil
}

// watch keeps the active process informed about the others and removes old tombstones.
func (p *Process) watch(ctx context.Context, l *ledger.Ledger, term *mirror.Term) {
	tick := time.NewTicker(p.o.Every)
	defer tick.Stop()
	var purged time.Time
	for {
		_, err := p.look(ctx)
		if err == nil {
			p.heed(l.Position().Commit, nil)
			err = p.o.Mirror.Say(ctx, l.Position(), p.o.Plan(), "")
		}
		if err == nil && time.Since(purged) > purgeEvery {
			purged = time.Now()
			err = errors.Join(term.Purge(ctx), p.warn(ctx))
		}
		if ctx.Err() == nil { // or it says nothing of the database
			_ = p.note(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (p *Process) warn(ctx context.Context) error {
	warning, err := p.o.Mirror.Warning(ctx)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if warning != p.state.Warning && warning != "" {
		message, next, _ := strings.Cut(warning, "\nnext: ")
		p.o.Log.Warn(message, zap.String("next", next))
	}
	p.state.Warning = warning
	return nil
}

// look queries the lease and the members, and creates the tables before the first query.
func (p *Process) look(ctx context.Context) (mirror.Now, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	p.mu.Lock()
	prepared := p.prepared
	p.mu.Unlock()
	var now mirror.Now
	var err error
	if !prepared {
		err = p.o.Mirror.Prepare(ctx)
	}
	if err == nil {
		now, err = p.o.Mirror.Look(ctx)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.prepared = err == nil; p.prepared {
		p.state.Now, p.state.At = now, time.Now()
	}
	return now, err
}

// note records why the database cannot be used, logs it when it changes, and returns it.
func (p *Process) note(err error) error {
	p.mu.Lock()
	before := p.state.Err
	p.state.Err = err
	p.mu.Unlock()
	switch {
	case textOf(before) == textOf(err):
	case errors.Is(before, ledger.ErrMirrorAway) && errors.Is(err, ledger.ErrMirrorAway): // its words differ from try to try
	case err == nil:
		p.o.Log.Info("the state on PostgreSQL is available again")
	default:
		p.o.Log.Error("the state on PostgreSQL is not available", zap.Error(err))
	}
	return err
}

// withHint adds what an operator can do about a process that must not take over.
func (p *Process) withHint(trouble error) error {
	next := ""
	switch {
	case errors.Is(trouble, mirror.ErrAhead):
		next = fmt.Sprintf("the database was restored, or failed over without its last commits. To continue from this machine's copy, stop rowtap on all machines and run here: "+
			"rowtap state restore %s (it pauses every zap). To continue from the database, stop rowtap here, move %s away and start it again", p.o.Path, p.o.Path)
	case errors.Is(trouble, mirror.ErrForeign):
		next = fmt.Sprintf("correct state.postgres or state.lease; or, to use the state of the database, move %s away", p.o.Path)
	case errors.Is(trouble, mirror.ErrMoved):
		next = "remove state.postgres from rowtap.yaml; or, to move the state back: rowtap state migrate --to postgres on the machine that has it"
	case errors.Is(trouble, mirror.ErrLayout), errors.Is(trouble, ledger.ErrNewer):
		next = "install the version of the active machine, which rowtap status shows"
	default:
		return trouble
	}
	return &hint.Error{Err: trouble, Hint: next}
}

// heed records the last commit of this process and why it cannot take over.
func (p *Process) heed(commit uint64, trouble error) {
	p.mu.Lock()
	before := p.state.Trouble
	p.state.Commit, p.state.Trouble = commit, trouble
	p.mu.Unlock()
	if trouble != nil && textOf(before) != textOf(trouble) {
		p.o.Log.Error("this machine cannot take over", zap.Error(trouble), zap.String("next", hint.Of(trouble)))
	}
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// HandOver gives up the lease to a standby after uploads in flight have finished. It returns once
// the lease is free, which a standby notices within a second. It returns ErrNoStandby if no standby
// can take over, and ledger.ErrNotActive if this process is not the active one.
func (p *Process) HandOver(ctx context.Context) error {
	p.mu.Lock()
	cease, ceased, now := p.cease, p.ceased, p.state.Now
	p.mu.Unlock()
	if cease == nil {
		return fmt.Errorf("%w: %s", ledger.ErrNotActive, now.Who())
	}
	now, err := p.look(ctx) // a standby may have started just now
	if err != nil {
		return err
	}
	why := errors.New("there is none")
	for _, s := range now.Members {
		switch {
		case s.ID == p.o.Mirror.Self().ID:
		case s.Ago > aliveFor:
			why = fmt.Errorf("%s was last heard of %s ago", s.Host, s.Ago.Round(time.Second))
		case s.Trouble != "":
			why = fmt.Errorf("%s: %s", s.Host, s.Trouble)
		default:
			cease(errHandOver)
			select {
			case <-ceased:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return fmt.Errorf("%w: %w", ErrNoStandby, why)
}
