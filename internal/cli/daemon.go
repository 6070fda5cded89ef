package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
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

// daemon is what lasts as long as the process, however often that becomes the active one and a
// standby again. Where the state is a file alone, it is the active one from its start to its end.
type daemon struct {
	g       *globals
	log     *zap.Logger
	super   *supervisor
	limit   memoryLimit
	token   config.Secret
	started *config.Config            // of which state, http and log stay in force
	loading sync.Mutex                // from reading the files of a standby until its plan counts; not held by an engine's own reload
	plan    atomic.Pointer[plan.Plan] // read last
	process *standby.Process          // nil: the state is a file alone
	metrics *engine.MirrorMetrics     // the same

	engine  atomic.Pointer[engine.Engine] // nil while it stands by
	active  atomic.Pointer[http.Handler]  // that shows it; nil with it
	standby http.Handler
}

// newDaemon reads the configuration.
func newDaemon(g *globals, logTo io.Writer) (*daemon, error) {
	d := &daemon{g: g, super: newSupervisor(), limit: limitMemory(os.DirFS("/"), os.LookupEnv)}
	loaded, err := loadPlan(g.dir)
	if err != nil {
		return nil, configError(err, exitConfig)
	}
	if d.log, err = newLogger(loaded.Config.Log, logTo); err != nil {
		return nil, err
	}
	d.super.log = d.log
	for _, w := range loaded.Config.Warnings {
		d.log.Warn(w.Message, zap.String("at", w.Pos.String()), zap.String("next", w.Suggestion))
	}
	d.started = loaded.Config
	d.plan.Store(loaded)
	return d, nil
}

// current returns the plan that was read last.
func (d *daemon) current() *plan.Plan { return d.plan.Load() }

// load reads the configuration anew.
func (d *daemon) load() (*plan.Plan, error) {
	loaded, err := loadPlan(d.g.dir)
	if err == nil {
		d.plan.Store(loaded)
	}
	return loaded, err
}

// open returns the daemon's work, and what is to be done after it.
func (d *daemon) open(ctx context.Context) (work func(context.Context) error, done func() error, err error) {
	if !isMirrored(d.started.State) {
		l, err := openState(ctx, d.g, d.current(), d.log, d.super)
		if err != nil {
			return nil, nil, err
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
			if who := d.standingBy().Who(); who != said {
				say(who)
			}
		},
		Plan: func() string { return d.current().Config.Hash() },
		Open: func(ctx context.Context) (*ledger.Ledger, error) {
			say(d.standingBy().Who())
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
		Standby: d.standingBy, Reload: d.reloadStandby, Backup: d.process.Backup, Registry: d.metrics.Registry(version()), Log: d.log,
	})
	return d.process.Run, func() error { m.Close(); return nil }, nil
}

// openCopy opens the copy of a state on PostgreSQL, once no command has it open any more.
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
			d.log.Warn("rowtap waits: "+who+" has the copy of the state open", zap.String("state", path),
				zap.String("next", "wait until it ends, or find and stop it: fuser -v "+path))
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

// serve polls and sends until ctx ends.
func (d *daemon) serve(ctx context.Context, e *engine.Engine) error {
	tasks, ctx := errgroup.WithContext(ctx)
	tasks.Go(func() error { return e.Run(ctx) })
	d.super.ready(ctx, e)
	tasks.Go(func() error { return d.super.run(ctx, e) })
	return tasks.Wait()
}

// listen starts the daemon's listener and returns its address.
func (d *daemon) listen(ctx context.Context, tasks *errgroup.Group) (string, error) {
	h := d.started.HTTP
	if h.Listen == "" {
		return "nothing", nil
	}
	listener, err := web.Listen(ctx, h.Listen)
	if err != nil {
		return "", err
	}
	tasks.Go(func() error { return web.Serve(ctx, listener, d, d.log) })
	return listener.Addr().String(), nil
}

// readToken reads what the API and the page ask for, if they ask for anything.
func (d *daemon) readToken() (err error) {
	if h := d.started.HTTP; h.Listen != "" && !h.AuthOff {
		d.token, err = token.Ensure(h.TokenFile, d.log)
	}
	return err
}

// webOptions are those of all handlers of the listener.
func (d *daemon) webOptions() web.Options {
	h := d.started.HTTP
	return web.Options{Token: d.token, Hosts: h.Hosts, Listen: h.Listen, Log: d.log, SheetPage: d.g.sheetPage}
}

// activate makes an engine of a state, and has the listener show it.
func (d *daemon) activate(s *heldState) (*engine.Engine, error) {
	d.loading.Lock()
	defer d.loading.Unlock()
	e, err := engine.New(s.options(engine.Options{
		Plan: d.current(), Log: d.log, Version: version(), Load: d.load,
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

// serving returns the handler that shows the engine, or nil while this process stands by: also when
// it has the lease and no engine yet, or the engine still and the lease no more.
func (d *daemon) serving() *http.Handler {
	if d.process != nil && !d.process.State().Active {
		return nil
	}
	return d.active.Load()
}

// ServeHTTP shows the engine, or that this process stands by.
func (d *daemon) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if active := d.serving(); active != nil {
		(*active).ServeHTTP(w, r)
		return
	}
	d.standby.ServeHTTP(w, r)
}

// reloadStandby reloads the configuration while this process stands by. If it has just become the
// active one, the engine reloads.
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
		return 0, fmt.Errorf("invalid configuration; the current one stays in force:\n%w", err)
	}
	engine.Warn(d.log, before.Config, loaded.Config)
	d.log.Info("configuration loaded", zap.Int("zaps", len(loaded.Recipes)))
	return len(loaded.Recipes), nil
}

// reload loads the configuration anew; a bad one is refused, and the old one goes on.
func (d *daemon) reload(ctx context.Context) {
	d.super.reloading()
	e := d.engine.Load()
	var err error
	if e != nil {
		err = e.Reload(ctx)
	} else {
		_, err = d.reloadStandby(ctx)
	}
	if err != nil {
		d.log.Error(err.Error(), zap.String("next", "rowtap check"))
	}
	if e != nil {
		d.super.ready(ctx, e)
	} else {
		d.super.standingBy(d.standingBy().Who())
	}
}
