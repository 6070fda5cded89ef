package cli

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rowtap/rowtap/internal/pgtest"
)

// TestPostgresScripts runs the real program on two machines, a and b, with the state in PostgreSQL.
// Each script is a deployment of its own. The configurations are in conf-a and conf-b, with the
// zaps that the script has in conf and the state files in their state directories. a-file.yaml and
// b-file.yaml are configurations with the state in a file only; the current ones are
// a-postgres.yaml and b-postgres.yaml. In addition to the commands of TestScripts:
//
//	on a|b                  runs the following commands on that machine
//	role a|b REGEXP         waits until the text of the machine's readiness matches, or until it is active
//	sql TEXT [WANT]         runs SQL, in which $LEASE is the deployment's name, until it returns these rows
//	says REGEXP COMMAND …   runs a command until its output matches
//	log a|b REGEXP          waits until a.log or b.log has a match
//	signal a|b TERM|HUP     signals the machine's daemon
func TestPostgresScripts(t *testing.T) {
	dsn := pgtest.Shared(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/postgres",
		Setup: func(env *testscript.Env) error {
			if err := newWorld(env); err != nil {
				return err
			}
			env.Setenv("ROWTAP_POSTGRES", dsn)
			env.Setenv("LEASE", filepath.Base(env.WorkDir))
			w := env.Values[worldKey{}].(*world)
			for _, name := range []string{"a", "b"} {
				if err := addMachine(env.WorkDir, w.dir, name); err != nil {
					return err
				}
			}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"sheet": sheetCommand, "await": awaitCommand, "accepted": acceptedCommand,
			"on": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Setenv("ROWTAP_CONFIG", ts.MkAbs("conf-"+args[0]))
				ts.Setenv("ROWTAP_TOKEN", "") // await sets it
				w := worldOf(ts)
				w.dir, w.socket = ts.MkAbs("conf-"+args[0]), ts.MkAbs(args[0]+".sock")
			},
			"role": roleCommand, "sql": sqlCommand, "says": saysCommand, "log": logCommand, "signal": signalMachineCommand,
		},
		UpdateScripts: os.Getenv("ROWTAP_UPDATE_SCRIPTS") != "",
	})
}

// addMachine writes the configuration of a machine, with the script's files in conf.
func addMachine(work, conf, name string) error {
	dir := filepath.Join(work, "conf-"+name)
	if err := os.CopyFS(dir, os.DirFS(conf)); err != nil {
		return err
	}
	file := strings.ReplaceAll(scriptConfig, "/api.sock", "/"+name+".sock")
	postgres := strings.Replace(file, "path: state/rowtap.db", `path: state/rowtap.db, postgres: "${ROWTAP_POSTGRES}", lease: "${LEASE}"`, 1)
	for path, text := range map[string]string{
		filepath.Join(work, name+"-file.yaml"): file, filepath.Join(work, name+"-postgres.yaml"): postgres, filepath.Join(dir, "rowtap.yaml"): postgres,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// until retries until there is no error.
func until(ts *testscript.TestScript, what string, try func(ctx context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try(ctx)
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			ts.Fatalf("%s: %v after %s", what, err, patience)
		}
	}
}

func roleCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: role a|b REGEXP")
	}
	c, err := dialer("unix:" + ts.MkAbs(args[0]+".sock"))
	ts.Check(err)
	want := regexp.MustCompile(`^\{("degraded":\[[^\]]*\],)?"status":"ready"\}`)
	if len(args) > 1 {
		want = regexp.MustCompile(args[1])
	}
	until(ts, "role "+strings.Join(args, " "), func(ctx context.Context) error {
		body, err := c.call(ctx, http.MethodGet, "/readyz", nil)
		if err == nil && !want.Match(body) {
			err = fmt.Errorf("it says %s", body)
		}
		return err
	})
}

func sqlCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: sql TEXT WANT")
	}
	until(ts, "sql "+strings.Join(args, " "), func(ctx context.Context) error {
		conn, err := pgconn.Connect(ctx, ts.Getenv("ROWTAP_POSTGRES"))
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close(ctx) }() // no longer needed
		results, err := conn.Exec(ctx, strings.ReplaceAll(args[0], "$LEASE", ts.Getenv("LEASE"))).ReadAll()
		if err != nil {
			return err
		}
		var rows []string
		for _, row := range results[len(results)-1].Rows {
			rows = append(rows, string(bytes.Join(row, []byte("|"))))
		}
		if got := strings.Join(rows, "\n"); len(args) > 1 && got != args[1] {
			return fmt.Errorf("it is %q", got)
		}
		return nil
	})
}

func saysCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: says REGEXP COMMAND …")
	}
	want := regexp.MustCompile(`(?m)` + args[0])
	until(ts, "says "+strings.Join(args, " "), func(context.Context) error {
		err := ts.Exec(args[1], args[2:]...)
		if text := ts.ReadFile("stdout"); err == nil && !want.MatchString(text) {
			err = fmt.Errorf("it says\n%s", text)
		}
		return err
	})
}

func logCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: log a|b REGEXP")
	}
	want := regexp.MustCompile(args[1])
	until(ts, "log "+strings.Join(args, " "), func(context.Context) error {
		text, err := os.ReadFile(ts.MkAbs(args[0] + ".log"))
		if err == nil && !want.Match(text) {
			err = fmt.Errorf("it is\n%s", text)
		}
		return err
	})
}

// signalMachineCommand signals the last started daemon of a machine, whose log is a.log or b.log.
func signalMachineCommand(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]os.Signal{"TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "KILL": syscall.SIGKILL}
	if neg || len(args) != 2 || signals[args[1]] == nil {
		ts.Fatalf("usage: signal a|b TERM|HUP|KILL")
	}
	for _, cmd := range slices.Backward(ts.BackgroundCmds()) {
		if strings.HasSuffix(cmd.Args[len(cmd.Args)-1], args[0]+".log") {
			ts.Check(cmd.Process.Signal(signals[args[1]]))
			return
		}
	}
	ts.Fatalf("signal: nothing runs on machine %s", args[0])
}
