package engine

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/sandbox"
)

// repeatsZap is a zap with the key Email. Rows with Score 9 are filtered, rows whose score is no
// number fail, and rows without a score wait.
const repeatsZap = `enabled: true
schedule: "@every 1h"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: book, worksheet: Signups,
  start: now, key: [Email], repeats: %s, require: [Email, Score], settle: 0s, max_new_rows: 3}
filter: string(row["Score"]) != "9"
action:
  app: clevertap
  event: upload_event
  event_name: Signup
  account: production
  identity: "{{Email}}"
  properties: {Score: {value: "{{Score}}", type: number}}
`

// repeatsScript runs steps on a zap e, one a line or separated by semicolons:
//
//	add EMAIL SCORE …   append rows; - is a blank cell
//	set ROW EMAIL SCORE  write a row
//	insert ROW EMAIL SCORE
//	delete ROW
//	send                poll, then send what is queued
//	poll                only poll
//	mode MODE           change repeats:, or: shadow, live
//	wait DURATION       the clock goes on
//	want STATES         of all deliveries
//	release, replay, replay N, again N, discard N, backfill, prune
//	count N             the number of the last of these
//	repeats N           how many of its rows were repeats
//	why ROW TEXT
func repeatsScript(t *testing.T, mode, script string) *rig {
	t.Helper()
	text := fmt.Sprintf(repeatsZap, mode)
	r := newRig(t, map[string]string{"e": text})
	clock, shift := r.clocked(), time.Duration(0)
	cell := func(s string) sandbox.Value { return sandbox.Parse(strings.TrimPrefix(s, "-")) }
	var done Done
	ids := func(args []string) []string {
		var list []string
		for _, n := range args {
			list = append(list, "e/"+n)
		}
		return list
	}
	act := func(a Action, sel Selection) (err error) {
		if len(sel.IDs) == 0 {
			sel.Zap = "e"
		}
		done, err = r.Act(t.Context(), a, sel)
		return err
	}
	for _, line := range strings.FieldsFunc(script, func(c rune) bool { return c == '\n' || c == ';' }) {
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		args := strings.Fields(rest)
		number := func() int {
			n, err := strconv.Atoi(args[0])
			if err != nil {
				t.Fatal(line, err)
			}
			return n
		}
		var err error
		switch verb {
		case "":
		case "add":
			for i := 0; i < len(args); i += 2 {
				_, e := r.box.Sheets().Append("book", "Signups", []sandbox.Value{cell(args[i]), cell(args[i+1])})
				err = errors.Join(err, e)
			}
		case "set":
			r.set(t, number(), 1, cell(args[1]), cell(args[2]))
		case "insert":
			err = r.box.Sheets().Insert("book", "Signups", number(), []sandbox.Value{cell(args[1]), cell(args[2])})
		case "delete":
			r.remove(t, number(), number())
		case "send":
			r.poll(t, "e")
			r.once(t)
		case "poll":
			r.poll(t, "e")
		case "mode":
			switch rest {
			case "shadow":
				text += "shadow: true\n"
			case "live":
				text = strings.Replace(text, "shadow: true\n", "", 1)
			default:
				text = strings.Replace(text, "repeats: "+mode, "repeats: "+rest, 1)
				mode = rest
			}
			r.write(t, "e", text)
		case "wait":
			d, e := time.ParseDuration(rest)
			shift += d
			clock.set(shift)
			err = e
		case "want":
			r.wants(t, "e", rest, "at the end of: "+script)
		case "release":
			err = act(Release, Selection{IDs: ids(args)})
		case "replay":
			err = act(Replay, Selection{IDs: ids(args)})
		case "again":
			err = act(Replay, Selection{IDs: ids(args), Again: true})
		case "discard":
			err = act(Discard, Selection{IDs: ids(args)})
		case "backfill":
			b := r.backfill(t, "e", "", false)
			done = Done{Count: b.Queued, Repeats: b.SameKey}
		case "prune":
			_, err = r.ledger.Prune(t.Context(), r.now(), 100)
		case "count":
			if done.Count != number() {
				t.Errorf("%s: %+v", line, done)
			}
		case "repeats":
			if done.Repeats != number() {
				t.Errorf("%s: %+v", line, done)
			}
		case "why":
			row, reason, _ := strings.Cut(rest, " ")
			n, _ := strconv.Atoi(row)
			if w, e := r.Why(t.Context(), "e", n); e != nil || w.Reason != reason {
				t.Errorf("why row %d: %q, %v, want %q", n, w.Reason, e, reason)
			}
		default:
			t.Fatalf("unknown step %q", line)
		}
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	if wrong, err := r.ledger.Check(t.Context()); err != nil || len(wrong) > 0 {
		t.Errorf("check: %v, %v", wrong, err)
	}
	return r
}

func TestRepeatsSkip(t *testing.T) {
	for _, tt := range []struct{ name, script string }{
		{"a second row with a key is skipped", `
			send; add a@x.in 1; send; add a@x.in 2; add b@x.in 3; send; want sks
			why 3 skipped as e/2: repeats the key of e/1`},
		{"a row that was there at the start takes its key", `
			add a@x.in 1; send; add a@x.in 2; send; want k; why 3 skipped as e/1: repeats the key of a row that was there at the start`},
		{"a row that waited at the start does not", `add a@x.in -; send; add a@x.in 2; send; want s; set 2 a@x.in 5; send; want sk`},
		{"a queued row takes its key", `send; add a@x.in 1; poll; add a@x.in 2; poll; want qk`},
		{"deleting the first row frees no key", `add z@x.in 0; send; add a@x.in 1; send; delete 3; send; wait 30h; send; add a@x.in 7; send; want sk`},
		{"an undone deletion is the same row", `add z@x.in 0; send; add a@x.in 1; send; delete 3; send; add a@x.in 1; send; want s`},
		{"editing the first row's key frees none", `
			send; add a@x.in 1; send; set 2 b@x.in 1; send; want ss; add a@x.in 2 b@x.in 3; send; want sskk`},
		{"editing the first row frees no key", `send; add a@x.in 1; send; set 2 a@x.in 5; send; add a@x.in 1; send; want sk`},
		{"editing the key of a row of the start frees none", `add a@x.in 1; send; set 2 b@x.in 1; send; want s; add b@x.in 3 a@x.in 4; send; want skk`},
		{"a respelt key is taken, too", `
			add z@x.in 0; send; add a-b@x.in 1; send; set 3 ab@x.in 1; send; want s; add ab@x.in 2 a-b@x.in 3; send; want skk; delete 3; send; wait 30h; send
			add ab@x.in 4; send; want skkk`},
		{"moving the first row frees no key", `send; add a@x.in 1 b@x.in 2; send; delete 2; add a@x.in 1; send; want ss; add a@x.in 5; send; want ssk`},
		{"of several found together the first is sent", `send; add a@x.in 1 a@x.in 2 a@x.in 3; send; want skk`},
		{"of several found together the first that is ready is sent", `
			send; add a@x.in - a@x.in 2; send; want ws; set 2 a@x.in 3; send; want ks
			why 2 skipped as e/1: repeats the key of e/2`},
		{"a waiting row whose key is corrected is judged anew", `
			send; add a@x.in 1; send; add a@x.in -; send; want sw; set 3 b@x.in 4; send; want sws; wait 30h; send; want sds`},
		{"a failed row takes none, and is judged when its cell is corrected", `
			send; add a@x.in x; send; want f; add a@x.in 2; send; want fs; set 2 a@x.in 3; send; want ks`},
		{"a corrected row whose key is free is sent", `send; add a@x.in x; send; set 2 a@x.in 3; send; want s; add a@x.in 4; send; want sk`},
		{"a replay judges again", `send; add a@x.in x; send; add a@x.in 2; send; want fs; replay; count 0; repeats 1; want ks`},
		{"a replay of the row that took the key", `send; add a@x.in 1; send; again 1; count 1; want q; send; want s`},
		{"a sent row that fails when replayed keeps its key", `send; add a@x.in 1; send; again 1; add a@x.in 2; send; want sk`},
		{"a filtered row takes none", `send; add a@x.in 9; send; want k; add a@x.in 1; send; want ks; add a@x.in 2; send; want ksk`},
		{"a discarded row takes none", `send; add a@x.in x; send; discard 1; want d; add a@x.in 1; send; want ds`},
		{"a validated row takes none", `mode shadow; send; add a@x.in 1; send; want v; mode live; add a@x.in 2; send; want vs; add a@x.in 3; send; want vsk`},
		{"a held row takes none, and releasing a flood judges again", `
			send; add a@x.in 1 b@x.in 2 c@x.in 3 c@x.in 4; send; want hhhh; add a@x.in 5; send; want hhhhs
			release; count 2; repeats 2; want kqqks`},
		{"replaying a repeat sends it", `send; add a@x.in 1; send; add a@x.in 2; send; want sk; replay; count 0; replay 2; count 1; want sq; send; want ss`},
		{"of old rows with one key a backfill sends the first", `
			add a@x.in 1 a@x.in 2 b@x.in 3; send; backfill; count 2; repeats 1; want qq; send; want ss; backfill; count 0; repeats 1
			add a@x.in 5; send; want ssk`},
		{"a backfill passes over rows of a key that was sent", `
			add a@x.in 1 b@x.in 2; send; add a@x.in 3; send; want k; replay 1; send; want s; backfill; count 1; repeats 1; want sq`},
		{"a backfill sends a row of a key whose row failed", `
			add a@x.in 1; send; add a@x.in x; send; want k; replay 1; send; want f; backfill; count 1; repeats 0; want fq`},
		{"a backfilled row does not count against itself", `add a@x.in 1; send; backfill; send; want s; again 1; count 1; repeats 0`},
		{"a key stays taken when the history ends", `send; add a@x.in 1; send; wait 24h; prune; want ; add a@x.in 2; send; want k`},
		{"a row that was never sent frees its key when the history ends", `
			send; add a@x.in 9; send; want k; wait 24h; prune; add a@x.in 2; send; want s`},
		{"letter case does not make another key", `send; add a@x.in 1; send; add A@X.in 2; send; want sk`},
		{"rows sent before repeats was set", `
			mode hold; add s@x.in 1; send; add a@x.in 1 b@x.in x g@x.in 2; send; want sfs; delete 5; send; mode skip
			add a@x.in 2 b@x.in 3; send; want sfsks; add g@x.in 4 s@x.in 5; send; want sfskskk`},
	} {
		t.Run(tt.name, func(t *testing.T) { repeatsScript(t, "skip", tt.script) })
	}
}

func TestRepeatsSend(t *testing.T) {
	for _, tt := range []struct{ name, script string }{
		{"a second row with a key is sent", `send; add a@x.in 1; send; add a@x.in 2; send; want ss; add a@x.in 3; send; want sss`},
		{"several found together are sent", `send; add a@x.in 1 a@x.in 2; send; want ss`},
		{"the first edited and another inserted above it", `
			send; add a@x.in 1; send; set 2 a@x.in 5; insert 2 a@x.in 7; send; want sh
			why 3 held as e/2: has the same key as row 2, and one of them is an earlier row, edited; release; count 1; want sq`},
		{"an edit is no new row", `send; add a@x.in 1; send; set 2 a@x.in 5; send; want s`},
		{"an undone deletion is the same row", `add z@x.in 0; send; add a@x.in 1; send; delete 3; send; add a@x.in 1; send; want s`},
		{"a row that may be the one deleted within a day, edited", `add z@x.in 0; send; add a@x.in 1; send; delete 3; send; add a@x.in 2; send; want sh`},
		{"a row deleted long ago", `add z@x.in 0; send; add a@x.in 1; send; delete 3; send; wait 30h; send; add a@x.in 1; send; want ss`},
	} {
		t.Run(tt.name, func(t *testing.T) { repeatsScript(t, "send", tt.script) })
	}
}

func TestRepeatsHold(t *testing.T) {
	for _, tt := range []struct{ name, script string }{
		{"a second row with a key that is there is held", `send; add a@x.in 1; send; add a@x.in 2; send; want sh; release; count 1; repeats 0; want sq`},
		{"a key that returns is the row that had it", `add z@x.in 0; send; add a@x.in 1; send; delete 3; send; wait 30h; send; add a@x.in 2; send; want s`},
		{"a repeat that was held is sent when released, after repeats: skip, too", `
			send; add a@x.in 1; send; add a@x.in 2; send; want sh; mode skip; add b@x.in 3; send; want shs; release; count 1; want sqs`},
	} {
		t.Run(tt.name, func(t *testing.T) { repeatsScript(t, "hold", tt.script) })
	}
}

// TestARowOfSeveralActionsRepeatsNotItself: its deliveries for further actions are the same row.
func TestARowOfSeveralActionsRepeatsNotItself(t *testing.T) {
	head, action, _ := strings.Cut(fmt.Sprintf(repeatsZap, "skip"), "action:\n")
	plain := strings.Replace(action, `{Score: {value: "{{Score}}", type: number}}`, "{}", 1)
	list := func(action string) string {
		return "  -" + strings.ReplaceAll(strings.TrimRight(action, "\n"), "\n", "\n  ")[1:] + "\n"
	}
	r := newRig(t, map[string]string{"e": head + "actions:\n" + list(plain) + list(action)})
	r.poll(t, "e")
	r.append(t, [2]string{"a@x.in", "x"})
	r.once(t)
	r.wants(t, "e", "sf", "a score that is no number")
	r.set(t, 2, 2, sandbox.Number(3))
	r.once(t)
	r.wants(t, "e", "ss", "corrected")
	r.append(t, [2]string{"a@x.in", "4"})
	r.once(t)
	r.wants(t, "e", "ssk", "another row of the key")
	if done, err := r.Act(t.Context(), Replay, Selection{IDs: []string{"e/2"}, Again: true}); err != nil || done.Count != 1 {
		t.Errorf("%+v, %v", done, err)
	}
}
