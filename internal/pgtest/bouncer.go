package pgtest

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Bouncer starts PgBouncer in transaction mode in front of the server of a connection string, and
// returns the connection string through it. It ends with the test. While its server is away, it
// holds its clients' queries and tries to reconnect every second.
func Bouncer(t testing.TB, dsn string) string {
	t.Helper()
	s := newServer(t) // a directory, a port and a log
	program, err := findBouncer()
	if err != nil {
		giveUp(t, err)
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.startBouncer(program, u); err != nil {
		t.Fatal(err)
	}
	s.endWith(t)
	through, err := through(dsn, s.port)
	if err != nil {
		t.Fatal(err)
	}
	return through
}

func (s *Server) startBouncer(program string, target *url.URL) error {
	w, err := theWorkshop()
	if err != nil {
		return err
	}
	if err := os.Mkdir(s.dir, 0o755); err != nil {
		return err
	}
	const settings = `[databases]
* = host=%s port=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = trust
auth_file = users
pool_mode = transaction
max_client_conn = 200
server_login_retry = 1
`
	for name, text := range map[string]string{
		"settings": fmt.Sprintf(settings, target.Hostname(), target.Port(), s.port),
		"users":    `"postgres" ""` + "\n",
	} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	cmd := w.command(s.dir, program, "settings")
	if filepath.Dir(program) != "/usr/sbin" {
		// PgBouncer was unpacked with its libraries into a directory that w.as may not be able to
		// read.
		libraries, err := filepath.Glob(filepath.Join(filepath.Dir(program), "../lib/*/*.so.*"))
		for _, file := range append(libraries, program) {
			err = errors.Join(err, copyFile(file, s.dir))
		}
		if err != nil {
			return err
		}
		cmd = w.command(s.dir, filepath.Join(s.dir, filepath.Base(program)), "settings")
		cmd.Env = append(cmd.Env, "LD_LIBRARY_PATH="+s.dir)
	}
	s.running, err = run(cmd, s.log, "process up")
	return err
}

// findBouncer returns the path of PgBouncer, installed or unpacked by .ci/run.
func findBouncer() (string, error) {
	paths := []string{"/usr/sbin/pgbouncer"}
	if cache, err := os.UserCacheDir(); err == nil {
		paths = append(paths, filepath.Join(cache, "rowtap-ci/debian/usr/sbin/pgbouncer"))
	}
	for _, path := range paths {
		if found, err := exec.LookPath(path); err == nil {
			return found, nil
		}
	}
	return "", fmt.Errorf("PgBouncer is %w (Debian: apt install pgbouncer)", errMissing)
}

func copyFile(from, toDir string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(toDir, filepath.Base(from)), b, 0o755)
}
