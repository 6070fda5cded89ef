package ledger_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/row"
)

// byCell makes identities of the first cell.
func byCell(string) ledger.Identifier {
	return ledger.Identifier{Make: func(d ledger.Delivery) string { return d.Row.Cells[0].Text }}
}

func (f *file) index(identify func(string) ledger.Identifier) {
	f.t.Helper()
	_, err := f.IndexIdentities(f.t.Context(), identify, 1<<20)
	must(f.t, err)
}

// found searches all zaps for an identity.
func (f *file) found(identity string, identify func(string) ledger.Identifier) []string {
	f.t.Helper()
	ds, err := f.Deliveries(f.t.Context(), ledger.Query{Identity: identity, Identify: identify})
	must(f.t, err)
	return ids(ds)
}

// A search reads the index, not the chunks; what the index does not have yet is found in them.
func TestSearchesReadTheIndex(t *testing.T) {
	f := newFile(t)
	f.commit(signups, pollOf(1, strings.Repeat("k", 1000)+"kq"))
	f.commit("other", pollOf(7, "h"))
	check := func(identity string, want ...string) {
		t.Helper()
		if got := f.found(identity, byCell); !slices.Equal(got, want) {
			t.Errorf("found %v, want %v", got, want)
		}
	}
	check("User7@example.com", "other/1", "signups/7")
	f.index(byCell)
	check("user7@example.com", "other/1", "signups/7")
	check("user7@example.co")
	must(t, ledger.EmptyIndex(t.Context(), f.Ledger, "signups"))
	check("user7@example.com", "other/1")

	must(t, f.Start(t.Context(), signups, uploadOf(1002), ledger.Hides{}, noon))
	must(t, f.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Sent, Identity: "user7@example.com"}, 1002), noon))
	check("user7@example.com", "other/1", "signups/1002")
	if done, err := f.IndexIdentities(t.Context(), byCell, 1<<20); done == 0 || done > 200 || err != nil {
		t.Errorf("IndexIdentities = %d, %v; one small chunk has changed", done, err)
	}
	check("user7@example.com", "other/1", "signups/1002")
	if done, err := f.IndexIdentities(t.Context(), byCell, 1<<20); done != 0 || err != nil {
		t.Errorf("IndexIdentities = %d, %v; nothing has changed", done, err)
	}
}

// Identities that were not stored are made again once the mapping has changed.
func TestTheIndexFollowsTheMapping(t *testing.T) {
	f := newFile(t)
	f.commit(signups, pollOf(1, "kq"))
	f.index(byCell)
	byRow := func(string) ledger.Identifier {
		return ledger.Identifier{Version: 1, Make: func(d ledger.Delivery) string { return fmt.Sprint(d.Row.Number) }}
	}
	for range 2 {
		if got := f.found("3", byRow); !slices.Equal(got, []string{"signups/2"}) {
			t.Errorf("found %v, want signups/2", got)
		}
		if got := f.found("user2@example.com", byRow); len(got) > 0 {
			t.Errorf("found %v by the former mapping", got)
		}
		f.index(byRow)
	}
	edited := sheetRow(9)
	edited.Number = 3
	f.commit(signups, ledger.Poll{At: noon, Header: header, Changes: []ledger.Change{{Delivery: 2, Row: &edited}}})
	if got := f.found("user9@example.com", byCell); len(got) > 0 {
		t.Errorf("found %v: queued rows do not follow the sheet", got)
	}
}

// A row that is edited has the new identity, even in the same millisecond.
func TestTheIndexFollowsEdits(t *testing.T) {
	f := newFile(t)
	f.commit(signups, pollOf(1, "w"))
	for i := range 3 {
		f.index(byCell)
		edited := row.Row{Number: 2, Cells: []row.Cell{row.TextCell(fmt.Sprintf("edit%d@example.com", i))}}
		f.commit(signups, ledger.Poll{At: noon, Header: header, Changes: []ledger.Change{{Delivery: 1, Row: &edited}}})
		if got := f.found(fmt.Sprintf("edit%d@example.com", i), byCell); len(got) != 1 {
			t.Errorf("edit %d: found %v", i, got)
		}
		if got := f.found("user1@example.com", byCell); len(got) > 0 {
			t.Errorf("edit %d: found %v by the former cell", i, got)
		}
	}
}

// Identities that must not be shown are not found, and not kept in the index.
func TestHiddenIdentitiesAreNotFound(t *testing.T) {
	f := newFile(t)
	f.commit(signups, pollOf(1, "q"))
	must(t, f.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Sent, Identity: "asha@example.com"}, 1), noon))
	f.index(byCell)
	hidden := func(string) ledger.Identifier { return ledger.Identifier{Hidden: true} }
	for range 2 {
		if got := f.found("asha@example.com", hidden); len(got) > 0 {
			t.Errorf("found %v", got)
		}
		f.index(hidden)
	}
	if got := ledger.Hashes(t, f.Ledger, signups, byCell(signups)); len(got) > 0 {
		t.Errorf("the index has %v", got)
	}
}

// What Prune removes is removed from the index, too.
func TestPrunedIdentitiesAreNotInTheIndex(t *testing.T) {
	f := newFile(t)
	f.commit(signups, pollOf(1, "kkh"))
	f.index(byCell)
	if got := ledger.Hashes(t, f.Ledger, signups, byCell(signups)); len(got) != 3 || got[1] != ledger.HashOf("USER1@example.com") {
		t.Fatalf("the index has %v", got)
	}
	_, err := f.Prune(t.Context(), noon.Add(24*time.Hour), 10)
	must(t, err)
	if got := ledger.Hashes(t, f.Ledger, signups, byCell(signups)); len(got) > 0 {
		t.Errorf("after Prune the index has %v", got)
	}
	f.index(byCell)
	if got := ledger.Hashes(t, f.Ledger, signups, byCell(signups)); len(got) != 1 || got[3] == 0 {
		t.Errorf("indexed again, it has %v", got)
	}
}

// Compaction, backups and restores keep the index; so does a rename, after the next update.
func TestTheIndexOutlivesCopies(t *testing.T) {
	f := newFile(t)
	f.commit(signups, pollOf(1, "kkh"))
	f.index(byCell)
	want := ledger.Hashes(t, f.Ledger, signups, byCell(signups))
	same := func(after, zap string) {
		t.Helper()
		if got := ledger.Hashes(t, f.Ledger, zap, byCell(zap)); len(want) != 3 || !maps.Equal(got, want) {
			t.Errorf("after %s the index has %v, want %v", after, got, want)
		}
	}
	backup := filepath.Join(t.TempDir(), "backup.db")
	_, _, err := ledger.SaveBackup(t.Context(), backup, false, noon, func(w io.Writer) error { _, err := f.Backup(t.Context(), w); return err })
	must(t, err)
	f.close()
	_, _, err = ledger.Compact(t.Context(), f.path)
	must(t, err)
	f.open()
	same("a compaction", signups)
	must(t, f.Rename(t.Context(), signups, "renamed"))
	if got := f.found("user2@example.com", byCell); !slices.Equal(got, []string{"renamed/2"}) {
		t.Errorf("found %v in a renamed zap", got)
	}
	f.index(byCell)
	same("a rename", "renamed")
	f.close()
	_, err = ledger.Restore(t.Context(), f.path, backup, noon)
	must(t, err)
	f.open()
	same("a restore", signups)
}

// Deliveries of older releases are found, and indexed at the first update.
func TestTheIndexHasDeliveriesOfOlderReleases(t *testing.T) {
	for _, schema := range released {
		l, err := ledger.Open(ledger.Options{Path: frozenState(t, schema, ".db.gz")})
		must(t, err)
		none := func(string) ledger.Identifier { return ledger.Identifier{} }
		ds, err := l.Deliveries(t.Context(), ledger.Query{})
		must(t, err)
		want := map[string][]string{}
		for _, d := range ds {
			if d.Identity != "" {
				want[d.Identity] = append(want[d.Identity], d.ID())
			}
		}
		if len(want) == 0 {
			t.Fatalf("schema %d: no delivery has an identity", schema)
		}
		for range 2 {
			for id, want := range want {
				got, err := l.Deliveries(t.Context(), ledger.Query{Identity: id, Identify: none})
				must(t, err)
				if !slices.Equal(ids(got), want) {
					t.Errorf("schema %d: found %v of %s, want %v", schema, ids(got), id, want)
				}
			}
			_, err := l.IndexIdentities(t.Context(), none, 1<<20)
			must(t, err)
		}
		must(t, l.Close())
	}
}

// Every decision about a zap ends the mark that its index is complete, and the next update sets it
// again. Decisions about other zaps do not.
func TestTheMarkEndsWithADecision(t *testing.T) {
	f := newFile(t)
	f.commit(signups, pollOf(1, "qqqkhw"))
	f.commit("other", pollOf(1, "q"))
	isWhole := func(zap string) bool {
		t.Helper()
		return ledger.IndexIsWhole(t, f.Ledger, zap, byCell(zap))
	}
	edited := sheetRow(9)
	for what, decide := range map[string]func() error{
		"a poll": func() error { f.commit(signups, pollOf(7, "q")); return nil },
		"an edit": func() error {
			f.commit(signups, ledger.Poll{At: noon, Header: header, Changes: []ledger.Change{{Delivery: 6, Row: &edited}}})
			return nil
		},
		"a start": func() error { return f.Start(t.Context(), signups, uploadOf(1), ledger.Hides{}, noon) },
		"a finish": func() error {
			return f.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Failed}, 2), noon)
		},
		"a pause": func() error { return f.SetPaused(t.Context(), signups, true, "", noon) },
		"a release": func() error {
			_, err := f.Move(t.Context(), signups, []uint64{5}, []ledger.State{ledger.Held}, ledger.Queued, "", noon)
			return err
		},
		"a prune": func() error { _, err := f.Prune(t.Context(), noon.Add(24*time.Hour), 1000); return err },
	} {
		f.index(byCell)
		f.reopen()
		if !isWhole(signups) || !isWhole("other") {
			t.Errorf("before %s, the indexes are not whole", what)
		}
		must(t, decide())
		if isWhole(signups) || !isWhole("other") {
			t.Errorf("after %s, the index is whole: %t; that of another zap: %t", what, isWhole(signups), isWhole("other"))
		}
	}
	f.index(byCell)
	if ledger.IndexIsWhole(t, f.Ledger, signups, ledger.Identifier{Version: 1, Make: byCell("").Make}) {
		t.Error("the index is whole for another mapping")
	}
}

// A decision while the index is made leaves it without a mark.
func TestADecisionWhileTheIndexIsMade(t *testing.T) {
	f := newFile(t)
	f.commit("other", pollOf(1, "q"))
	f.commit(signups, pollOf(1, "q"))
	f.index(func(zap string) ledger.Identifier {
		if zap == signups { // other was read
			f.commit("other", pollOf(2, "q"))
		}
		return byCell(zap)
	})
	if ledger.IndexIsWhole(t, f.Ledger, "other", byCell("")) || !ledger.IndexIsWhole(t, f.Ledger, signups, byCell("")) {
		t.Error("the index has a mark for the zap that has changed, or none for the other one")
	}
}

// A damaged value of the index is not used.
func TestADamagedIndexIsNotUsed(t *testing.T) {
	f := newFile(t)
	f.commit(signups, pollOf(1, "qq"))
	f.commit("other", pollOf(1, "q"))
	f.index(byCell)
	must(t, ledger.DamageIndex(t.Context(), f.Ledger, signups))
	if got := f.found("user1@example.com", byCell); !slices.Equal(got, []string{"other/1", "signups/1"}) {
		t.Errorf("found %v, want one in each zap", got)
	}
}

// A zap with damage is reported, and the identities of the others are indexed all the same.
func TestDamageStopsNoOtherIndex(t *testing.T) {
	f := newFile(t)
	f.commit("a", pollOf(1, "q"))
	f.commit("b", pollOf(1, "q"))
	must(t, ledger.DamageChunks(t.Context(), f.Ledger, "a"))
	if done, err := f.IndexIdentities(t.Context(), byCell, 1<<20); done == 0 || !errors.Is(err, ledger.ErrCorrupt) || !strings.Contains(err.Error(), "zap a") {
		t.Errorf("IndexIdentities = %d, %v; want one of two zaps, and the damage", done, err)
	}
	if !ledger.IndexIsWhole(t, f.Ledger, "b", byCell("b")) {
		t.Error("the other zap is not indexed")
	}
	must(t, ledger.DamageChunks(t.Context(), f.Ledger, "a")) // repaired, for the check at the end
}

// Searches are right at any time after a takeover: in a standby, while its index is made in small
// transactions, and in the copy of the machine that was active, whose index becomes outdated.
func TestSearchesAfterATakeover(t *testing.T) {
	c := newCached(t)
	for range 3 {
		c.commit(signups, pollOf(1, strings.Repeat("q", 1000)))
	}
	c.commit("other", pollOf(1, "q"))
	identity := "user1@example.com"
	check := func(what string, l *ledger.Ledger, want ...string) {
		t.Helper()
		ds, err := l.Deliveries(t.Context(), ledger.Query{Identity: identity, Identify: byCell})
		must(t, err)
		if got := ids(ds); !slices.Equal(got, want) {
			t.Errorf("%s: found %v, want %v", what, got, want)
		}
	}
	all := []string{"other/1", "signups/2001", "signups/1001", "signups/1"}
	_, err := c.IndexIdentities(t.Context(), byCell, 1<<20)
	must(t, err)
	check("active", c.Ledger, all...)
	standby := c.follower()
	check("standby", standby, all...)
	must(t, c.Close())
	path := ledger.PathOf(standby)
	must(t, standby.Close())
	now := c.m.active(t, path)
	steps := 0
	for done := 1; done > 0; steps++ {
		check(fmt.Sprintf("%d steps after the takeover", steps), now, all...)
		done, err = now.IndexIdentities(t.Context(), byCell, 1)
		must(t, err)
	}
	if steps != 7 {
		t.Errorf("%d steps for 4 chunks and 2 marks, want 7 with one that found nothing to do", steps)
	}
	from := c.m.commit
	must(t, now.Start(t.Context(), signups, uploadOf(1001), ledger.Hides{}, noon))
	must(t, now.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Sent, Identity: "asha@example.com"}, 1001), noon))
	former := cacheAt(t, c.path)
	must(t, former.Follow(t.Context(), c.m.position(), c.m.since(from)))
	all = []string{"other/1", "signups/2001", "signups/1"}
	check("active, after a change", now, all...)
	check("the former active", former, all...)
	identity = "asha@example.com"
	check("the former active", former, "signups/1001")
	must(t, now.Close())
}

// index brings a part of the index of identities up to date.
func (m *model) index(*rapid.T) {
	_, err := m.l.IndexIdentities(m.t.Context(), m.identify, rapid.IntRange(1, 3000).Draw(m.t, "indexed"))
	must(m.t, err)
}

// remap changes the identities that are made of rows.
func (m *model) remap(*rapid.T) { m.mapping++ }

// identify makes identities of the first cell. Zap c hides its identities.
func (m *model) identify(zap string) ledger.Identifier {
	return ledger.Identifier{Version: m.mapping, Hidden: zap == "c", Make: func(d ledger.Delivery) string { return madeIdentity(d, m.mapping) }}
}

func madeIdentity(d ledger.Delivery, mapping uint64) string {
	if len(d.Row.Cells) == 0 || d.Row.Cells[0].Blank() {
		return ""
	}
	return fmt.Sprintf("%s %d", d.Row.Cells[0], mapping)
}

// identities returns identities that deliveries may have.
func (m *model) identities() []string {
	return []string{"x@y.z", "X@Y.Z", fmt.Sprintf("A@b.c %d", m.mapping), fmt.Sprintf("a@b.c %d", max(m.mapping, 1)-1), fmt.Sprintf("2.5 %d", m.mapping), "nobody"}
}

// compareSearch compares searches with what is left of all deliveries.
func (m *model) compareSearch(all []ledger.Delivery) {
	q := ledger.Query{
		State: rapid.SampledFrom([]ledger.State{0, 0, ledger.Sent, ledger.Failed, ledger.Held}).Draw(m.t, "state"),
		Error: rapid.SampledFrom([]string{"", "", "512: NO", "why", "operator"}).Draw(m.t, "error"),
	}
	if rapid.Bool().Draw(m.t, "bounds") {
		q.Since = noon.Add(time.Duration(rapid.IntRange(-90, 30).Draw(m.t, "since")) * time.Minute)
		q.Until = q.Since.Add(time.Duration(rapid.IntRange(0, 120).Draw(m.t, "length")) * time.Minute)
	}
	for _, id := range append(m.identities(), "") {
		q.Identity, q.Identify = id, m.identify
		var want []string
		for _, d := range all {
			if id == "" || d.Zap != "c" && strings.EqualFold(id, identityOf(d, m.mapping)) {
				if selects(q, d) {
					want = append(want, d.ID())
				}
			}
		}
		got, err := m.l.Deliveries(m.t.Context(), q)
		must(m.t, err)
		if !slices.Equal(ids(got), want) {
			m.t.Fatalf("%+v found %v, want %v", q, ids(got), want)
		}
	}
}

func identityOf(d ledger.Delivery, mapping uint64) string {
	if d.Identity != "" {
		return d.Identity
	}
	return madeIdentity(d, mapping)
}

// selects is what a query says of a delivery apart from its identity.
func selects(q ledger.Query, d ledger.Delivery) bool {
	said := strings.ToLower(d.Reason)
	for p := range d.Problem.All() {
		said += "\n" + strings.ToLower(p.Text())
	}
	return (q.State == 0 || d.State == q.State) && strings.Contains(said, strings.ToLower(q.Error)) &&
		(q.Since.IsZero() || !d.UpdatedAt.Before(q.Since)) && (q.Until.IsZero() || d.UpdatedAt.Before(q.Until))
}
