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

// statusEvery is how often the line that `systemctl status` shows is made anew.
const statusEvery = 10 * time.Second

// supervisor tells systemd how the daemon fares, where systemd listens (https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html).
// All of it works with Type=notify and with notify-reload.
type supervisor struct {
	log      *zap.Logger
	watchdog time.Duration // longest time between two pings; 0: systemd does not watch
	pinged   time.Time     // belongs to the scheduler's loop
}

func newSupervisor() *supervisor {
	s := &supervisor{log: zap.NewNop()}
	// An error says that WATCHDOG_USEC is no number: nobody watches then.
	if every, err := sd.SdWatchdogEnabled(false); err == nil {
		s.watchdog = every
	}
	return s
}

// pulseEvery is how often the scheduler's loop must go round at least: twice in the time after which systemd takes it for dead.
func (s *supervisor) pulseEvery() time.Duration { return s.watchdog / 2 }

// pulse is called by the scheduler's loop: no ping comes from anywhere else, so that systemd restarts a daemon whose scheduler hangs.
func (s *supervisor) pulse() {
	if s.watchdog == 0 || time.Since(s.pinged) < s.watchdog/4 { // a busy loop goes round hundreds of times a second
		return
	}
	s.pinged = time.Now()
	s.tell(sd.SdNotifyWatchdog)
}

func (s *supervisor) ready(ctx context.Context, e *engine.Engine) {
	s.tell(sd.SdNotifyReady + "\n" + s.status(ctx, e))
}

// standingBy tells that the daemon has started, as a standby.
func (s *supervisor) standingBy(who string) {
	s.tell(sd.SdNotifyReady + "\nSTATUS=standing by: " + strings.ReplaceAll(who, "\n", " "))
}

// waiting has systemd wait longer for the start than the unit says, which it would end otherwise, and try again.
func (s *supervisor) waiting(status string) {
	s.tell(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d\nSTATUS=%s", stateExtends.Microseconds(), status))
}

func (s *supervisor) reloading() {
	s.tell(sd.SdNotifyReloading + "\n" + sd.SdNotifyMonotonicUsec()) // notify-reload times out without the time
}

func (s *supervisor) stopping() {
	s.tell(sd.SdNotifyStopping + "\nSTATUS=stopping: uploads under way finish")
}

// run keeps the status line true until ctx ends.
func (s *supervisor) run(ctx context.Context, e *engine.Engine) error {
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	told := ""
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if now := s.status(ctx, e); now != told && ctx.Err() == nil {
			s.tell(now)
			told = now
		}
	}
}

// status is the daemon in one line.
func (s *supervisor) status(ctx context.Context, e *engine.Engine) string {
	st, err := e.Status(ctx)
	if err != nil {
		return "STATUS=the state file does not respond: " + strings.ReplaceAll(err.Error(), "\n", " ")
	}
	return "STATUS=" + statusLine(st.Zaps)
}

// statusLine sums zaps up: how many there are, and what of them is not as usual.
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

// tell tells systemd, where it listens.
func (s *supervisor) tell(state string) {
	if _, err := sd.SdNotify(false, state); err != nil {
		first, _, _ := strings.Cut(state, "\n")
		s.log.Warn("systemd was not told "+first, zap.Error(err))
	}
}
