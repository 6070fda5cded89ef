package mapping

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/rowtap/rowtap/internal/clevertap"
)

// json makes a value JSON: of a text its own, of an expression's result what it encodes to. In an event it must be flat,
// but for Items of Charged (https://developer.clevertap.com/docs/upload-events-api).
func (p *property) json(v value, charged bool) (value, *fault) {
	var raw []byte
	switch v.kind {
	case text:
		var b bytes.Buffer
		if err := json.Compact(&b, []byte(strings.ToValidUTF8(v.text, "\ufffd"))); err != nil {
			return value{}, faultf("not JSON")
		}
		raw = b.Bytes()
		var decoded any
		if json.Unmarshal(raw, &decoded) != nil { // 1e700 is JSON, but a batch with it may be refused as a whole
			return value{}, faultf("JSON with a number that is too large")
		}
	case number, boolean:
		return v, nil
	case list, object:
		var err error
		if raw, err = json.Marshal(v.data); err != nil {
			return value{}, faultf("the expression gives %s that JSON cannot hold", v.kind)
		}
	case blank:
		return value{}, nil
	case date, timeOfDay:
		return value{}, faultf("%s, not JSON", v.kind)
	}
	if string(raw) == "null" {
		return value{}, nil
	}
	if p.event && (raw[0] == '[' || raw[0] == '{') {
		if !charged || p.item || p.name != clevertap.ChargedItems {
			return value{}, p.nested()
		}
		if !flatObjects(raw) {
			return value{}, faultf("%s must be a list of flat objects", clevertap.ChargedItems).withCode(clevertap.CodeEventStructure)
		}
	}
	return value{kind: object, text: string(raw)}, nil
}

// flatObjects tells whether raw is an array of objects that hold neither arrays nor objects.
func flatObjects(raw []byte) bool {
	var all []map[string]json.RawMessage
	if json.Unmarshal(raw, &all) != nil {
		return false
	}
	for _, fields := range all {
		if fields == nil { // null
			return false
		}
		for _, field := range fields {
			if field[0] == '[' || field[0] == '{' {
				return false
			}
		}
	}
	return true
}
