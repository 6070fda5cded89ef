package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/web/api"
)

// TestWarning: a question says how CleverTap will treat the deliveries that it is about, and no
// others.
func TestWarning(t *testing.T) {
	tests := []struct {
		name   string
		action engine.Action
		again  bool
		would  engine.Foreseen
		want   []string // nil for no warning
	}{
		{"events", engine.Release, false, engine.Foreseen{Events: 2, OldEvents: 1}, []string{"no live campaigns (1 of 2 events)"}},
		{"events sent before", engine.Replay, true, engine.Foreseen{Events: 1, Repeated: 1}, []string{"(0 of 1 event)", "counts a repeated event twice"}},
		{"profiles", engine.Replay, false, engine.Foreseen{Profiles: 1}, []string{"overwrite the user's current values", "superseded by a newer row of the same user are not sent"}},
		{"profiles, whatever came since", engine.Replay, true, engine.Foreseen{Profiles: 1}, []string{"overwrite the user's current values, including newer values"}},
		{"discard", engine.Discard, false, engine.Foreseen{}, nil},
	}
	for _, tt := range tests {
		got := latenessWarning(tt.again, engine.Done{Action: tt.action, Would: &tt.would})
		for _, want := range tt.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q, want %q in it", tt.name, got, want)
			}
		}
		if tt.want == nil && got != "" || strings.Contains(got, "event") != strings.Contains(tt.name, "event") {
			t.Errorf("%s: %q says too much", tt.name, got)
		}
	}
}

// TestAQuestionEndsWithItsCommand: after a command has caught Ctrl-C, it does not wait for an
// answer.
func TestAQuestionEndsWithItsCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		var said bytes.Buffer
		stdin, typed := io.Pipe() // no input
		cmd := &cobra.Command{}
		cmd.SetIn(stdin)
		cmd.SetErr(&said)
		asked := make(chan error)
		go func() {
			_, err := confirm(ctx, cmd, "send them?")
			asked <- err
		}()
		synctest.Wait()
		interrupt()
		synctest.Wait()
		select {
		case err := <-asked:
			if exit, ok := errors.AsType[*exitError](err); !ok || exit.code != exitInterrupted || !strings.HasSuffix(said.String(), "[y/N] \n") {
				t.Errorf("%v, said %q", err, said.String())
			}
		default:
			t.Error("the question is still asked")
		}
		if err := typed.Close(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
	})
}

// answering returns a command whose operator types input, and its output on stderr.
func answering(ctx context.Context, input string) (*cobra.Command, *bytes.Buffer) {
	var stderr bytes.Buffer
	cmd := &cobra.Command{}
	cmd.SetContext(ctx)
	cmd.SetIn(strings.NewReader(input))
	cmd.SetErr(&stderr)
	return cmd, &stderr
}

// TestConfirm: only y and yes confirm.
func TestConfirm(t *testing.T) {
	tests := []struct {
		typed string
		want  bool
		after string // printed after the question
	}{
		{"y\n", true, ""},
		{"Y\n", true, ""},
		{"yes\n", true, ""},
		{" YES \n", true, ""},
		{"y", true, "\n"},
		{"n\n", false, ""},
		{"no\n", false, ""},
		{"\n", false, ""},
		{"", false, "\n"},
		{"yellow\n", false, ""},
		{"ye\n", false, ""},
		{"maybe\n", false, ""},
		{"1\n", false, ""},
		{"n\ny\n", false, ""},
	}
	for _, tt := range tests {
		cmd, stderr := answering(t.Context(), tt.typed)
		got, err := confirm(t.Context(), cmd, "send 2 rows?")
		if got != tt.want || err != nil || stderr.String() != "send 2 rows? [y/N] "+tt.after {
			t.Errorf("%q: got %t, %v, printed %q", tt.typed, got, err, stderr.String())
		}
	}
}

// TestConfirmFails: an unreadable terminal does not confirm.
func TestConfirmFails(t *testing.T) {
	cmd, _ := answering(t.Context(), "")
	gone, typed := io.Pipe()
	cmd.SetIn(gone)
	cause := errors.New("input/output error")
	_ = typed.CloseWithError(cause)
	if got, err := confirm(t.Context(), cmd, "send them?"); got || !errors.Is(err, cause) {
		t.Errorf("got %t, %v; want %v", got, err, cause)
	}
}

// apiOf returns a client of an in-process handler that responds v to every request, and the bodies
// of the requests.
func apiOf(v any) (*client, *[]string) {
	var bodies []string
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		bodies = append(bodies, string(b))
		_ = json.NewEncoder(w).Encode(v)
	})
	return &client{base: "http://localhost", http: &http.Client{Transport: handlerTransport{handler}}}, &bodies
}

// TestConfirmDeliveries: a dry run precedes the question, which is skipped if there is nothing to
// do.
func TestConfirmDeliveries(t *testing.T) {
	const question = "[y/N]"
	tests := []struct {
		name  string
		typed string
		sel   engine.Selection
		would engine.Done
		want  bool
		out   []string // in this order
		asked bool
	}{
		{"yes", "y\n", engine.Selection{Zap: "a"}, engine.Done{Action: engine.Replay, Count: 2}, true, []string{"replay 2 deliveries? [y/N] "}, true},
		{"no", "n\n", engine.Selection{Zap: "a"}, engine.Done{Action: engine.Replay, Count: 2}, false, []string{"replay 2 deliveries?"}, true},
		{"Enter", "\n", engine.Selection{Zap: "a"}, engine.Done{Action: engine.Release, Count: 1}, false, []string{"release 1 delivery?"}, true},
		{"the end of the input", "", engine.Selection{Zap: "a"}, engine.Done{Action: engine.Discard, Count: 1}, false, []string{"discard 1 delivery?"}, true},
		{"nothing to do", "y\n", engine.Selection{Zap: "a"}, engine.Done{Action: engine.Discard}, false, []string{"nothing to discard"}, false},
		{
			"only sent ones", "y\n",
			engine.Selection{IDs: []string{"a/1"}},
			engine.Done{Action: engine.Replay, Sent: 1},
			false,
			[]string{"nothing to replay", "1 delivery not replayed: already sent", "next: rowtap replay a/1 --again"},
			false,
		},
		{
			"only sent ones of a zap", "y\n",
			engine.Selection{Zap: "a", State: ledger.Sent},
			engine.Done{Action: engine.Replay},
			false,
			[]string{"nothing to replay", "not replayed without --again", "next: rowtap replay a --state sent --again"},
			false,
		},
		{
			"only superseded ones", "y\n",
			engine.Selection{Zap: "a"},
			engine.Done{Action: engine.Release, Stale: 3},
			false,
			[]string{"3 deliveries not sent: newer rows", "next: discard them (rowtap discard ID), or: rowtap release a --again"},
			false,
		},
		{
			"late events", "y\n",
			engine.Selection{Zap: "a"},
			engine.Done{Action: engine.Release, Count: 1, Would: &engine.Foreseen{Events: 1, OldEvents: 1}},
			true,
			[]string{"(1 of 1 event)", question},
			true,
		},
		{
			"edited files", "y\n",
			engine.Selection{Zap: "a"},
			engine.Done{Action: engine.Release, Count: 1, Edited: []string{"zaps/a.yaml"}},
			true,
			[]string{"changed since it was loaded: zaps/a.yaml\nnext: rowtap reload, then: rowtap release a", question},
			true,
		},
	}
	for _, tt := range tests {
		c, bodies := apiOf(tt.would)
		cmd, stderr := answering(t.Context(), tt.typed)
		got, err := confirmDeliveries(cmd, c, tt.would.Action, tt.sel)
		if got != tt.want || err != nil || strings.Contains(stderr.String(), question) != tt.asked {
			t.Errorf("%s: got %t, %v, printed %q", tt.name, got, err, stderr.String())
		}
		rest := stderr.String()
		for _, want := range tt.out {
			_, after, ok := strings.Cut(rest, want)
			if !ok {
				t.Errorf("%s: printed %q, want %q in it", tt.name, stderr.String(), want)
			}
			rest = after
		}
		if len(*bodies) != 1 || !strings.Contains((*bodies)[0], `"dry_run":true`) {
			t.Errorf("%s: requests %q, want one dry run", tt.name, *bodies)
		}
	}
}

// TestConfirmBackfill: a dry run precedes the question, which is skipped if no row has an outcome.
func TestConfirmBackfill(t *testing.T) {
	profile := "create_update_user_profile"
	tests := []struct {
		name  string
		typed string
		would engine.Backfilled
		want  bool
		out   string
	}{
		{
			"yes", "yes\n",
			engine.Backfilled{Queued: 3, Skipped: 1, Failed: 1, Delivered: 2, Waiting: 4, Event: profile},
			true,
			"backfill a: 3 rows would be sent, 1 skipped by the filter, 1 would fail; left out: 2 with a delivery, 4 incomplete\n" + olderProfiles + "\nsend 3 rows? [y/N] ",
		},
		{
			"no", "no\n",
			engine.Backfilled{Queued: 1, SameKey: 2, Late: 1},
			false,
			"backfill a: 1 row would be sent, 0 skipped by the filter, 0 would fail; left out: 0 with a delivery, 0 incomplete, 2 with the key of another row\n" +
				lateEvents + " (1 of these rows).\nsend 1 row? [y/N] ",
		},
		{
			"Enter", "\n",
			engine.Backfilled{Queued: 1, Now: true},
			false,
			"backfill a: 1 row would be sent, 0 skipped by the filter, 0 would fail; left out: 0 with a delivery, 0 incomplete\n" +
				"The zap's action sets no time: these events get the current time, and can trigger live campaigns.\nsend 1 row? [y/N] ",
		},
		{
			"the end of the input", "",
			engine.Backfilled{Queued: 1, Event: profile},
			false,
			"backfill a: 1 row would be sent, 0 skipped by the filter, 0 would fail; left out: 0 with a delivery, 0 incomplete\n" + olderProfiles + "\nsend 1 row? [y/N] \n",
		},
		{"nothing to send", "y\n", engine.Backfilled{Delivered: 5}, false, "nothing to send; left out: 5 with a delivery, 0 incomplete\n"},
	}
	for _, tt := range tests {
		c, bodies := apiOf(api.BackfillLine{Done: &tt.would})
		cmd, stderr := answering(t.Context(), tt.typed)
		b := backfill{cmd: cmd, client: c, zap: "a"}
		got, err := b.confirm()
		if got != tt.want || err != nil || stderr.String() != tt.out {
			t.Errorf("%s: got %t, %v, printed %q; want %q", tt.name, got, err, stderr.String(), tt.out)
		}
		if len(*bodies) != 1 || !strings.Contains((*bodies)[0], `"dry_run":true`) {
			t.Errorf("%s: requests %q, want one dry run", tt.name, *bodies)
		}
	}
}
