package mapping

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/rowtap/rowtap/internal/clevertap"
)

// json converts a value to JSON: text is parsed as JSON, the result of an expression is encoded. In
// an event it must be flat, except Items of Charged
// (https://developer.clevertap.com/docs/upload-events-api).
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
		// 1e700 is valid JSON, but CleverTap may refuse the whole batch.
		if json.Unmarshal(raw, &decoded) != nil {
			return value{}, faultf("JSON with a number that is out of range")
		}
	case number, boolean:
		return v, nil
	case list, object:
		var err error
		if raw, err = json.Marshal(v.data); err != nil {
			return value{}, faultf("the expression gives %s that cannot be encoded as JSON", v.kind)
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

// flatObjects reports whether raw is an array of objects that contain neither arrays nor objects.
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
