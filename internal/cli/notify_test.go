package cli

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rowtap/rowtap/internal/notify/notifytest"
	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

// TestNotifyByEmail: check --online logs in to the mail server of notify and sends nothing; the
// daemon sends one mail about both zaps with failed rows, without a cell.
func TestNotifyByEmail(t *testing.T) {
	box, err := lab.New(sandbox.Options{ReadsPerMinute: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	srv := httptest.NewServer(box.Handler())
	defer srv.Close()
	dir := killConfig(t, box, srv.URL)
	mails := notifytest.New(t, notifytest.Plain, "hunter2")
	settings := scriptConfig + fmt.Sprintf(`
notify:
  - email:
      to: [ops@example.com, Second <second@example.com>]
      from: rowtap@example.com
      server: %q
      username: rowtap
      password: ${SMTP_PASSWORD}
`, mails.Address)
	if err := os.WriteFile(filepath.Join(dir, "rowtap.yaml"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := box.Sheets().AddWorksheet("book", "Signups", 0, cells([]string{"Email", "Score"})); err != nil {
		t.Fatal(err)
	}
	command := func(password string, args ...string) (string, error) {
		t.Helper()
		cmd := program(dir, srv.URL, args...)
		cmd.Env = append(cmd.Env, "SMTP_PASSWORD="+password)
		out, err := cmd.CombinedOutput()
		if strings.Contains(string(out), password) {
			t.Errorf("rowtap %s shows the password:\n%s", strings.Join(args, " "), out)
		}
		return string(out), err
	}
	const target = "e-mail to ops@example.com, Second <second@example.com>"
	if out, err := command("hunter2", "check", "--online"); err != nil || !strings.Contains(out, target+": OK; nothing was sent\n") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := command("wrong-hunter", "check", "--online"); err == nil || !strings.Contains(out, target+": not usable\n") || !strings.Contains(out, "wrong password [redacted]") ||
		!strings.Contains(out, "next: check server, username and password") || !strings.Contains(out, "rowtap.yaml:17:5: ") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := command("hunter2", "check", "--online", "--json"); err != nil || !strings.Contains(out, `{"target":"e-mail to ops@example.com, Second <second@example.com>","ok":true}`+"\n") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := command("hunter2", "check", "--print"); err != nil || !strings.Contains(out, "password: '[redacted]'") {
		t.Errorf("%v\n%s", err, out)
	}
	if got := mails.Mails(); len(got) > 0 {
		t.Errorf("check sent %+v", got)
	}

	if _, err := box.Sheets().Append("book", "Signups", cells([]string{"asha@example.com", "7"})); err != nil {
		t.Fatal(err)
	}
	box.CleverTap().Refuse(lab.Refusal{Code: 514, Identity: "asha@example.com"})
	cmd := program(dir, srv.URL, "run")
	cmd.Env = append(cmd.Env, "SMTP_PASSWORD=hunter2")
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil || t.Failed() || strings.Contains(said.String(), "hunter2") {
			t.Errorf("%v\n%s", err, said.String())
		}
	}()
	m := mails.Await(t, patience)
	if m.Subject != "rowtap: 2 items need attention" || strings.Join(m.To, " ") != "ops@example.com second@example.com" ||
		!strings.Contains(m.Text, "zap both needs attention: 1 row failed: code 514 (1)\nnext: rowtap history both --state failed\n\nzap events needs attention: 1 row failed: code 514 (1)\n") || strings.Contains(m.Raw, "asha") {
		t.Errorf("mail %+v", m)
	}
}
