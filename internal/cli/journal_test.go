package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/config"
)

// TestJournal: if stderr is the journal, each line begins with its priority; if it is not, none does.
func TestJournal(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "stream")
	stream, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stream.Close() }) // the test is over
	info, err := stream.Stat()
	if err != nil {
		t.Fatal(err)
	}
	device, inode, ok := deviceOf(info)
	if !ok {
		t.Skip("no devices and inodes here")
	}
	for _, tt := range []struct {
		name, stream, format string
		journal              bool
	}{
		{"the journal, JSON", fmt.Sprintf("%d:%d", device, inode), "json", true},
		{"the journal, console", fmt.Sprintf("%d:%d", device, inode), "console", true},
		{"redirected elsewhere", fmt.Sprintf("%d:%d", device, inode+1), "json", false},
		{"no systemd", "", "json", false},
	} {
		t.Setenv("JOURNAL_STREAM", tt.stream)
		if err := stream.Truncate(0); err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Seek(0, 0); err != nil {
			t.Fatal(err)
		}
		log, err := newLogger(config.Log{Level: "debug", Format: tt.format}, stream)
		if err != nil {
			t.Fatal(err)
		}
		log = log.With(zap.String("zap", "a"))
		log.Error("one\ntwo")
		log.Warn("w")
		log.Info("i")
		log.Debug("d")
		fmt.Fprintln(stream, journalError(stream, "rowtap: x\nnext: y"))
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.Lines(string(text)) {
			prefix, _, _ := strings.Cut(line, ">")
			got = append(got, prefix)
		}
		want := "<3 <4 <6 <7 <3 <3"
		if tt.format == "console" {
			want = "<3 " + want // a message of two lines
		}
		if all := strings.Join(got, " "); tt.journal != (all == want) || !tt.journal && strings.Contains(all, "<") {
			t.Errorf("%s: %s", tt.name, text)
		}
	}
	var pipe bytes.Buffer
	if got := journalError(&pipe, "a"); got != "a" {
		t.Errorf("%q", got)
	}
}
