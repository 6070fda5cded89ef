package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mirror"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/standby"
	"github.com/rowtap/rowtap/internal/web"
	"github.com/rowtap/rowtap/internal/web/api"
	"github.com/rowtap/rowtap/internal/web/token"
)

// daemon is what lasts as long as the process. If the state is on PostgreSQL, the process may be
// active and a standby by turns; otherwise it is always active.
type daemon struct {
	g   *globals
	log *zap.Logger

	watcherLog atomic.Pointer[zap.Logger] // the same, for the watcher

	super   *supervisor
	limit   memoryLimit
	token   config.Secret
	started *config.Config // its state, http and log stay in force until the process ends
	server  *server        // nil: not listening
	// Held without an engine from reading the files until their plan is in force. An engine has its
	// own lock for that.
	loading sync.Mutex
	plan    atomic.Pointer[plan.Plan]      // loaded last
	refused atomic.Pointer[engine.Refusal] // of the files since then; nil: none
	process *standby.Process               // nil: the state is in a file
	metrics *engine.MirrorMetrics          // nil: the state is in a file

	engine  atomic.Pointer[engine.Engine] // nil while not active
	active  atomic.Pointer[http.Handler]  // the engine's handler; nil if there is no engine
	standby http.Handler
}

func newDaemon(g *globals) *daemon {
	return &daemon{g: g, super: newSupervisor(), limit: limitMemory(os.DirFS("/"), os.LookupEnv)}
}

// logTo makes the daemon's logger.
func (d *daemon) logTo(c config.Log, to io.Writer) error {
	log, err := newLogger(c, to)
	if err != nil {
		return err
	}
	d.log, d.super.log = log, log
	d.watcherLog.Store(log)
	return nil
}

// logger returns the daemon's logger for the watcher, which runs before there is one.
func (d *daemon) logger() *zap.Logger {
	if log := d.watcherLog.Load(); log != nil {
		return log
	}
	return zap.NewNop()
}

// start puts the first plan in force.
func (d *daemon) start(logTo io.Writer) error {
	d.started = d.current().Config
	if err := d.logTo(d.started.Log, logTo); err != nil {
		return err
	}
	for _, w := range d.started.Warnings {
		d.log.Warn(w.Message, zap.String("at", w.Pos.String()), zap.String("next", w.Suggestion))
	}
	return nil
}

// current returns the plan that was loaded last.
func (d *daemon) current() *plan.Plan { return d.plan.Load() }

// load reads the configuration files.
func (d *daemon) load() (*plan.Plan, error) {
	loaded, err := loadPlan(d.g.dir)
	if err != nil {
		at := time.Now()
		if before := d.refused.Load(); before != nil {
			at = before.At
		}
		d.refused.Store(engine.NewRefusal(err, at))
		return nil, err
	}
	d.plan.Store(loaded)
	d.refused.Store(nil)
	return loaded, nil
}

// validAgain reports whether files that were refused are valid now. It changes and logs nothing.
func (d *daemon) validAgain() bool {
	if d.refused.Load() == nil {
		return false
	}
	_, err := loadPlan(d.g.dir)
	return err == nil
}

// open opens the state. It returns the function that runs the daemon, and one that closes the state
// after it.
func (d *daemon) open(ctx context.Context) (work func(context.Context) error, done func() error, err error) {
	if !isMirrored(d.started.State) {
		l, err := openState(ctx, d.g, d.current(), d.log, d.super)
		if err != nil {
			path := d.started.State.Path
			return nil, nil, permanent(foreignState(path, err), providedBySystemd(path))
		}
		err = d.readToken()
		var e *engine.Engine
		if err == nil {
			e, err = d.activate(&heldState{ledger: l})
		}
		if err != nil {
			return nil, nil, errors.Join(err, l.Close())
		}
		return func(ctx context.Context) error { return d.serve(ctx, e) }, l.Close, nil
	}
	if err := d.readToken(); err != nil {
		return nil, nil, err
	}
	m, err := openMirror(d.started.State, d.started.HTTP.Listen)
	if err != nil {
		return nil, nil, err
	}
	said := ""
	say := func(who string) {
		said = who
		d.super.standingBy(who)
	}
	d.process = standby.New(standby.Options{
		Mirror: m, Path: d.started.State.Path, Log: d.log,
		Seed: true,
		Pulse: func() {
			d.super.pulse()
			if who := d.who(); who != said {
				say(who)
			}
		},
		Plan: func() string { return d.current().Config.Hash() },
		Open: func(ctx context.Context) (*ledger.Ledger, error) {
			say(d.who())
			return d.openCopy(ctx)
		},
		Serve: func(ctx context.Context, l *ledger.Ledger, t *mirror.Term) error {
			t.Recorded = d.metrics.Recorded
			e, err := d.activate(&heldState{ledger: l, term: t, process: d.process})
			if err != nil {
				return err
			}
			defer d.engine.Store(nil)
			defer d.active.Store(nil)
			return d.serve(ctx, e)
		},
	})
	d.metrics = engine.NewMirrorMetrics(func() bool { return d.serving() != nil }, func() []engine.Machine { return machinesOf(d.process.State()) })
	d.standby = web.NewStandby(d.webOptions(), api.StandbyOptions{
		Standby: d.standingBy, Reload: d.reloadStandby, Backup: d.process.Backup, Log: d.log,
		Registry: d.metrics.Registry(version(), func() bool { return d.refused.Load() != nil }),
	})
	return d.process.Run, func() error { m.Close(); return nil }, nil
}

// openCopy opens the copy of a state on PostgreSQL. It waits while a command has it open.
func (d *daemon) openCopy(ctx context.Context) (*ledger.Ledger, error) {
	path := d.started.State.Path
	tick := time.NewTicker(stateTry)
	defer tick.Stop()
	for said := false; ; said = true {
		l, err := ledger.OpenCache(ledger.Options{Path: path, Timeout: stateTry})
		if !errors.Is(err, ledger.ErrInUse) {
			return l, err
		}
		if who := holderOf(path); !said {
			d.log.Warn("waiting for another process that has the copy of the state open", zap.String("process", who), zap.String("state", path),
				zap.String("next", "wait until it ends, or find and stop it: fuser -v "+path))
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

// serve polls and sends until ctx is done.
func (d *daemon) serve(ctx context.Context, e *engine.Engine) error {
	tasks, ctx := errgroup.WithContext(ctx)
	tasks.Go(func() error { return e.Run(ctx) })
	d.super.ready(ctx, e)
	tasks.Go(func() error { return d.super.run(ctx, e) })
	return tasks.Wait()
}

// listen serves the API and the page, and returns the address of the listener. An unready daemon
// may have opened it already.
func (d *daemon) listen(ctx context.Context, tasks *errgroup.Group) (at string, err error) {
	address := d.started.HTTP.Listen
	if err := d.stopListening(address); err != nil {
		return "", err
	}
	if address == "" {
		return "nothing", nil
	}
	if d.server == nil {
		if d.server, err = serve(context.WithoutCancel(ctx), address, d, d.log); err != nil {
			socket, unix := strings.CutPrefix(address, "unix:")
			return "", permanent(err, unix && providedBySystemd(socket))
		}
	}
	d.server.handle(d)
	context.AfterFunc(ctx, d.server.cancel)
	tasks.Go(d.server.wait)
	if err := keepAddress(d.started.State, address); err != nil {
		d.log.Warn("address of the listener not recorded: probes do not find it if rowtap.yaml becomes unreadable", zap.Error(err))
	}
	return d.server.at, nil
}

// stopListening ends the server unless it listens at the address.
func (d *daemon) stopListening(unless string) error {
	if d.server == nil || d.server.address == unless {
		return nil
	}
	s := d.server
	d.server = nil
	return s.stop()
}

// readToken reads the token of the API and the page, if they need one.
func (d *daemon) readToken() (err error) {
	if h := d.started.HTTP; h.Listen != "" && !h.AuthOff {
		d.token, err = token.Ensure(h.TokenFile, d.log)
		err = permanent(foreignState(h.TokenFile, err), providedBySystemd(h.TokenFile))
	}
	return err
}

// webOptions returns the options of all handlers of the listener.
func (d *daemon) webOptions() web.Options {
	h := d.started.HTTP
	return web.Options{Token: d.token, Hosts: h.Hosts, Listen: h.Listen, Log: d.log, SheetPage: d.g.sheetPage}
}

// activate makes the engine of a state, which the listener then serves.
func (d *daemon) activate(s *heldState) (*engine.Engine, error) {
	d.loading.Lock()
	defer d.loading.Unlock()
	e, err := engine.New(s.options(engine.Options{
		Plan: d.current(), Log: d.log, Version: version(), Load: d.load, Loaded: d.super.reloaded, Refused: d.refused.Load(),
		Pulse: d.super.pulse, PulseEvery: d.super.pulseEvery(), Mirror: d.metrics,
	}))
	if err != nil {
		return nil, err
	}
	o := d.webOptions()
	o.Engine = e
	if d.process != nil {
		o.HandOver = d.process.HandOver
	}
	handler := web.New(o)
	d.engine.Store(e)
	d.active.Store(&handler)
	return e, nil
}

// serving returns the handler of the engine, or nil while this process is a standby. It is nil also
// while it has the lease but no engine yet, or still has an engine but no longer the lease.
func (d *daemon) serving() *http.Handler {
	if d.process != nil && !d.process.State().Active {
		return nil
	}
	return d.active.Load()
}

// ServeHTTP serves the engine or, while this process is a standby, the standby's responses.
func (d *daemon) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if active := d.serving(); active != nil {
		(*active).ServeHTTP(w, r)
		return
	}
	d.standby.ServeHTTP(w, r)
}

// reloadStandby reloads the configuration of a standby. If the process has just become active, the
// engine reloads.
func (d *daemon) reloadStandby(ctx context.Context) (zaps int, err error) {
	d.loading.Lock()
	if e := d.engine.Load(); e != nil {
		d.loading.Unlock()
		err := e.Reload(ctx)
		return len(d.current().Recipes), err
	}
	defer d.loading.Unlock()
	before := d.current()
	loaded, err := d.load()
	if err != nil {
		d.refused.Load().Log(d.log, "invalid configuration; the current one stays in force")
		return 0, fmt.Errorf("invalid configuration; the current one stays in force:\n%w", err)
	}
	engine.Warn(d.log, before.Config, loaded.Config)
	d.log.Info("configuration loaded", zap.Int("zaps", len(loaded.Recipes)))
	return len(loaded.Recipes), nil
}

// reload reloads the configuration. An invalid one is rejected and logged, and the current one
// stays in force.
func (d *daemon) reload(ctx context.Context) {
	d.super.reloading()
	e := d.engine.Load()
	if e != nil {
		_ = e.Reload(ctx) // it has logged the mistakes
		d.super.ready(ctx, e)
		return
	}
	_, _ = d.reloadStandby(ctx) // the same
	d.super.standingBy(d.who())
}
