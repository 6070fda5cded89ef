package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
	"github.com/rowtap/rowtap/internal/web/api"
)

const killZap = `enabled: true
schedule: "@every 1s"
trigger:
  app: google_sheets
  event: new_spreadsheet_row
  account: marketing
  spreadsheet: book
  worksheet: Signups
  start: beginning
  max_new_rows: 0
actions:
`

// killAction is the action of a kill test's zap, without its event.
const killAction = `  - {app: clevertap, account: production, identity: "{{Email}}", properties: {Score: "{{Score}}"}, event: %s}
`

// killZaps are the zaps of the kill test and their actions, by the kind of record that they send:
// its type or the name of its event.
var killZaps = map[string]struct{ zap, action string }{
	"profile": {"both", "create_update_user_profile"},
	"Then":    {"both", "upload_event"},
	"Signup":  {"events", "upload_event"},
}

// killsEach is the number of kills per state file.
const killsEach = 24

// TestKill kills the daemon with SIGKILL at random moments while rows are added, and compares what
// CleverTap accepted with the sheet. ROWTAP_KILLS sets the number of kills, killsEach on each state
// file.
func TestKill(t *testing.T) {
	kills := killsEach
	if s := os.Getenv("ROWTAP_KILLS"); s != "" {
		var err error
		if kills, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	var sum killTally
	for sum.kills < kills {
		w := newKillWorld(t)
		for range killsEach {
			w.killOnce(t)
		}
		sum.add(w.compare(t))
		w.close()
		if kills > killsEach {
			t.Logf("so far %+v", sum)
		}
	}
	t.Logf("%+v", sum)
}

// killTally is the result of a run of kills. Records are counted over all zaps: each row of the
// sheet makes one of each kind.
type killTally struct {
	// By moment: during the start, after a read began, after an upload began.
	kills, starting, polling, sending int
	rows                              int // in the sheet
	lost                              int // records that never arrived
	repeated                          int // records that arrived more than once
	events                            int // repeated records of events
	marked                            int // repeated events marked 'maybe twice'
	disordered                        int // out of order in their identity, without repeats
	uploads                           int // uploads with repeated records
}

func (k *killTally) add(o killTally) {
	k.kills, k.starting, k.polling, k.sending = k.kills+o.kills, k.starting+o.starting, k.polling+o.polling, k.sending+o.sending
	k.rows, k.lost, k.repeated, k.events = k.rows+o.rows, k.lost+o.lost, k.repeated+o.repeated, k.events+o.events
	k.marked, k.disordered, k.uploads = k.marked+o.marked, k.disordered+o.disordered, k.uploads+o.uploads
}

// killWorld is a sandbox, a configuration and a state file. Row N+1 of the sheet has the score N.
type killWorld struct {
	box   *lab.Sandbox
	srv   *httptest.Server
	open  atomic.Int64 // connections
	dir   string
	users []string // users of the rows, by score - 1
	ends  []int64  // number of the last record that had arrived at the end of each run
	sum   killTally
}

func newKillWorld(t *testing.T) *killWorld {
	t.Helper()
	box, err := lab.New(sandbox.Options{ReadsPerMinute: -1, KeepRecords: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	w := &killWorld{box: box}
	w.srv = httptest.NewUnstartedServer(box.Handler())
	w.srv.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			w.open.Add(1)
		case http.StateClosed, http.StateHijacked:
			w.open.Add(-1)
		case http.StateActive, http.StateIdle:
		}
	}
	w.srv.Start()
	w.dir = killConfig(t, box, w.srv.URL)
	if err := box.Sheets().AddWorksheet("book", "Signups", 0, cells([]string{"Email", "Score"})); err != nil {
		t.Fatal(err)
	}
	// Slow responses leave uploads in flight when the daemon is killed.
	if err := box.Fault(lab.Fault{API: "clevertap", Delay: "20ms"}); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *killWorld) close() {
	w.box.Close()
	w.srv.Close()
}

// grow adds no rows, a few, or more than fit into an upload.
func (w *killWorld) grow(t *testing.T) {
	t.Helper()
	n := rand.N(120)
	if rand.N(8) == 0 {
		n += 1500
	}
	if err := w.add(n); err != nil {
		t.Fatal(err)
	}
}

// add adds n rows. Some users have many rows.
func (w *killWorld) add(n int) error {
	rows := make([][]sandbox.Value, n)
	for i := range rows {
		score := strconv.Itoa(len(w.users) + 1)
		user := "user-" + score + "@example.com"
		if rand.N(5) == 0 {
			user = fmt.Sprintf("often-%d@example.com", rand.N(40))
		}
		w.users = append(w.users, user)
		rows[i] = cells([]string{user, score})
	}
	if n == 0 {
		return nil
	}
	_, err := w.box.Sheets().Append("book", "Signups", rows...)
	return err
}

// killOnce starts the program and kills it soon after the start, after it began to read, or after
// it began to upload.
func (w *killWorld) killOnce(t *testing.T) {
	t.Helper()
	w.grow(t)
	cmd := program(w.dir, w.srv.URL, "run")
	var said bytes.Buffer
	cmd.Stderr = &said
	reads, uploads := w.box.Reads(), w.box.CleverTap().Counts().Requests
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := func() bool { return w.box.Reads() > reads }
	uploaded := func() bool { return w.box.CleverTap().Counts().Requests > uploads }
	w.sum.kills++
	switch rand.N(4) {
	case 0:
		w.sum.starting++
		<-time.After(rand.N(150 * time.Millisecond))
	case 1:
		w.sum.polling++
		w.await(t, &said, read, patience)
		<-time.After(rand.N(30 * time.Millisecond))
	default:
		w.sum.sending++
		w.await(t, &said, read, patience)
		w.await(t, nil, uploaded, 300*time.Millisecond) // there may be nothing to upload
		<-time.After(rand.N(120 * time.Millisecond))
		w.grow(t)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	// Requests in flight have been processed or dropped.
	w.await(t, &said, func() bool { return w.open.Load() == 0 }, patience)
	w.ends = append(w.ends, w.box.CleverTap().Counts().Accepted)
}

// await waits until a condition holds. If it never does, await fails the test with the program's
// output, unless said is nil.
func (w *killWorld) await(t *testing.T, said *bytes.Buffer, holds func() bool, patience time.Duration) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			if said != nil {
				t.Fatalf("nothing was read, or a connection stayed open, for %s:\n%s", patience, said.String())
			}
			return
		}
	}
}

// compare lets the program finish, and compares what CleverTap accepted with the sheet.
func (w *killWorld) compare(t *testing.T) killTally {
	t.Helper()
	w.box.Heal("clevertap")
	if out, err := program(w.dir, w.srv.URL, "run", "--once").CombinedOutput(); err != nil {
		t.Fatalf("the last run: %v\n%s", err, out)
	}
	var records []accepted
	for _, r := range w.box.CleverTap().Records(sandbox.RecordQuery{}) {
		records = append(records, accepted{r, upload{run: w.runOf(r.Seq), at: r.ArrivedAt}})
	}
	w.judge(t, w.dir, records)
	return w.sum
}

// judge compares the records that CleverTap accepted, in the order of their arrival, with what is
// in the sheet, and with what the program says of each row. It returns the program's deliveries by
// the kind of record and the sheet row.
func (w *killWorld) judge(t *testing.T, dir string, records []accepted) map[string]map[int]api.Delivery {
	t.Helper()
	w.sum.rows = len(w.users)
	arrived := map[string][]arrival{}
	profiles := map[int]bool{} // by score: the profile has arrived
	for _, r := range records {
		score := scoreIn(t, r.Record)
		if score < 1 || score > len(w.users) || w.users[score-1] != r.Identity {
			t.Fatalf("CleverTap took a record that no row makes: %+v", r)
		}
		kind := r.Type
		if kind == "event" {
			kind = r.Event
		}
		profiles[score] = profiles[score] || kind == "profile"
		if kind == "Then" && !profiles[score] {
			t.Errorf("the second record of row %d came before the first", score+1)
		}
		arrived[kind] = append(arrived[kind], arrival{score: score, upload: r.upload})
	}
	deliveries := map[string]map[int]api.Delivery{}
	repeats := map[int]map[upload]bool{} // by run: uploads of which a record arrived again later
	for kind, of := range killZaps {
		deliveries[kind] = w.history(t, dir, of.zap, of.action)
		w.compareZap(t, kind, deliveries[kind], arrived[kind], repeats)
	}
	for run, uploads := range repeats {
		if w.sum.uploads += len(uploads); len(uploads) > maxConcurrent {
			t.Errorf("records of %d uploads of run %d were repeated, more than were under way when it was killed", len(uploads), run)
		}
	}
	return deliveries
}

// maxConcurrent is the default of max_concurrent.
const maxConcurrent = 3

// upload is an upload that CleverTap accepted, with its time and the run of the program that sent
// it.
type upload struct {
	run  int
	at   time.Time
	late bool // sent by a machine that was no longer active, so it may be out of order
}

// accepted is a record of an upload.
type accepted struct {
	sandbox.Record
	upload
}

// arrival is a record that CleverTap accepted.
type arrival struct {
	score int
	upload
}

func (w *killWorld) runOf(seq int64) int {
	for run, end := range w.ends {
		if seq <= end {
			return run
		}
	}
	return len(w.ends)
}

func (w *killWorld) compareZap(t *testing.T, kind string, history map[int]api.Delivery, arrived []arrival, repeats map[int]map[upload]bool) {
	t.Helper()
	// By score: the number of arrivals, and the last upload.
	times, last := map[int]int{}, map[int]upload{}
	newest := map[string]int{} // by user: the highest score so far
	final := map[string]int{}  // by user: the score that arrived last
	for _, a := range arrived {
		if times[a.score]++; times[a.score] > 1 {
			before := last[a.score]
			if before.run == a.run {
				t.Errorf("the %s of row %d arrived twice from one run", kind, a.score+1)
			}
			if repeats[before.run] == nil {
				repeats[before.run] = map[upload]bool{}
			}
			repeats[before.run][before] = true
		}
		last[a.score] = a.upload
		user := w.users[a.score-1]
		// An upload may hold several events of a user, and is repeated as a whole.
		if a.late {
			continue
		}
		if a.score < newest[user] && (kind == "profile" || times[a.score] == 1) {
			w.sum.disordered++
			t.Errorf("the %s of row %d arrived after that of row %d, of the same user", kind, a.score+1, newest[user]+1)
		}
		newest[user] = max(newest[user], a.score)
		final[user] = a.score
	}
	for i, user := range w.users {
		score := i + 1
		d := history[score+1]
		if d.State != "sent" {
			t.Errorf("the %s of row %d is %s", kind, score+1, d.State)
		}
		if times[score] == 0 {
			w.sum.lost++
			t.Errorf("the %s of row %d was lost", kind, score+1)
		}
		if times[score] > 1 {
			w.sum.repeated++
			if kind != "profile" {
				w.sum.events++
			}
			switch {
			case d.MaybeTwice:
				w.sum.marked++
			case kind != "profile":
				t.Errorf("the event of row %d arrived %d times and is not marked 'maybe twice'", score+1, times[score])
			}
		}
		if newest[user] != final[user] {
			t.Errorf("the last %s of %s is that of row %d, not of row %d", kind, user, final[user]+1, newest[user]+1)
		}
	}
}

func scoreIn(t *testing.T, r sandbox.Record) int {
	t.Helper()
	var body struct {
		ProfileData, EvtData struct{ Score int }
	}
	if err := json.Unmarshal(r.Body, &body); err != nil {
		t.Fatal(err)
	}
	return body.ProfileData.Score + body.EvtData.Score
}

// history returns a zap's deliveries of an action by sheet row.
func (w *killWorld) history(t *testing.T, dir, zapName, action string) map[int]api.Delivery {
	t.Helper()
	out, err := program(dir, w.srv.URL, "history", zapName, "--limit", "0", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	byRow := map[int]api.Delivery{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var d api.Delivery
		if err := json.Unmarshal(lines.Bytes(), &d); err != nil {
			t.Fatal(err)
		}
		if d.Action != action {
			continue
		}
		if _, twice := byRow[d.Row]; twice {
			t.Errorf("row %d of zap %s was found twice", d.Row, zapName)
		}
		byRow[d.Row] = d
	}
	return byRow
}

func killConfig(t *testing.T, box *lab.Sandbox, url string) string {
	t.Helper()
	dir := t.TempDir()
	if err := box.Sheets().AddSpreadsheet("book", "Book", "Etc/UTC"); err != nil {
		t.Fatal(err)
	}
	configure(t, box, url, dir, scriptConfig)
	return dir
}

// configure writes a machine's files.
func configure(t *testing.T, box *lab.Sandbox, url, dir, config string) {
	t.Helper()
	key, err := box.ServiceAccountKey(url + "/token")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"rowtap.yaml": config + "\n",
		"google.json": string(key),
		"passcode":    "SBX-PASS-0000",
		"zaps/both.yaml": killZap + fmt.Sprintf(killAction, "create_update_user_profile") +
			fmt.Sprintf(killAction, "upload_event, event_name: Then"),
		"zaps/events.yaml": killZap + fmt.Sprintf(killAction, "upload_event, event_name: Signup"),
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// program is the real program as a child process.
func program(dir, url string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], append(args, "--config", dir)...) //nolint:noctx // killed by the test, or ends
	cmd.Env = append(os.Environ(), asRowtap+"=1", "SANDBOX="+url, "WORK="+dir)
	return cmd
}
