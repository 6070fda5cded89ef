package sandbox

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// cellsOf parses rows in a small notation: cells are typed by Parse, "-" is an empty cell, "=" a
// formula that yields "".
func cellsOf(lines ...string) [][]Value {
	rows := make([][]Value, len(lines))
	for i, line := range lines {
		for field := range strings.FieldsSeq(line) {
			switch field {
			case "-":
				rows[i] = append(rows[i], Value{})
			case "=":
				rows[i] = append(rows[i], EmptyFormula(`=""`))
			default:
				rows[i] = append(rows[i], Parse(strings.ReplaceAll(field, "_", " ")))
			}
		}
	}
	return rows
}

func TestValuesAreTrimmed(t *testing.T) {
	tests := []struct {
		name string
		rows []string
		rng  string
		want string // the values; "": none
	}{
		{"ragged", []string{"a b c", "d", "e - f"}, "T!A1:Z", `[["a","b","c"],["d"],["e","","f"]]`},
		{"empty ones at the end", []string{"a - -", "- -"}, "T!A1:Z", `[["a"]]`},
		{"empty in the middle and before", []string{"-", "a", "-", "b"}, "T!A1:Z", `[[],["a"],[],["b"]]`},
		{"nothing", []string{"a"}, "T!A2:Z", ""},
		{"nothing at all", nil, "T", ""},
		{"only requested columns count", []string{"- b", "a"}, "T!B:B", `[["b"]]`},
		{"a formula that yields nothing is there", []string{"a", "= ="}, "T!A1:Z", `[["a"],["",""]]`},
		{"below what is filled", []string{"a"}, "T!A500:B600", ""},
	}
	for _, tt := range tests {
		s := newSandbox(t, Options{}, cellsOf(tt.rows...)...)
		code, got := get(t, s, values(tt.rng, ""))
		want := `"majorDimension":"ROWS"}`
		if tt.want != "" {
			want = `"majorDimension":"ROWS","values":` + tt.want + `}`
		}
		if code != 200 || !strings.HasSuffix(got, want) {
			t.Errorf("%s: %v %s:\ngot  %d %s\nwant …%s", tt.name, tt.rows, tt.rng, code, got, want)
		}
	}
}

func TestRendering(t *testing.T) {
	s := newSandbox(t, Options{}, []Value{
		Text("Ünï <b>"), Number(2000000), Number(0.30000000000000004), Bool(true), Date(43831, ""), Date(43831.5, "dd/mm/yyyy hh:mm"), ErrorText("#N/A"),
		EmptyFormula(`=IF(A1="","x","")`), Number(12345678901234),
	})
	tests := []struct{ query, want string }{
		{"", `["Ünï \u003cb\u003e","2000000","0.3","TRUE","2020-01-01","01/01/2020 12:00","#N/A","","12345678901234"]`},
		{"valueRenderOption=FORMATTED_VALUE&dateTimeRenderOption=SERIAL_NUMBER", `["Ünï \u003cb\u003e","2000000","0.3","TRUE","2020-01-01","01/01/2020 12:00","#N/A","","12345678901234"]`},
		{"valueRenderOption=UNFORMATTED_VALUE", `["Ünï \u003cb\u003e",2000000,0.30000000000000004,true,43831,43831.5,"#N/A","",12345678901234]`},
		{"valueRenderOption=UNFORMATTED_VALUE&dateTimeRenderOption=FORMATTED_STRING", `["Ünï \u003cb\u003e",2000000,0.30000000000000004,true,"2020-01-01","01/01/2020 12:00","#N/A","",12345678901234]`},
		{"valueRenderOption=FORMULA", `["Ünï \u003cb\u003e",2000000,0.30000000000000004,true,43831,43831.5,"#N/A","=IF(A1=\"\",\"x\",\"\")",12345678901234]`},
	}
	for _, tt := range tests {
		_, got := get(t, s, values("T!1:1", tt.query))
		want := `{"range":"T!A1:Z1","majorDimension":"ROWS","values":[` + tt.want + `]}`
		if compact(got) != compact(want) {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.query, got, want)
		}
	}
	_, got := get(t, newSandbox(t, Options{}, cellsOf("a b", "c", "- -", "d")...), values("T!A1:C", "majorDimension=COLUMNS"))
	if want := `{"range":"T!A1:C1000","majorDimension":"COLUMNS","values":[["a","c","","d"],["b"]]}`; got != want {
		t.Errorf("by columns:\ngot  %s\nwant %s", got, want)
	}
}

func TestBatchGet(t *testing.T) {
	s := newSandbox(t, Options{}, cellsOf("a b", "1 2")...)
	must(t, s.Sheets().AddWorksheet("book", "O'Brien", 7, cellsOf("x")...))
	path := "/v4/spreadsheets/book/values:batchGet?valueRenderOption=UNFORMATTED_VALUE"
	_, got := get(t, s, path+"&ranges="+url.QueryEscape("'O''Brien'!A1:B2")+"&ranges=T!A2:B")
	want := `{"spreadsheetId":"book","valueRanges":[{"range":"'O''Brien'!A1:B2","majorDimension":"ROWS","values":[["x"]]},` +
		`{"range":"T!A2:B1000","majorDimension":"ROWS","values":[[1,2]]}]}`
	if got != compact(want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if code, got := get(t, s, path+"&ranges=T!A1&ranges=Gone!A1"); code != 400 || !strings.Contains(got, "Unable to parse range: Gone!A1") {
		t.Errorf("one bad range: got %d %s, want it to fail all", code, got)
	}
	if code, _ := get(t, s, path); code != 400 {
		t.Errorf("no range: got %d, want 400", code)
	}
}

func TestTitlesThroughTheURL(t *testing.T) {
	s := newSandbox(t, Options{})
	for i, title := range []string{"a/b", "a//b", "../x", "50% & more?", "O'Brien", "D3", "with space", "日本"} {
		must(t, s.Sheets().AddWorksheet("book", title, int64(i+1), cellsOf("x")...))
		rng := "'" + strings.ReplaceAll(title, "'", "''") + "'!A1"
		code, got := get(t, s, values(rng, "fields=values"))
		if code != 200 || got != `{"values":[["x"]]}` {
			t.Errorf("%s: got %d %s", rng, code, got)
		}
	}
}

func TestParseValue(t *testing.T) {
	tests := []struct {
		in   string
		want Value
	}{
		{"", Value{}},
		{"plain", Text("plain")},
		{" ", Text(" ")},
		{"'007", Text("007")},
		{"007", Number(7)},
		{"1,234.5", Number(1234.5)},
		{"1,23", Text("1,23")},
		{"-2e3", Number(-2000)},
		{"+919845012345", Number(919845012345)}, // the plus is lost
		{"+91 98450 12345", Text("+91 98450 12345")},
		{"1e999", Text("1e999")},
		{"true", Bool(true)},
		{"FALSE", Bool(false)},
		{"2020-01-01", Date(43831, "yyyy-mm-dd")},
		{"2020-01-01 12:00", Date(43831.5, "yyyy-mm-dd hh:mm:ss")},
		{"06:00", Date(0.25, "h:mm:ss")},
		{"2020-13-01", Text("2020-13-01")},
		{"03/04/2018", Text("03/04/2018")},
		{"#REF!", ErrorText("#REF!")},
		{`=""`, EmptyFormula(`=""`)},
		{"=A1", ErrorText("#NAME?")},
		{"=", Text("=")},
		{".", Text(".")},
	}
	for _, tt := range tests {
		if got := Parse(tt.in); got != tt.want {
			t.Errorf("%q: got %+v, want %+v", tt.in, got, tt.want)
		}
	}
	for _, v := range []Value{Text("007"), Text("TRUE"), Text("'x"), Text("a\nb"), Number(0.1), Number(-5), Bool(true), Parse("2020-01-01 10:00:01"), EmptyFormula(`=""`)} {
		if got := Parse(v.typed()); got != v {
			t.Errorf("%+v is typed %q, which reads as %+v", v, v.typed(), got)
		}
	}
}

func TestShowDate(t *testing.T) {
	const serial = 46350 + (14*3600+5*60+9)/86400.0 // 2026-11-24 14:05:09
	tests := []struct{ pattern, want string }{
		{"yyyy-mm-dd", "2026-11-24"},
		{"d/m/yy", "24/11/26"},
		{"dddd, mmmm d, yyyy", "Tuesday, November 24, 2026"},
		{"ddd d mmm", "Tue 24 Nov"},
		{"dd/mm/yyyy hh:mm:ss", "24/11/2026 14:05:09"},
		{"m/d/yyyy h:mm am/pm", "11/24/2026 2:05 PM"},
		{"h:mm a/p", "2:05 P"},
		{"mm:ss", "05:09"},
		{`yyyy"y" \d d`, "2026y d 24"},
		{`yyyy"`, "2026"},
	}
	for _, tt := range tests {
		if got := showDate(serial, tt.pattern); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.pattern, got, tt.want)
		}
	}
}

func TestShowNumber(t *testing.T) {
	for f, want := range map[float64]string{
		0: "0", -3: "-3", 0.5: "0.5", 3.14159265358979: "3.141592654", 919845012345: "919845012345", 1234567.891: "1234567.891",
		1e15: "1E+15", 12345678901234567890: "1.23457E+19", 1e-10: "1E-10",
	} {
		if got := showNumber(f); got != want {
			t.Errorf("%v: got %s, want %s", f, got, want)
		}
	}
}

func BenchmarkRender(b *testing.B) {
	rows := make([][]Value, 100_000)
	for i := range rows {
		rows[i] = []Value{
			Date(45000+float64(i)/1000, ""), Text("Asha"), Text("Rao"), Text(fmt.Sprintf("a%d@example.com", i)), Text("+91 98450 12345"), Text("IN"),
			Number(float64(i % 100)), Text("Yes"),
		}
	}
	r := gridRange{sheet: &Worksheet{Rows: rows, Height: len(rows), Width: 8}, fromRow: 1, toRow: len(rows), fromCol: 1, toCol: 8}
	b.ReportAllocs()
	for b.Loop() {
		values, _ := r.render(rendering{})
		b.SetBytes(int64(len(values)))
	}
}
