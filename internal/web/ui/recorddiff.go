package ui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// recordField is a value of a record with its path: profileData.Email, evtData.Items[0].Price.
type recordField struct {
	Path string
	Now  string // as JSON; "": it is missing
	Was  string // the same, in the record of the last attempt
	Mark string // added, removed, changed, missing because of an error; "": unchanged
}

// NowTime returns the date that a value means, "" if it is not a date. CleverTap's dates are $D_
// and epoch seconds, ts is only seconds
// (https://developer.clevertap.com/docs/upload-user-profiles-api).
func (f recordField) NowTime() string { return dateOf(f.Path, f.Now) }

// WasTime is NowTime of the value in the record of the last attempt.
func (f recordField) WasTime() string { return dateOf(f.Path, f.Was) }

func dateOf(path, value string) string {
	seconds, date := strings.CutPrefix(strings.Trim(value, `"`), "$D_")
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || !date && path != "ts" {
		return ""
	}
	return time.Unix(n, 0).UTC().Format("2006-01-02 15:04:05 UTC")
}

// recordFields lists the values of a record and marks differences from the record of the last
// attempt, if there is one.
func recordFields(now, was []byte) (fields []recordField, differ bool) {
	nowValues, wasValues := flat(now), flat(was)
	for _, v := range nowValues {
		f := recordField{Path: v.path, Now: v.text}
		if was != nil {
			i := slices.IndexFunc(wasValues, func(w flatValue) bool { return w.path == v.path })
			switch {
			case i < 0:
				f.Mark = "added"
			case wasValues[i].text != v.text:
				f.Was, f.Mark = wasValues[i].text, "changed"
			default:
				f.Was = v.text
			}
		}
		differ = differ || f.Mark != ""
		fields = append(fields, f)
	}
	for _, v := range wasValues {
		if !slices.ContainsFunc(nowValues, func(w flatValue) bool { return w.path == v.path }) {
			fields, differ = append(fields, recordField{Path: v.path, Was: v.text, Mark: "removed"}), true
		}
	}
	return fields, differ
}

// flatValue is a path and its value, which is neither an object nor a list, or is an empty one.
type flatValue struct{ path, text string }

// flat lists the values of a JSON document in its order, none if it is invalid.
func flat(doc []byte) []flatValue {
	if len(doc) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	var out []flatValue
	if err := flatten(d, "", &out); err != nil {
		return nil
	}
	return out
}

func flatten(d *json.Decoder, path string, out *[]flatValue) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	open, ok := token.(json.Delim)
	if !ok {
		var b strings.Builder
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false) // the template does
		err := e.Encode(token)
		*out = append(*out, flatValue{path, strings.TrimSuffix(b.String(), "\n")})
		return err
	}
	empty := true
	for i := 0; d.More(); i++ {
		empty = false
		at := fmt.Sprintf("%s[%d]", path, i)
		if open == '{' {
			name, err := d.Token()
			if err != nil {
				return err
			}
			if at = fmt.Sprint(name); path != "" {
				at = path + "." + at
			}
		}
		if err := flatten(d, at, out); err != nil {
			return err
		}
	}
	if empty {
		*out = append(*out, flatValue{path, map[json.Delim]string{'{': "{}", '[': "[]"}[open]})
	}
	_, err = d.Token() // the closing one
	return err
}
