package cli

import (
	"bytes"
	"testing"
)

func TestTablesAlign(t *testing.T) {
	var b bytes.Buffer
	err := printTable(&b, []string{"ID", "STATE", "IDENTITY", ""}, [][]string{
		{"a/1", "sent", "田中太郎", "x"},
		{"a/2", "failed", "👩‍👩‍👧 ok", "y"},
		{"a/3", "held", "é", "bell\a, red \x1b[31m, \u202eturned\nnext"},
		{"a/4", "queued", "plain", ""},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := "" +
		"ID   STATE   IDENTITY\n" +
		"a/1  sent    田中太郎               x\n" +
		"a/2  failed  👩\\u200d👩\\u200d👧 ok  y\n" +
		"a/3  held    é                      bell\\a, red \\x1b[31m, \\u202eturned\\nnext\n" +
		"a/4  queued  plain\n"
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestTheLastColumnFits(t *testing.T) {
	rows := [][]string{{"a/1", "a long reason of 田中太郎"}, {"a/22", "short"}}
	fitLast(22, []string{"ID", ""}, rows)
	if rows[0][1] != "a long reason o…" || rows[1][1] != "short" {
		t.Errorf("got %q", rows)
	}
	for _, tt := range []struct {
		text string
		most int
		want string
	}{{"田中太郎", 8, "田中太郎"}, {"田中太郎", 7, "田中太…"}, {"田中太郎", 6, "田中…"}, {"a\n b", 3, "a b"}, {"abc", 2, "a…"}} {
		if got := oneLine(tt.text, tt.most); got != tt.want {
			t.Errorf("oneLine(%q, %d) = %q, want %q", tt.text, tt.most, got, tt.want)
		}
	}
}
