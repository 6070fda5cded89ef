package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/sandbox"
)

// people is a rig with a worksheet of three columns and some people in it, and a zap with extra
// trigger settings.
func people(t *testing.T, trigger string) *rig {
	t.Helper()
	text := strings.Replace(fromNow(eventZap("production")), "start: now", "start: now"+trigger, 1)
	r := newRig(t, map[string]string{"e": text})
	r.set(t, 1, 1, sandbox.Text("Email"), sandbox.Text("Score"), sandbox.Text("Name"))
	for i, name := range []string{"Asha", "Ben", "Chitra", "Deepak", "Esha", "Farid"} {
		r.appendTo(t, "Signups", append(pair(strings.ToLower(name)+"@example.com", i), sandbox.Text(name)))
	}
	r.poll(t, "e")
	return r
}

// TestTypedOverACopy: somebody duplicates a row and types over the copy, cell by cell, with a poll
// after each. The new person is sent once, after the row has not changed for a minute, and the old
// one is not sent again.
func TestTypedOverACopy(t *testing.T) {
	places := map[string]struct {
		copied int                    // sheet row
		insert func(*testing.T, *rig) // the copy
		row    int                    // where the new person is typed
	}{
		"below the last row": {copied: 4, row: 8, insert: func(t *testing.T, r *rig) {
			r.appendTo(t, "Signups", append(pair("chitra@example.com", 2), sandbox.Text("Chitra")))
		}},
		"below the original": {copied: 4, row: 5, insert: func(t *testing.T, r *rig) {
			if err := r.box.Sheets().Insert("book", "Signups", 5, append(pair("chitra@example.com", 2), sandbox.Text("Chitra"))); err != nil {
				t.Fatal(err)
			}
		}},
		"the original is typed over": {copied: 4, row: 4, insert: func(t *testing.T, r *rig) {
			if err := r.box.Sheets().Insert("book", "Signups", 5, append(pair("chitra@example.com", 2), sandbox.Text("Chitra"))); err != nil {
				t.Fatal(err)
			}
		}},
	}
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			r := people(t, "")
			clock := r.clocked()
			at := time.Duration(0)
			poll := func(want, when string) {
				t.Helper()
				at += 25 * time.Second
				clock.set(at)
				r.once(t)
				r.wants(t, "e", want, when)
			}
			place.insert(t, r)
			poll("w", "copied")
			copied := place.row
			if copied == place.copied {
				copied++
			}
			r.whys(t, "copied", map[int]string{copied: "waiting as e/1: copy of row 4: waits until unchanged for 1m0s"})
			r.set(t, place.row, 1, sandbox.Text("gita@example.com"))
			poll("w", "with another e-mail")
			r.set(t, place.row, 3, sandbox.Text("Gita"))
			poll("w", "and another name")
			r.whys(t, "typed over", map[int]string{
				place.row: "waiting as e/1: copy of another row: waits until unchanged for 1m0s",
			})
			poll("w", "25 s later")
			poll("w", "50 s later")
			poll("s", "75 s later")
			r.whys(t, "75 s later", map[int]string{place.row: "sent as e/1"})
			at += time.Hour
			poll("s", "an hour later")
			if got := r.sentTo(t); got != "gita@example.com" {
				t.Errorf("sent to %s", got)
			}
		})
	}
}

// TestACopyThatIsLeftAlone is sent, as it may be intended: after a minute, or at once if the zap
// file says so.
func TestACopyThatIsLeftAlone(t *testing.T) {
	for _, c := range []struct {
		trigger                 string
		once, after30, afterTwo string
	}{
		{"", "w", "w", "s"},
		{", settle: 0s", "s", "s", "s"},
		{", settle: 10s", "w", "s", "s"},
		{", settle: 90s", "w", "w", "s"},
	} {
		r := people(t, c.trigger)
		clock := r.clocked()
		r.appendTo(t, "Signups", append(pair("chitra@example.com", 2), sandbox.Text("Chitra")))
		r.once(t)
		r.wants(t, "e", c.once, c.trigger+": copied")
		clock.set(30 * time.Second)
		r.once(t)
		r.wants(t, "e", c.after30, c.trigger+": 30 s later")
		clock.set(2 * time.Minute)
		r.once(t)
		r.wants(t, "e", c.afterTwo, c.trigger+": 2 minutes later")
		if got := r.sentTo(t); got != "chitra@example.com" {
			t.Errorf("%s: sent to %q", c.trigger, got)
		}
	}
}

// TestRowsThatAreNewTogether do not wait: neither is a copy of an existing row.
func TestRowsThatAreNewTogether(t *testing.T) {
	r := people(t, "")
	row := append(pair("gita@example.com", 9), sandbox.Text("Gita"))
	r.appendTo(t, "Signups", row, row)
	r.once(t)
	r.wants(t, "e", "ss", "two alike")
}

// TestACopyIsLookedAtAgain: the poll that finds a copy requests another poll after the minute,
// regardless of the schedule.
func TestACopyIsLookedAtAgain(t *testing.T) {
	r := people(t, "")
	r.appendTo(t, "Signups", append(pair("chitra@example.com", 2), sandbox.Text("Chitra")))
	if got := r.poll(t, "e"); got.Again <= 0 || got.Again > time.Minute+time.Second {
		t.Errorf("%+v, want another poll within a minute", got)
	}
}

// TestSettledRowsGo: with settle, a row is sent once it has not changed for that long, even if
// nothing else in the sheet changes.
func TestSettledRowsGo(t *testing.T) {
	r := people(t, ", settle: 30s")
	clock := r.clocked()
	r.appendTo(t, "Signups", append(pair("gita@example.com", 9), sandbox.Text("Gita")))
	for _, step := range []struct {
		at   time.Duration
		want string
	}{{0, "w"}, {20 * time.Second, "w"}, {32 * time.Second, "s"}, {time.Minute, "s"}} {
		clock.set(step.at)
		r.once(t)
		r.wants(t, "e", step.want, step.at.String()+" later")
	}
}
