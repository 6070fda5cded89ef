package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// zapDir is a configuration directory that was loaded with zaps/a.yaml.
type zapDir struct {
	t   *testing.T
	dir string
	c   *Config
}

func loadZapDir(t *testing.T) zapDir {
	t.Helper()
	d := zapDir{t: t, dir: filepath.Join(t.TempDir(), "conf")}
	d.write("rowtap.yaml", `google_accounts: {g: {credentials_file: google.json}}
clevertap_accounts:
  c: {account_id: A, passcode_file: passcode, region: in1}
  other: {account_id: "${file:id}", passcode: P, region: in1}
http: {token_file: token}
state: {path: state.db}
`)
	d.write("google.json", `{"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}`)
	d.write("passcode", "P\n")
	d.write("id", "I\n")
	d.write("zaps/a.yaml", aZap)
	var err error
	if d.c, err = Load(d.dir, func(string) (string, bool) { return "", false }); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d zapDir) write(name, text string) {
	d.t.Helper()
	path := filepath.Join(d.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// link makes zaps/a.yaml a symbolic link.
func (d zapDir) link(to string) {
	d.t.Helper()
	path := filepath.Join(d.dir, "zaps/a.yaml")
	if err := os.Remove(path); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Symlink(to, path); err != nil {
		d.t.Fatal(err)
	}
}

func (d zapDir) read() ZapFile { return d.c.ReadZapFile(d.c.Zaps[0]) }

// shownText returns the lines of a file, each with its number.
func shownText(f ZapFile) string {
	var b strings.Builder
	for _, l := range f.Lines {
		if l.LeftOut != 0 {
			fmt.Fprintf(&b, "%d-%d\n", l.Number, l.LeftOut)
			continue
		}
		fmt.Fprintf(&b, "%d %s\n", l.Number, l.Text)
	}
	return b.String()
}

// TestReadZapFileKeepsInside: only files of the configuration directory that hold no secret and look
// like zap files are shown.
func TestReadZapFileKeepsInside(t *testing.T) {
	const text = "schedule: '@every 1h'\n"
	tests := []struct {
		name   string
		change func(d zapDir)
		want   string // a part of why it is not shown; "": it is
		unread bool
		same   bool // as what runs
	}{
		{"as loaded", func(zapDir) {}, "", false, true},
		{"with a byte order mark", func(d zapDir) { d.write("zaps/a.yaml", "\ufeff"+aZap) }, "", false, true},
		{"edited", func(d zapDir) { d.write("zaps/a.yaml", text) }, "", false, false},
		{"a link out", func(d zapDir) {
			d.write("../outside.yaml", text)
			d.link("../../outside.yaml")
		}, "outside the configuration directory", true, false},
		{"an absolute link out", func(d zapDir) {
			d.write("../outside.yaml", text)
			d.link(filepath.Join(filepath.Dir(d.dir), "outside.yaml"))
		}, "outside the configuration directory", true, false},
		{"a directory's link out", func(d zapDir) {
			d.write("../elsewhere/a.yaml", text)
			if err := os.RemoveAll(filepath.Join(d.dir, "zaps")); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("../elsewhere", filepath.Join(d.dir, "zaps")); err != nil {
				t.Fatal(err)
			}
		}, "outside the configuration directory", true, false},
		{"links as Kubernetes makes them", func(d zapDir) {
			d.write("zaps/..2026/a.yaml", aZap)
			if err := os.Symlink("..2026", filepath.Join(d.dir, "zaps/..data")); err != nil {
				t.Fatal(err)
			}
			d.link("..data/a.yaml")
		}, "", false, true},
		{"an absolute link inside", func(d zapDir) {
			d.write("common/a.yaml", aZap)
			d.link(filepath.Join(d.dir, "common/a.yaml"))
		}, "", false, true},
		{"an absolute link inside, with a relative --config", func(d zapDir) {
			d.write("common/a.yaml", aZap)
			d.link(filepath.Join(d.dir, "common/a.yaml"))
			t.Chdir(filepath.Dir(d.dir))
			d.c.Dir, d.c.Zaps[0].File = "conf", "conf/zaps/a.yaml"
			d.c.sums["conf/zaps/a.yaml"] = sumOf([]byte(aZap))
		}, "", false, true},
		{"the passcode", func(d zapDir) { d.write("passcode", text); d.link("../passcode") }, "secrets", true, false},
		{"a file in a variable", func(d zapDir) { d.write("id", text); d.link("../id") }, "secrets", true, false},
		{"the key", func(d zapDir) { d.write("google.json", text); d.link("../google.json") }, "secrets", true, false},
		{"the token", func(d zapDir) { d.write("token", text); d.link("../token") }, "secrets", true, false},
		{"rowtap.yaml", func(d zapDir) { d.write("rowtap.yaml", text); d.link("../rowtap.yaml") }, "secrets", true, false},
		{"another name of the passcode", func(d zapDir) {
			d.write("passcode", text)
			if err := os.Remove(filepath.Join(d.dir, "zaps/a.yaml")); err != nil {
				t.Fatal(err)
			}
			if err := os.Link(filepath.Join(d.dir, "passcode"), filepath.Join(d.dir, "zaps/a.yaml")); err != nil {
				t.Fatal(err)
			}
		}, "secrets", true, false},
		{"a loop", func(d zapDir) { d.link("a.yaml") }, "cannot be read", true, false},
		{"gone", func(d zapDir) {
			if err := os.Remove(filepath.Join(d.dir, "zaps/a.yaml")); err != nil {
				t.Fatal(err)
			}
		}, "is gone", true, false},
		{"a directory", func(d zapDir) {
			if err := os.Mkdir(filepath.Join(d.dir, "zaps/d"), 0o700); err != nil {
				t.Fatal(err)
			}
			d.link("d")
		}, "is a directory", true, false},
		{"huge", func(d zapDir) { d.write("zaps/a.yaml", aZap+strings.Repeat("#", maxFile)) }, "is larger than 1024 KiB", true, false},
		{"binary", func(d zapDir) { d.write("zaps/a.yaml", text+"\x00\xff") }, "is not text", false, false},
		{"empty", func(d zapDir) { d.write("zaps/a.yaml", "") }, "does not look like a zap file", false, false},
		{"something else", func(d zapDir) { d.write("zaps/a.yaml", "name: app\nservices: {db: {password: P}}\n") }, "does not look like a zap file", false, false},
		{"something else that is not YAML", func(d zapDir) { d.write("zaps/a.yaml", "name: app\npassword: [P\n") }, "does not look like a zap file", false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := loadZapDir(t)
			tt.change(d)
			f := d.read()
			if !strings.Contains(f.Unshown, tt.want) || (f.Unshown == "") != (tt.want == "") || (f.Unread != "") != tt.unread {
				t.Errorf("unshown %q, unread %q; want %q, %t", f.Unshown, f.Unread, tt.want, tt.unread)
			}
			if shown := len(f.Lines) > 0; shown != (tt.want == "") || f.Edited == tt.same {
				t.Errorf("%d lines, edited %t", len(f.Lines), f.Edited)
			}
			if tt.unread && f.Text != nil {
				t.Error("its text is returned")
			}
		})
	}
}

// TestReadZapFileLines: lines keep their numbers and their variables, and nothing of tests is shown.
func TestReadZapFileLines(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"as written", "# a\nschedule: \"${ROWTAP_VAR_X}\"\n\n\tfilter: <b>\u202e\n", "1 # a\n2 schedule: \"${ROWTAP_VAR_X}\"\n3 \n4 \tfilter: <b>\ufffd\n"},
		{"tests", "schedule: x\ntests:\n  - row: {Email: asha}\n\n# for asha\nenabled: true\n", "1 schedule: x\n2-5\n6 enabled: true\n"},
		{"tests at the end", "schedule: x\ntests:\n- row:\n    Email: asha\n# asha\n", "1 schedule: x\n2-5\n"},
		{"in one line", "schedule: x\ntests: [{row: {Email: asha}}]\nenabled: true\n", "1 schedule: x\n2-2\n3 enabled: true\n"},
		{"all in one line", "{schedule: x, tests: [{row: {Email: asha}}], enabled: true}\n", "1 {schedule: x, …\n"},
		{"flow", "{schedule: x,\n tests: [{row:\n  {Email: asha}}], enabled: true,\n shadow: true}\n", "1 {schedule: x,\n2-3\n4  shadow: true}\n"},
		{"quoted", "schedule: x\n\"te\\x73ts\":\n  - asha\nenabled: true\n", "1 schedule: x\n2-3\n4 enabled: true\n"},
		{"twice", "schedule: x\ntests: [asha]\nenabled: true\ntests: [noor]\n", "1 schedule: x\n2-2\n3 enabled: true\n4-4\n"},
		{"misspelled", "schedule: x\ntest:\n  - asha\n", "1 schedule: x\n2-3\n"},
		{"an anchor in tests", "schedule: x\ntests:\n  - row: &r {Email: asha}\n  - row: *r\nfilter: *r\n", "1 schedule: x\n2-4\n5 filter: *r\n"},
		{"an anchor above tests", "rows: &r\n  Email: asha\nschedule: x\ntests:\n  - row: *r\n", "1 rows: …\n2-2\n3 schedule: x\n4-5\n"},
		{"anchors of anchors", "rows: &r\n  - &s {Email: asha}\nmore: &m\n  - *s\nschedule: x\ntests: *m\n", "1 rows: &r\n2-2\n3 more: …\n4-4\n5 schedule: x\n6-6\n"},
		{"merged", "base: &b\n  tests:\n    - asha\n  enabled: true\n<<: *b\nschedule: x\n", "1 base: &b\n2-3\n4   enabled: true\n5 <<: *b\n6 schedule: x\n"},
		{"merged, but not a list", "base: &b\n  tests: asha\n<<: *b\nschedule: x\n", "1 base: &b\n2-2\n3 <<: *b\n4 schedule: x\n"},
		{"merged from a list", "base: &b\n  tests: [asha]\nschedule: x\n<<: [{tests: [noor]}, *b]\n", "1 base: &b\n2-2\n3 schedule: x\n4 <<: [{…\n"},
		{"a property of that name", "schedule: x\naction:\n  properties:\n    tests: \"{{Tests}}\"\n", "1 schedule: x\n2 action:\n3   properties:\n4     tests: \"{{Tests}}\"\n"},
		{"indented too far", "schedule: x\naction:\n  app: y\n  tests:\n    - asha\n", "1 schedule: x\n2 action:\n3   app: y\n4-5\n"},
		{"indented too far in a list", "schedule: x\nactions:\n  - app: y\n    tests:\n      - asha\n", "1 schedule: x\n2 actions:\n3   - app: y\n4-5\n"},
		{"indented too little", "schedule: x\ntests:\nrow:\n  Email: asha\nrecord: {identity: asha}\nenabled: true\n", "1 schedule: x\n2-5\n6 enabled: true\n"},
		{"broken", "schedule: x\naction: [\nenabled: true\n", "1 schedule: x\n2 action: [\n3 enabled: true\n"},
		{"broken, with tests", "schedule: x\naction: [\ntests:\n  - asha\nenabled: true\n", "1 schedule: x\n2 action: [\n3-5\n"},
		{"broken, with misspelled tests", "schedule: x\naction: [\ntest:\n  - asha\n", "1 schedule: x\n2 action: [\n3-4\n"},
		{"broken, with tests in a line", "schedule: x\naction: [\n{ 'tests': [asha]\n", "1 schedule: x\n2 action: [\n3-3\n"},
		{"broken, with an escape in a key", "schedule: x\naction: [\n\"te\\x73ts\": [asha]\n", "1 schedule: x\n2 action: [\n3-3\n"},
		{"broken, with an anchor", "rows: &r [asha]\nschedule: x\naction: [\ntests: *r\n", ""},
		{"broken, with an anchor in tests", "schedule: x\naction: [\ntests: &r [asha]\n", "1 schedule: x\n2 action: [\n3-3\n"},
		{"broken, with an anchor but no tests", "schedule: &s x\naction: [\n", "1 schedule: &s x\n2 action: [\n"},
		{"two documents", "schedule: x\n---\ntests: [asha]\n", "1 schedule: x\n2 ---\n3-3\n"},
		{"Windows line ends", "schedule: x\r\ntests: [asha]\r\nenabled: true\r\n", "1 schedule: x\n2-2\n3 enabled: true\n"},
	}
	d := loadZapDir(t)
	for _, tt := range tests {
		d.write("zaps/a.yaml", tt.text)
		f := d.read()
		got := shownText(f)
		if got != tt.want {
			t.Errorf("%s: shown is\n%swant\n%s", tt.name, got, tt.want)
		}
		for i, line := range strings.Split(tt.text, "\n") {
			at := strings.Index(line, "asha")
			if at >= 0 && len(f.Lines) > 0 && !strings.HasPrefix(line, "#") && !f.Hides(Pos{Line: i + 1, Column: at + 1}) {
				t.Errorf("%s: line %d is not hidden in messages", tt.name, i+1)
			}
		}
	}
	d.write("zaps/a.yaml", "schedule: "+strings.Repeat("x", maxLine)+"\n"+strings.Repeat("\n", maxLines)+"tests: [asha]\n")
	f := d.read()
	if len(f.Lines) != maxLines || f.More != 2 || len(f.Lines[0].Text) > maxLine+3 || !f.Hides(Pos{Line: maxLines + 2, Column: 9}) {
		t.Errorf("a long file: %d lines, %d more, the first has %d characters", len(f.Lines), f.More, len(f.Lines[0].Text))
	}
}
