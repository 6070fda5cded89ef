package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/preview"
)

// showRecord prints the records that the mapping makes of the newest sampled row that is ready; if
// none is, of the newest one. It prints the reason if there is no record.
func (n *newZap) showRecord(r *plan.Recipe) {
	sample, err := n.sample.For(r)
	if err != nil {
		fmt.Fprintf(n.stderr, "no record to show: %v\n", err)
		return
	}
	if len(sample.Rows) == 0 {
		fmt.Fprintf(n.stderr, "no record to show: worksheet %q has no rows yet\n", n.file.Worksheet)
		return
	}
	at := sample.Rows[0]
	if i := slices.IndexFunc(sample.Rows, func(at preview.SampleRow) bool { return at.Verdict == preview.SampleReady }); i >= 0 {
		at = sample.Rows[i]
	}
	fmt.Fprintf(n.stderr, "record of row %d of worksheet %q:\n", at.Number, sample.Worksheet.Title)
	if at.Verdict == preview.SampleWaiting {
		fmt.Fprintf(n.stderr, "the daemon would not send this row yet: it waits for %s\n", strings.Join(at.Lacks, ", "))
	}
	all, err := preview.Map(r, sample, at, time.Now())
	switch {
	case err != nil:
		fmt.Fprintf(n.stderr, "no record: %v\n", err)
	case len(all) == 0:
		fmt.Fprintln(n.stderr, "no record: the filter skips the row")
	}
	for _, tried := range all {
		_ = printTried(n.stderr, asJSON(r, at, tried)) // stderr
	}
}
