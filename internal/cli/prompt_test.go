package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/web"
)

// TestWarning: a question says what CleverTap will make of the deliveries that it is about, and of no others.
func TestWarning(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	event := func(ago time.Duration, state string) web.Delivery {
		return web.Delivery{Action: "upload_event", State: state, DetectedAt: now.Add(-ago)}
	}
	profile := web.Delivery{Action: "create_update_user_profile", State: "failed", DetectedAt: now}
	tests := []struct {
		name   string
		action engine.Action
		again  bool
		list   []web.Delivery
		want   []string // "": nothing is said
	}{
		{"events", engine.Release, false, []web.Delivery{event(time.Hour, "held"), event(3*time.Hour, "held")}, []string{"no live campaign: of 2 events, 1 came longer ago"}},
		{"events sent before", engine.Replay, true, []web.Delivery{event(time.Hour, "sent")}, []string{"of 1 event, 0 came", "counts an event that comes again twice"}},
		{"profiles", engine.Replay, false, []web.Delivery{profile}, []string{"overwrites what its user has now", "are passed over"}},
		{"profiles, whatever came since", engine.Replay, true, []web.Delivery{profile}, []string{"overwrites what its user has now, also newer values"}},
		{"discard", engine.Discard, false, []web.Delivery{profile, event(0, "held")}, nil},
	}
	for _, tt := range tests {
		got := warning(tt.action, tt.again, tt.list, now)
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
