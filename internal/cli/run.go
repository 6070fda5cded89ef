package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/rowtap/rowtap/internal/cli/hangup"
	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/web"
)

func newRunCommand(g *globals) *cobra.Command {
	var once, watch bool
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the daemon",
		Long: "Polls every enabled zap on its schedule and delivers new rows to CleverTap, until SIGTERM or SIGINT.\n" +
			"SIGHUP reloads the configuration; a bad one is refused, and the old one goes on.",
		Example: "  rowtap run --config /etc/rowtap\n  rowtap run --once   # poll every enabled zap now, deliver, exit\n  rowtap run --watch  # in a container: a changed ConfigMap is loaded by itself",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, os.Interrupt)
			defer stop()
			context.AfterFunc(ctx, stop) // a second signal ends at once
			if once && watch {
				return usage(cmd, errors.New("--once ends before anything could be watched"))
			}
			if once {
				hangup.Release()
				return runOnce(ctx, g, cmd.OutOrStdout(), cmd.ErrOrStderr())
			}
			return run(ctx, g, watch, cmd.ErrOrStderr())
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "poll every enabled zap now, deliver, and exit: 1 if a row failed, stayed queued, or a zap is blocked")
	cmd.Flags().BoolVar(&watch, "watch", false, "load the configuration anew whenever its files change; a bad one is refused, and the old one goes on")
	return cmd
}

// parts are what a daemon is made of.
type parts struct {
	plan   *engine.Plan
	log    *zap.Logger
	ledger *ledger.Ledger
	engine *engine.Engine
	limit  memoryLimit
}

func build(ctx context.Context, g *globals, logTo io.Writer, super *supervisor) (*parts, error) {
	limit := limitMemory(os.DirFS("/"), os.LookupEnv)
	plan, err := loadPlan(g.dir)
	if err != nil {
		return nil, configError(err, exitConfig)
	}
	log, err := newLogger(plan.Config.Log, logTo)
	if err != nil {
		return nil, err
	}
	for _, w := range plan.Config.Warnings {
		log.Warn(w.Message, zap.String("at", w.Pos.String()), zap.String("next", w.Suggestion))
	}
	super.log = log
	l, err := openState(ctx, g, plan, log, super)
	if err != nil {
		return nil, err
	}
	e, err := engine.New(engine.Options{
		Plan: plan, Ledger: l, Log: log, Version: version(),
		Load:  func() (*engine.Plan, error) { return loadPlan(g.dir) },
		Pulse: super.pulse, PulseEvery: super.pulseEvery(),
	})
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &parts{plan: plan, log: log, ledger: l, engine: e, limit: limit}, nil
}

// run runs the daemon until ctx ends; with watch, it follows the configuration's files.
func run(ctx context.Context, g *globals, watch bool, logTo io.Writer) (err error) {
	signal.Notify(hangup.Caught, syscall.SIGHUP) // it was before main where this is `rowtap run`
	defer hangup.Release()

	var changes <-chan struct{} // nil: nobody watches
	var files *watcher
	if watch {
		if files, err = newWatcher(g.dir); err != nil { // before they are read, so that no change is missed
			return err
		}
		defer files.close()
		changes = files.changed
	}
	super := newSupervisor()
	p, err := build(ctx, g, logTo, super)
	if errors.Is(err, context.Canceled) { // it was told to stop while it waited for the state file
		return nil
	}
	if err != nil {
		return err
	}
	defer redirectLibraryLog(p.log)()
	defer func() { err = errors.Join(err, p.ledger.Close()) }()
	tasks, ctx := errgroup.WithContext(ctx)
	at := "nothing"
	if h := p.plan.Config.HTTP; h.Listen != "" {
		address, err := serve(ctx, tasks, p, h, g.sheetPage)
		if err != nil {
			return err
		}
		at = address
	}
	p.log.Info("rowtap starts", append(p.limit.fields(), zap.String("version", version()), zap.Int("zaps", len(p.plan.Recipes)),
		zap.String("state", p.plan.Config.State.Path), zap.String("listen", at))...)
	tasks.Go(func() error { return p.engine.Run(ctx) })
	tasks.Go(func() error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-hangup.Caught:
			case <-changes:
				p.log.Info("the configuration's files have changed")
			}
			reload(ctx, p, super)
		}
	})
	if files != nil {
		tasks.Go(func() error { return files.run(ctx, p.log) })
	}
	tasks.Go(func() error {
		<-ctx.Done()
		super.stopping()
		p.log.Info("rowtap stops: uploads under way finish")
		return nil
	})
	super.ready(ctx, p.engine)
	tasks.Go(func() error { return super.run(ctx, p.engine) })
	err = tasks.Wait()
	p.log.Info("rowtap has stopped")
	return err
}

// serve starts the daemon's listener and returns its address.
func serve(ctx context.Context, tasks *errgroup.Group, p *parts, h config.HTTP, sheetPage string) (string, error) {
	var token config.Secret
	if !h.AuthOff {
		var err error
		if token, err = web.Token(h.TokenFile, p.log); err != nil {
			return "", err
		}
	}
	listener, err := web.Listen(ctx, h.Listen)
	if err != nil {
		return "", err
	}
	handler := web.New(web.Options{Engine: p.engine, Token: token, Hosts: h.Hosts, Listen: h.Listen, Log: p.log, SheetPage: sheetPage})
	tasks.Go(func() error { return web.Serve(ctx, listener, handler, p.log) })
	return listener.Addr().String(), nil
}

func reload(ctx context.Context, p *parts, super *supervisor) {
	super.reloading()
	if err := p.engine.Reload(ctx); err != nil {
		p.log.Error(err.Error(), zap.String("next", "rowtap check"))
	}
	super.ready(ctx, p.engine)
}

// runOnce polls and delivers once.
func runOnce(ctx context.Context, g *globals, out, logTo io.Writer) (err error) {
	p, err := build(ctx, g, logTo, newSupervisor())
	if err != nil {
		return err
	}
	defer redirectLibraryLog(p.log)()
	defer func() { err = errors.Join(err, p.ledger.Close()) }()
	s, err := p.engine.Once(ctx)
	if err != nil {
		return err
	}
	if g.json {
		if err := printJSON(out, s); err != nil {
			return err
		}
	} else {
		validated := ""
		if s.Validated > 0 {
			validated = fmt.Sprintf("%d validated, ", s.Validated)
		}
		fmt.Fprintf(out, "%s polled, %s: %d sent, %s%d skipped, %d failed, %d waiting, %d still queued\n",
			counted(s.Polled, "zap"), counted(s.Found, "new row"), s.Sent, validated, s.Skipped, s.Failed, s.Waiting, s.StillQueued)
	}
	switch {
	case s.Failed > 0:
		return &exitError{exitFailed, fmt.Errorf("%s failed\nnext: rowtap history --state failed", counted(s.Failed, "row"))}
	case s.Blocked > 0:
		return &exitError{exitFailed, fmt.Errorf("%s blocked; the log above says why\nnext: rowtap status", counted(s.Blocked, "zap"))}
	case s.StillQueued > 0:
		return &exitError{exitFailed, fmt.Errorf("%s could not be delivered and stay queued; the log above says why\nnext: rowtap run --once", counted(s.StillQueued, "row"))}
	}
	return nil
}
