package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/quantity"
)

// statusEvery is how often the line that `systemctl status` shows is updated, apart from reloads.
const statusEvery = 10 * time.Second

// supervisor reports the daemon's state to systemd, if systemd started it
// (https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html).
type supervisor struct {
	log      *zap.Logger
	watchdog time.Duration // maximum time between two pings; 0: no watchdog
	pinged   time.Time     // used by the scheduler's loop only
	loaded   chan struct{} // has an element after a reload
}

func newSupervisor() *supervisor {
	s := &supervisor{log: zap.NewNop(), loaded: make(chan struct{}, 1)}
	// An error means that WATCHDOG_USEC is not a number: then there is no watchdog.
	if every, err := sd.SdWatchdogEnabled(false); err == nil {
		s.watchdog = every
	}
	return s
}

// pulseEvery returns the maximum time between two iterations of the scheduler's loop: half of the
// watchdog's time.
func (s *supervisor) pulseEvery() time.Duration { return s.watchdog / 2 }

// beat returns how often an unready daemon, which has no scheduler, calls pulse.
func (s *supervisor) beat() time.Duration {
	if s.watchdog == 0 {
		return time.Minute
	}
	return s.watchdog / 4
}

// pulse pings the watchdog. Only the scheduler's loop calls it, so that systemd restarts a daemon
// whose scheduler hangs.
func (s *supervisor) pulse() {
	// A busy loop has hundreds of iterations per second.
	if s.watchdog == 0 || time.Since(s.pinged) < s.watchdog/4 {
		return
	}
	s.pinged = time.Now()
	s.tell(sd.SdNotifyWatchdog)
}

func (s *supervisor) ready(ctx context.Context, e *engine.Engine) {
	s.tell(sd.SdNotifyReady + "\n" + s.status(ctx, e))
}

// unready reports that the daemon runs, and waits for a valid configuration.
func (s *supervisor) unready(r *engine.Refusal) {
	s.tell(sd.SdNotifyReady + "\nSTATUS=" + engine.ConfigurationRefused + ", nothing is polled or sent: " + r.Summary())
}

// standingBy reports that the daemon has started, as a standby.
func (s *supervisor) standingBy(who string) {
	s.tell(sd.SdNotifyReady + "\nSTATUS=standing by: " + strings.ReplaceAll(who, "\n", " "))
}

// waiting extends the start timeout of the unit.
func (s *supervisor) waiting(status string) {
	s.tell(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d\nSTATUS=%s", stateExtends.Microseconds(), status))
}

func (s *supervisor) reloading() {
	s.tell(sd.SdNotifyReloading + "\n" + sd.SdNotifyMonotonicUsec()) // notify-reload times out without the time
}

func (s *supervisor) stopping() {
	s.tell(sd.SdNotifyStopping + "\nSTATUS=stopping: waiting for uploads in flight")
}

// reloaded has run update the status line, which says whether the configuration is refused.
func (s *supervisor) reloaded() {
	select {
	case s.loaded <- struct{}{}:
	default:
	}
}

// run keeps the status line up to date until ctx is done.
func (s *supervisor) run(ctx context.Context, e *engine.Engine) error {
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	told := ""
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-s.loaded:
		}
		if now := s.status(ctx, e); now != told && ctx.Err() == nil {
			s.tell(now)
			told = now
		}
	}
}

// status returns the daemon's status as one line.
func (s *supervisor) status(ctx context.Context, e *engine.Engine) string {
	st, err := e.Status(ctx)
	if err != nil {
		return "STATUS=the state file does not respond: " + strings.ReplaceAll(err.Error(), "\n", " ")
	}
	line := statusLine(st.Zaps)
	if st.Refused != nil {
		line = engine.ConfigurationRefused + ", the previous one is in force (rowtap status); " + line
	}
	return "STATUS=" + line
}

// statusLine summarizes zaps: their number, and what needs attention.
func statusLine(zaps []engine.ZapStatus) string {
	var queued, failed, held int64
	states := map[engine.ZapState]int64{}
	for _, z := range zaps {
		states[z.State]++
		queued, failed, held = queued+z.Queued, failed+z.Failed, held+z.Held
	}
	var line strings.Builder
	line.WriteString(quantity.Count(len(zaps), "zap"))
	more := func(n int64, what string) {
		if n > 0 {
			fmt.Fprintf(&line, ", %d %s", n, what)
		}
	}
	for _, state := range []engine.ZapState{engine.NeedsHand, engine.Paused, engine.NotEnabled} {
		more(states[state], string(state))
	}
	line.WriteString("; " + quantity.Count(queued, "row") + " queued")
	more(failed, "failed")
	more(held, "held")
	return line.String()
}

// tell sends a notification to systemd, if there is one.
func (s *supervisor) tell(state string) {
	if _, err := sd.SdNotify(false, state); err != nil {
		first, _, _ := strings.Cut(state, "\n")
		s.log.Warn("systemd not notified", zap.String("notification", first), zap.Error(err))
	}
}
