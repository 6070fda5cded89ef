package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/engine"
)

// period is the value of the flags --since and --until.
type period struct{ since, until string }

// addFlags adds the flags; what begins their descriptions.
func (p *period) addFlags(cmd *cobra.Command, what string) {
	const kinds = ": a date (2026-11-24, local time), a duration (7d, 36h) or a time in RFC 3339"
	cmd.Flags().StringVar(&p.since, "since", "", what+" updated at or after this `TIME`"+kinds)
	cmd.Flags().StringVar(&p.until, "until", "", what+" updated before this `TIME`")
}

// times returns the times of the flags, zero if they are not set.
func (p period) times() (since, until time.Time, err error) {
	return engine.ParsePeriod(p.since, p.until, time.Now())
}

// formatTime formats a time for a request; "" if it is zero.
func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}
