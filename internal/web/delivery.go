package web

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/row"
)

// Delivery is a delivery as the API shows it.
type Delivery struct {
	ID         string     `json:"id"`
	Zap        string     `json:"zap"`
	Row        int        `json:"row"`
	State      string     `json:"state"`
	Action     string     `json:"action"`
	Identity   string     `json:"identity"`
	DetectedAt time.Time  `json:"detected_at"`
	UpdatedAt  time.Time  `json:"updated_at"`
	Attempts   int        `json:"attempts"`
	MaybeTwice bool       `json:"maybe_twice"`
	Shadow     bool       `json:"shadow"`
	RetryAt    *time.Time `json:"retry_at,omitempty"`
	Reason     string     `json:"reason,omitempty"` // what it waits for, why it is held
	Error      *Error     `json:"error"`
	Errors     []Error    `json:"errors,omitempty"` // all that is wrong with the row, Error first

	Worksheet  *engine.Binding `json:"worksheet,omitempty"`   // that the row is of; null: not known
	LeftBehind bool            `json:"left_behind,omitempty"` // the zap no longer watches it: what happens to the row there is not seen

	First string `json:"first,omitempty"` // the row's first delivery, where the zap has several actions and this is a later one's
	Next  string `json:"next,omitempty"`  // the row's delivery for the next action
}

// Error is why a delivery failed, or what its last try ran into.
type Error struct {
	Code    any    `json:"code"` // CleverTap's, a number; null where it has none
	Message string `json:"message"`
	Column  string `json:"column"`
	Hint    string `json:"hint,omitempty"`
}

// WholeDelivery is a delivery with all that is known of it.
type WholeDelivery struct {
	Delivery
	Cells    json.RawMessage `json:"cells"`  // by column name, in the sheet's order
	Record   json.RawMessage `json:"record"` // as the zap's mapping makes it now; null where it makes none
	Unmapped *Error          `json:"record_error,omitempty"`
	// AllUnmapped is all that keeps the mapping from making a record, Unmapped first.
	AllUnmapped []Error `json:"record_errors,omitempty"`
	// SentRecord is the record that was tried last, sent or not; null where none was, or where SentRecordNote says why it is not known.
	SentRecord     json.RawMessage `json:"sent_record"`
	SentRecordNote string          `json:"sent_record_note,omitempty"`
	// Warnings is what CleverTap may drop of the record, or take otherwise than meant.
	Warnings []clevertap.Warning `json:"warnings,omitempty"`
	Answer   *Answer             `json:"answer"`
	Awaits   string              `json:"awaits,omitempty"` // the action that the row is for once this delivery was accepted
	Like     string              `json:"like,omitempty"`   // the delivery of the row that it may be, or whose key it has
	Steps    []Step              `json:"steps,omitempty"`  // between being found and the state now, oldest first
}

// Step is something that happened to a delivery on its way.
type Step struct {
	At    time.Time `json:"at"`
	State string    `json:"state"` // that it came to
	Text  string    `json:"text,omitempty"`
}

// Answer is what CleverTap said of the upload that the row was in, and of the row.
type Answer struct {
	At         time.Time `json:"at"`
	HTTPStatus int       `json:"http_status"`
	Status     string    `json:"status"`
	Processed  int       `json:"processed"` // records of the upload that were taken
	Sent       int       `json:"sent"`      // records in the upload
	Code       any       `json:"code,omitempty"`
	Error      string    `json:"error,omitempty"`
}

func (s *server) shown(ctx context.Context, d ledger.Delivery) Delivery {
	v := Delivery{
		ID: d.ID(), Zap: d.Zap, Row: d.Row.Number, State: d.State.String(), Action: d.Action,
		Identity: s.identity(ctx, d), DetectedAt: d.DetectedAt.UTC(), UpdatedAt: d.UpdatedAt.UTC(), Attempts: d.Attempts,
		MaybeTwice: d.MaybeTwice, Shadow: d.Shadow, Reason: d.Reason,
	}
	v.Error, v.Errors = shownErrors(d.Problem)
	if d.State == ledger.Queued && !d.RetryAt.IsZero() {
		at := d.RetryAt.UTC()
		v.RetryAt = &at
	}
	// Where the state cannot be read the delivery would not be here; the worksheet is left out then.
	if place, ok, err := s.Engine.PlaceOf(ctx, d); ok && err == nil {
		v.Worksheet = &place.Binding
		v.LeftBehind = place.Left && d.State.Open()
	}
	if v.LeftBehind && v.Error != nil {
		hint := "corrections in worksheet " + v.Worksheet.String() + ", which the zap no longer watches, are not seen: correct the zap file, then: rowtap replay " +
			v.ID + "; or: rowtap discard " + v.ID
		v.Error.Hint = hint
		for i := range v.Errors {
			v.Errors[i].Hint = hint
		}
	}
	if d.First != 0 {
		v.First = ledger.Delivery{Zap: d.Zap, Number: d.First}.ID()
	}
	if d.Next != 0 {
		v.Next = ledger.Delivery{Zap: d.Zap, Number: d.Next}.ID()
	}
	return v
}

// identity returns a delivery's identity as it may be shown.
func (s *server) identity(ctx context.Context, d ledger.Delivery) string {
	if s.Engine.HidesIdentity(ctx, d.Zap) {
		return mapping.Redacted
	}
	return s.Engine.IdentityOf(d)
}

// shownErrors returns the first of a row's problems and all of them; nil of none.
func shownErrors(p *ledger.Problem) (first *Error, all []Error) {
	for one := range p.All() {
		all = append(all, Error{Code: code(one.Code), Message: one.Message, Column: one.Column, Hint: one.Hint})
	}
	if len(all) == 0 {
		return nil, nil
	}
	return &Error{all[0].Code, all[0].Message, all[0].Column, all[0].Hint}, all
}

// code is a number where it is one, and null where there is none.
func code(s string) any {
	if n, err := strconv.Atoi(s); err == nil {
		return n
	}
	if s == "" {
		return nil
	}
	return s
}

func (s *server) whole(ctx context.Context, d ledger.Delivery, now engine.Mapped) WholeDelivery {
	v := WholeDelivery{Delivery: s.shown(ctx, d), Cells: cells(d, s.Engine.Hidden(ctx, d)), Record: now.Record, Warnings: now.Warnings, Awaits: now.Awaits}
	v.Unmapped, v.AllUnmapped = shownErrors(now.Problem)
	v.SentRecord, v.SentRecordNote = now.Tried.Record, now.Tried.Note
	if d.Like != 0 {
		v.Like = ledger.Delivery{Zap: d.Zap, Number: d.Like}.ID()
	}
	for _, s := range d.Steps {
		v.Steps = append(v.Steps, Step{s.At, s.State.String(), s.Text})
	}
	if a := d.Answer; a != nil {
		v.Answer = &Answer{At: a.At.UTC(), HTTPStatus: a.HTTPStatus, Status: a.Status, Processed: a.Processed, Sent: a.Sent}
		if d.State == ledger.Failed && d.Problem != nil {
			v.Answer.Code, v.Answer.Error = code(d.Problem.Code), d.Problem.Message
		}
	}
	return v
}

// cells returns a row's cells as a JSON object, in the sheet's order, blank ones left out. Dates are shown as the sheet's
// clock has them.
func cells(d ledger.Delivery, hidden map[int]bool) json.RawMessage {
	b := []byte{'{'}
	for i, c := range d.Row.Cells {
		if c.Blank() {
			continue
		}
		name := d.Header.Name(i)
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(b, encoded(name)...)
		b = append(b, ':')
		if hidden[i] {
			b = append(b, encoded(mapping.Redacted)...)
		} else {
			b = append(b, encoded(cellValue(c))...)
		}
	}
	return append(b, '}')
}

func cellValue(c row.Cell) any {
	switch c.Kind {
	case row.Number:
		return c.Num
	case row.Bool:
		return c.Num != 0
	case row.Blank, row.Text, row.Date:
		return c.String()
	}
	return c.String()
}

func encoded(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return []byte("null") // a number that JSON cannot hold; Sheets has none
	}
	return b
}
