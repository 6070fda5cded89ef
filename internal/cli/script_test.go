package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

// patience is how long to wait for a condition. It does not measure speed: conditions are noticed
// within milliseconds.
const patience = 30 * time.Second

// world is the sandbox of a script.
type world struct {
	box    *lab.Sandbox
	dir    string // the script's configuration directory
	socket string // the daemon's socket
}

type worldKey struct{}

// TestScripts runs the real program as users do. Each script has its own sandbox at $SANDBOX, and
// in conf/ a configuration with one account of each kind, unless it has its own files there. In
// addition to testscript's commands:
//
//	sheet append|insert ROW|delete FROM TO|set ROW COL|sort COL|move FROM TO|… CELL…   edits worksheet Signups of book
//	clevertap fail STATUS|reset WHEN|cut N|stall TIME|refuse CODE IDENTITY|heal         faults of CleverTap
//	google …                                                                           faults of Google
//	await WHAT N                                                                       waits until a count is reached
//	accepted FILE                                                                      writes the records that CleverTap accepted
//	signal TERM|HUP                                                                    signals the last program started with &
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata",
		Setup: newWorld,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"sheet":     sheetCommand,
			"clevertap": faultCommand("clevertap"),
			"google":    faultCommand("sheets"),
			"token":     faultCommand("token"),
			"await":     awaitCommand,
			"accepted":  acceptedCommand,
			"signal":    signalCommand,
			"longcell":  longCellCommand,
			"damage":    damageCommand,
			"freeport":  freePortCommand,
			"awaitopen": awaitOpenCommand,
			"appendline": func(ts *testscript.TestScript, _ bool, args []string) {
				text := ts.ReadFile(args[0])
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text+args[1]+"\n"), 0o600))
			},
		},
		UpdateScripts: os.Getenv("ROWTAP_UPDATE_SCRIPTS") != "",
	})
}

const scriptConfig = `google_accounts:
  marketing:
    credentials_file: google.json
    reads_per_minute: 6000
    endpoint: ${SANDBOX}/
clevertap_accounts:
  production:
    account_id: TEST-000-000-000Z
    passcode_file: passcode
    region: in1
    endpoint: ${SANDBOX}
state: {path: state/rowtap.db}
http: {listen: "unix:${WORK}/api.sock"}
log: {format: console}
`

func newWorld(env *testscript.Env) error {
	box, err := lab.New(sandbox.Options{ReadsPerMinute: -1})
	if err != nil {
		return err
	}
	srv := httptest.NewServer(box.Handler())
	env.Defer(srv.Close)
	env.Defer(box.Close)
	w := &world{box: box, dir: filepath.Join(env.WorkDir, "conf"), socket: filepath.Join(env.WorkDir, "api.sock")}
	env.Values[worldKey{}] = w
	env.Setenv("SANDBOX", srv.URL)
	env.Setenv("ROWTAP_CONFIG", w.dir)
	env.Setenv("NO_COLOR", "1")

	s := box.Sheets()
	if err := s.AddSpreadsheet("book", "Book", "Asia/Kolkata"); err != nil {
		return err
	}
	if err := s.AddWorksheet("book", "Signups", 7); err != nil {
		return err
	}
	key, err := box.ServiceAccountKey(srv.URL + "/token")
	if err != nil {
		return err
	}
	files := map[string]string{"rowtap.yaml": scriptConfig, "google.json": string(key), "passcode": "SBX-PASS-0000\n"}
	for name, text := range files {
		path := filepath.Join(w.dir, name)
		if _, err := os.Stat(path); err == nil {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func worldOf(ts *testscript.TestScript) *world { return ts.Value(worldKey{}).(*world) }

func cells(args []string) []sandbox.Value {
	values := make([]sandbox.Value, len(args))
	for i, a := range args {
		values[i] = sandbox.Parse(a)
	}
	return values
}

func sheetCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: sheet WHAT …")
	}
	const id = "book"
	tab := "Signups"
	if args[0] == "of" { // sheet of TITLE EDIT …: another worksheet
		tab, args = args[1], args[2:]
	}
	s := worldOf(ts).box.Sheets()
	number := func(i int) int {
		if i >= len(args) {
			ts.Fatalf("sheet %s: argument %d is missing", args[0], i)
		}
		n, err := strconv.Atoi(args[i])
		ts.Check(err)
		return n
	}
	var err error
	switch args[0] {
	case "append":
		_, err = s.Append(id, tab, cells(args[1:]))
	case "fill": // sheet fill N PREFIX: N rows PREFIX-i@example.com
		rows := make([][]sandbox.Value, number(1))
		for i := range rows {
			rows[i] = cells([]string{fmt.Sprintf("%s-%d@example.com", args[2], i+1), fmt.Sprintf("Name %d", i+1), strconv.Itoa(i)})
		}
		_, err = s.Append(id, tab, rows...)
	case "insert":
		err = s.Insert(id, tab, number(1), cells(args[2:]))
	case "delete":
		err = s.Delete(id, tab, number(1), number(2))
	case "set":
		err = s.Set(id, tab, number(1), number(2), sandbox.Parse(args[3]))
	case "sort":
		err = s.Sort(id, tab, number(1), slices.Contains(args, "desc"))
	case "move":
		err = s.Move(id, tab, number(1), number(2))
	case "clear":
		err = s.Clear(id, tab)
	case "rename":
		err = s.RenameWorksheet(id, tab, args[1])
	case "insert-column":
		err = s.InsertColumn(id, tab, number(1))
	case "unshare":
		err = s.Unshare(id)
	case "share":
		err = s.Share(id)
	case "add": // sheet add TITLE GID
		err = s.AddWorksheet(id, args[1], int64(number(2)))
	case "xlsx":
		err = s.SetOfficeFile(id)
	default:
		ts.Fatalf("sheet %s: there is no such edit", args[0])
	}
	ts.Check(err)
}

func faultCommand(api string) func(ts *testscript.TestScript, neg bool, args []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) == 0 {
			ts.Fatalf("usage: %s fail|reset|cut|stall|redirect|refuse|heal …", api)
		}
		box := worldOf(ts).box
		f := lab.Fault{API: api}
		number := func(i int) int {
			if i >= len(args) {
				return 0
			}
			n, err := strconv.Atoi(args[i])
			ts.Check(err)
			return n
		}
		switch args[0] {
		case "heal":
			box.Heal(api)
			return
		case "refuse": // CODE IDENTITY [TIMES]
			box.CleverTap().Refuse(lab.Refusal{Code: number(1), Identity: args[2], Times: number(3)})
			return
		case "fail": // STATUS [TIMES]
			f.Status, f.Times = number(1), number(2)
		case "html":
			f.Status, f.Body, f.Times = number(1), "<html><body>Sorry</body></html>", number(2)
			f.Headers = map[string]string{"Content-Type": "text/html"}
		case "reset": // before|after [TIMES]
			f.Reset, f.Times = args[1], number(2)
		case "cut":
			f.Cut, f.Times = number(1), number(2)
		case "stall":
			f.Delay, f.Times = args[1], number(2)
		case "redirect":
			f.Redirect, f.Times = args[1], number(2)
		default:
			ts.Fatalf("%s %s: there is no such fault", api, args[0])
		}
		ts.Check(box.Fault(f))
	}
}

// awaitCommand waits until a count, or a zap's state, has the value that the script expects.
func awaitCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: await WHAT N")
	}
	w := worldOf(ts)
	want := strings.Join(args[1:], " ")
	if args[0] == "page" || args[0] == "nopage" {
		w.awaitPage(ts, args[1], args[0] == "page")
		return
	}
	var got string
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for time.Now().Before(deadline) {
		if got = w.observe(ts, args[0]); got == want {
			return
		}
		<-tick.C
	}
	ts.Fatalf("await %s %s: it is %q after %s", args[0], want, got, patience)
}

// awaitPage waits until the page has a text, with the daemon's token or without one.
func (w *world) awaitPage(ts *testscript.TestScript, want string, token bool) {
	c, err := dialer("unix:" + w.socket)
	ts.Check(err)
	got := ""
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/", nil)
		ts.Check(err)
		if token {
			b, err := os.ReadFile(filepath.Join(w.dir, "state", "api.token"))
			ts.Check(err)
			req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(b)))
		}
		resp, err := c.http.Do(req)
		ts.Check(err)
		b, err := io.ReadAll(resp.Body)
		ts.Check(errors.Join(err, resp.Body.Close()))
		cancel()
		if got = string(b); strings.Contains(got, want) {
			return
		}
	}
	ts.Fatalf("the page does not have %q:\n%s", want, got)
}

// observe returns a count of the sandbox's or of the daemon's status; "" while there is none.
func (w *world) observe(ts *testscript.TestScript, what string) string {
	counts := w.box.CleverTap().Counts()
	switch what {
	case "accepted":
		return fmt.Sprint(counts.Accepted)
	case "identities":
		return fmt.Sprint(counts.Identities)
	case "uploads":
		return fmt.Sprint(counts.Requests)
	case "dry-runs":
		return fmt.Sprint(counts.DryRuns)
	case "demo":
		return demoAccepted(ts.Getenv("PORT"))
	}
	c, err := dialer("unix:" + w.socket)
	ts.Check(err)
	if token, err := os.ReadFile(filepath.Join(w.dir, "state", "api.token")); err == nil {
		ts.Setenv("ROWTAP_TOKEN", strings.TrimSpace(string(token)))
		c.token = secret(token)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if what == "up" {
		if _, err := c.call(ctx, "GET", "/healthz", nil); err != nil {
			return "no"
		}
		return ""
	}
	if path := map[string]string{"healthz": "/healthz", "readyz": "/readyz"}[what]; path != "" {
		b, err := c.call(ctx, "GET", path, nil)
		if err != nil {
			return err.Error()
		}
		return strings.TrimSpace(string(b))
	}
	metric := map[string]string{
		"loaded":    "rowtap_config_last_reload_successful", // whether the last load succeeded
		"listeners": "rowtap_event_listeners",
	}[what]
	if metric != "" {
		b, err := c.call(ctx, "GET", "/metrics", nil)
		if err != nil {
			return err.Error()
		}
		_, after, _ := strings.Cut(string(b), "\n"+metric+" ")
		value, _, _ := strings.Cut(after, "\n")
		return value
	}
	var st engine.Status
	if err := c.get(ctx, "/api/v1/status", &st); err != nil {
		return "no status: " + err.Error()
	}
	var sum engine.ZapStatus
	states := make([]string, len(st.Zaps))
	polled := 0
	for i, z := range st.Zaps {
		states[i] = string(z.State)
		sum.Waiting += z.Waiting
		sum.Queued += z.Queued
		sum.Sent += z.Sent
		sum.Skipped += z.Skipped
		sum.Failed += z.Failed
		sum.Held += z.Held
		if z.LastPoll != nil {
			polled++
		}
	}
	switch what {
	case "state":
		return strings.Join(states, " ")
	case "polled":
		return fmt.Sprint(polled)
	case "waiting":
		return fmt.Sprint(sum.Waiting)
	case "queued":
		return fmt.Sprint(sum.Queued)
	case "sent":
		return fmt.Sprint(sum.Sent)
	case "skipped":
		return fmt.Sprint(sum.Skipped)
	case "failed":
		return fmt.Sprint(sum.Failed)
	case "held":
		return fmt.Sprint(sum.Held)
	}
	ts.Fatalf("await %s: there is no such count", what)
	return ""
}

// acceptedCommand writes the records that CleverTap accepted, in order of arrival, one per line,
// without ts.
func acceptedCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: accepted FILE")
	}
	var b bytes.Buffer
	for _, r := range worldOf(ts).box.CleverTap().Records(sandbox.RecordQuery{}) {
		var body map[string]json.RawMessage
		ts.Check(json.Unmarshal(r.Body, &body))
		data := body["profileData"]
		if r.Event != "" {
			data = body["evtData"]
		}
		fmt.Fprintln(&b, strings.Join(strings.Fields(r.Type+" "+r.IDKey+" "+r.Identity+" "+r.Event), " "), string(data))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b.Bytes(), 0o600))
}

func signalCommand(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]os.Signal{"TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "KILL": syscall.SIGKILL}
	running := ts.BackgroundCmds()
	if neg || len(args) != 1 || signals[args[0]] == nil || len(running) == 0 {
		ts.Fatalf("usage: signal TERM|HUP|KILL, with a program running")
	}
	ts.Check(running[len(running)-1].Process.Signal(signals[args[0]]))
}

// longCellCommand appends a row whose second cell has N characters.
func longCellCommand(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	_, err = worldOf(ts).box.Sheets().Append("book", "Signups", []sandbox.Value{sandbox.Text(args[0]), sandbox.Text(strings.Repeat("x", n))})
	ts.Check(err)
}

// damageCommand cuts a file to N bytes, or writes text over it.
func damageCommand(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	if n, err := strconv.ParseInt(args[1], 10, 64); err == nil {
		ts.Check(os.Truncate(path, n))
		return
	}
	ts.Check(os.WriteFile(path, []byte(args[1]), 0o600))
}

func secret(b []byte) config.Secret { return config.NewSecret(strings.TrimSpace(string(b))) }

// demoAccepted returns the number of records that the demo's CleverTap accepted.
func demoAccepted(port string) string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	c, err := dialer("http://127.0.0.1:" + port)
	if err != nil {
		return err.Error()
	}
	var counts sandbox.Counts
	if err := c.get(ctx, "/admin/clevertap/counts", &counts); err != nil {
		return err.Error()
	}
	return fmt.Sprint(counts.Accepted)
}

// awaitOpenCommand waits for a daemon on a port, and writes the output of rowtap open.
func awaitOpenCommand(ts *testscript.TestScript, _ bool, args []string) {
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if err = ts.Exec("rowtap", "open"); err == nil {
			ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(ts.ReadFile("stdout")), 0o600))
			return
		}
	}
	ts.Fatalf("rowtap open: %v", err)
}

// freePortCommand sets PORT to an unused port.
func freePortCommand(ts *testscript.TestScript, _ bool, _ []string) {
	srv := httptest.NewServer(nil)
	srv.Close()
	_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	ts.Check(err)
	ts.Setenv("PORT", port)
}
