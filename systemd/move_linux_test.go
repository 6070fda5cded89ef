package systemd_test

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

// recipe is the commands of move.md, a block each.
type recipe struct{ before, install, stop, pack, unpack, start, resume, clean, leave, back string }

func readRecipe(s *service) (r recipe) {
	text, err := os.ReadFile("move.md")
	if err != nil {
		s.t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```sh\n(.*?)^```$").FindAllStringSubmatch(string(text), -1)
	fields := []*string{&r.before, &r.install, &r.stop, &r.pack, &r.unpack, &r.start, &r.resume, &r.clean, &r.leave, &r.back}
	if len(blocks) != len(fields) {
		s.t.Fatalf("%d blocks of commands in move.md, want %d", len(blocks), len(fields))
	}
	for i, field := range fields {
		*field = blocks[i][1]
	}
	return r
}

// asRoot makes commands for a user with sudo work for root. scp leaves the file in /srv.
const asRoot = "cd /root\nsudo() { \"$@\"; }\nscp() { [ \"$2\" = new-vm: ] && mv \"$1\" /srv; }\n"

// follow runs commands of the page as they are written.
func (s *service) follow(block string) string {
	s.t.Helper()
	return s.run("sh", "-euc", asRoot+block)
}

// typing is follow on a terminal at which input is typed.
func (s *service) typing(block, input string) string {
	s.t.Helper()
	s.write("/root/typed", asRoot+block, 0o600)
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	var out bytes.Buffer
	cmd := s.enter(ctx, "script", "--quiet", "--return", "--command", "sh -eu /root/typed", "/dev/null")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &out
	if err := cmd.Run(); err != nil {
		s.t.Fatalf("%s: %v\n%s", block, err, &out)
	}
	return out.String()
}

// move follows move.md from one machine to another: back before anything was resumed, there again,
// and back by the same steps. Rows are added all the time, and each is at CleverTap once.
func move(s *service) {
	t, page, old := s.t, readRecipe(s), s.machine
	dir, group := filepath.Dir(old.root)+"-new", old.group+"-new"
	other := newMachine(t, os.Getenv("ROWTAP_BOOT_ROOT"), dir, group)
	other.boot()
	on := func(m *machine) { s.machine = m }

	s.install()
	s.start()
	s.run("systemctl", "enable", "--now", "rowtap-backup.timer")
	s.add(3)
	s.delivered()
	if said := s.follow(page.before); !strings.Contains(said, "configuration valid") || !strings.Contains(said, "running") {
		t.Errorf("before the move:\n%s", said)
	}
	output(t, "cp", filepath.Join(os.Getenv("ROWTAP_BOOT_PACKAGES"), "old.deb"), other.root+"/root/rowtap_1.2.3_amd64.deb")
	on(other)
	s.follow(page.install)
	on(old)

	// between follows the page until before resume, with rows queued at the backup and added after.
	between := func(from, to *machine) {
		t.Helper()
		on(from)
		if err := s.box.Fault(lab.Fault{API: "clevertap", Status: http.StatusTooManyRequests}); err != nil {
			t.Fatal(err)
		}
		s.add(5)
		await(t, "queue", 30*time.Second, func() bool { return strings.Contains(s.run("rowtap", "status", "--json"), `"queued":5`) })
		for line := range strings.Lines(page.stop) { // nothing runs from the first one on
			s.follow(line)
			s.units("disabled", "inactive")
			s.add(2)
		}
		s.follow(page.pack)
		output(t, "cp", from.root+"/srv/rowtap-move.tgz", to.root+"/root/")
		s.box.Heal("clevertap")
		before := len(s.sent("Signups"))

		on(to)
		if said := s.follow(page.unpack); !strings.Contains(said, "signups: OK") {
			t.Errorf("check --online:\n%s", said)
		}
		s.add(2)
		if status := s.follow(page.start); !strings.Contains(status, "paused") || !strings.Contains(status, "restored from a backup") {
			t.Errorf("before resume:\n%s", status)
		}
		s.units("enabled", "active")
		s.add(2)
		if owner := s.run("stat", "--dereference", "--format=%U", "/var/lib/rowtap", "/var/lib/rowtap/rowtap.db"); owner != "rowtap\nrowtap" {
			t.Errorf("after the start the state belongs to %q", owner)
		}
		if n := len(s.sent("Signups")); n != before {
			t.Errorf("%d rows were sent before resume", n-before)
		}
	}
	arrived := func() {
		t.Helper()
		s.add(4)
		s.delivered()
		if n := s.twice(); n != 0 || len(s.sent("Signups")) != s.added {
			t.Errorf("%d of %d rows arrived, %d of them twice", len(s.sent("Signups")), s.added, n)
		}
	}

	between(old, other)
	s.follow(page.leave)
	s.units("disabled", "inactive")
	on(old)
	s.follow(page.back)
	s.units("enabled", "active")
	arrived()

	between(old, other)
	if out, err := s.try("sh", "-euc", asRoot+page.resume); err == nil || !strings.Contains(out, "still paused, because restored from a backup: signups") {
		t.Errorf("resume without a terminal: %v\n%s", err, out)
	}
	if out := s.typing(page.resume, "y\n"); !strings.Contains(out, "restored from a backup: signups") || !strings.Contains(out, "Resume them? [y/N]") {
		t.Errorf("resume on a terminal:\n%s", out)
	}
	arrived()
	for _, m := range []*machine{old, other} {
		on(m)
		s.follow(page.clean)
	}

	between(other, old)
	s.follow(strings.Replace(page.resume, "--all", "--all --yes", 1))
	arrived()
	t.Logf("three moves, %d rows, 0 lost, 0 sent twice", s.added)
}

// units checks both units of the package.
func (s *service) units(enabled, active string) {
	s.t.Helper()
	for _, unit := range []string{"rowtap.service", "rowtap-backup.timer"} {
		is, _ := s.try("systemctl", "is-enabled", unit)
		now, _ := s.try("systemctl", "is-active", unit)
		if is != enabled || now != active {
			s.t.Errorf("%s is %s and %s, want %s and %s", unit, is, now, enabled, active)
		}
	}
}
