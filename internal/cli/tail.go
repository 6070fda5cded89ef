package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/web"
)

func newTailCommand(g *globals) *cobra.Command {
	var state string
	cmd := &cobra.Command{
		Use:   "tail [ZAP]",
		Short: "Watch live: a line an outcome",
		Long: "Prints each outcome as the daemon comes to it, until it is interrupted. Where the daemon is restarted it goes on by itself, and\n" +
			"says so, as where outcomes came faster than they were read: what is missing is in rowtap history.",
		Example: "  rowtap tail\n  rowtap tail webinar-signups --state failed\n  rowtap tail --json | jq .error",
		RunE: func(cmd *cobra.Command, args []string) error {
			var wanted ledger.State
			if err := wanted.UnmarshalText([]byte(state)); err != nil {
				return usage(cmd, err)
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, os.Interrupt)
			defer stop()
			t := tail{state: state, json: g.json, clock: g.clock(cmd.OutOrStdout()), out: cmd.OutOrStdout(), said: cmd.ErrOrStderr()}
			if len(args) > 0 {
				t.zap = args[0]
			}
			return withDaemon(ctx, g, func(c *client) error { return t.follow(ctx, c) })
		},
	}
	cmd.Flags().StringVar(&state, "state", "", "only those that became waiting, queued, sent, skipped, failed, held or discarded")
	return cmd
}

// tail prints the outcomes that it is told of.
type tail struct {
	zap, state string // only those; "": all
	json       bool
	clock      clock
	out, said  io.Writer
}

// follow prints what the daemon tells until ctx ends. A daemon that goes away is waited for.
func (t tail) follow(ctx context.Context, c *client) error {
	if t.zap != "" { // an unknown zap would be silent for ever
		if err := c.get(ctx, "/api/v1/deliveries?"+url.Values{"zap": {t.zap}, "limit": {"1"}}.Encode(), &[]web.Delivery{}); err != nil {
			return err
		}
	}
	wait := backoff.NewExponentialBackOff()
	wait.MaxInterval = 10 * time.Second
	connected, lost := false, false
	for ctx.Err() == nil {
		resp, err := c.asking(ctx, http.MethodGet, "/api/v1/events", nil, http.Header{"Accept": {"text/event-stream"}})
		if err == nil {
			if lost {
				fmt.Fprintln(t.said, "the daemon is back; what happened meanwhile: rowtap history")
			}
			connected, lost = true, false
			wait.Reset()
			err = errors.Join(t.print(resp.Body), resp.Body.Close())
		}
		_, unwritten := errors.AsType[*writeError](err)
		switch {
		case ctx.Err() != nil:
			continue
		case unwritten, !connected: // nothing was there from the start
			return err
		case !lost:
			fmt.Fprintln(t.said, "the daemon is gone; waiting for it to come back")
			lost = true
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait.NextBackOff()):
		}
	}
	return nil
}

// writeError is that of writing the lines, not of reading them.
type writeError struct{ error }

func (e *writeError) Unwrap() error { return e.error }

// print prints the events of a stream until that ends.
func (t tail) print(stream io.Reader) error {
	lines := bufio.NewReader(stream)
	missed := false
	for {
		text, err := lines.ReadString('\n')
		if name, ok := strings.CutPrefix(text, "event: "); ok {
			missed = strings.TrimSpace(name) == "missed"
		}
		switch data, ok := strings.CutPrefix(text, "data: "); {
		case !ok || err != nil:
		case missed:
			fmt.Fprintln(t.said, "some outcomes are missing here: they came faster than they were read; all are in rowtap history")
		default:
			var ev web.EventLine
			if err := json.Unmarshal([]byte(data), &ev); err != nil {
				return fmt.Errorf("an event of the daemon: %w", err)
			}
			if err := t.line(ev); err != nil {
				return &writeError{err}
			}
		}
		if err != nil {
			return err
		}
	}
}

func (t tail) line(ev web.EventLine) error {
	if t.zap != "" && ev.Zap != t.zap || t.state != "" && ev.State != t.state {
		return nil
	}
	if t.json {
		return printJSON(t.out, ev)
	}
	row, text := "", ev.Reason
	if ev.Row > 0 {
		row = fmt.Sprintf("row %d", ev.Row)
	}
	if e := ev.Error; e != nil {
		text = e.Message
		if e.Code != nil {
			text = fmt.Sprintf("%v: %s", e.Code, text)
		}
	}
	parts := []string{t.clock.shown(&ev.At), paintedState(t.out, ev.State, 9), ev.ID, row, oneLine(t.clock.text(text), 200)}
	_, err := fmt.Fprintln(t.out, strings.TrimRight(strings.Join(parts, "  "), " "))
	return err
}
