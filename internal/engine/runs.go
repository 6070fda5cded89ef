package engine

import (
	"time"

	"github.com/rowtap/rowtap/internal/plan"
)

// Runs are the next runs of a zap whose schedule a reload has changed.
type Runs struct {
	Zap      string      `json:"zap"`
	Schedule string      `json:"schedule"`       // "" if the zap was removed
	Was      string      `json:"was,omitempty"`  // the schedule before; "": it is the same, or the zap did not run
	Zone     string      `json:"zone,omitempty"` // of the schedule, an IANA name
	Next     []time.Time `json:"next"`           // the next three, without jitter; none if the zap is disabled or was removed
}

// nextRuns returns the zaps whose runs differ between two plans: zaps that were added, removed,
// enabled or disabled, and those with another schedule.
func nextRuns(before, after *plan.Plan, now time.Time) []Runs {
	changed := []Runs{}
	for _, r := range after.Recipes {
		old := before.Recipe(r.Name)
		runs := Runs{Zap: r.Name, Schedule: r.Schedule.Text, Next: []time.Time{}}
		ran := old != nil && old.Enabled
		if ran && old.Schedule.Text != r.Schedule.Text {
			runs.Was = old.Schedule.Text
		}
		if ran == r.Enabled && runs.Was == "" || !ran && !r.Enabled {
			continue
		}
		if r.Enabled {
			runs.Zone = r.Schedule.Zone().String()
			for next := r.Schedule.Cron.Next(now); len(runs.Next) < 3 && !next.IsZero(); next = r.Schedule.Cron.Next(next) {
				runs.Next = append(runs.Next, next.UTC())
			}
		}
		changed = append(changed, runs)
	}
	for _, r := range before.Recipes {
		if r.Enabled && after.Recipe(r.Name) == nil {
			changed = append(changed, Runs{Zap: r.Name, Was: r.Schedule.Text, Next: []time.Time{}})
		}
	}
	return changed
}
