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
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/quantity"
	"github.com/rowtap/rowtap/internal/web/api"
)

func newTailCommand(g *globals) *cobra.Command {
	var state string
	cmd := &cobra.Command{
		Use:   "tail [ZAP]",
		Short: "Stream outcomes, one per line",
		Long: "Prints each outcome as it happens, until interrupted. If the daemon restarts, tail reconnects. It reports outcomes that it\n" +
			"missed during a restart or because they arrived too fast; rowtap history lists them.",
		Example: "  rowtap tail\n  rowtap tail webinar-signups --state failed\n  rowtap tail --json | jq .error",
		RunE: func(cmd *cobra.Command, args []string) error {
			var wanted ledger.State
			if err := wanted.UnmarshalText([]byte(state)); err != nil {
				return usage(cmd, err)
			}
			ctx, stop := interruptible(cmd)
			defer stop()
			t := tail{state: state, json: g.json, clock: g.clock(cmd.OutOrStdout()), out: cmd.OutOrStdout(), stderr: cmd.ErrOrStderr()}
			if len(args) > 0 {
				t.zap = args[0]
			}
			return withDaemon(ctx, g, func(c *client) error { return t.follow(ctx, c) })
		},
	}
	cmd.Flags().StringVar(&state, "state", "", "only outcomes with this `STATE`: "+strings.Join(ledger.StateNames(), ", "))
	return cmd
}

// tail prints the outcomes in a stream of events.
type tail struct {
	zap, state  string // print only these; "": all
	json        bool
	clock       clock
	out, stderr io.Writer
}

// follow prints outcomes until ctx ends. If the daemon stops, it waits for it to return.
func (t tail) follow(ctx context.Context, c *client) error {
	if t.zap != "" { // an unknown zap would print nothing forever
		if err := c.get(ctx, "/api/v1/deliveries?"+url.Values{"zap": {t.zap}, "limit": {"1"}}.Encode(), &[]api.Delivery{}); err != nil {
			return err
		}
	}
	var last seen
	wait := backoff.NewExponentialBackOff()
	wait.MaxInterval = 10 * time.Second
	connected, lost, resumed := false, false, false
	for ctx.Err() == nil {
		resp, err := c.doWith(ctx, http.MethodGet, "/api/v1/events", nil, http.Header{"Accept": {"text/event-stream"}})
		if err == nil {
			if lost {
				fmt.Fprintln(t.stderr, "reconnected to the daemon; for outcomes missed meanwhile, see: rowtap history")
			}
			connected, lost, resumed = true, false, true
			wait.Reset()
			err = errors.Join(t.print(resp.Body, &last), resp.Body.Close())
		}
		_, unwritten := errors.AsType[*writeError](err)
		switch {
		case ctx.Err() != nil:
			continue
		case unwritten, !connected: // never connected
			return err
		case tokenRefused(err): // the token has changed, so every retry would be refused
			return err
		case resumed: // the daemon may have closed a stream that was read too slowly: reconnect at once
			resumed = false
			continue
		case !lost:
			fmt.Fprintln(t.stderr, "the connection to the daemon is lost; reconnecting")
			lost = true
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait.NextBackOff()):
		}
	}
	return nil
}

// writeError is an error of writing the output, not of reading the stream.
type writeError struct{ error }

func (e *writeError) Unwrap() error { return e.error }

// seen is the last outcome received.
type seen struct {
	boot string // start of the daemon; "": none received yet
	n    uint64 // number of the outcome since that start
}

// next records the ID of an event that stands for covered outcomes, and returns how many outcomes
// are missing before it.
func (s *seen) next(id string, covered uint64) (missing uint64) {
	boot, number, _ := strings.Cut(strings.TrimSpace(id), "-")
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return 0 // an older daemon, without numbers
	}
	if s.boot == boot && n > s.n+covered {
		missing = n - s.n - covered
	}
	s.boot, s.n = boot, n
	return missing
}

// print prints the events of a stream until it ends.
func (t tail) print(stream io.Reader, last *seen) error {
	lines := bufio.NewReader(stream)
	missed, id := false, ""
	for {
		text, err := lines.ReadString('\n')
		if after, ok := strings.CutPrefix(text, "id: "); ok {
			id = after
		}
		if name, ok := strings.CutPrefix(text, "event: "); ok {
			missed = strings.TrimSpace(name) == "missed"
		}
		switch data, ok := strings.CutPrefix(text, "data: "); {
		case !ok || err != nil:
		case missed:
			var gap struct{ Missed uint64 }
			if err := json.Unmarshal([]byte(data), &gap); err != nil {
				return fmt.Errorf("decode an event from the daemon: %w", err)
			}
			t.missing(gap.Missed + last.next(id, gap.Missed))
			id = ""
		default:
			if n := last.next(id, 1); n > 0 {
				t.missing(n)
			}
			var ev api.EventLine
			if err := json.Unmarshal([]byte(data), &ev); err != nil {
				return fmt.Errorf("decode an event from the daemon: %w", err)
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

// missing reports the number of missed outcomes.
func (t tail) missing(n uint64) {
	fmt.Fprintf(t.stderr, "missed %s, which arrived faster than they were read\nnext: rowtap history\n", quantity.Count(int64(n), "outcome"))
}

// tokenRefused reports whether the daemon refused the token, or did not prove that it knows it.
func tokenRefused(err error) bool {
	_, refused := errors.AsType[*unauthorizedError](err)
	return refused || unprovenHint(err) != ""
}

func (t tail) line(ev api.EventLine) error {
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
		text = e.Text()
	}
	parts := []string{t.clock.shown(&ev.At), paintedState(t.out, ev.State, 9), ev.ID, row, oneLine(t.clock.text(text), 200)}
	_, err := fmt.Fprintln(t.out, strings.TrimRight(strings.Join(parts, "  "), " "))
	return err
}
