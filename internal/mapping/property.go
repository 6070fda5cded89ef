package mapping

import (
	"strconv"
	"strings"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/config"
)

// property is a compiled [config.Property].
type property struct {
	name    string
	prefix  []byte // the name and a colon, as JSON
	value   template
	kind    config.PropertyType
	op      config.Op
	event   bool // of an event, where only Items of Charged may be nested
	item    bool // of an item of Charged, which may not be nested
	rule    clevertap.Rule
	country string
	// countryFrom is the country of each row, if fromRow is set.
	countryFrom template
	fromRow     bool
	separator   string
	numbers     numerals
	dates       dates

	isConstant bool
	constant   []byte // name and value as JSON; empty if the value is blank
}

// append appends the property's name and value; nothing if the value is blank.
func (p *boundProperty) append(dst []byte, e *evaluation) ([]byte, *fault) {
	t := p.template
	v := booleanValue(true) // for a delete without a value
	if p.op != config.Delete || t.literal != nil || len(t.parts) > 0 {
		var why *fault
		if v, why = e.value(t); why == nil && v.kind != blank {
			v, why = p.coerce(v, e)
		}
		if p.rule != clevertap.AnyValue && why == nil && v.kind != blank {
			v, why = p.applyRule(v)
		}
		if why != nil || v.kind == blank {
			return dst, why
		}
	}
	dst = append(dst, p.prefix...)
	switch p.op {
	case config.Add:
		dst = append(dst, `{"$add":`...)
	case config.Remove:
		dst = append(dst, `{"$remove":`...)
	case config.Increment:
		dst = append(dst, `{"$incr":`...)
	case config.Decrement:
		dst = append(dst, `{"$decr":`...)
	case config.Delete:
		return append(dst, `{"$delete":1}`...), nil
	case config.Set:
		if v.kind != list {
			return appendValue(dst, v), nil
		}
		dst = append(dst, `{"$set":`...)
	}
	return append(appendValue(dst, v), '}'), nil
}

// appendValue appends a coerced value as JSON.
func appendValue(dst []byte, v value) []byte {
	switch v.kind {
	case text:
		return appendString(dst, v.text)
	case number:
		return append(dst, v.digits()...)
	case boolean:
		return strconv.AppendBool(dst, v.num != 0)
	case date:
		return appendDate(dst, v.at.Unix())
	case list:
		dst = append(dst, '[')
		for i, item := range v.items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendString(dst, item)
		}
		return append(dst, ']')
	case object:
		return append(dst, v.text...)
	case blank, timeOfDay:
	}
	return dst
}

// coerce converts a value that is not blank to the property's type. The items of the resulting list
// are text, and the text of an object is JSON. The result may be blank.
func (p *boundProperty) coerce(v value, e *evaluation) (value, *fault) {
	switch p.op {
	case config.Add, config.Remove:
		if p.kind == config.List {
			return p.list(v)
		}
		return items(v)
	case config.Increment, config.Decrement:
		return p.numbers.of(v)
	case config.Delete:
		return v, nil
	case config.Set:
	}
	switch p.kind {
	case config.Auto:
		return p.auto(v)
	case config.Text:
		s, why := v.string()
		return textValue(s), why
	case config.Number:
		return p.numbers.of(v)
	case config.Boolean:
		return truth(v)
	case config.Date:
		at, why := p.dates.of(v, e)
		return value{kind: date, at: at}, why
	case config.Phone:
		return phone(v, func() (string, *fault) { return p.countryOf(e) })
	case config.List:
		return p.list(v)
	case config.JSON:
		return p.json(v, e.charged)
	}
	return value{}, faultf("unknown type %s", p.kind)
}

// countryOf returns the country code for the row's phone number; "" if none is set.
func (p *boundProperty) countryOf(e *evaluation) (string, *fault) {
	if !p.fromRow {
		return p.country, nil
	}
	code := ""
	v, why := e.value(p.region)
	if why == nil && v.kind != blank {
		var name string
		if name, why = v.string(); why == nil {
			var ok bool
			if code, ok = countryCode(name); !ok {
				why = phoneFault("neither the code nor the English name of a country").
					withHint("write it as IN or India, or add + and the country code to the phone number")
			}
		}
	} else if why == nil {
		why = phoneFault("no country for a phone number without + and country code").withHint("enter a country such as IN or India, or add + and the country code to the phone number")
	}
	if why != nil && why.column == "" && len(p.region.columns) == 1 {
		why.column = p.region.columns[0].name
	}
	return code, why
}

// auto keeps the type of a value. CleverTap has no type for a time of day, which becomes text.
func (p *property) auto(v value) (value, *fault) {
	switch v.kind {
	case timeOfDay:
		s, why := v.string()
		return textValue(s), why
	case list:
		if p.event {
			return value{}, p.nested()
		}
		return items(v)
	case object:
		return value{}, faultf("the expression gives an object").withHint("give the property type: json")
	case blank, text, number, boolean, date:
	}
	return v, nil
}

func (p *property) nested() *fault {
	if p.item {
		return faultf("an item of %s cannot hold lists or objects", clevertap.ChargedEvent).withCode(clevertap.CodeEventStructure)
	}
	return faultf("the properties of an event cannot be lists or objects, except Items of %s", clevertap.ChargedEvent).
		withCode(clevertap.CodeEventStructure)
}

// truth converts a value to a boolean.
func truth(v value) (value, *fault) {
	switch v.kind {
	case boolean:
		return v, nil
	case number:
		if v.num == 0 || v.num == 1 {
			return booleanValue(v.num == 1), nil
		}
	case text:
		if yes, ok := clevertap.Truth(strings.TrimSpace(v.text)); ok {
			return booleanValue(yes), nil
		}
	case blank, date, timeOfDay, list, object:
		return value{}, faultf("%s, not yes or no", v.kind)
	}
	return value{}, faultf("not one of yes, no, true, false, y, n, 1 or 0")
}
