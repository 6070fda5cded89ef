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
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/quantity"
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
	d, err := newDaemon(g, logTo)
	if err != nil {
		return err
	}
	defer redirectLibraryLog(d.log)()
	work, done, err := d.open(ctx)
	if errors.Is(err, context.Canceled) { // it was told to stop while it waited for the state file
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	tasks, ctx := errgroup.WithContext(ctx)
	at, err := d.listen(ctx, tasks)
	if err != nil {
		return err
	}
	d.log.Info("rowtap starts", append(d.limit.fields(), zap.String("version", version()), zap.Int("zaps", len(d.current().Recipes)),
		zap.String("state", d.current().Config.State.Path), zap.String("listen", at))...)
	tasks.Go(func() error { return work(ctx) })
	tasks.Go(func() error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-hangup.Caught:
			case <-changes:
				d.log.Info("the configuration's files have changed")
			}
			d.reload(ctx)
		}
	})
	if files != nil {
		tasks.Go(func() error { return files.run(ctx, d.log) })
	}
	tasks.Go(func() error {
		<-ctx.Done()
		d.super.stopping()
		d.log.Info("rowtap stops: uploads under way finish")
		return nil
	})
	err = tasks.Wait()
	d.log.Info("rowtap has stopped")
	return err
}

// runOnce polls and delivers once.
func runOnce(ctx context.Context, g *globals, out, logTo io.Writer) (err error) {
	d, err := newDaemon(g, logTo)
	if err != nil {
		return err
	}
	defer redirectLibraryLog(d.log)()
	held, err := take(ctx, d.current(), d.log, true, func(ledger.Options) (*ledger.Ledger, error) {
		return openState(ctx, d.g, d.current(), d.log, d.super)
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, held.close()) }()
	e, err := engine.New(held.options(engine.Options{Plan: d.current(), Log: d.log, Version: version()}))
	if err != nil {
		return err
	}
	s, err := e.Once(ctx)
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
			quantity.Count(s.Polled, "zap"), quantity.Count(s.Found, "new row"), s.Sent, validated, s.Skipped, s.Failed, s.Waiting, s.StillQueued)
	}
	switch {
	case s.Failed > 0:
		return &exitError{exitFailed, fmt.Errorf("%s failed\nnext: rowtap history --state failed", quantity.Count(s.Failed, "row"))}
	case s.Blocked > 0:
		return &exitError{exitFailed, fmt.Errorf("%s blocked; the log above says why\nnext: rowtap status", quantity.Count(s.Blocked, "zap"))}
	case s.StillQueued > 0:
		return &exitError{exitFailed, fmt.Errorf("%s could not be delivered and stay queued; the log above says why\nnext: rowtap run --once", quantity.Count(s.StillQueued, "row"))}
	}
	return nil
}
