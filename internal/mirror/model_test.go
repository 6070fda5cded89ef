package mirror_test

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/pgtest"
)

// deployment is a few machines that take turns at random.
type deployment struct {
	name     string
	machines []*machine
	active   *machine
	zaps     []string
	last     uint64 // number of the last new zap name
}

func (d *deployment) standby(t *rapid.T) *machine {
	for {
		if m := rapid.SampledFrom(d.machines).Draw(t, "machine"); m != d.active {
			return m
		}
	}
}

func (d *deployment) zap(t *rapid.T) string { return rapid.SampledFrom(d.zaps).Draw(t, "zap") }

// polls commits a few polls.
func (d *deployment) polls(t *rapid.T) {
	for range rapid.IntRange(1, 3).Draw(t, "polls") {
		found(t, d.active.Ledger, d.zap(t), rapid.SampledFrom([]int{0, 1, 2, 300}).Draw(t, "rows"))
	}
}

// sends starts an upload of queued rows and may finish it.
func (d *deployment) sends(t *rapid.T) {
	zap := d.zap(t)
	queued, err := d.active.Queued(t.Context(), zap, 0, rapid.IntRange(1, 400).Draw(t, "rows"))
	must(t, err)
	if len(queued) == 0 {
		t.Skip("no queued rows")
	}
	var upload ledger.Upload
	var out []ledger.Outcome
	for _, q := range queued {
		upload = append(upload, ledger.Sending{Delivery: q, Record: ledger.SentRecord{Header: q.Header, JSON: []byte(`{}`)}})
		out = append(out, ledger.Outcome{Number: q.Number, State: ledger.Sent})
	}
	must(t, d.active.Start(t.Context(), zap, []ledger.Upload{upload}, ledger.Hides{Known: true}, noon))
	if rapid.Bool().Draw(t, "finish") {
		must(t, d.active.Finish(t.Context(), zap, out, noon))
	}
}

func (d *deployment) prunes(t *rapid.T) {
	_, err := d.active.Prune(t.Context(), noon.AddDate(0, 0, 1), 1000)
	must(t, err)
}

func (d *deployment) renames(t *rapid.T) {
	i := rapid.IntRange(0, len(d.zaps)-1).Draw(t, "zap")
	known, err := d.active.Zaps(t.Context())
	must(t, err)
	d.last++
	name := fmt.Sprint("zap-", d.last)
	if err := d.active.Rename(t.Context(), d.zaps[i], name); err != nil {
		t.Skip("the zap has had no rows", known)
	}
	d.zaps[i] = name
}

// purges ages the tombstones up to a random commit and removes old ones.
func (d *deployment) purges(t *rapid.T) {
	from := rapid.Uint64Range(0, d.active.Position().Commit).Draw(t, "commit")
	d.active.db(fmt.Sprintf(`update rowtap_kv set removed = removed - interval '2 days' where value is null and commit <= %d and lease = '%s'`, from, d.name))
	must(t, d.active.term.Purge(t.Context()))
}

// takesOver makes another machine the active one. The previous one notices only at its next commit.
func (d *deployment) takesOver(t *rapid.T) {
	before := d.active
	d.active = d.standby(t)
	d.active.activate(t)
	if err := before.SetPaused(t.Context(), d.zap(t), true, "", noon); err == nil {
		t.Fatal("two machines commit")
	}
	before.reopen(t)
}

// crashes makes a standby lose its copy, or go back to an older one.
func (d *deployment) crashes(t *rapid.T) {
	m := d.standby(t)
	if m.Position().State == "" {
		t.Skip("it has no copy yet")
	}
	must(t, m.Ledger.Close())
	if rapid.Bool().Draw(t, "lost") {
		m.drop(t)
		return
	}
	content, err := os.ReadFile(m.path)
	must(t, err)
	m.open(t)
	_, err = m.Pull(t.Context(), m.Ledger)
	must(t, err)
	must(t, m.Ledger.Close())
	must(t, os.WriteFile(m.path, content, 0o600))
	m.open(t)
}

// follows brings a standby up to date and compares it with the active machine.
func (d *deployment) follows(t *rapid.T) {
	m := d.standby(t)
	_, err := m.Pull(t.Context(), m.Ledger)
	must(t, err)
	if m.Position() != d.active.Position() {
		t.Fatalf("the copy is at %+v, the state at %+v", m.Position(), d.active.Position())
	}
	if diff := cmp.Diff(values(t, d.active.Ledger), values(t, m.Ledger)); diff != "" {
		t.Fatalf("the copies differ (-want +got):\n%s", diff)
	}
}

// A standby that follows has what the active machine has, whoever wrote it and whenever it follows.
func TestAllCopiesAreEqual(t *testing.T) {
	dsn := pgtest.Shared(t)
	worlds := 0
	check(t, 5, func(rt *rapid.T) {
		worlds++
		d := &deployment{name: fmt.Sprint("world-", worlds), zaps: []string{"a", "b"}}
		for _, host := range []string{"host-a", "host-b", "host-c"} {
			m := start(t, dsn, d.name, fmt.Sprint(host, "-", worlds))
			defer func() {
				_ = m.Ledger.Close() // it may have ended
				m.Mirror.Close()
			}()
			d.machines = append(d.machines, m)
		}
		d.active = d.machines[0]
		d.active.activate(rt)
		rt.Repeat(map[string]func(*rapid.T){
			"polls": d.polls, "polls again": d.polls, "sends": d.sends, "prunes": d.prunes, "renames": d.renames, "purges": d.purges,
			"takes over": d.takesOver, "crashes": d.crashes, "follows": d.follows, "follows again": d.follows,
		})
	})
}

// check is rapid.Check with fewer runs unless the command line sets a number: each step queries a
// database.
func check(t *testing.T, times int, property func(*rapid.T)) {
	t.Helper()
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		must(t, f.Value.Set(strconv.Itoa(times)))
		defer func() { must(t, f.Value.Set(f.DefValue)) }()
	}
	rapid.Check(t, property)
}
