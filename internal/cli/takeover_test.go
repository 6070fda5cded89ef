package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/pgtest"
	"github.com/rowtap/rowtap/internal/sandbox"
)

// worldPatience is how long to wait for a condition of a takeoverWorld. It is long because many
// programs share the machine, and does not measure speed.
const worldPatience = 4 * patience

// frozenFor is how long a process is stopped: much longer than the lease, and than the wait of rows
// in flight.
const frozenFor = 60 * time.Second

// step is an event on a machine of a takeoverWorld that is or was active.
type step func(ctx context.Context, w *takeoverWorld, from *machine) error

// takeovers are the ways in which the active machine loses that role. The time of a takeover is
// measured from event; after runs once the other machine has taken over.
var takeovers = map[string]struct{ before, event, after step }{
	"kill": {
		event: func(_ context.Context, _ *takeoverWorld, from *machine) error { return from.kill() },
		after: func(_ context.Context, w *takeoverWorld, from *machine) error { return w.start(from) },
	},
	"term": {
		event: func(_ context.Context, _ *takeoverWorld, from *machine) error {
			return from.cmd.Process.Signal(syscall.SIGTERM)
		},
		after: func(_ context.Context, w *takeoverWorld, from *machine) error {
			if err := from.cmd.Wait(); err != nil {
				return fmt.Errorf("after SIGTERM: %w", err)
			}
			return w.start(from)
		},
	},
	"stop": {
		event: freeze,
		after: func(ctx context.Context, _ *takeoverWorld, from *machine) error { return from.thaw(ctx) },
	},
	"stop uploads": {
		before: func(ctx context.Context, w *takeoverWorld, from *machine) error { return w.hold(ctx, from) },
		event:  freeze,
		after: func(ctx context.Context, w *takeoverWorld, from *machine) error {
			<-time.After(time.Until(from.frozen.Add(frozenFor)))
			close(from.road)
			return from.thaw(ctx)
		},
	},
	"cut": {
		event: func(_ context.Context, _ *takeoverWorld, from *machine) error { from.proxy.Cut(); return nil },
		after: reconnect,
	},
	"blackhole": {
		event: func(_ context.Context, _ *takeoverWorld, from *machine) error { from.proxy.Blackhole(); return nil },
		after: reconnect,
	},
	"handover": {
		before: func(ctx context.Context, w *takeoverWorld, from *machine) error {
			// Once the other machine is known.
			return eventually(ctx, 100*time.Millisecond, func(context.Context) bool {
				return pgtest.Exec(w.t, w.dsn, `select count(*) from rowtap_member where seen > clock_timestamp() - interval '5 seconds'`) == "2"
			})
		},
		event: func(_ context.Context, w *takeoverWorld, from *machine) error {
			out, err := program(from.dir, from.url, "state", "handover").CombinedOutput()
			if err != nil {
				return fmt.Errorf("state handover: %w\n%s", err, out)
			}
			if got, want := pgtest.Exec(w.t, w.dsn, `select machine_of(epoch) from rowtap_lease where holder <> ''`), w.other(from).name; got != want {
				return fmt.Errorf("state handover says %q, and the lease is machine %q's", out, got)
			}
			return nil
		},
		after: func(ctx context.Context, _ *takeoverWorld, from *machine) error { return from.await(ctx, standsBy) },
	},
}

func freeze(_ context.Context, _ *takeoverWorld, from *machine) error {
	from.frozen = time.Now()
	return from.cmd.Process.Signal(freezes)
}

// thaw continues a frozen machine after frozenFor.
func (m *machine) thaw(ctx context.Context) error {
	<-time.After(time.Until(m.frozen.Add(frozenFor)))
	if err := m.cmd.Process.Signal(continues); err != nil {
		return err
	}
	return m.await(ctx, standsBy)
}

// reconnect restores the network to PostgreSQL once the machine has noticed that it is no longer
// active.
func reconnect(ctx context.Context, w *takeoverWorld, from *machine) error {
	if err := from.await(ctx, func(role string) bool { return role != active }); err != nil {
		return err
	}
	from.proxy.Restore(w.t)
	return from.await(ctx, standsBy)
}

// takeoversEach is the default number of takeovers per world.
var takeoversEach = [][]string{
	{"kill", "handover", "kill"}, {"stop"}, {"stop uploads"}, {"cut", "term"}, {"blackhole"}, {"handover", "term", "handover", "term"},
}

// TestTakeover makes two daemons of a deployment take over from each other, in several worlds at
// once, while rows are added. It compares what CleverTap accepted with the sheet and with the
// history of the lease. ROWTAP_TAKEOVERS sets the number of takeovers, of all kinds in each world,
// with three worlds at once.
func TestTakeover(t *testing.T) {
	t.Parallel()
	worlds, atOnce := takeoversEach, len(takeoversEach)
	if s := os.Getenv("ROWTAP_TAKEOVERS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		worlds, atOnce = nil, 3
		for ; n > 0; n -= 8 {
			kinds := []string{"kill", "stop", "cut", "kill", "stop", "blackhole", "handover", "term"}[:min(n, 8)]
			rand.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
			worlds = append(worlds, kinds)
		}
	}
	took := map[string][]time.Duration{}
	var sum takeoverTally
	for batch := range slices.Chunk(worlds, atOnce) {
		sum.add(takeOverAll(t, batch, took))
		if len(worlds) > len(batch) {
			t.Logf("so far %+v", sum)
		}
	}
	t.Logf("%+v", sum)
	for _, kind := range slices.Sorted(maps.Keys(took)) {
		d := slices.Sorted(slices.Values(took[kind]))
		t.Logf("%-12s %3d takeovers: p50 %5d ms, max %5d ms", kind, len(d), d[(len(d)-1)/2].Milliseconds(), d[len(d)-1].Milliseconds())
	}
}

// takeOverAll plays several worlds at once, and records the durations of the takeovers.
func takeOverAll(t *testing.T, kinds [][]string, took map[string][]time.Duration) (sum takeoverTally) {
	t.Helper()
	var mu sync.Mutex
	worlds := make([]*takeoverWorld, len(kinds))
	for i, kinds := range kinds {
		w := newTakeoverWorld(t, fmt.Sprint(kinds), pgtest.Shared(t))
		w.play = func(ctx context.Context) error {
			for _, kind := range kinds {
				d, err := w.takeOver(ctx, kind)
				if err != nil {
					return err
				}
				t.Logf("%s: %d ms", kind, d.Milliseconds())
				mu.Lock()
				took[kind] = append(took[kind], d)
				mu.Unlock()
			}
			return nil
		}
		worlds[i] = w
	}
	return playAll(t, worlds)
}

// playAll plays several worlds at once, compares their results, and closes them.
func playAll(t *testing.T, worlds []*takeoverWorld) (sum takeoverTally) {
	t.Helper()
	var group errgroup.Group
	for _, w := range worlds {
		group.Go(func() error {
			if err := w.run(t.Context()); err != nil {
				t.Errorf("%s: %v", w.name, err)
			}
			return nil
		})
	}
	_ = group.Wait() // t has the errors
	for _, w := range worlds {
		got := w.compare(t)
		t.Logf("%s: %+v", w.name, got)
		sum.add(got)
		w.close(t)
	}
	return sum
}

// takeoverTally is the result of takeovers.
type takeoverTally struct {
	killTally
	takeovers int
	uploads   int // all of them
	late      int // uploads that arrived from a machine without the lease
	foreign   int // changes of the database by a machine without the lease
}

func (k *takeoverTally) add(o takeoverTally) {
	k.killTally.add(o.killTally)
	k.takeovers, k.uploads, k.late, k.foreign = k.takeovers+o.takeovers, k.uploads+o.uploads, k.late+o.late, k.foreign+o.foreign
}

// takeoverWorld is a killWorld with two machines that share the state in a database.
type takeoverWorld struct {
	*killWorld
	t        *testing.T
	name     string
	dsn      string
	front    *httptest.Server // the sandbox's address for the machines
	machines []*machine
	play     func(context.Context) error // runs while rows are added
	tally    takeoverTally

	mayBeLate int // uploads that may arrive from a machine that no longer has the lease

	mu      sync.Mutex
	uploads []*arrivedUpload
}

// machine is one of the machines of a deployment. It has its own network to PostgreSQL, and uses
// its name as the CleverTap passcode.
type machine struct {
	name    string
	dir     string
	url     string        // of the sandbox
	proxy   *pgtest.Proxy // to PostgreSQL
	road    chan struct{} // nil if its uploads arrive at once; else they arrive once it is closed
	waiting int           // uploads waiting for road
	api     *client
	cmd     *exec.Cmd // last run
	frozen  time.Time // time of the last stop
}

// arrivedUpload is a complete request that arrived at CleverTap.
type arrivedUpload struct {
	by      string // name of a machine
	at      time.Time
	records []sandbox.Record
	dryRun  bool
	taken   bool
}

// newTakeoverWorld returns a world whose state is in the database of a DSN, with nothing started.
func newTakeoverWorld(t *testing.T, name, dsn string) *takeoverWorld {
	t.Helper()
	w := &takeoverWorld{killWorld: newKillWorld(t), t: t, name: name, dsn: dsn}
	prepareWatched(t, dsn)
	w.front = httptest.NewServer(w.arrivals())
	t.Cleanup(w.front.Close)
	for _, name := range []string{"a", "b"} {
		m := &machine{name: name, dir: filepath.Join(t.TempDir(), name), url: w.front.URL, proxy: pgtest.NewProxy(t, dsn)}
		state := fmt.Sprintf("state: {path: state/rowtap.db, postgres: %q}", m.proxy.DSN(t, dsn)+"&application_name="+name)
		configure(t, w.box, w.srv.URL, m.dir, strings.Replace(scriptConfig, "state: {path: state/rowtap.db}", state, 1))
		if err := os.WriteFile(filepath.Join(m.dir, "passcode"), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
		var err error
		if m.api, err = dialer("unix:" + filepath.Join(m.dir, "api.sock")); err != nil {
			t.Fatal(err)
		}
		w.machines = append(w.machines, m)
		t.Cleanup(func() { _ = m.kill() }) // may have ended already
	}
	return w
}

// arrivals is a handler that passes requests to the sandbox and records the uploads of both
// machines.
func (w *takeoverWorld) arrivals() http.Handler {
	clevertap := w.box.Handler()
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/1/upload" {
			clevertap.ServeHTTP(rw, r)
			return
		}
		by := r.Header.Get("X-CleverTap-Passcode")
		r.Header.Set("X-CleverTap-Passcode", "SBX-PASS-0000")
		w.travel(by)
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // cut off: it never arrived
		}
		u := &arrivedUpload{by: by, at: time.Now(), dryRun: r.URL.Query().Get("dryRun") == "1"}
		var sent struct {
			D []json.RawMessage
		}
		err = json.Unmarshal(body, &sent)
		for _, raw := range sent.D {
			record := struct{ Type, Identity, EvtName string }{}
			err = errors.Join(err, json.Unmarshal(raw, &record))
			u.records = append(u.records, sandbox.Record{Type: record.Type, Identity: record.Identity, Event: record.EvtName, Body: raw})
		}
		if err != nil {
			w.t.Errorf("an upload cannot be read: %v\n%s", err, body)
		}
		w.mu.Lock()
		w.uploads = append(w.uploads, u)
		w.mu.Unlock()
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer := &answered{ResponseWriter: rw}
		clevertap.ServeHTTP(answer, r)
		w.mu.Lock()
		defer w.mu.Unlock()
		u.taken = answer.code == http.StatusOK
	})
}

// travel blocks until an upload of a machine may arrive.
func (w *takeoverWorld) travel(by string) {
	m := w.machines[slices.IndexFunc(w.machines, func(m *machine) bool { return m.name == by })]
	w.mu.Lock()
	road := m.road
	if road != nil {
		m.waiting++
	}
	w.mu.Unlock()
	if road != nil {
		<-road
	}
}

// hold delays a machine's uploads until its road is closed, and returns once one is waiting.
func (w *takeoverWorld) hold(ctx context.Context, m *machine) error {
	w.mu.Lock()
	m.road, m.waiting = make(chan struct{}), 0
	w.mu.Unlock()
	return eventually(ctx, time.Millisecond, func(context.Context) bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return m.waiting > 0
	})
}

// answered records the status of a response.
type answered struct {
	http.ResponseWriter
	code int
}

func (a *answered) WriteHeader(code int) {
	a.code = code
	a.ResponseWriter.WriteHeader(code)
}

// run starts both machines, adds rows during play, and waits until the machines have sent the rest.
func (w *takeoverWorld) run(ctx context.Context) error {
	for _, m := range w.machines {
		if err := w.start(m); err != nil {
			return err
		}
	}
	growing, stop := context.WithCancel(ctx)
	var group errgroup.Group
	group.Go(func() error { return w.keepGrowing(growing) })
	err := w.play(ctx)
	stop()
	if err = errors.Join(err, group.Wait()); err != nil {
		return err
	}
	if err := w.settle(ctx); err != nil {
		return err
	}
	m, err := w.active(ctx)
	if err != nil {
		return err
	}
	return w.other(m).await(ctx, standsBy)
}

// keepGrowing adds rows until ctx ends: a few at a time, seldom more than fit into an upload.
func (w *takeoverWorld) keepGrowing(ctx context.Context) error {
	pause := 500 * time.Millisecond
	if underRace {
		pause *= 4
	}
	for ctx.Err() == nil {
		n := rand.N(10)
		if rand.N(150) == 0 {
			n += 1500
		}
		if err := w.add(n); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(rand.N(pause)):
		}
	}
	return nil
}

// settle waits until all records of each row are sent. compare finds those that are not.
func (w *takeoverWorld) settle(ctx context.Context) error {
	best, since := int64(0), time.Now()
	for {
		m, err := w.active(ctx)
		if err != nil {
			return err
		}
		sent, err := m.sent(ctx)
		want := int64(len(killZaps) * len(w.users))
		switch {
		case sent == want:
			return nil
		case sent > best:
			best, since = sent, time.Now()
		case time.Since(since) > worldPatience:
			return fmt.Errorf("%d of %d records are sent, and for %s no more (%w):\n%s", sent, want, worldPatience, err, w.log())
		}
		<-time.After(500 * time.Millisecond)
	}
}

// sent returns the number of sent records that the active machine reports, over all zaps.
func (m *machine) sent(ctx context.Context) (n int64, err error) {
	token, err := os.ReadFile(filepath.Join(m.dir, "state", "api.token"))
	if err != nil {
		return 0, err
	}
	m.api.token = secret(token)
	var st engine.Status
	err = m.api.get(ctx, "/api/v1/status", &st)
	for _, z := range st.Zaps {
		n += z.Sent
	}
	return n, err
}

// start starts a machine's daemon, and returns once it is active or a standby.
func (w *takeoverWorld) start(m *machine) error {
	said, err := os.OpenFile(filepath.Join(m.dir, "log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = said.Close() }() // the daemon has its own descriptor
	m.cmd = program(m.dir, m.url, "run")
	m.cmd.Stderr = said
	if err := m.cmd.Start(); err != nil {
		return err
	}
	return m.await(w.t.Context(), func(s string) bool { return s == active || standsBy(s) })
}

func (m *machine) kill() error {
	if m.cmd == nil {
		return nil
	}
	err := m.cmd.Process.Kill()
	_ = m.cmd.Wait() // killed
	return err
}

func (w *takeoverWorld) other(m *machine) *machine {
	return w.machines[1-slices.Index(w.machines, m)]
}

// Roles of a machine, other than the text of a standby's readiness.
const (
	active = "active"
	silent = "" // it does not run, or does not respond
)

// standsBy reports whether a machine is a standby that could take over.
func standsBy(role string) bool {
	return strings.HasPrefix(role, "active is ") && !strings.Contains(role, "; ")
}

// isActive reports whether a machine is active, according to its metrics.
func (m *machine) isActive(ctx context.Context) bool {
	b, err := m.api.call(ctx, "GET", "/metrics", nil)
	return err == nil && bytes.Contains(b, []byte("\nrowtap_active 1\n"))
}

// role returns the role of a machine.
func (m *machine) role(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if m.isActive(ctx) {
		return active
	}
	var ready struct {
		Standby  string
		Degraded []string
	}
	if err := m.api.get(ctx, "/readyz", &ready); err != nil {
		return silent
	}
	return strings.Join(append([]string{ready.Standby}, ready.Degraded...), "; ")
}

// await waits until a machine has a role.
func (m *machine) await(ctx context.Context, is func(role string) bool) error {
	var role string
	err := eventually(ctx, 100*time.Millisecond, func(ctx context.Context) bool {
		role = m.role(ctx)
		return is(role)
	})
	if err != nil {
		return fmt.Errorf("machine %s: %w; it is %q", m.name, err, role)
	}
	return nil
}

// awaitActive polls every 20 ms until a machine is active.
func (m *machine) awaitActive(ctx context.Context) error {
	err := eventually(ctx, 20*time.Millisecond, m.isActive)
	if err != nil {
		return fmt.Errorf("machine %s is not the active one: %w; it is %q", m.name, err, m.role(ctx))
	}
	return nil
}

// active waits for an active machine and returns it.
func (w *takeoverWorld) active(ctx context.Context) (found *machine, err error) {
	err = eventually(ctx, 100*time.Millisecond, func(ctx context.Context) bool {
		i := slices.IndexFunc(w.machines, func(m *machine) bool { return m.isActive(ctx) })
		if i >= 0 {
			found = w.machines[i]
		}
		return i >= 0
	})
	if err != nil {
		err = fmt.Errorf("no machine is the active one: %w\n%s", err, w.log())
	}
	return found, err
}

// eventually retries until something holds.
func eventually(ctx context.Context, every time.Duration, holds func(context.Context) bool) error {
	ctx, cancel := context.WithTimeout(ctx, worldPatience)
	defer cancel()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for !holds(ctx) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("not for %s", worldPatience)
		case <-tick.C:
		}
	}
	return nil
}

// takeOver makes the active machine lose that role, mostly in the middle of an upload, and returns
// how long the takeover took.
func (w *takeoverWorld) takeOver(ctx context.Context, kind string) (took time.Duration, err error) {
	w.tally.takeovers++
	switch kind {
	case "stop":
		w.mayBeLate++
	case "stop uploads":
		w.mayBeLate += maxConcurrent
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("takeover by %s: %w", kind, err)
		}
	}()
	from, err := w.active(ctx)
	if err != nil {
		return 0, err
	}
	to := w.other(from)
	if err := to.await(ctx, standsBy); err != nil {
		return 0, err
	}
	<-time.After(rand.N(5 * time.Second))
	w.awaitUpload()
	<-time.After(rand.N(60 * time.Millisecond))
	how := takeovers[kind]
	if how.before != nil {
		if err := how.before(ctx, w, from); err != nil {
			return 0, err
		}
	}
	began := time.Now()
	if err := how.event(ctx, w, from); err != nil {
		return 0, err
	}
	if err := to.awaitActive(ctx); err != nil {
		return 0, err
	}
	took = time.Since(began)
	return took, how.after(ctx, w, from)
}

// awaitUpload waits for an upload to arrive, which may not happen.
func (w *takeoverWorld) awaitUpload() {
	before := w.arrived()
	for deadline := time.Now().Add(3 * time.Second); w.arrived() == before && time.Now().Before(deadline); {
		<-time.After(time.Millisecond)
	}
}

// arrived returns the number of uploads that have arrived.
func (w *takeoverWorld) arrived() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.uploads)
}

// compare compares what CleverTap accepted with the sheet and with the history of the lease. If a
// machine was frozen, uploads in flight and one that was about to be sent may arrive late; their
// events must be marked.
func (w *takeoverWorld) compare(t *testing.T) takeoverTally {
	t.Helper()
	sum := w.tally
	seen, foreign := readLease(t, w.dsn)
	sum.foreign, sum.uploads = foreign, len(w.uploads)
	var records, late []accepted
	for _, u := range w.uploads {
		is := upload{run: seen.term(u.by, u.at), at: u.at, late: !seen.held(u.by, u.at)}
		if is.late {
			sum.late++
			t.Logf("machine %s sent %d records at %s, without the lease", u.by, len(u.records), u.at.Format(time.RFC3339Nano))
		}
		for _, r := range u.records {
			if !u.taken || u.dryRun {
				break
			}
			records = append(records, accepted{r, is})
			if is.late && r.Type == "event" {
				late = append(late, accepted{r, is})
			}
		}
	}
	if sum.late > w.mayBeLate {
		t.Errorf("%d uploads arrived from a machine that had not the lease, at most %d may", sum.late, w.mayBeLate)
	}
	if got := w.box.CleverTap().Counts().Accepted; got != int64(len(records)) {
		t.Errorf("CleverTap accepted %d records, and %d arrived", got, len(records))
	}
	m, err := w.active(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	deliveries := w.judge(t, m.dir, records)
	for _, r := range late {
		if d := deliveries[r.Event][scoreIn(t, r.Record)+1]; !d.MaybeTwice {
			t.Errorf("the event %s of row %d arrived late, and is not marked 'maybe twice'", r.Event, d.Row)
		}
	}
	sum.killTally = w.sum
	return sum
}

// said returns a machine's log.
func (m *machine) said() []byte {
	text, err := os.ReadFile(filepath.Join(m.dir, "log"))
	if err != nil {
		return []byte(err.Error())
	}
	return text
}

// log returns the last lines of the machines' logs.
func (w *takeoverWorld) log() string {
	var b strings.Builder
	for _, m := range w.machines {
		said := m.said()
		fmt.Fprintf(&b, "machine %s:\n%s\n", m.name, said[max(0, len(said)-4000):])
	}
	return b.String()
}

func (w *takeoverWorld) close(t *testing.T) {
	t.Helper()
	for _, m := range w.machines {
		if err := m.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Errorf("machine %s: %v", m.name, err)
		}
		if err := m.cmd.Wait(); err != nil {
			t.Errorf("machine %s after SIGTERM: %v", m.name, err)
		}
		if bytes.Contains(m.said(), []byte("panic")) {
			t.Errorf("machine %s panicked", m.name)
		}
	}
	if t.Failed() {
		t.Log(w.log())
	}
	w.killWorld.close()
}
