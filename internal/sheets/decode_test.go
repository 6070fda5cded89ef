package sheets

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/row/rowtest"
)

// byInterfaces decodes rows like the client library.
func byInterfaces(text string) ([][]row.Cell, error) {
	var values [][]any
	if err := json.Unmarshal([]byte(text), &values); err != nil {
		return nil, err
	}
	return cellsOf(values), nil
}

// cellsOf converts values to cells, without trailing blanks in each row.
func cellsOf(values [][]any) [][]row.Cell {
	cells := make([][]row.Cell, len(values))
	for i, line := range values {
		for len(line) > 0 && rowtest.FromJSON(line[len(line)-1]) == (row.Cell{}) {
			line = line[:len(line)-1]
		}
		if len(line) == 0 {
			continue
		}
		cells[i] = make([]row.Cell, len(line))
		for j, v := range line {
			cells[i][j] = rowtest.FromJSON(v)
		}
	}
	return cells
}

// FuzzDecode checks that values are decoded as by encoding/json.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`[]`, `null`, `[[]]`, `[[],["x"],[]]`, `[null,["x",null]]`, `[["",1.5,-0,1e3,true,false,"x"],["x"]]`, `[["","",""]]`,
		`[["\u00e9\n\"\\\/",12345678901234567890,"😀","\ud83d\ude00","\ud83d"]]`, "[[\"\xff\"]]", `[["x",["y"],{"a":1},"z"]]`,
		`{}`, `[{}]`, `["x"]`, `[[1e999]]`, `[["x"`, `[["x",]]`, `[[01]]`, `[["NaN"]]`, `[[1]] []`, `"x"`, `[[1]],"values":[[2]]`, ` [ [ 1 , 2 ] ] `,
		`[["` + strings.Repeat("long ", 20) + `"]]`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := decodeValues(strings.NewReader(`{"spreadsheetId":"id","valueRanges":[{"majorDimension":"ROWS","values":`+text+`,"range":"T!A1:Z9"}]}`), 1<<20)
		want, wantErr := byInterfaces(text)
		switch {
		case !json.Valid([]byte(text)): // may still be JSON within the surrounding text
		case (err == nil) != (wantErr == nil):
			t.Errorf("%q: got %v, want %v", text, err, wantErr)
		case err == nil && (len(got) != 1 || got[0].at != "T!A1:Z9" || len(got[0].cells) != len(want) || len(want) > 0 && !reflect.DeepEqual(got[0].cells, want)):
			t.Errorf("%q:\n got %v\nwant %v", text, got, want)
		}
	})
}

// TestDecodeShapes checks what is accepted around the values.
func TestDecodeShapes(t *testing.T) {
	tests := []struct {
		text string
		want int // ranges; -1: it is refused
	}{
		{`{}`, 0},
		{`{"valueRanges":[]}`, 0},
		{`{"valueRanges":null}`, 0},
		{`{"valueRanges":[{"range":"T!A1"},{"range":"T!A2","values":[["x"]]}],"spreadsheetId":{"a":[1]}}`, 2},
		{`{"valueRanges":[{}]}`, 1},
		{` {"valueRanges":[null]} `, 1},
		{``, -1},
		{`[]`, -1},
		{`{"valueRanges":{}}`, -1},
		{`{"valueRanges":[[]]}`, -1},
		{`{"valueRanges":[{"range":1}]}`, -1},
		{`{"valueRanges":[]`, -1},
		{`{"valueRanges":[]} {}`, -1},
		{`{"valueRanges":[]} x`, -1},
		{`{"valueRanges":[{"values":[` + strings.Repeat("[0,0,0,0],", 249) + `[0,0,0,0]]}]}`, 1},
		{`{"valueRanges":[{"values":[` + strings.Repeat("[],", 1000) + `[]]}]}`, -1},
		{`{"valueRanges":[` + strings.Repeat("{},", 100) + `{}]}`, -1},
		{`{"valueRanges":[{"values":[` + strings.Repeat("[0,0,0,0],", 250) + `[0]]}]}`, -1}, // of 1,000 cells
	}
	for _, test := range tests {
		got, err := decodeValues(strings.NewReader(test.text), 32_000)
		if n := len(got); (err != nil) != (test.want < 0) || err == nil && n != test.want {
			t.Errorf("%.80s: got %d ranges, %v; want %d", test.text, n, err, test.want)
		}
	}
}

// page is a response with rows of ten columns, like those of signups.
func page(rows int) string {
	var b strings.Builder
	b.WriteString(`{"spreadsheetId":"id","valueRanges":[{"range":"Signups!A1:J` + fmt.Sprint(rows) + `","majorDimension":"ROWS","values":[`)
	for i := range rows {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `["user-%d@example.com","Asha","Müller %d","+9198765%05d",%d.636111,"%s","%s",%d,%v,"webinar"]`,
			i, i%500, i, 43000+i%900, []string{"IN", "DE", "US"}[i%3], []string{"free", "pro"}[i%2], i%7, i%2 == 0)
	}
	b.WriteString(`]}]}`)
	return b.String()
}

func BenchmarkDecode(b *testing.B) {
	const rows = 10_000
	text := page(rows)
	decoders := []struct {
		name   string
		decode func() error
	}{
		{"ours", func() error { _, err := decodeValues(strings.NewReader(text), maxBody); return err }},
		{"library", func() error { // like its Do, then converted to cells
			var got struct {
				ValueRanges []struct{ Values [][]any }
			}
			if err := json.Unmarshal([]byte(text), &got); err != nil {
				return err
			}
			cellsOf(got.ValueRanges[0].Values)
			return nil
		}},
	}
	for _, d := range decoders {
		b.Run(d.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := d.decode(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows), "ns/row")
		})
	}
}
