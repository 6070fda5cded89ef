package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"syscall"
	"time"

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
		Long: "Polls every enabled zap on its schedule and sends new rows to CleverTap, until SIGTERM or SIGINT.\n" +
			"SIGHUP reloads the configuration. An invalid one is rejected, and the current one stays in force.\n\n" +
			"With an invalid configuration at the start, run exits with 78. With --watch it waits instead: health answers, nothing is\n" +
			"polled or sent, and the page and the log list the mistakes. It starts once the files are valid. If rowtap.yaml cannot be\n" +
			"read at all, only health and metrics are served, at $ROWTAP_LISTEN or else at the last address.",
		Example: "  rowtap run --config /etc/rowtap\n  rowtap run --once   # poll every enabled zap now, deliver, exit\n  rowtap run --watch  # in a container: load a changed ConfigMap automatically",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			context.AfterFunc(ctx, stop) // a second signal ends the process at once
			if once && watch {
				return usage(cmd, errors.New("--once and --watch cannot be combined"))
			}
			if once {
				hangup.Release()
				return runOnce(ctx, g, cmd.OutOrStdout(), cmd.ErrOrStderr())
			}
			return run(ctx, g, watch, cmd.ErrOrStderr())
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "poll every enabled zap now, deliver, and exit; exit code 1 if a row failed or stayed queued, or a zap is blocked")
	cmd.Flags().BoolVar(&watch, "watch", false, "reload the configuration when its files change; at the start, wait for valid files")
	return cmd
}

// run runs the daemon until ctx is done. With watch, it reloads changed configuration files, and
// waits for valid ones at the start.
func run(ctx context.Context, g *globals, watch bool, logTo io.Writer) (err error) {
	// Already done before main, except in the demo. It is never undone: a hangup while the process
	// ends must not change its exit code.
	signal.Notify(hangup.Caught, syscall.SIGHUP)

	d := newDaemon(g)
	ctx, cancel := context.WithCancel(ctx)
	defer d.early.Wait()
	defer cancel()
	var changes <-chan struct{} // nil: not watching
	if watch {
		files, err := newWatcher(g.dir) // before the files are read, so that no change is missed
		if err != nil {
			return watchError(g.dir, err)
		}
		defer files.start(ctx, d.logger)()
		changes = files.changed
	}
	if _, err = d.load(); err != nil && watch {
		defer func() { err = errors.Join(err, d.stopListening("")) }()
		err = d.awaitPlan(ctx, changes, logTo)
	} else if err != nil {
		return configError(err, exitConfig)
	}
	if errors.Is(err, context.Canceled) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := d.start(logTo); err != nil {
		return err
	}
	defer redirectLibraryLog(d.log)()
	work, done, err := d.open(ctx)
	if errors.Is(err, context.Canceled) { // stopped while it waited for the state file
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
	d.log.Info("rowtap is starting", append(d.limit.fields(), zap.String("version", version()), zap.Int("zaps", len(d.current().Recipes)),
		zap.String("state", d.current().Config.State.Path), zap.String("listen", at))...)
	tasks.Go(func() error { return work(ctx) })
	tasks.Go(func() error {
		var secrets <-chan time.Time // nil: not watching
		if watch {
			tick := time.NewTicker(secretsRetry)
			defer tick.Stop()
			secrets = tick.C
		}
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-hangup.Caught:
			case <-changes:
				d.log.Info("configuration files changed")
			case <-secrets:
				if !d.validAgain() {
					continue
				}
			}
			d.reload(ctx)
		}
	})
	tasks.Go(func() error {
		<-ctx.Done()
		d.super.stopping()
		d.log.Info("shutting down: waiting for uploads in flight")
		return nil
	})
	err = tasks.Wait()
	d.log.Info("rowtap has stopped")
	return err
}

// runOnce polls and delivers once.
func runOnce(ctx context.Context, g *globals, out, logTo io.Writer) (err error) {
	d := newDaemon(g)
	if _, err := d.load(); err != nil {
		return configError(err, exitConfig)
	}
	if err := d.start(logTo); err != nil {
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
		return fmt.Errorf("%s failed\nnext: rowtap history --state failed", quantity.Count(s.Failed, "row"))
	case s.Blocked > 0:
		return fmt.Errorf("%s blocked; the log above has the reasons\nnext: rowtap status", quantity.Count(s.Blocked, "zap"))
	case s.StillQueued > 0:
		return fmt.Errorf("%s could not be delivered and stay queued; the log above has the reasons\nnext: rowtap run --once", quantity.Count(s.StillQueued, "row"))
	}
	return nil
}
