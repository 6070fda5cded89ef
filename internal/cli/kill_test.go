package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/web"
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
action:
  app: clevertap
  event: %s
  account: production
  identity: "{{Email}}"
  properties:
    Score: "{{Score}}"
`

// TestKill kills the daemon with SIGKILL again and again while it polls and sends, and while rows are added. In the end every
// row must have arrived, and what arrived twice must be events marked 'maybe twice'.
func TestKill(t *testing.T) {
	const kills, rowsEach = 5, 1500
	box, err := sandbox.New(sandbox.Options{ReadsPerMinute: -1})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(box.Handler())
	defer srv.Close()
	defer box.Close()
	dir := killConfig(t, box, srv.URL)
	s := box.Sheets()
	if err := s.AddWorksheet("book", "Signups", 0, cells([]string{"Email", "Score"})); err != nil {
		t.Fatal(err)
	}
	// Answers that take a while leave uploads in flight when the daemon is killed.
	if err := box.Fault(sandbox.Fault{API: "clevertap", Delay: "30ms"}); err != nil {
		t.Fatal(err)
	}

	rows := 0
	for range kills {
		batch := make([][]sandbox.Value, rowsEach)
		for i := range batch {
			rows++
			batch[i] = cells([]string{fmt.Sprintf("user-%d@example.com", rows), fmt.Sprint(rows)})
		}
		if _, err := s.Append("book", "Signups", batch...); err != nil {
			t.Fatal(err)
		}
		killSoon(t, program(dir, srv.URL, "run"), box)
	}
	box.Heal("clevertap")
	if out, err := program(dir, srv.URL, "run", "--once").CombinedOutput(); err != nil {
		t.Fatalf("the last run: %v\n%s", err, out)
	}

	twice := markedTwice(t, dir, srv.URL)
	arrived := map[string]int{}
	for _, r := range box.CleverTap().Records(sandbox.RecordQuery{}) {
		arrived[r.Type+" "+r.Identity]++
	}
	repeats := 0
	for i := range rows {
		identity := fmt.Sprintf("user-%d@example.com", i+1)
		if n := arrived["profile "+identity]; n == 0 {
			t.Errorf("the profile of %s was lost", identity)
		}
		switch n := arrived["event "+identity]; {
		case n == 0:
			t.Errorf("the event of %s was lost", identity)
		case n > 1:
			repeats++
			if !twice[identity] {
				t.Errorf("the event of %s arrived %d times and is not marked 'maybe twice'", identity, n)
			}
		}
	}
	t.Logf("%d rows over %d kills: %d events arrived twice, %d are marked 'maybe twice'", rows, kills, repeats, len(twice))
}

func killConfig(t *testing.T, box *sandbox.Sandbox, url string) string {
	t.Helper()
	dir := t.TempDir()
	if err := box.Sheets().AddSpreadsheet("book", "Book", "Etc/UTC"); err != nil {
		t.Fatal(err)
	}
	key, err := box.ServiceAccountKey(url + "/token")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"rowtap.yaml":        scriptConfig + "\n",
		"google.json":        string(key),
		"passcode":           "SBX-PASS-0000",
		"zaps/profiles.yaml": fmt.Sprintf(killZap, "create_update_user_profile"),
		"zaps/events.yaml":   fmt.Sprintf(killZap, "upload_event\n  event_name: Signup"),
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
	return dir
}

// program is the real program as a child process.
func program(dir, url string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], append(args, "--config", dir)...) //nolint:noctx // it is killed, or ends
	cmd.Env = append(os.Environ(), asRowtap+"=1", "SANDBOX="+url, "WORK="+dir)
	return cmd
}

// killSoon starts the program, lets it upload a little, and kills it at a moment of chance.
func killSoon(t *testing.T, cmd *exec.Cmd, box *sandbox.Sandbox) {
	t.Helper()
	var said bytes.Buffer
	cmd.Stderr = &said
	before := box.CleverTap().Counts().Requests
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for box.CleverTap().Counts().Requests == before {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("nothing was uploaded within %s:\n%s", patience, said.String())
		}
	}
	<-time.After(rand.N(120 * time.Millisecond))
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
}

// markedTwice returns the identities whose events are marked in history.
func markedTwice(t *testing.T, dir, url string) map[string]bool {
	t.Helper()
	out, err := program(dir, url, "history", "events", "--limit", "0", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	twice := map[string]bool{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var d web.Delivery
		if err := json.Unmarshal(lines.Bytes(), &d); err != nil {
			t.Fatal(err)
		}
		if d.MaybeTwice {
			twice[d.Identity] = true
		}
	}
	return twice
}
