package mapping

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/row"
)

// Context is the input of a record that is not in the row.
type Context struct {
	Zone       *time.Location // of the spreadsheet, for date cells; nil: UTC
	DetectedAt time.Time      // the record's ts if the row has none; zero: no ts
}

// recordSize is the usual size of a record, in bytes.
const recordSize = 512

// Record is a record and the parts of its JSON that were made from cells.
type Record struct {
	clevertap.Record
	Origins []row.Origin // in order, without overlaps
}

// Record maps a row by action nth, from 0. keep is false if the filter drops the row; rec is then
// empty. The error is a [*RowError], the first mistake of the row ([RowError.All]). keep is true on
// error, because a row that cannot be filtered must not be dropped.
func (b *Bound) Record(nth int, r row.Row, ctx Context) (rec Record, keep bool, err error) {
	e := evaluation{row: r, ctx: ctx}
	if keep, err = b.keeps(&e); err != nil || !keep {
		return Record{}, keep, err
	}
	rec, wrong := b.actions[nth].record(&e)
	if err := wrong.err(); err != nil {
		return Record{}, true, err
	}
	return rec, true, nil
}

// Partial returns a record of action nth with only the values that can be made from a row, whether
// the filter drops it or not. It is for display and must not be sent. Its JSON is nil if the row is
// too expensive.
func (b *Bound) Partial(nth int, r row.Row, ctx Context) Record {
	rec, _ := b.actions[nth].record(&evaluation{row: r, ctx: ctx})
	return rec
}

// Refused returns the names of the columns that make the value which CleverTap refuses with a code,
// in a record of action nth; nil if the code is about no single value.
func (b *Bound) Refused(nth, code int) []string {
	a := &b.actions[nth]
	switch code {
	case clevertap.CodeIdentityMissing, clevertap.CodeObjectID:
		return columnNames(a.id.columns)
	case clevertap.CodeEventNameMissing, clevertap.CodeEventRestricted, clevertap.CodeEventDiscarded:
		return columnNames(a.eventName.columns)
	case clevertap.CodeTimestamp:
		return columnNames(a.time.columns)
	}
	for _, p := range a.properties {
		if rule := clevertap.RuleOf(p.name); !a.event && rule != clevertap.AnyValue && rule.Refusal().Code == code {
			return p.columnNames()
		}
	}
	return nil
}

// Keeps reports whether the filter lets a row pass. The error is a [*RowError]; keep is then true.
func (b *Bound) Keeps(r row.Row, ctx Context) (keep bool, err error) {
	return b.keeps(&evaluation{row: r, ctx: ctx})
}

func (b *Bound) keeps(e *evaluation) (keep bool, err error) {
	if b.mapping.filter == nil {
		return true, nil
	}
	pass, why := e.pass(b.filter)
	if why != nil {
		return true, why.of(e.row.Number, b.filter.columns, "", b.mapping.filterPos)
	}
	return pass, nil
}

// record makes a record without the values that are wrong.
func (a *boundAction) record(e *evaluation) (rec Record, wrong mistakes) {
	id, why := e.id(a.id, a.IDKind)
	if why != nil {
		wrong.add(string(a.IDKind), why.of(e.row.Number, a.id.columns, "", a.action.id.pos))
	}
	rec.Record = clevertap.Record{IDKey: string(a.IDKind), ID: id, Repeatable: !a.event}
	e.origins = make([]row.Origin, 0, 3+len(a.properties)+4*len(a.items))
	dst := make([]byte, 0, recordSize)
	if a.event {
		dst = append(dst, `{"type":"event"`...)
	} else {
		dst = append(dst, `{"type":"profile"`...)
	}
	if why == nil {
		dst = append(dst, ',')
		dst = appendString(dst, rec.IDKey)
		dst = append(dst, ':')
		start := len(dst)
		dst = appendString(dst, id)
		e.addOrigin(a.idFrom, start, len(dst))
	}

	at := e.ctx.DetectedAt
	if a.hasTime {
		given, why := e.time(a.time)
		if why != nil {
			wrong.add("ts", why.of(e.row.Number, a.time.columns, "", a.action.time.pos))
		}
		if why != nil || !given.IsZero() {
			at = given
		}
	}
	if !at.IsZero() {
		dst = append(dst, `,"ts":`...)
		start := len(dst)
		dst = strconv.AppendInt(dst, at.Unix(), 10)
		e.addOrigin(a.timeFrom, start, len(dst))
	}
	in := "profileData."
	if a.event {
		name, why := e.eventName(a.eventName)
		if why != nil {
			wrong.add("evtName", why.of(e.row.Number, a.eventName.columns, "", a.action.eventName.pos))
		}
		e.charged = isCharged(name) || why != nil // an invalid name is already reported
		if why == nil {
			dst = append(dst, `,"evtName":`...)
			start := len(dst)
			dst = appendString(dst, name)
			e.addOrigin(a.eventNameFrom, start, len(dst))
		}
		in = "evtData."
		dst = append(dst, `,"evtData":{`...)
	} else {
		dst = append(dst, `,"profileData":{`...)
	}
	first := true
	for i := range a.properties {
		p := &a.properties[i]
		length := len(dst)
		if dst, why = p.appendTo(dst, e, first); why != nil {
			wrong.add(in+p.name, why.of(e.row.Number, p.template.columns, p.name, p.value.pos))
		}
		if why != nil && e.budget.exceeded() {
			return Record{}, wrong // everything after this would fail for the same reason
		}
		if len(dst) == length {
			continue
		}
		first = false
		if p.op == config.Increment || p.op == config.Decrement {
			rec.Repeatable = false
		}
	}
	if len(a.items) > 0 {
		dst = a.appendItems(dst, e, first, &wrong)
	}
	rec.JSON, rec.Origins = append(dst, '}', '}'), e.origins
	return rec, wrong
}

// appendTo appends the property, with a comma before it unless it is the first; nothing if the
// value is blank or wrong.
func (p *boundProperty) appendTo(dst []byte, e *evaluation, first bool) ([]byte, *fault) {
	length := len(dst)
	if !first {
		dst = append(dst, ',')
	}
	start := len(dst)
	var why *fault
	if p.isConstant {
		dst = append(dst, p.constant...)
	} else {
		dst, why = p.append(dst, e)
	}
	if len(dst) == start { // blank or wrong: left out
		return dst[:length], why
	}
	e.addOrigin(p.from, start+len(p.prefix), len(dst))
	return dst, nil
}

// Identity returns only the identity of a row, which names the user of the record of action nth.
// The error is a [*RowError].
func (b *Bound) Identity(nth int, r row.Row, ctx Context) (string, error) {
	a := &b.actions[nth]
	e := evaluation{row: r, ctx: ctx}
	id, why := e.id(a.id, a.IDKind)
	if why != nil {
		return "", why.of(r.Number, a.id.columns, "", a.action.id.pos)
	}
	return id, nil
}

// pass reports whether the row passes the filter.
func (e *evaluation) pass(filter boundTemplate) (bool, *fault) {
	result, why := e.run(filter.parts[0])
	if why != nil {
		why.message = "filter: " + why.message
		return false, why
	}
	pass, ok := result.(bool)
	if ok {
		return pass, nil
	}
	v, why := goValue(result)
	if why != nil {
		return false, why
	}
	return false, faultf("the filter gives %s, not true or false", v.kind)
}

// id evaluates the identity. Error messages call it by its key in the zap file.
func (e *evaluation) id(t boundTemplate, kind config.IDKind) (string, *fault) {
	id, why := e.identity(t)
	if why == nil || kind == config.Identity || kind == "" {
		return id, why
	}
	if rest, ok := strings.CutPrefix(why.message, "identity "); ok {
		key := map[config.IDKind]string{config.ObjectID: "object_id", config.FBID: "fbid", config.GPID: "gpid"}[kind]
		why.message = key + " " + rest
	}
	return "", why
}

// identity evaluates an identity, object_id, fbid or gpid.
func (e *evaluation) identity(t boundTemplate) (string, *fault) {
	v, why := e.value(t)
	if why != nil {
		return "", why.withCode(clevertap.CodeIdentityMissing)
	}
	if v.allBlank { // "user-{{Number}}" with a blank number would be one user for many rows
		v = value{}
	}
	switch v.kind {
	case text, blank:
	case number:
		switch {
		case math.Abs(v.num) > maxExact && v.text == "":
			return "", plainTextFault("identity is a number with more digits than a spreadsheet keeps")
		case !isExactInteger(v.num) && v.text == "":
			return "", plainTextFault("identity is a number with a fraction")
		}
	case boolean, date, timeOfDay, list, object:
		return "", plainTextFault("identity is " + v.kind.String() + ", not text")
	}
	id, why := v.string()
	if why != nil {
		return "", why.withCode(clevertap.CodeIdentityMissing)
	}
	id = strings.TrimSpace(id)
	if r, refused := clevertap.RefuseIdentity(id); refused {
		return "", &fault{code: r.Code, message: r.Message}
	}
	return id, nil
}

func plainTextFault(message string) *fault {
	return faultf("%s", message).withCode(clevertap.CodeIdentityMissing).
		withHint("format the column as plain text and enter the value again, or map another column")
}

func (e *evaluation) eventName(t boundTemplate) (string, *fault) {
	v, why := e.value(t)
	if why != nil {
		return "", why.withCode(clevertap.CodeEventNameMissing)
	}
	name, why := v.string()
	if why != nil {
		return "", why.withCode(clevertap.CodeEventNameMissing)
	}
	name = strings.TrimSpace(name)
	if r, refused := clevertap.RefuseEventName(name); refused {
		return "", &fault{code: r.Code, message: r.Message}
	}
	return name, nil
}

// isCharged reports whether name is the purchase event. CleverTap ignores case in event names.
func isCharged(name string) bool { return strings.EqualFold(name, clevertap.ChargedEvent) }

// time evaluates the record's time; the zero time if it is blank.
func (e *evaluation) time(t boundTemplate) (time.Time, *fault) {
	v, why := e.value(t)
	if why == nil && v.kind == blank {
		return time.Time{}, nil
	}
	var at time.Time
	if why == nil {
		at, why = dates{}.of(v, e)
	}
	if why == nil && at.Unix() <= 0 {
		why = faultf("time is before 1970, which CleverTap does not accept")
	}
	if why != nil {
		return time.Time{}, why.withCode(clevertap.CodeTimestamp)
	}
	return at, nil
}
