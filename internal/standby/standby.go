// Package standby runs a rowtap whose state is on PostgreSQL: as a standby with a warm copy of the
// state until the lease is free, then as the active one until the lease is lost, handed over or the
// process stops, and then as a standby again.
//
//	open the cache → follow the database ──lease is free──► acquire → follow once more → promote → serve
//	      ▲                                                                                          │
//	      └───────────────────── close the cache ◄── lost, handed over, the cache is no good ◄───────┘
//
// A standby that must not take over (its copy is of another state, or ahead of the database; the
// database was written by a newer rowtap) stays one and says why ([State.Trouble]), to the log and
// to all others.
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

// Options are what a process is made of.
type Options struct {
	Mirror *mirror.Mirror
	Path   string // of the cache
	// Open opens it.
	Open  func(ctx context.Context) (*ledger.Ledger, error)
	Log   *zap.Logger
	Plan  func() string // a hash of the configuration in force
	Pulse func()        // is called each time that a standby has looked; it must not block
	Every time.Duration // how often the database is asked, and the copy brought up to date; 0: every second
	// Serve is called each time that this process becomes the active one. It returns when ctx ends,
	// or the ledger has ended.
	Serve func(ctx context.Context, l *ledger.Ledger, t *mirror.Term) error
}

// State is what a process knows of itself and of the others.
type State struct {
	Active  bool
	Now     mirror.Now // when the database was asked last
	At      time.Time  // that was; zero: never
	Err     error      // why it could not be asked since; nil: it could
	Trouble error      // why this process could not take over; nil: it could
	Commit  uint64     // that this process has
	Warning string     // of the database's settings
}

// Process is one of the processes of a deployment.
type Process struct {
	o Options

	mu      sync.Mutex
	state   State
	cease   context.CancelCauseFunc // ends being active; nil: it is not
	waiting time.Time               // it does not take over before this: it has just handed over
	ceased  chan struct{}           // closed when it is active no more

	cache *ledger.Ledger // while it stands by; nil: it is closed, or the active one's

	prepared bool // the tables were there when they were asked last

	activePlan string // of the machine that was active last; only the loop of Run uses it
}

var (
	// ErrNoStandby is returned where there is nobody to hand over to.
	ErrNoStandby = errors.New("no standby could take over")
	// ErrTaken is returned where the database has a state already.
	ErrTaken = errors.New("the database has a state already")
	// ErrBehind is the trouble of a machine while another one has commits that the database has lost.
	ErrBehind = errors.New("another machine's copy of the state is ahead of the database")
)

var (
	// errHandOver ends being active.
	errHandOver = errors.New("handed over")
	// errTakeOver: a process had the lease, and could not go on with it. The cache is opened again: it may be the active one's
	// already, and then follows nobody.
	errTakeOver = errors.New("take over")
)

const (
	// lookEvery is the default of Options.Every.
	lookEvery = time.Second
	// askTimeout bounds one look; a pull may take longer.
	askTimeout = 5 * time.Second
	// stepBack is how long a process that has handed over leaves the lease to others.
	stepBack = 15 * time.Second
	// aliveFor is how long ago a standby may have been heard of for a handover.
	aliveFor = 10 * time.Second
	// purgeEvery is how often old tombstones are removed, and the database's settings looked at.
	purgeEvery = 10 * time.Minute
)

// New makes a process. Nothing is started.
func New(o Options) *Process {
	o.Every = cmp.Or(o.Every, lookEvery)
	return &Process{o: o}
}

// State returns what the process knew last.
func (p *Process) State() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

// Run stands by and serves, by turns, until ctx ends. It returns an error when the cache cannot be
// opened, or Serve fails for a reason that has nothing to do with the lease or the cache.
func (p *Process) Run(ctx context.Context) error {
	defer func() {
		leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
		defer cancel()
		_ = p.o.Mirror.Leave(leaving) // else the others see that it is not heard of
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

// passing tells whether an error ends a round and not the process: the lease is lost, or the cache
// must be opened and loaded again.
func passing(err error) bool {
	return slices.ContainsFunc([]error{
		ledger.ErrNotActive, ledger.ErrMirrorAway, ledger.ErrStale, ledger.ErrDisk, ledger.ErrCorrupt, mirror.ErrAhead, context.Canceled, errTakeOver,
	}, func(again error) bool { return errors.Is(err, again) })
}

// Take makes this process the active one at once, for a command, until release. Where another is
// active it returns mirror.ErrHeld.
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

// giveUp releases the lease, also when the context of its work has ended.
func giveUp(ctx context.Context, term *mirror.Term) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
	defer cancel()
	return term.Release(ctx)
}

// round stands by, and serves once.
func (p *Process) round(ctx context.Context) (err error) {
	l, err := p.o.Open(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := l.Close(); closeErr != nil {
			p.o.Log.Warn("the copy of the state is loaded anew: "+closeErr.Error(), zap.Error(closeErr))
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

// follow keeps the cache up to date until this process is the active one; nil: ctx has ended.
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
			return nil, p.note(err) // the next round opens it, and loads it whole if need be
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

// pause returns how long it is until the next look: until the lease ends, if that is sooner.
func (p *Process) pause() time.Duration {
	left := p.State().Now.Left
	if left > 0 && left < p.o.Every {
		return left + 5*time.Millisecond
	}
	return p.o.Every
}

// step brings the cache up to date, and becomes the active one if nobody is.
func (p *Process) step(ctx context.Context, l *ledger.Ledger) (*mirror.Term, error) {
	m := p.o.Mirror
	now, err := p.look(ctx)
	if err != nil {
		return nil, p.advised(err)
	}
	_, trouble := m.Pull(ctx, l)
	if ctx.Err() != nil || errors.Is(trouble, ledger.ErrMirrorAway) || errors.Is(trouble, ledger.ErrStale) || errors.Is(trouble, ledger.ErrDisk) {
		return nil, cmp.Or(ctx.Err(), trouble)
	}
	if trouble = p.advised(trouble); trouble == nil {
		trouble = behind(now)
	}
	p.heed(l.Position().Commit, trouble)
	if trouble != nil || !p.mayTry(now) {
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

// behind returns ErrBehind if a machine that is there has commits that the database does not have: it failed over without
// them, or was restored. To take over would send again what that machine had sent. An operator decides: by restoring a state, or
// by stopping that machine.
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

// mayTry tells whether nobody else is active, and this process has not just handed over.
func (p *Process) mayTry(now mirror.Now) bool {
	active, busy := now.Active()
	busy = busy && active.ID != p.o.Mirror.Self().ID // its own: the answer to a try was lost
	p.mu.Lock()
	defer p.mu.Unlock()
	if busy {
		p.waiting, p.activePlan = time.Time{}, active.Plan
	}
	return !busy && !time.Now().Before(p.waiting)
}

// promote makes the cache the state of a term that has just begun: the last commits of the one
// before are in it then.
func (p *Process) promote(ctx context.Context, l *ledger.Ledger, term *mirror.Term) error {
	defer keep(ctx, term)()
	commit, err := p.o.Mirror.Pull(ctx, l)
	if err == nil && commit == 0 {
		err = p.seed(ctx, l, term)
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
	p.o.Log.Info("this machine is the active one", zap.Uint64("commit", l.Position().Commit))
	if p.activePlan != "" && p.activePlan != p.o.Plan() {
		p.o.Log.Warn("the configuration is another than that of the machine that was active",
			zap.String("next", "compare rowtap.yaml and zaps/ of the machines, then: rowtap reload"))
	}
	return nil
}

// Send makes a plain state file the state in the database, and stamps it as a copy of that. l was opened by
// ledger.OpenCache. It returns ledger.ErrCopy if the file is a copy already, and ErrTaken if the database has a state,
// which is replaced with instead.
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
	if !now.Empty() && !instead {
		return ledger.Position{}, ErrTaken
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

// keep renews a lease until stop.
func keep(ctx context.Context, term *mirror.Term) (stop func()) {
	keeping, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var kept errgroup.Group
	kept.Go(func() error { return term.Keep(keeping) })
	return func() {
		cancel()
		_ = kept.Wait() // each commit is told, and MayBegin tells
	}
}

// Backup writes a copy of what a standby has, which is a second behind the active machine's at most while the database
// can be asked.
func (p *Process) Backup(ctx context.Context, w io.Writer) error {
	p.mu.Lock()
	l := p.cache
	p.mu.Unlock()
	if l == nil || l.Position().Epoch == "" {
		return errors.New("this machine has no copy of the state yet")
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
	p.o.Log.Info("the state was copied to PostgreSQL; the state file is its copy from now on", zap.Uint64("commit", position.Commit))
	return l.Stamp(ctx, position)
}

// serve is the active one until the term is over, a handover is asked for, or ctx ends.
func (p *Process) serve(ctx context.Context, l *ledger.Ledger, term *mirror.Term) error {
	active, cease := context.WithCancelCause(ctx)
	defer cease(nil)
	p.mu.Lock()
	p.state.Active, p.cease, p.ceased = true, cease, make(chan struct{})
	p.mu.Unlock()

	renewing, stop := context.WithCancel(context.WithoutCancel(ctx)) // also while uploads under way finish
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
	_ = tasks.Wait() // they return nil
	p.inactive()

	cause := context.Cause(active)
	why := errors.Join(err, causeOf(cause))
	if ctx.Err() == nil {
		p.o.Log.Warn("this machine is the active one no more", zap.NamedError("why", why))
	}
	if !errors.Is(cause, ledger.ErrNotActive) && !errors.Is(why, mirror.ErrAhead) { // while that lease lasts, all others hear of it
		if releaseErr := giveUp(ctx, term); releaseErr != nil {
			p.o.Log.Warn("the lease was not released and expires: "+releaseErr.Error(), zap.Error(releaseErr))
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

// causeOf leaves out that a context was ended for no reason of its own.
func causeOf(cause error) error {
	if errors.Is(cause, context.Canceled) {
		return nil
	}
	return cause
}

// inactive notes that this process is the active one no more.
func (p *Process) inactive() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state.Active, p.cease = false, nil
}

// watch keeps what the active one knows of the others up to date, and removes old tombstones.
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
		what, next, _ := strings.Cut(warning, "\nnext: ")
		p.o.Log.Warn(what, zap.String("next", next))
	}
	p.state.Warning = warning
	return nil
}

// look asks the database who is there. The tables are made where there are none.
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

// note keeps why the database could not be asked, and logs it when that changes. It returns the
// error.
func (p *Process) note(err error) error {
	p.mu.Lock()
	before := p.state.Err
	p.state.Err = err
	p.mu.Unlock()
	switch {
	case textOf(before) == textOf(err):
	case err == nil:
		p.o.Log.Info("PostgreSQL answers again")
	default:
		p.o.Log.Error("the state on PostgreSQL: "+err.Error(), zap.Error(err))
	}
	return err
}

// advised adds what an operator can do about a process that must not take over.
func (p *Process) advised(trouble error) error {
	next := ""
	switch {
	case errors.Is(trouble, mirror.ErrAhead):
		next = fmt.Sprintf("the database was restored, or failed over without its last commits. To go on from this machine's copy: stop rowtap on all machines, and here: "+
			"rowtap state restore %s (every zap is then paused). To go on from the database: stop rowtap here, move %s away, start it", p.o.Path, p.o.Path)
	case errors.Is(trouble, mirror.ErrForeign):
		next = fmt.Sprintf("correct state.postgres or state.lease; or, to go on from the database, move %s away", p.o.Path)
	case errors.Is(trouble, mirror.ErrMoved):
		next = "remove state.postgres from rowtap.yaml; or, to move the state back: rowtap state migrate --to postgres, on the machine that has it"
	case errors.Is(trouble, mirror.ErrLayout), errors.Is(trouble, ledger.ErrNewer):
		next = "install the version of the machine that is active; rowtap status shows it"
	default:
		return trouble
	}
	return &hint.Error{Err: trouble, Hint: next}
}

// heed keeps what this process has, and why it could not take over.
func (p *Process) heed(commit uint64, trouble error) {
	p.mu.Lock()
	before := p.state.Trouble
	p.state.Commit, p.state.Trouble = commit, trouble
	p.mu.Unlock()
	if trouble != nil && textOf(before) != textOf(trouble) {
		p.o.Log.Error("this machine cannot take over: "+trouble.Error(), zap.String("next", hint.Of(trouble)))
	}
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// HandOver gives the lease up to a standby: uploads under way finish first. It returns once the
// lease is free, which a standby sees within a second. It returns ErrNoStandby where there is none,
// and ledger.ErrNotActive where this process is not the active one.
func (p *Process) HandOver(ctx context.Context) error {
	p.mu.Lock()
	cease, ceased, now := p.cease, p.ceased, p.state.Now
	p.mu.Unlock()
	if cease == nil {
		return fmt.Errorf("%w: %s", ledger.ErrNotActive, now.Who())
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
