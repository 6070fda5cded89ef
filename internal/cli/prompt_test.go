package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/engine"
)

// TestWarning: a question says what CleverTap will make of the deliveries that it is about, and of no others.
func TestWarning(t *testing.T) {
	tests := []struct {
		name   string
		action engine.Action
		again  bool
		would  engine.Foreseen
		want   []string // nil: nothing is said
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

// TestAQuestionEndsWithItsCommand: a command that catches Ctrl-C does not wait for an answer after it.
func TestAQuestionEndsWithItsCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		var said bytes.Buffer
		stdin, typed := io.Pipe() // nobody types
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
