package sandbox

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(content), 0o600))
}

func TestFollowCSV(t *testing.T) {
	path := filepath.Join(t.TempDir(), "signups.csv")
	write(t, path, "\ufeffh,k\r\n\"two\nlines\",7\r\n")
	synctest.Test(t, func(t *testing.T) {
		s := newSandbox(t, Options{})
		var edits atomic.Int64
		s.sheets.changed = func(string, string) { edits.Add(1) }
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- FollowCSV(ctx, s.Sheets(), "book", "T", path) }()
		add := func(text string) {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			must(t, err)
			_, err = f.WriteString(text)
			must(t, err)
			must(t, f.Close())
		}
		check := func(step, want string, wantEdits int64) {
			t.Helper()
			<-time.After(csvPoll) // in the bubble's time
			synctest.Wait()
			if got := shown(t, s); got != want || edits.Load() != wantEdits {
				t.Errorf("%s: got %q after %d edits, want %q after %d", step, got, edits.Load(), want, wantEdits)
			}
		}
		synctest.Wait()
		check("at first", "h k|two\nlines 7", 1)
		add("a,2020-01-01\n")
		check("a line more", "h k|two\nlines 7|a 2020-01-01", 2)
		add("asha@exa")
		check("half a line", "h k|two\nlines 7|a 2020-01-01", 2)
		add("mple.com,8\n")
		check("the other half", "h k|two\nlines 7|a 2020-01-01|asha@example.com 8", 3)
		add("last,9")
		check("a line without an end", "h k|two\nlines 7|a 2020-01-01|asha@example.com 8", 3)
		check("no further change", "h k|two\nlines 7|a 2020-01-01|asha@example.com 8|last 9", 4)
		write(t, path, "h,k\nx,\"half a quo")
		check("a broken file", "h k|two\nlines 7|a 2020-01-01|asha@example.com 8|last 9", 4)
		must(t, os.Remove(path))
		check("no file", "h k|two\nlines 7|a 2020-01-01|asha@example.com 8|last 9", 4)
		write(t, path, "h,k\nx,1\n")
		check("another content", "h k|x 1", 5)
		check("nothing new", "h k|x 1", 5)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("after ctx ended: got %v, want nil", err)
		}
	})
}

func TestFollowCSVMakesTheWorksheet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "signups.csv")
	write(t, path, "h,k\n1,2\n")
	s := newSandbox(t, Options{})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	must(t, FollowCSV(ended, s.Sheets(), "fresh", "CSV", path))
	must(t, FollowCSV(ended, s.Sheets(), "book", "CSV", path))
	if rows, err := s.Sheets().Rows("fresh", "CSV"); err != nil || len(rows) != 2 || rows[1][1] != Number(2) {
		t.Errorf("got %v, %v", rows, err)
	}
	if _, got := get(t, s, "/v4/spreadsheets/fresh?fields=properties(title,timeZone)"); got != `{"properties":{"title":"signups.csv","timeZone":"Etc/GMT"}}` {
		t.Errorf("the spreadsheet: got %s", got)
	}
}

func TestFollowCSVRefuses(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct{ name, content, want string }{
		{"absent.csv", "", "no such file"},
		{"empty.csv", " ", ""},
		{"nothing.csv", "\n\n", "the first one is the header"},
		{"quotes.csv", "h\n\"a\"b\n", "line 2"},
		{"open.csv", "h\n\"a\n", "line 2"},
		{"utf16.csv", "h\x00k\x00", "NUL bytes"},
		{"ragged.csv", "h,k\na\nb,c,d\n", ""},
	} {
		path := filepath.Join(dir, tt.name)
		if tt.content != "" {
			write(t, path, tt.content)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		err := FollowCSV(ended, newSandbox(t, Options{}).Sheets(), "book", "T", path)
		if (err != nil) != (tt.want != "") || err != nil && (!strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.name)) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}
