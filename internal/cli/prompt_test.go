package cli

import (
	"strings"
	"testing"

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
		{"events", engine.Release, false, engine.Foreseen{Events: 2, OldEvents: 1}, []string{"no live campaign: of 2 events, 1 came longer ago"}},
		{"events sent before", engine.Replay, true, engine.Foreseen{Events: 1, Repeated: 1}, []string{"of 1 event, 0 came", "counts an event that comes again twice"}},
		{"profiles", engine.Replay, false, engine.Foreseen{Profiles: 1}, []string{"overwrites what its user has now", "are passed over"}},
		{"profiles, whatever came since", engine.Replay, true, engine.Foreseen{Profiles: 1}, []string{"overwrites what its user has now, also newer values"}},
		{"discard", engine.Discard, false, engine.Foreseen{}, nil},
	}
	for _, tt := range tests {
		got := warning(tt.again, engine.Done{Action: tt.action, Would: &tt.would})
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
