package cli

import (
	"bytes"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/web/api"
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
	long := "the reason of 田中太郎, which is long"
	for _, tt := range []struct {
		width int
		want  [][]string
		below []string
	}{
		{width: 43, want: [][]string{{"a/1", long}, {"a/22", "short"}}, below: []string{"", ""}},
		{width: 36, want: [][]string{{"a/1", "the reason of 田中太郎, which…"}, {"a/22", "short"}}, below: []string{"", ""}},
		{width: 35, want: [][]string{{"a/1", ""}, {"a/22", "short"}}, below: []string{"  the reason of 田中太郎, which is…", ""}},
		{width: 8, want: [][]string{{"a/1", ""}, {"a/22", ""}}, below: []string{"  the r…", "  short"}},
	} {
		rows := [][]string{{"a/1", long}, {"a/22", "short"}}
		below := fitLast(tt.width, []int{4, 37}, rows)
		if !reflect.DeepEqual(rows, tt.want) || !slices.Equal(below, tt.below) {
			t.Errorf("%d columns: %q, %q, want %q, %q", tt.width, rows, below, tt.want, tt.below)
		}
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

// TestATableInPages: columns keep their width, and grow if later rows need more; the header is
// printed once, even without rows.
func TestATableInPages(t *testing.T) {
	var b bytes.Buffer
	table := table{w: &b}
	table.begin("ID", "IDENTITY", "")
	for _, rows := range [][][]string{{{"a/100", "long@example.com", "x"}}, {{"a/9", "b", ""}, {"a/8", "b", "y"}}, {{"a/7", "longer@example.com", "z"}}, nil} {
		if err := table.add(rows); err != nil {
			t.Fatal(err)
		}
	}
	want := "" +
		"ID     IDENTITY\n" +
		"a/100  long@example.com  x\n" +
		"a/9    b\n" +
		"a/8    b                 y\n" +
		"a/7    longer@example.com  z\n"
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	b.Reset()
	if err := printTable(&b, []string{"ID", "STATE"}, nil); err != nil || b.String() != "ID  STATE\n" {
		t.Errorf("no rows: %q, %v", b.String(), err)
	}
}

// TestHistoryInPages: the action column appears with the first page that has several actions.
func TestHistoryInPages(t *testing.T) {
	var b bytes.Buffer
	h := historyTable{table: table{w: &b}, clock: clock{time.UTC}}
	at := time.Date(2026, time.November, 29, 12, 0, 0, 0, time.UTC)
	for _, page := range [][]api.Delivery{
		{{ID: "z/4", Row: 5, State: "sent", Action: "upload_event", UpdatedAt: at}},
		{{ID: "z/3", Row: 4, State: "sent", Action: "upload_event", UpdatedAt: at}, {ID: "y/1", Row: 4, State: "failed", Action: "create_update_user_profile", UpdatedAt: at}},
		{{ID: "y/0", Row: 3, State: "sent", Action: "upload_event", UpdatedAt: at}},
	} {
		if err := h.print(page); err != nil {
			t.Fatal(err)
		}
	}
	want := "" +
		"ID   ROW  STATE  IDENTITY  UPDATED                  TRIES\n" +
		"z/4  5    sent             2026-11-29 12:00:00 UTC  0\n" +
		"ID   ROW  ACTION                      STATE   IDENTITY  UPDATED                  TRIES\n" +
		"z/3  4    upload_event                sent              2026-11-29 12:00:00 UTC  0\n" +
		"y/1  4    create_update_user_profile  failed            2026-11-29 12:00:00 UTC  0\n" +
		"y/0  3    upload_event                sent              2026-11-29 12:00:00 UTC  0\n"
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A list says if it is empty, or stops at a limit that nobody has asked for.
func TestHistorySaysWhereItStops(t *testing.T) {
	for _, tt := range []struct {
		n, limit          int
		asked, byIdentity bool
		want              string
	}{
		{n: 49, limit: 50},
		{n: 50, limit: 50, want: "stopped after 50 deliveries; --limit 0 lists all"},
		{n: 50, limit: 50, asked: true},
		{n: 0, limit: 50, want: "no deliveries match"},
		{n: 0, limit: 0, asked: true, want: "no deliveries match"},
		{n: 0, limit: 50, byIdentity: true, want: "no deliveries match; --identity needs the whole identity"},
	} {
		if got := extent(tt.n, tt.limit, tt.asked, tt.byIdentity); got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}
