package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestReloadSaysWhichRunsChanged: of zaps with another schedule, and of those that begin or end.
func TestReloadSaysWhichRunsChanged(t *testing.T) {
	zap := func(schedule string, enabled bool) string {
		text := strings.Replace(eventZap("production"), "@every 1h", schedule, 1)
		return strings.Replace(text, "enabled: true", fmt.Sprint("enabled: ", enabled), 1)
	}
	r := newRig(t, map[string]string{
		"same": zap("0 9 * * *", true), "other": zap("0 9 * * *", true), "ends": zap("0 9 * * *", true), "begins": zap("0 9 * * *", false),
		"off": zap("0 9 * * *", false), "gone": zap("0 9 * * *", true),
	})
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	r.opts.Now = func() time.Time { return at }
	for name, text := range map[string]string{
		"other": zap("CRON_TZ=Asia/Kolkata 30 9 * * MON", true), "ends": zap("0 9 * * *", false), "begins": zap("0 10 * * *", true),
		"off": zap("0 10 * * *", false), "added": zap("0 11 * * *", true), "gone": "",
	} {
		if err := writeZap(r.dir, name, text); err != nil {
			t.Fatal(err)
		}
	}
	got, err := r.ReloadRuns(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	day := func(d, h, m int) time.Time { return time.Date(2026, 11, d, h, m, 0, 0, time.UTC) }
	want := []Runs{
		{Zap: "added", Schedule: "0 11 * * *", Zone: "UTC", Next: []time.Time{day(25, 11, 0), day(26, 11, 0), day(27, 11, 0)}},
		{Zap: "begins", Schedule: "0 10 * * *", Zone: "UTC", Next: []time.Time{day(25, 10, 0), day(26, 10, 0), day(27, 10, 0)}},
		{Zap: "ends", Schedule: "0 9 * * *", Next: []time.Time{}},
		{
			Zap: "other", Schedule: "CRON_TZ=Asia/Kolkata 30 9 * * MON", Was: "0 9 * * *", Zone: "Asia/Kolkata",
			Next: []time.Time{day(30, 4, 0), day(37, 4, 0), day(44, 4, 0)},
		},
		{Zap: "gone", Was: "0 9 * * *", Next: []time.Time{}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("runs (-want +got):\n%s", d)
	}
	if got, err := r.ReloadRuns(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("the same again: %+v, %v", got, err)
	}
}
