package ledger_test

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/row"
)

// model is what a ledger is compared with: plain maps, changed by the same calls.
type model struct {
	t    *rapid.T
	path string
	l    *ledger.Ledger
	now  time.Time

	zaps   map[string]*modelZap
	listed []string // IDs of deliveries in the order of detection, including pruned ones

	mapping uint64 // version of the identities that are made
	jumps   bool   // the clock sometimes advances by days

	mirror *memory // nil: the file is the state
	copied *file   // with a mirror: a cache that follows it
}

type modelZap struct {
	ledger.Zap
	next       uint64
	deliveries map[uint64]*ledger.Delivery
	outcomes   map[uint64]outcome  // of rows, by their last deliveries
	cursors    map[string][][]byte // by worksheet
	sent       map[uint64]ledger.SentRecord
	started    map[string]time.Time
}

func TestTheLedgerIsLikeItsModel(t *testing.T) {
	dir := t.TempDir()
	files := 0
	check(t, 15, func(t *rapid.T) {
		files++
		m := &model{t: t, path: filepath.Join(dir, fmt.Sprintf("%d.db", files)), now: noon, zaps: map[string]*modelZap{}}
		m.open()
		m.beginAt(995)
		t.Repeat(map[string]func(*rapid.T){
			"commit": m.commit, "change": m.change, "start": m.start, "finish": m.finish, "move": m.move,
			"keep": m.keep, "pause": m.pause, "prune": m.prune, "index": m.index, "remap": m.remap, "rename": m.rename, "reopen": m.reopen, "crash": m.crash,
			"compact": m.compact, "restore": m.restore, "": m.compare,
		})
		must(t, m.l.Close())
		must(t, os.Remove(m.path))
	})
}

func (m *model) open() {
	if m.mirror != nil {
		m.l = m.mirror.active(m.t, m.path)
		return
	}
	var err error
	m.l, err = ledger.Open(ledger.Options{Path: m.path})
	must(m.t, err)
}

func (m *model) reopen(*rapid.T) {
	must(m.t, m.l.Close())
	m.open()
}

// crash continues with the file as it is on the disk while it is open, as after a kill.
func (m *model) crash(*rapid.T) {
	content, err := os.ReadFile(m.path)
	must(m.t, err)
	must(m.t, m.l.Close())
	m.path += "x"
	must(m.t, os.WriteFile(m.path, content, 0o600))
	m.open()
}

// compact replaces the file with a copy without free space.
func (m *model) compact(*rapid.T) {
	must(m.t, m.l.Close())
	_, _, err := ledger.Compact(m.t.Context(), m.path)
	must(m.t, err)
	m.open()
}

// restore replaces the file with a backup of it, and resumes its zaps.
func (m *model) restore(*rapid.T) {
	backup := m.path + ".backup"
	_, zaps, err := ledger.SaveBackup(m.t.Context(), backup, true, m.now, func(w io.Writer) error { _, err := m.l.Backup(m.t.Context(), w); return err })
	must(m.t, err)
	must(m.t, m.l.Close())
	_, err = ledger.Restore(m.t.Context(), m.path, backup, m.now)
	must(m.t, err)
	m.open()
	for _, name := range zaps {
		must(m.t, m.l.SetPaused(m.t.Context(), name, false, "", m.now))
		z := m.zap(name)
		z.Paused, z.PausedReason, z.PausedAt = false, "", time.Time{}
	}
}

// later advances the clock, rarely sets it back, and returns the time.
func (m *model) later() time.Time {
	m.now = m.now.Add(time.Duration(rapid.IntRange(-1, 5).Draw(m.t, "minutes")) * time.Minute)
	if m.jumps && rapid.IntRange(0, 2).Draw(m.t, "jump") == 0 {
		m.now = m.now.Add(time.Duration(rapid.IntRange(1, 200).Draw(m.t, "hours")) * time.Hour)
	}
	return m.now
}

func (m *model) name() string { return rapid.SampledFrom([]string{"a", "b"}).Draw(m.t, "zap") }

func (m *model) zap(name string) *modelZap {
	z := m.zaps[name]
	if z == nil {
		z = &modelZap{next: 1, deliveries: map[uint64]*ledger.Delivery{}, sent: map[uint64]ledger.SentRecord{}, outcomes: map[uint64]outcome{}, cursors: map[string][][]byte{}, started: map[string]time.Time{}}
		m.zaps[name] = z
	}
	return z
}

func (z *modelZap) count(s ledger.State) *int64 {
	return map[ledger.State]*int64{
		ledger.Waiting: &z.Counts.Waiting, ledger.Queued: &z.Counts.Queued, ledger.Sent: &z.Counts.Sent, ledger.Skipped: &z.Counts.Skipped,
		ledger.Failed: &z.Counts.Failed, ledger.Held: &z.Counts.Held, ledger.Discarded: &z.Counts.Discarded,
		ledger.Validated: &z.Counts.Validated,
	}[s]
}

// outcome is the outcome of a row in an hour.
type outcome struct {
	state ledger.State
	hour  time.Time
}

// tally records the outcome of a delivery's row.
func (z *modelZap) tally(n uint64, s ledger.State, at time.Time) {
	z.outcomes[n] = outcome{s, at.Truncate(time.Hour)}
}

func (z *modelZap) hours() (all []ledger.Hour) {
	hours := map[time.Time]*ledger.Hour{}
	for _, o := range z.outcomes {
		h := cmp.Or(hours[o.hour], &ledger.Hour{At: o.hour})
		count := map[ledger.State]*int64{ledger.Sent: &h.Sent, ledger.Validated: &h.Validated, ledger.Skipped: &h.Skipped, ledger.Failed: &h.Failed, ledger.Held: &h.Held}[o.state]
		if count != nil {
			*count++
			hours[o.hour] = h
		}
	}
	for _, h := range hours {
		all = append(all, *h)
	}
	slices.SortFunc(all, func(a, b ledger.Hour) int { return a.At.Compare(b.At) })
	return all
}

// step records an event of a delivery. Only so many are kept.
func step(d *ledger.Delivery, at time.Time, to ledger.State, text string) {
	add := func(s ledger.Step) {
		if d.Steps = append(d.Steps, s); len(d.Steps) > 16 {
			d.Steps = slices.Delete(d.Steps, 1, 2)
		}
	}
	if last := len(d.Steps) - 1; d.State != ledger.Queued && (last < 0 || d.Steps[last].State != d.State) {
		since := map[bool]time.Time{true: d.DetectedAt, false: d.UpdatedAt}[d.State == ledger.Waiting || d.State == ledger.Held]
		add(ledger.Step{At: since, State: d.State, Text: d.Reason})
	}
	add(ledger.Step{At: at, State: to, Text: text})
}

func (z *modelZap) move(d *ledger.Delivery, to ledger.State, at time.Time) {
	if d.State != to && d.Next == 0 {
		z.tally(d.Number, to, at)
	}
	*z.count(d.State)--
	*z.count(to)++
	d.State = to
}

// some returns deliveries of a zap that match fn.
func (m *model) some(z *modelZap, fn func(*ledger.Delivery) bool) []*ledger.Delivery {
	var all []*ledger.Delivery
	for _, n := range slices.Sorted(maps.Keys(z.deliveries)) {
		if d := z.deliveries[n]; fn(d) {
			all = append(all, d)
		}
	}
	if len(all) == 0 {
		m.t.Skip("no delivery matches")
	}
	from := rapid.IntRange(0, len(all)-1).Draw(m.t, "from")
	return all[from : from+rapid.IntRange(1, len(all)-from).Draw(m.t, "number of them")]
}

func (m *model) drawRow(number int) row.Row {
	cell := rapid.SampledFrom([]row.Cell{{}, row.TextCell("a@b.c"), row.NumberCell(2.5), row.BoolCell(false), row.DateCell(46000)})
	return row.Row{Number: number, Cells: rapid.SliceOfN(cell, 0, 3).Draw(m.t, "cells")}
}

func (m *model) drawPoll() ledger.Poll {
	p := ledger.Poll{
		SpreadsheetID: "s", GID: int64(rapid.IntRange(0, 1).Draw(m.t, "gid")), Title: rapid.SampledFrom([]string{"T", "U"}).Draw(m.t, "title"),
		Header: rapid.SampledFrom([]row.Header{header, row.HeaderOf([]string{"E", ""})}).Draw(m.t, "header"), Zone: "UTC", Action: "profile",
		Shadow: rapid.Bool().Draw(m.t, "shadow"), At: m.later(),
	}
	var chunks [][]byte
	for range rapid.IntRange(0, 3).Draw(m.t, "chunks") {
		chunks = append(chunks, []byte(rapid.StringN(0, 4, -1).Draw(m.t, "chunk")))
	}
	p.Cursor = func(first uint64) ledger.CursorUpdate {
		linked := slices.Clone(chunks)
		if len(linked) > 0 {
			linked[0] = fmt.Appendf(nil, "%s, from %d on", linked[0], first)
		}
		return wholeCursor(linked)(first)
	}
	return p
}

// beginAt makes zap a start near a delivery number, so that few rows reach the end of a chunk.
func (m *model) beginAt(n uint64) {
	p := ledger.Poll{At: noon.Add(-time.Hour)}
	for range n {
		p.New = append(p.New, ledger.NewRow{State: ledger.Skipped})
	}
	commit(m.t, m.l, "a", p)
	removed, err := m.l.Prune(m.t.Context(), noon, int(n))
	must(m.t, err)
	if removed != int(n) {
		m.t.Fatalf("pruned %d of %d skipped rows", removed, n)
	}
	z := m.zap("a")
	z.next, z.Counts.Skipped = n+1, int64(n)
	for i := range n {
		z.tally(i+1, ledger.Skipped, p.At)
	}
}

func (m *model) commit(*rapid.T) {
	n := rapid.OneOf(rapid.IntRange(0, 4), rapid.Just(62)).Draw(m.t, "rows")
	name, p := m.name(), m.drawPoll()
	z := m.zap(name)
	r := m.drawRow(2)
	states := rapid.SliceOfN(rapid.SampledFrom([]ledger.State{ledger.Waiting, ledger.Queued, ledger.Held, ledger.Skipped}), 1, 3).Draw(m.t, "states")
	for i := range n {
		r.Number++
		p.New = append(p.New, ledger.NewRow{Row: r, State: states[i%len(states)], Reason: "why"})
		if p.New[i].Like = uint64(i % 2); i%3 == 2 {
			p.New[i].Like, p.New[i].LikeNew = 0, i
		}
	}
	first := commit(m.t, m.l, name, p)
	if n > 0 && first != z.next {
		m.t.Fatalf("Commit to %s = %d, want %d", name, first, z.next)
	}
	m.keepCursor(z, p)
	var found []*ledger.Delivery
	for i, r := range p.New {
		like := r.Like
		if r.LikeNew > 0 {
			like = first + uint64(r.LikeNew) - 1
		}
		found = append(found, &ledger.Delivery{
			Zap: name, Number: first + uint64(i), State: r.State, Action: p.Action, Row: r.Row, Header: p.Header, Zone: p.Zone,
			DetectedAt: p.At, UpdatedAt: p.At, Shadow: p.Shadow, Reason: r.Reason, Like: like,
		})
	}
	m.add(z, found)
}

func (m *model) keepCursor(z *modelZap, p ledger.Poll) {
	sheet, cursor := fmt.Sprint(p.GID), p.Cursor(z.next)
	if cursor.Chunks == 0 && z.cursors[sheet] == nil {
		return
	}
	if z.cursors[sheet] == nil {
		z.started[sheet] = p.At
	}
	if cursor.Chunks > 0 {
		z.cursors[sheet] = make([][]byte, cursor.Chunks)
	}
	for i, chunk := range cursor.Changed {
		z.cursors[sheet][i] = chunk
	}
	if n := len(z.Stays); n == 0 || z.Stays[n-1].GID != p.GID {
		z.Stays = append(z.Stays, ledger.Stay{SpreadsheetID: p.SpreadsheetID, GID: p.GID, First: z.next, Since: p.At})
	}
	for i := range z.Stays {
		if z.Stays[i].GID == p.GID {
			z.Stays[i].Named = p.Title
		}
	}
	z.SpreadsheetID, z.GID, z.Title, z.StartedAt = p.SpreadsheetID, p.GID, p.Title, z.started[sheet]
}

func (m *model) change(*rapid.T) {
	name := m.name()
	z := m.zap(name)
	known := m.some(z, func(*ledger.Delivery) bool { return true })
	p := m.drawPoll()
	for _, d := range known[:min(len(known), 20)] {
		c := ledger.Change{Delivery: d.Number, State: rapid.SampledFrom([]ledger.State{0, ledger.Queued, ledger.Waiting, ledger.Held}).Draw(m.t, "state")}
		if rapid.Bool().Draw(m.t, "edited") {
			r := m.drawRow(77)
			c.Row = &r
		}
		if rapid.Bool().Draw(m.t, "reason") {
			c.Reason = "changed"
		}
		if rapid.Bool().Draw(m.t, "gone or back") {
			gone := rapid.Bool().Draw(m.t, "gone")
			c.DeletedInSheet, d.DeletedInSheet = &gone, gone
		}
		p.Changes = append(p.Changes, c)
		follows := d.State == ledger.Waiting || d.State == ledger.Held || d.State == ledger.Failed
		if !follows || c.Row == nil && c.State == 0 && c.Reason == "" {
			continue
		}
		if c.State != 0 && d.State != c.State {
			step(d, p.At, c.State, c.Reason)
		}
		d.UpdatedAt = p.At
		if c.Row != nil {
			d.Row, d.Header, d.Zone, d.Edited = *c.Row, p.Header, p.Zone, true
			if d.State == ledger.Waiting && c.State != 0 && c.State != ledger.Waiting {
				d.Shadow = p.Shadow
			}
		}
		if c.State != 0 || c.Reason != "" {
			d.Reason = c.Reason
		}
		if c.State != 0 {
			z.move(d, c.State, p.At)
			d.RetryAt, d.Solo = time.Time{}, false
		}
	}
	commit(m.t, m.l, name, p)
	m.keepCursor(z, p)
}

func (m *model) start(*rapid.T) {
	name, at := m.name(), m.later()
	z := m.zap(name)
	var uploads []ledger.Upload
	records := rapid.IntRange(1, 100).Draw(m.t, "records in an upload")
	text := rapid.SampledFrom([]string{"", "a@", "\"é"}).Draw(m.t, "text")
	for i, d := range m.some(z, func(d *ledger.Delivery) bool { return d.State == ledger.Queued }) {
		if i%records == 0 {
			uploads = append(uploads, nil)
		}
		o := sending(*d, text)
		uploads[len(uploads)-1] = append(uploads[len(uploads)-1], o)
		z.sent[d.Number] = o.Record
		d.InFlight, d.UpdatedAt = true, at
	}
	hides := ledger.Hides{Known: true, Columns: []string{text}}
	if !z.Hides.Known {
		z.Hides = hides
	}
	must(m.t, m.l.Start(m.t.Context(), name, uploads, hides, at))
}

func (m *model) finish(*rapid.T) {
	name, at := m.name(), m.later()
	z := m.zap(name)
	o := ledger.Outcome{
		State: rapid.SampledFrom([]ledger.State{ledger.Sent, ledger.Skipped, ledger.Failed, ledger.Held, ledger.Queued}).Draw(m.t, "state"),
		Solo:  rapid.Bool().Draw(m.t, "solo"), MaybeTwice: rapid.Bool().Draw(m.t, "twice"), CountAttempt: rapid.Bool().Draw(m.t, "count"),
		Identity: rapid.SampledFrom([]string{"", "x@y.z"}).Draw(m.t, "identity"), RetryAt: at.Add(time.Hour),
	}
	if rapid.Bool().Draw(m.t, "answer") {
		o.Answer = &ledger.Answer{At: at, HTTPStatus: 200, Status: "partial", Processed: 3, Sent: 4}
	}
	if rapid.Bool().Draw(m.t, "problem") {
		o.Problem = &ledger.Problem{Code: "512", Message: "no"}
	}
	o.Then = rapid.SampledFrom([]string{"", "event", "event/2"}).Draw(m.t, "then")
	var out []ledger.Outcome
	var then []*ledger.Delivery
	for _, d := range m.some(z, func(d *ledger.Delivery) bool { return d.State == ledger.Queued }) {
		o.Number = d.Number
		out = append(out, o)
		if o.State == ledger.Failed || o.State == ledger.Held || o.State == ledger.Queued && o.CountAttempt {
			why := ""
			if o.Problem != nil {
				why = "512: no"
			}
			step(d, at, o.State, why)
		}
		z.move(d, o.State, at)
		d.InFlight, d.Solo, d.MaybeTwice, d.Problem, d.UpdatedAt = false, o.Solo, d.MaybeTwice || o.MaybeTwice, o.Problem, at
		if o.State == ledger.Skipped {
			d.Reason = ""
		}
		d.Identity = cmp.Or(o.Identity, d.Identity)
		d.Answer = cmp.Or(o.Answer, d.Answer)
		d.RetryAt = time.Time{}
		if o.State == ledger.Queued {
			d.RetryAt = o.RetryAt
		}
		if o.CountAttempt {
			d.Attempts++
		}
		if o.State == ledger.Sent && o.Then != "" && d.Next == 0 {
			z.tally(d.Number, ledger.Queued, at)
			d.Next = z.next + uint64(len(then))
			then = append(then, &ledger.Delivery{
				Zap: name, Number: d.Next, State: ledger.Queued, Action: o.Then, First: cmp.Or(d.First, d.Number),
				Row: d.Row, Header: d.Header, Zone: d.Zone, Shadow: d.Shadow, DetectedAt: d.DetectedAt, UpdatedAt: at,
			})
		}
	}
	must(m.t, m.l.Finish(m.t.Context(), name, out, at))
	m.add(z, then)
}

func (m *model) add(z *modelZap, new []*ledger.Delivery) {
	for _, d := range new {
		z.deliveries[d.Number] = d
		*z.count(d.State)++
		z.tally(d.Number, d.State, d.UpdatedAt)
		m.listed = append(m.listed, d.ID())
	}
	z.next += uint64(len(new))
}

func (m *model) move(*rapid.T) {
	name, at := m.name(), m.later()
	z := m.zap(name)
	from := []ledger.State{ledger.Failed, ledger.Held, ledger.Sent, ledger.Queued}[:rapid.IntRange(1, 4).Draw(m.t, "from")]
	to := rapid.SampledFrom([]ledger.State{ledger.Queued, ledger.Discarded}).Draw(m.t, "to")
	var ns, want []uint64
	for _, d := range m.some(z, func(*ledger.Delivery) bool { return true }) {
		ns = append(ns, d.Number)
		if slices.Contains(from, d.State) && !d.InFlight {
			want = append(want, d.Number)
			step(d, at, to, "by an operator")
			z.move(d, to, at)
			d.UpdatedAt, d.Reason, d.RetryAt, d.Solo = at, "by an operator", time.Time{}, false
		}
	}
	moved, err := m.l.Move(m.t.Context(), name, ns, from, to, "by an operator", at)
	must(m.t, err)
	if !slices.Equal(moved, want) {
		m.t.Fatalf("moved %v, want %v", moved, want)
	}
}

func (m *model) keep(*rapid.T) {
	all := map[string]ledger.Hides{"nobody": {}}
	for _, name := range []string{"a", "b"} {
		h := ledger.Hides{Known: true, Columns: []string{"Email"}, Identity: rapid.Bool().Draw(m.t, "identity")}
		if m.zap(name).next > 1 { // otherwise the ledger may not know the zap
			all[name], m.zap(name).Hides = h, h
		}
	}
	must(m.t, m.l.KeepHides(m.t.Context(), all))
}

func (m *model) pause(*rapid.T) {
	name := m.name()
	z := m.zap(name)
	z.Paused, z.PausedReason, z.PausedAt = rapid.Bool().Draw(m.t, "paused"), "", time.Time{}
	if z.Paused {
		z.PausedReason, z.PausedAt = "lunch", m.now
	}
	must(m.t, m.l.SetPaused(m.t.Context(), name, z.Paused, "lunch", m.now))
}

// prune applies what the ledger has removed, and checks that it was allowed to and removed what it
// had to.
func (m *model) prune(*rapid.T) {
	before, limit := m.now.Add(time.Duration(rapid.IntRange(-10, 1).Draw(m.t, "before"))*time.Minute), rapid.IntRange(1, 2000).Draw(m.t, "limit")
	if rapid.Bool().Draw(m.t, "half a day later") {
		before = before.Add(12 * time.Hour)
	}
	done, err := m.l.Prune(m.t.Context(), before, limit)
	must(m.t, err)
	ds, err := m.l.Deliveries(m.t.Context(), ledger.Query{})
	must(m.t, err)
	there := map[string]bool{}
	for _, d := range ds {
		there[d.ID()] = true
	}
	gone := 0
	for _, z := range m.zaps {
		keep, late := map[uint64]bool{}, map[uint64]bool{} // by chunk
		for n, d := range z.deliveries {
			s := d.State
			finished := s == ledger.Sent || s == ledger.Skipped || s == ledger.Discarded
			if group := (n - 1) / 1000; there[d.ID()] {
				keep[group] = keep[group] || !finished || !d.UpdatedAt.Before(before)
				late[group] = late[group] || finished && d.UpdatedAt.Before(before.Add(-12*time.Hour))
				continue
			}
			gone++
			delete(z.deliveries, n)
			if !finished || !d.UpdatedAt.Before(before) {
				m.t.Fatalf("pruned %s, which is %s since %s", d.ID(), d.State, d.UpdatedAt)
			}
		}
		if done >= limit {
			continue
		}
		for group, kept := range keep {
			if !kept || late[group] {
				m.t.Fatalf("deliveries from %d on were not removed as they should have been", 1000*group+1)
			}
		}
	}
	if gone > done {
		m.t.Fatalf("Prune = %d, but %d are gone", done, gone)
	}
}

// rename renames a zap, unless the new name has had rows.
func (m *model) rename(*rapid.T) {
	names := rapid.SampledFrom([]string{"a", "b", "c"})
	from, to := names.Draw(m.t, "from"), names.Draw(m.t, "to")
	known, err := m.l.Zaps(m.t.Context())
	must(m.t, err)
	var want error
	switch {
	case !slices.Contains(known, from):
		want = ledger.ErrUnknown
	case slices.Contains(known, to) && (from == to || m.zap(to).next > 1):
		want = ledger.ErrExists
	}
	if err := m.l.Rename(m.t.Context(), from, to); !errors.Is(err, want) {
		m.t.Fatalf("Rename(%s, %s) = %v, want %v", from, to, err, want)
	}
	if want != nil {
		return
	}
	m.zaps[to] = m.zaps[from]
	delete(m.zaps, from)
	for _, d := range m.zaps[to].deliveries {
		d.Zap = to
	}
	for i, id := range m.listed {
		if n, ok := strings.CutPrefix(id, from+"/"); ok {
			m.listed[i] = to + "/" + n
		}
	}
}

// compare reads everything in every way.
func (m *model) compare(*rapid.T) {
	var all []ledger.Delivery
	for _, id := range slices.Backward(m.listed) {
		zap, n, err := ledger.ParseID(id)
		must(m.t, err)
		if d := m.zaps[zap].deliveries[n]; d != nil {
			all = append(all, *d)
		}
	}
	got, err := m.l.Deliveries(m.t.Context(), ledger.Query{})
	must(m.t, err)
	if !slices.EqualFunc(all, got, equalDelivery) {
		m.t.Fatalf("deliveries (-want +got):\n%s", diff(all, got))
	}
	m.compareSearch(all)
	names, err := m.l.Zaps(m.t.Context())
	must(m.t, err)
	for _, name := range names {
		m.compareZap(name)
	}
	for _, wrong := range damages(m.t, m.l) {
		m.t.Fatalf("Check: %v", wrong)
	}
}

func (m *model) compareZap(name string) {
	z := m.zap(name)
	got, _, err := m.l.Zap(m.t.Context(), name)
	must(m.t, err)
	z.Hours = z.hours()
	if d := diff(z.Zap, got); d != "" {
		m.t.Fatalf("zap %s (-want +got):\n%s", name, d)
	}
	if next, err := m.l.NextDelivery(m.t.Context(), name); next != z.next || err != nil {
		m.t.Fatalf("NextDelivery(%s) = %d, %v; want %d", name, next, err, z.next)
	}
	for sheet, want := range z.cursors {
		gid := int64(sheet[0] - '0')
		chunks, ok, err := cursorOf(m.t.Context(), m.l, name, "s", gid)
		must(m.t, err)
		if !ok || !slices.EqualFunc(chunks, want, slices.Equal[[]byte]) {
			m.t.Fatalf("Cursor(%s, %d) = %q, want %q", name, gid, chunks, want)
		}
	}
	for n := range z.deliveries {
		want, sent := z.sent[n]
		got, ok, err := m.l.SentRecord(m.t.Context(), name, n)
		if err != nil || ok != sent || string(got.JSON) != string(want.JSON) {
			m.t.Fatalf("SentRecord(%s/%d) = %s, %t, %v; want %s", name, n, got.JSON, ok, err, want.JSON)
		}
	}
	var queued, flying []uint64
	for _, n := range slices.Sorted(maps.Keys(z.deliveries)) {
		if d := z.deliveries[n]; d.State == ledger.Queued {
			queued = append(queued, n)
			if d.InFlight {
				flying = append(flying, n)
			}
		}
	}
	ds, err := m.l.Queued(m.t.Context(), name, 0, 0)
	must(m.t, err)
	if got := numbers(ds); !slices.Equal(got, queued) {
		m.t.Fatalf("Queued(%s) = %v, want %v", name, got, queued)
	}
	ds, err = m.l.InFlight(m.t.Context(), name)
	must(m.t, err)
	if got := numbers(ds); !slices.Equal(got, flying) {
		m.t.Fatalf("InFlight(%s) = %v, want %v", name, got, flying)
	}
}

// equalDelivery is a faster diff without text.
func equalDelivery(a, b ledger.Delivery) bool {
	same := a.Zap == b.Zap && a.Number == b.Number && a.State == b.State && a.Action == b.Action && a.First == b.First && a.Next == b.Next && a.Zone == b.Zone &&
		a.Row.Number == b.Row.Number && slices.Equal(a.Row.Cells, b.Row.Cells) && slices.Equal(a.Header.Names(), b.Header.Names()) &&
		a.Identity == b.Identity && a.DetectedAt.Equal(b.DetectedAt) && a.UpdatedAt.Equal(b.UpdatedAt) && a.Attempts == b.Attempts &&
		a.RetryAt.Equal(b.RetryAt) && a.InFlight == b.InFlight && a.MaybeTwice == b.MaybeTwice && a.Shadow == b.Shadow && a.Solo == b.Solo &&
		a.DeletedInSheet == b.DeletedInSheet && a.Edited == b.Edited && a.Reason == b.Reason && (a.Problem == nil) == (b.Problem == nil) && (a.Answer == nil) == (b.Answer == nil)
	return same && (a.Problem == nil || *a.Problem == *b.Problem) && (a.Answer == nil || *a.Answer == *b.Answer)
}
