package preview

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/plan"
)

// Tryout is the record that an action makes of a row, and CleverTap's response to it.
type Tryout struct {
	Action *config.Action
	// Record is JSON to be shown: redacted cells are hidden. It is nil if the mapping fails.
	Record   []byte
	Warnings []clevertap.Warning
	Err      error  // why there is no record
	DryRun   *Reply // nil: not requested
	Sent     *Reply // nil: not sent

	record   clevertap.Record
	redactor *strings.Replacer
}

// Reply is CleverTap's response about a single record.
type Reply struct {
	clevertap.Result
	// Err is a [*clevertap.Error] if there was no response about the record. Result is meaningless
	// then.
	Err error
}

// Accepted reports whether CleverTap accepted the record, or would accept it.
func (r *Reply) Accepted() bool { return r != nil && r.Err == nil && r.Verdict == clevertap.Accepted }

// Try is [Map], and lets CleverTap validate the records by a dry run.
func Try(ctx context.Context, p *plan.Plan, r *plan.Recipe, s *Sample, at SampleRow, now time.Time) ([]Tryout, error) {
	all, err := Map(r, s, at, now)
	if err != nil {
		return nil, err
	}
	for nth := range all {
		if t := &all[nth]; t.Err == nil {
			t.DryRun = upload(ctx, p, t, true)
		}
	}
	return all, ctx.Err()
}

// Map makes the record of each of the zap's actions from a sampled row, as of now. It returns no
// tryouts if the filter drops the row. It returns an error if no record can be made at all: the
// header lacks columns, or the filter fails.
func Map(r *plan.Recipe, s *Sample, at SampleRow, now time.Time) ([]Tryout, error) {
	if s.Columns != nil {
		return nil, s.Columns
	}
	rows := s.ctx
	rows.DetectedAt = now
	keep, err := s.bound.Keeps(at.Row, rows)
	if err != nil || !keep {
		return nil, err
	}
	hidden := mapping.Hidden(s.Header, r.Redact)
	all := make([]Tryout, len(r.Actions))
	for nth := range all {
		t := &all[nth]
		t.Action = &r.Actions[nth]
		record, _, err := s.bound.Record(nth, at.Row, rows)
		if err != nil {
			t.Err = err
			continue
		}
		t.record = record.Record
		t.Record, _ = mapping.Redact(record.JSON, record.Origins, hidden)
		t.redactor = redactor(at, hidden)
		t.Warnings = s.bound.Warnings(nth, record, rows)
	}
	return all, nil
}

// Send sends tried records for real, in order. It stops at the first that CleverTap does not
// accept.
func Send(ctx context.Context, p *plan.Plan, all []Tryout) {
	for i := range all {
		t := &all[i]
		if t.Err != nil {
			return
		}
		if t.Sent = upload(ctx, p, t, false); !t.Sent.Accepted() {
			return
		}
	}
}

// upload sends a single record to CleverTap.
func upload(ctx context.Context, p *plan.Plan, t *Tryout, dryRun bool) *Reply {
	response, err := p.CleverTap[t.Action.Account.Name].Upload(ctx, []clevertap.Record{t.record}, dryRun)
	if err != nil {
		if wrong, ok := errors.AsType[*clevertap.Error](err); ok {
			wrong.Message = t.redactor.Replace(wrong.Message)
		}
		return &Reply{Err: err}
	}
	reply := &Reply{Result: response.Results[0]}
	reply.Refusal.Message = t.redactor.Replace(reply.Refusal.Message)
	return reply
}

// redactor hides redacted cells in CleverTap's message, in case it repeats them. It ignores texts
// of up to two bytes, which occur in any message.
func redactor(at SampleRow, hidden map[int]bool) *strings.Replacer {
	var pairs []string
	for i, c := range at.Cells {
		if text := strings.TrimSpace(c.String()); hidden[i] && len(text) > 2 {
			pairs = append(pairs, text, mapping.Redacted)
		}
	}
	return strings.NewReplacer(pairs...)
}
