package ledger_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/row"
)

func TestCommitKeepsARowWhole(t *testing.T) {
	f := newFile(t)
	p := pollOf(1, "qw")
	p.Shadow = true
	p.New[1].Reason = "waits for Email"
	f.commit(signups, p)
	f.reopen()

	want := ledger.Delivery{
		Zap: signups, Number: 2, State: ledger.Waiting, Action: "Upload Event", Row: sheetRow(2), Header: header,
		Zone: "Asia/Kolkata", DetectedAt: noon, UpdatedAt: noon, Shadow: true, Reason: "waits for Email",
	}
	if d := diff(want, f.delivery(signups, 2)); d != "" {
		t.Errorf("delivery 2 (-want +got):\n%s", d)
	}
	wantZap := ledger.Zap{
		SpreadsheetID: "1abc", GID: 7, Title: "Signups", StartedAt: noon, Counts: ledger.Counts{Queued: 1, Waiting: 1},
		Stays: []ledger.Stay{{SpreadsheetID: "1abc", GID: 7, Named: "Signups", First: 1, Since: noon}},
	}
	if d := diff(wantZap, f.zap(signups)); d != "" {
		t.Errorf("zap (-want +got):\n%s", d)
	}
}

// A chunk has 1,000 deliveries and a segment 256. Polls of all sizes must fit across the
// boundaries.
func TestCommitsOfManySizesFitTogether(t *testing.T) {
	f := newFile(t)
	next, other := uint64(1), row.HeaderOf([]string{"E-mail", "Score", "Joined", ""})
	for i, size := range []int{1, 1, 62, 1, 63, 64, 255, 256, 257, 30, 1, 9, 1000, 3, 2500, 1} {
		p := pollOf(next, strings.Repeat("q", size))
		if i%3 == 2 {
			p.Header = other
		}
		f.commit(signups, p)
		next += uint64(size)
		got, err := f.NextDelivery(t.Context(), signups)
		must(t, err)
		if got != next {
			t.Fatalf("after %d rows NextDelivery is %d, want %d", size, got, next)
		}
	}
	ds, err := f.Queued(t.Context(), signups, 0, 0)
	must(t, err)
	if got, want := numbers(ds), upTo(1, next-1); !slices.Equal(got, want) {
		t.Fatalf("%d deliveries %v…, want 1 to %d", len(got), got[:min(5, len(got))], next-1)
	}
	for _, d := range ds {
		if diff := diff(sheetRow(d.Number), d.Row); diff != "" {
			t.Fatalf("row of delivery %d (-want +got):\n%s", d.Number, diff)
		}
	}
	if got := ds[2].Header.Names()[0]; got != "E-mail" {
		t.Errorf("delivery 3 has column %q, want that of its own poll", got)
	}
}

func TestCommitRefuses(t *testing.T) {
	tests := []struct {
		name string
		poll func(*ledger.Poll)
		want string
	}{
		{"a row like none", func(p *ledger.Poll) { p.New = newRows(4, "q"); p.New[0].LikeNew = 2 }, "is like new row 2 of 1"},
		{"a new row that is sent", func(p *ledger.Poll) { p.New = newRows(4, "q"); p.New[0].State = ledger.Sent }, "cannot be sent"},
		{"a new row of no state", func(p *ledger.Poll) { p.New = newRows(4, "q"); p.New[0].State = 0 }, "unknown state"},
		{"a cell of no kind", func(p *ledger.Poll) { p.New = newRows(4, "q"); p.New[0].Row.Cells[1].Kind = 99 }, "row 5, column B"},
		{"a change of an unknown delivery", func(p *ledger.Poll) { p.Changes = []ledger.Change{{Delivery: 4}} }, "signups/4"},
		{"a change to sent", func(p *ledger.Poll) { p.Changes = []ledger.Change{{Delivery: 1, State: ledger.Sent}} }, "cannot"},
	}
	f := newFile(t)
	f.commit(signups, pollOf(1, "qqq"))
	before := f.zap(signups)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := pollOf(4, "")
			p.Cursor = wholeCursor([][]byte{[]byte("moved on")})
			tt.poll(&p)
			_, err := f.Commit(t.Context(), signups, p)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), signups) {
				t.Fatalf("Commit: %v, want an error with %q that names the zap", err, tt.want)
			}
			if d := diff(before, f.zap(signups)); d != "" {
				t.Errorf("zap changed by a refused commit (-want +got):\n%s", d)
			}
			chunks, _, err := cursorOf(t.Context(), f.Ledger, signups, "1abc", 7)
			must(t, err)
			if got := string(chunks[0]); got != "up to 4" {
				t.Errorf("cursor %q, want it unchanged", got)
			}
		})
	}
	if _, err := f.Commit(t.Context(), "", pollOf(1, "q")); err == nil {
		t.Error("Commit to a zap without name: no error")
	}
}

func TestCursorsOfWorksheets(t *testing.T) {
	f := newFile(t)
	at := func(id string, gid int64, chunks ...string) {
		t.Helper()
		p := ledger.Poll{SpreadsheetID: id, GID: gid, Title: id, At: noon.Add(time.Duration(gid) * time.Hour)}
		var cursor [][]byte
		for _, c := range chunks {
			cursor = append(cursor, []byte(c))
		}
		p.Cursor = wholeCursor(cursor)
		f.commit(signups, p)
	}
	has := func(id string, gid int64, want string) {
		t.Helper()
		chunks, ok, err := cursorOf(t.Context(), f.Ledger, signups, id, gid)
		must(t, err)
		if got := string(bytes.Join(chunks, []byte(" "))); got != want || ok != (want != "") {
			t.Errorf("Cursor(%s, %d) = %q, %t; want %q", id, gid, got, ok, want)
		}
	}
	has("a", 1, "")
	at("a", 1, "x", "y", "z")
	at("a", 2, "two")
	at("a\x00", 1, "other")
	at("", 1, "nameless")
	has("a", 1, "x y z")
	at("a", 1, "x", "Y")
	has("a", 1, "x Y")
	at("a", 1) // a commit without a cursor, like that of a backfill
	has("a", 1, "x Y")
	f.reopen()
	has("a", 1, "x Y")
	has("a", 2, "two")
	has("a\x00", 1, "other")
	has("b", 1, "")
	if z := f.zap(signups); !z.StartedAt.Equal(noon.Add(time.Hour)) || z.SpreadsheetID != "a" || z.GID != 1 {
		t.Errorf("back at worksheet a/1 the zap is %+v, want a/1, started an hour after noon", z)
	}
}

func TestChanges(t *testing.T) {
	yes, no := true, false
	later := noon.Add(time.Hour)
	edited := row.Row{Number: 40, Cells: []row.Cell{row.TextCell("new@example.com")}}
	tests := []struct {
		name   string
		before string // letter of the row, or f(ailed), s(ent)
		change ledger.Change
		want   func(*ledger.Delivery)
	}{
		{"ready", "w", ledger.Change{Row: &edited, State: ledger.Queued}, func(d *ledger.Delivery) {
			d.State, d.Row, d.UpdatedAt, d.Reason = ledger.Queued, edited, later, ""
			d.Steps = []ledger.Step{{At: noon, State: ledger.Waiting, Text: "because"}, {At: later, State: ledger.Queued}}
		}},
		{"edited, still waiting", "w", ledger.Change{Row: &edited}, func(d *ledger.Delivery) { d.Row, d.UpdatedAt = edited, later }},
		{"waits for something else", "w", ledger.Change{Reason: "waits for Name"}, func(d *ledger.Delivery) { d.Reason, d.UpdatedAt = "waits for Name", later }},
		{"held and edited", "h", ledger.Change{Row: &edited}, func(d *ledger.Delivery) { d.Row, d.UpdatedAt = edited, later }},
		{"fixed", "f", ledger.Change{Row: &edited, State: ledger.Queued}, func(d *ledger.Delivery) {
			d.State, d.Row, d.UpdatedAt = ledger.Queued, edited, later
			d.Steps = []ledger.Step{{At: noon, State: ledger.Failed, Text: "512: no"}, {At: later, State: ledger.Queued}}
		}},
		{"queued rows are sent as found", "q", ledger.Change{Row: &edited, State: ledger.Held}, func(*ledger.Delivery) {}},
		{"sent rows stay", "s", ledger.Change{Row: &edited, State: ledger.Queued}, func(*ledger.Delivery) {}},
		{"deleted in the sheet", "s", ledger.Change{DeletedInSheet: &yes}, func(d *ledger.Delivery) { d.DeletedInSheet = true }},
		{"not deleted", "s", ledger.Change{DeletedInSheet: &no}, func(*ledger.Delivery) {}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFile(t)
			switch tt.before {
			case "f", "s":
				f.commit(signups, pollOf(1, "q"))
				o := ledger.Outcome{State: ledger.Failed, Problem: &ledger.Problem{Code: "512", Message: "no"}}
				if tt.before == "s" {
					o = ledger.Outcome{State: ledger.Sent}
				}
				must(t, f.Finish(t.Context(), signups, outcomes(o, 1), noon))
			default:
				p := pollOf(1, tt.before)
				p.New[0].Reason = "because"
				f.commit(signups, p)
			}
			want := f.delivery(signups, 1)
			found := ledger.AsFound{Row: want.Row, Header: want.Header}
			tt.change.Delivery = 1
			p := pollOf(2, "")
			p.Changes, p.At = []ledger.Change{tt.change}, later
			f.commit(signups, p)
			tt.want(&want)
			if want.Edited = want.Row.Number == edited.Number; want.Edited {
				want.AsFound = &found
			}
			f.reopen()
			if d := diff(want, f.delivery(signups, 1)); d != "" {
				t.Errorf("after %+v (-want +got):\n%s", tt.change, d)
			}
		})
	}
}

func TestPausedLasts(t *testing.T) {
	f := newFile(t)
	must(t, f.SetPaused(t.Context(), signups, true, "holidays", noon))
	f.commit("leads", pollOf(1, "q"))
	f.reopen()
	want := ledger.Zap{Paused: true, PausedReason: "holidays", PausedAt: noon}
	if d := diff(want, f.zap(signups)); d != "" {
		t.Errorf("paused zap (-want +got):\n%s", d)
	}
	must(t, f.SetPaused(t.Context(), signups, false, "", noon))
	if d := diff(ledger.Zap{}, f.zap(signups)); d != "" {
		t.Errorf("resumed zap (-want +got):\n%s", d)
	}
	zaps, err := f.Zaps(t.Context())
	must(t, err)
	if want := []string{"leads", signups}; !slices.Equal(zaps, want) {
		t.Errorf("Zaps: %v, want %v", zaps, want)
	}
	if _, ok, err := f.Zap(t.Context(), "never-heard-of"); ok || err != nil {
		t.Errorf("Zap of an unknown name: %t, %v; want false and no error", ok, err)
	}
}

func TestRename(t *testing.T) {
	f := newFile(t)
	f.commit(signups, pollOf(1, strings.Repeat("q", 1500)))
	must(t, f.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Failed}, 3), noon))
	f.commit("leads", pollOf(1, "q"))
	must(t, f.SetPaused(t.Context(), "webinar", true, "", noon))
	if err := f.Rename(t.Context(), signups, "leads"); !errors.Is(err, ledger.ErrExists) {
		t.Errorf("Rename onto a zap with rows: %v, want ErrExists", err)
	}
	if err := f.Rename(t.Context(), "nobody", "x"); !errors.Is(err, ledger.ErrUnknown) {
		t.Errorf("Rename of an unknown zap: %v, want ErrUnknown", err)
	}
	if err := f.Rename(t.Context(), signups, signups); !errors.Is(err, ledger.ErrExists) {
		t.Errorf("Rename to itself: %v, want ErrExists", err)
	}
	must(t, f.Rename(t.Context(), signups, "webinar"))
	f.reopen()
	if got := f.zap("webinar").Counts; got != (ledger.Counts{Queued: 1499, Failed: 1}) {
		t.Errorf("counts after renaming: %+v", got)
	}
	if d := f.delivery("webinar", 3); d.ID() != "webinar/3" || d.State != ledger.Failed {
		t.Errorf("delivery 3 after renaming is %s, %s", d.ID(), d.State)
	}
	ds, err := f.Queued(t.Context(), "webinar", 1400, 2)
	must(t, err)
	if got := numbers(ds); !slices.Equal(got, []uint64{1400, 1401}) {
		t.Errorf("queue after renaming: %v", got)
	}
	if _, ok, _ := f.Zap(t.Context(), signups); ok {
		t.Error("the old name is still known")
	}
}
