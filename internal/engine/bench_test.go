package engine

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// BenchmarkBacklog finds and delivers 10,000 new rows of two columns in one pass, the emulators' work included.
func BenchmarkBacklog(b *testing.B) {
	const rows = 10_000
	values := make([][2]string, rows)
	for i := range values {
		values[i] = [2]string{fmt.Sprintf("user-%d@example.com", i), fmt.Sprint(i)}
	}
	accept := func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			b.Error(err)
		}
		fmt.Fprintf(w, `{"status":"success","processed":%d,"unprocessed":[]}`, strings.Count(string(body), `"type":`))
	}
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		r := newRigAt(b, map[string]string{"p": profileZap("production")}, accept)
		r.append(b, values...)
		b.StartTimer()
		if s := r.once(b); s.Sent != rows {
			b.Fatalf("%+v, want %d sent", s, rows)
		}
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
