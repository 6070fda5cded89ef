package ledger_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rowtap/rowtap/internal/ledger"
)

// keyModel is what is compared with a ledger that skips repeated keys: each delivery with its key,
// and the keys of rows that were there at the start.
type keyModel struct {
	start map[uint64]bool
	rows  []*keyedRow // by number, from 1
}

type keyedRow struct {
	key     uint64
	claimed map[uint64]bool // keys with which it was queued
	state   ledger.State
	wasSent bool // sent at some time
	repeat  bool // it is a repeat that an operator may queue
	old     bool
	pruned  bool
}

// takes reports whether a row takes a key.
func (r *keyedRow) takes(key uint64) bool {
	return r.claimed[key] && (r.state == ledger.Queued || r.wasSent)
}

// changeKey gives a row another key.
func (r *keyedRow) changeKey(key uint64) {
	if !r.wasSent {
		clear(r.claimed)
	}
	r.key, r.repeat = key, false
}

// queue returns the state of a row that is about to be queued.
func (m *keyModel) queue(r *keyedRow) ledger.State {
	if r.repeat || r.wasSent {
		r.claimed[r.key] = true
		return ledger.Queued
	}
	taken := m.start[r.key] && !r.old
	for _, other := range m.rows {
		taken = taken || other != r && other.takes(r.key)
	}
	if taken {
		r.repeat = true
		return ledger.Skipped
	}
	r.claimed[r.key] = true
	return ledger.Queued
}

func (m *keyModel) some(t *rapid.T, fn func(*keyedRow) bool) (numbers []uint64) {
	for i, r := range m.rows {
		if !r.pruned && fn(r) && rapid.Bool().Draw(t, "this one") {
			numbers = append(numbers, uint64(i)+1)
		}
	}
	return numbers
}

// TestKeysAreTakenOnce: of the rows of a key, those are queued that the model says, whatever happens
// to the deliveries, over restarts, takeovers, renames and the end of the history.
func TestKeysAreTakenOnce(t *testing.T) {
	dir, files := t.TempDir(), 0
	check(t, 40, func(t *rapid.T) {
		files++
		path := filepath.Join(dir, fmt.Sprint(files))
		var mirror *memory // nil: the file is the state
		if rapid.Bool().Draw(t, "with a mirror") {
			mirror = newMemory(t)
		}
		open := func() *ledger.Ledger {
			if mirror != nil {
				return mirror.active(t, path)
			}
			l, err := ledger.Open(ledger.Options{Path: path})
			must(t, err)
			return l
		}
		l, zap, now := open(), "a", noon
		m := &keyModel{start: map[uint64]bool{}}
		// Keys of one page, and of others.
		key := rapid.SampledFrom([]uint64{1, 2, 1<<48 - 1, 1 << 48, 5<<48 | 7, 1<<64 - 1})
		first, by := true, []string{"Email"}
		many := func() (all []ledger.KnownKey) { // sometimes too many for one transaction
			if rapid.IntRange(0, 9).Draw(t, "many keys") > 0 {
				return nil
			}
			for i := range uint64(ledger.KeysAtOnce + 1) {
				all = append(all, ledger.KnownKey{Sum: i%2500<<48 | i<<8})
			}
			return all
		}
		for next := rapid.IntRange(0, 1500).Draw(t, "earlier rows"); len(m.rows) < next; {
			m.rows = append(m.rows, &keyedRow{state: ledger.Skipped})
		}
		if len(m.rows) > 0 {
			p := pollOf(1, "")
			for range m.rows {
				p.New = append(p.New, ledger.NewRow{State: ledger.Skipped, Row: sheetRow(1)})
			}
			_, err := l.Commit(t.Context(), zap, p)
			must(t, err)
		}
		act := func(numbers []uint64, from ...ledger.State) {
			now = now.Add(time.Minute)
			moved, repeats, err := l.Queue(t.Context(), zap, numbers, from, "", now)
			must(t, err)
			var wantMoved, wantRepeats []uint64
			for _, n := range numbers {
				r := m.rows[n-1]
				if !slices.Contains(from, r.state) {
					continue
				}
				if r.state = m.queue(r); r.state == ledger.Queued {
					wantMoved = append(wantMoved, n)
				} else {
					wantRepeats = append(wantRepeats, n)
				}
			}
			if !slices.Equal(moved, wantMoved) || !slices.Equal(repeats, wantRepeats) {
				for i, r := range m.rows {
					t.Logf("%d: %+v", i+1, *r)
				}
				t.Fatalf("queued %v, repeats %v; want %v, %v", moved, repeats, wantMoved, wantRepeats)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"poll": func(t *rapid.T) {
				now = now.Add(time.Minute)
				p := pollOf(1, "")
				p.At, p.Keys = now, &ledger.Keys{By: by, Skip: true, All: func() []ledger.KnownKey { return nil }}
				if first {
					p.Keys.Known = many()
				}
				if first || rapid.Bool().Draw(t, "old rows gain keys") {
					k := key.Draw(t, "key of an old row")
					p.Keys.Known = append(p.Keys.Known, ledger.KnownKey{Sum: k})
					m.start[k] = true
				}
				first = false
				for _, n := range m.some(t, func(r *keyedRow) bool {
					return r.state == ledger.Waiting || r.state == ledger.Failed || r.state == ledger.Held
				}) {
					r, now := m.rows[n-1], sheetRow(n)
					c := ledger.Change{Delivery: n, Row: &now}
					if rapid.Bool().Draw(t, "another key") {
						if c.Key = key.Draw(t, "key"); c.Key != r.key {
							r.changeKey(c.Key)
						}
					}
					if r.state != ledger.Held {
						c.State = ledger.Queued
						r.state = m.queue(r)
					}
					p.Changes = append(p.Changes, c)
				}
				for range rapid.IntRange(0, 4).Draw(t, "new rows") {
					n := ledger.NewRow{
						Row: sheetRow(1), Key: key.Draw(t, "key"), Old: rapid.Bool().Draw(t, "old"),
						State: rapid.SampledFrom([]ledger.State{ledger.Queued, ledger.Queued, ledger.Waiting, ledger.Held}).Draw(t, "state"),
					}
					r := &keyedRow{key: n.Key, claimed: map[uint64]bool{}, state: n.State, old: n.Old}
					if r.state == ledger.Queued {
						r.state = m.queue(r)
					}
					m.rows = append(m.rows, r)
					p.New = append(p.New, n)
				}
				_, err := l.Commit(t.Context(), zap, p)
				must(t, err)
			},
			"other columns": func(t *rapid.T) {
				if first {
					return
				}
				now = now.Add(time.Minute)
				by = []string{by[0] + "x"}
				p := pollOf(1, "")
				p.At, p.Keys = now, &ledger.Keys{By: by, Skip: true, All: func() []ledger.KnownKey {
					all := many()
					for k := range m.start {
						all = append(all, ledger.KnownKey{Sum: k})
					}
					for i, r := range m.rows {
						clear(r.claimed)
						if r.key == 0 || r.pruned {
							continue
						}
						all = append(all, ledger.KnownKey{Sum: r.key, Delivery: uint64(i) + 1})
						if r.state == ledger.Queued || r.wasSent {
							r.claimed[r.key] = true
						}
					}
					return all
				}}
				_, err := l.Commit(t.Context(), zap, p)
				must(t, err)
			},
			"finish": func(t *rapid.T) {
				now = now.Add(time.Minute)
				var out []ledger.Outcome
				for _, n := range m.some(t, func(r *keyedRow) bool { return r.state == ledger.Queued }) {
					s := rapid.SampledFrom([]ledger.State{ledger.Sent, ledger.Failed, ledger.Skipped, ledger.Validated, ledger.Queued}).Draw(t, "outcome")
					out = append(out, ledger.Outcome{Number: n, State: s})
					m.rows[n-1].state, m.rows[n-1].wasSent = s, m.rows[n-1].wasSent || s == ledger.Sent
				}
				must(t, l.Finish(t.Context(), zap, out, now))
			},
			"release": func(t *rapid.T) {
				act(m.some(t, func(r *keyedRow) bool { return r.state == ledger.Held }), ledger.Held)
			},
			"replay": func(t *rapid.T) {
				act(m.some(t, func(r *keyedRow) bool { return r.state == ledger.Failed || r.state == ledger.Sent || r.repeat }), ledger.Failed, ledger.Sent, ledger.Skipped)
			},
			"discard": func(t *rapid.T) {
				now = now.Add(time.Minute)
				numbers := m.some(t, func(r *keyedRow) bool { return r.state == ledger.Failed || r.state == ledger.Held })
				_, err := l.Move(t.Context(), zap, numbers, []ledger.State{ledger.Failed, ledger.Held}, ledger.Discarded, "", now)
				must(t, err)
				for _, n := range numbers {
					m.rows[n-1].state = ledger.Discarded
				}
			},
			"prune": func(t *rapid.T) {
				now = now.Add(24 * time.Hour)
				_, err := l.Prune(t.Context(), now, 1<<20)
				must(t, err)
				for _, r := range m.rows {
					if !r.state.Open() {
						r.pruned = true
					}
				}
			},
			"rename": func(t *rapid.T) {
				if first && len(m.rows) == 0 {
					return
				}
				must(t, l.Rename(t.Context(), zap, zap+"x"))
				zap += "x"
			},
			"reopen": func(t *rapid.T) {
				must(t, l.Close())
				l = open()
			},
			"take over": func(t *rapid.T) {
				if mirror == nil {
					return
				}
				must(t, l.Close())
				path += "x" // another machine, which loads the state
				l = open()
			},
			"": func(t *rapid.T) {
				if mirror != nil {
					mirror.same(t, "the cache", l)
				}
				for i, r := range m.rows {
					if r.pruned || r.key == 0 {
						continue
					}
					d, ok, err := l.Delivery(t.Context(), zap, uint64(i)+1)
					if err != nil || !ok || d.State != r.state || d.Repeat != r.repeat {
						t.Fatalf("delivery %d: %s, repeat %t, %t, %v; want %s, repeat %t", i+1, d.State, d.Repeat, ok, err, r.state, r.repeat)
					}
				}
			},
		})
		if wrong, err := l.Check(t.Context()); err != nil || len(wrong) > 0 {
			t.Fatalf("check: %v, %v", wrong, err)
		}
		if keys, ok, err := l.SentKeys(t.Context(), zap, by); err != nil || ok == first {
			t.Fatalf("sent keys: %t, %v", ok, err)
		} else if ok {
			for _, k := range []uint64{1, 2, 1<<48 - 1, 1 << 48, 5<<48 | 7, 1<<64 - 1} {
				want := slices.ContainsFunc(m.rows, func(r *keyedRow) bool { return r.takes(k) })
				if keys[k] != want {
					t.Fatalf("key %x is sent: %t, want %t", k, keys[k], want)
				}
			}
		}
		must(t, l.Close())
		must(t, os.Remove(path))
	})
}

// endsAfter is a context that ends after so many looks at it.
type endsAfter struct {
	context.Context
	looks *int
}

func (c endsAfter) Err() error {
	if *c.looks--; *c.looks < 0 {
		return context.Canceled
	}
	return nil
}

// A first read of many keys takes several transactions. If it is interrupted, the next one begins
// again, and does not keep the keys of rows that are no longer there.
func TestAnInterruptedFirstReadOfKeys(t *testing.T) {
	var keys []ledger.KnownKey
	for i := range uint64(2*ledger.KeysAtOnce + 1) {
		keys = append(keys, ledger.KnownKey{Sum: i%2500<<48 | i<<8 | 1})
	}
	read := func(ctx context.Context, f *file, known []ledger.KnownKey, new ...ledger.KnownKey) ([]ledger.NewRow, error) {
		p := pollOf(1, "")
		p.Keys = &ledger.Keys{By: []string{"Email"}, Skip: true, Known: known, All: func() []ledger.KnownKey { return nil }}
		for i, k := range new {
			p.New = append(p.New, ledger.NewRow{State: ledger.Queued, Row: sheetRow(uint64(i) + 1), Key: k.Sum})
		}
		_, err := f.Commit(ctx, signups, p)
		return p.New, err
	}
	interrupted := 0
	for n, done := 1, false; !done; n++ {
		f, looks := newFile(t), n
		_, err := read(endsAfter{t.Context(), &looks}, f, keys)
		if done = err == nil; !done {
			interrupted++
		}
		f.reopen()
		known := keys[1:]
		if done {
			known = nil
		}
		rows, err := read(t.Context(), f, known, keys[0], keys[len(keys)-1])
		must(t, err)
		want := ledger.Queued
		if done {
			want = ledger.Skipped
		}
		if rows[0].State != want || rows[1].State != ledger.Skipped {
			t.Errorf("ended at look %d: a row with a key that is gone is %s, want %s; one with a key that is there is %s", n, rows[0].State, want, rows[1].State)
		}
	}
	if interrupted < 6 {
		t.Errorf("interrupted at %d places", interrupted)
	}
}

// Keys of many rows that were sent before the zap had a key, or by another key, count for good.
func TestManySentRowsTakeTheirKeys(t *testing.T) {
	f := newFile(t)
	const n = ledger.KeysAtOnce + 2
	p := pollOf(1, strings.Repeat("q", n))
	f.commit(signups, p)
	must(t, f.Start(t.Context(), signups, uploadOf(upTo(1, n)...), ledger.Hides{}, noon))
	must(t, f.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Sent}, upTo(1, n-1)...), noon))
	must(t, f.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Failed}, n), noon))
	for _, column := range []string{"Email", "Phone"} {
		p = pollOf(1, "")
		p.Keys = &ledger.Keys{By: []string{column}, Skip: true, All: func() (all []ledger.KnownKey) {
			for i := range uint64(n) {
				all = append(all, ledger.KnownKey{Sum: i << 44, Delivery: i + 1})
			}
			return all
		}}
		p.New = []ledger.NewRow{{State: ledger.Queued, Row: sheetRow(1), Key: 7 << 44}, {State: ledger.Waiting, Row: sheetRow(2), Key: (n - 1) << 44}}
		_, err := f.Commit(t.Context(), signups, p)
		must(t, err)
		if p.New[0].State != ledger.Skipped || p.New[0].Reason != "repeats the key of signups/8" {
			t.Errorf("%s: a row with the key of a sent one: %s, %s", column, p.New[0].State, p.New[0].Reason)
		}
		keys, ok, err := f.SentKeys(t.Context(), signups, []string{column})
		if len(keys) != n-1 || !ok || err != nil {
			t.Errorf("%s: %d keys are taken, %t, %v; want %d", column, len(keys), ok, err, n-1)
		}
	}
}
