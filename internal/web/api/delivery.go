package api

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/row"
)

// Delivery is a delivery in lists. Times are UTC.
type Delivery struct {
	ID         string     `json:"id"`
	Zap        string     `json:"zap"`
	Row        int        `json:"row"` // 1-based sheet row
	State      string     `json:"state"`
	Action     string     `json:"action"`
	Identity   string     `json:"identity"`
	DetectedAt time.Time  `json:"detected_at"`
	UpdatedAt  time.Time  `json:"updated_at"`
	Attempts   int        `json:"attempts"`
	MaybeTwice bool       `json:"maybe_twice"`
	Shadow     bool       `json:"shadow"`
	RetryAt    *time.Time `json:"retry_at,omitempty"`
	Reason     string     `json:"reason,omitempty"` // what it waits for, or why it is held
	Error      *Error     `json:"error"`
	Errors     []Error    `json:"errors,omitempty"` // all errors of the row, Error first

	Worksheet  *plan.Binding `json:"worksheet,omitempty"`   // the row's worksheet; null if it is unknown
	LeftBehind bool          `json:"left_behind,omitempty"` // the zap no longer watches the worksheet, so changes to the row go unnoticed

	First string `json:"first,omitempty"` // of a later action: the ID of the row's first delivery
	Next  string `json:"next,omitempty"`  // the ID of the row's delivery for the next action
}

// Error is why a delivery failed, or the error of its last attempt.
type Error struct {
	Code    any    `json:"code"` // CleverTap's error code, a number; null if there is none
	Message string `json:"message"`
	Column  string `json:"column"`
	Hint    string `json:"hint,omitempty"`
}

// Text returns the error in one line, with column and code.
func (e Error) Text() string {
	text := e.Message
	if e.Code != nil {
		text = fmt.Sprint(e.Code) + ": " + text
	}
	if e.Column != "" {
		text = e.Column + ": " + text
	}
	return text
}

// WholeDelivery is a delivery in full.
type WholeDelivery struct {
	Delivery
	Cells    json.RawMessage `json:"cells"`  // by column name, in the sheet's order
	Record   json.RawMessage `json:"record"` // by the current mapping; null if that makes none
	Unmapped *Error          `json:"record_error,omitempty"`
	// AllUnmapped is why the mapping makes no record: all errors, Unmapped first.
	AllUnmapped []Error `json:"record_errors,omitempty"`
	// SentRecord is the record of the last attempt. It is null without one, or if SentRecordNote
	// says why it is unknown.
	SentRecord     json.RawMessage `json:"sent_record"`
	SentRecordNote string          `json:"sent_record_note,omitempty"`
	// Warnings says what CleverTap may drop from the record or interpret differently.
	Warnings []clevertap.Warning `json:"warnings,omitempty"`
	Answer   *Answer             `json:"answer"`
	Awaits   string              `json:"awaits,omitempty"` // the row's next action, which waits for this delivery
	Like     string              `json:"like,omitempty"`   // the ID of the delivery whose row this may be, or whose key it has
	Steps    []Step              `json:"steps,omitempty"`  // between detection and the current state, oldest first
}

// Step is a change of a delivery's state.
type Step struct {
	At    time.Time `json:"at"`
	State string    `json:"state"` // the new one
	Text  string    `json:"text,omitempty"`
}

// Answer is CleverTap's response to the upload that the row was in, and to the row.
type Answer struct {
	At         time.Time `json:"at"`
	HTTPStatus int       `json:"http_status"`
	Status     string    `json:"status"`
	Processed  int       `json:"processed"` // records of the upload that were accepted
	Sent       int       `json:"sent"`      // records in the upload
	Code       any       `json:"code,omitempty"`
	Error      string    `json:"error,omitempty"`
}

// Number returns the delivery's number within its zap.
func (d Delivery) Number() string { return d.ID[strings.LastIndexByte(d.ID, '/')+1:] }

// WhenFound reports whether Row is where the row was when it was found. Rows of deliveries that are
// queued or finished are not followed.
func (d Delivery) WhenFound() bool {
	return d.State != ledger.Waiting.String() && d.State != ledger.Failed.String() && d.State != ledger.Held.String()
}

// Why explains the delivery's state in one line.
func (d Delivery) Why() string {
	if d.Error == nil || d.Reason != "" && d.State != ledger.Failed.String() {
		return d.Reason
	}
	text := d.Error.Text()
	if n := len(d.Errors); n > 1 {
		text = fmt.Sprintf("%d mistakes: %s", n, text) // first, because a terminal cuts the end off
	}
	return text
}

// Show returns a delivery as lists show it. Redacted values are left out.
func (s *Server) Show(ctx context.Context, d ledger.Delivery) Delivery {
	v := Delivery{
		ID: d.ID(), Zap: d.Zap, Row: d.Row.Number, State: d.State.String(), Action: d.Action,
		Identity: s.IdentityOf(ctx, d), DetectedAt: d.DetectedAt.UTC(), UpdatedAt: d.UpdatedAt.UTC(), Attempts: d.Attempts,
		MaybeTwice: d.MaybeTwice, Shadow: d.Shadow, Reason: d.Reason,
	}
	v.Error, v.Errors = shownErrors(d.Problem)
	if d.State == ledger.Queued && !d.RetryAt.IsZero() {
		at := d.RetryAt.UTC()
		v.RetryAt = &at
	}
	// Without a state that can be read there would be no delivery, so an error only leaves the
	// worksheet out.
	if place, ok, err := s.Engine.PlaceOf(ctx, d); ok && err == nil {
		v.Worksheet = &place.Binding
		v.LeftBehind = place.Left && d.State.Open()
	}
	v.uncorrectable(d, v.Errors)
	if d.First != 0 {
		v.First = ledger.Delivery{Zap: d.Zap, Number: d.First}.ID()
	}
	if d.Next != 0 {
		v.Next = ledger.Delivery{Zap: d.Zap, Number: d.Next}.ID()
	}
	return v
}

// uncorrectable replaces the hints of errors if no cell can be corrected, because the row was left
// behind or deleted.
func (d Delivery) uncorrectable(of ledger.Delivery, all []Error) {
	why := ""
	switch {
	case d.LeftBehind:
		why = "the zap no longer watches worksheet " + d.Worksheet.String() + ", so corrections there go unnoticed"
	case of.DeletedInSheet && of.State == ledger.Failed:
		why = "the row was deleted from the sheet, so no cell can be corrected"
	default:
		return
	}
	for i := range all {
		all[i].Hint = why + ": correct the zap file, then: rowtap replay " + d.ID + "; or: rowtap discard " + d.ID
	}
}

// IdentityOf returns a delivery's identity, or a placeholder if it is redacted.
func (s *Server) IdentityOf(ctx context.Context, d ledger.Delivery) string {
	if s.Engine.HidesIdentity(ctx, d.Zap) {
		return mapping.Redacted
	}
	return s.Engine.IdentityOf(d)
}

// shownErrors returns all errors of a row and a pointer to the first, nil if there are none.
func shownErrors(p *ledger.Problem) (first *Error, all []Error) {
	for one := range p.All() {
		all = append(all, Error{Code: code(one.Code), Message: one.Message, Column: one.Column, Hint: one.Hint})
	}
	if len(all) == 0 {
		return nil, nil
	}
	return &all[0], all
}

// code returns a number if the code is one, and nil if it is empty.
func code(s string) any {
	if n, err := strconv.Atoi(s); err == nil {
		return n
	}
	if s == "" {
		return nil
	}
	return s
}

// ShowWhole returns a delivery in full; now is what the current mapping makes of its row.
func (s *Server) ShowWhole(ctx context.Context, d ledger.Delivery, now engine.Mapped) WholeDelivery {
	v := WholeDelivery{
		Delivery: s.Show(ctx, d), Cells: cells(d, s.Engine.Hidden(ctx, d)),
		Record: now.Record, Warnings: now.Warnings, Awaits: now.Awaits,
	}
	v.Unmapped, v.AllUnmapped = shownErrors(now.Problem)
	v.uncorrectable(d, v.AllUnmapped)
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

// cells returns a row's cells as a JSON object, in the sheet's order and without blank ones. Dates
// are in the sheet's time zone.
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
	if c.Kind == row.Number {
		return c.Num
	}
	if c.Kind == row.Bool {
		return c.Num != 0
	}
	return c.String()
}

func encoded(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return []byte("null") // a number that JSON cannot represent; Sheets has none
	}
	return b
}
