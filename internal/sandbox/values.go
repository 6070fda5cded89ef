package sandbox

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
)

// rendering is the requested format of values
// (https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets.values/get).
type rendering struct {
	columns    bool // majorDimension
	formatted  bool
	formulas   bool
	datesShown bool // dateTimeRenderOption=FORMATTED_STRING
}

func parseRendering(q url.Values) (rendering, error) {
	const enum = "type.googleapis.com/google.apps.sheets.v4."
	choose := func(name, field, typ string, values ...string) (string, error) {
		got := q.Get(name)
		for _, v := range values {
			if got == v {
				return v, nil
			}
		}
		if got == "" {
			return values[0], nil
		}
		message := "Invalid value at '" + field + "' (" + enum + typ + "), \"" + got + "\""
		return "", invalidField(field, message, message)
	}
	var r rendering
	dimension, err := choose("majorDimension", "major_dimension", "Dimension", "ROWS", "COLUMNS", "DIMENSION_UNSPECIFIED")
	if err != nil {
		return r, err
	}
	value, err := choose("valueRenderOption", "value_render_option", "ValueRenderOption", "FORMATTED_VALUE", "UNFORMATTED_VALUE", "FORMULA")
	if err != nil {
		return r, err
	}
	dates, err := choose("dateTimeRenderOption", "date_time_render_option", "DateTimeRenderOption", "SERIAL_NUMBER", "FORMATTED_STRING")
	if err != nil {
		return r, err
	}
	return rendering{
		columns:    dimension == "COLUMNS",
		formatted:  value == "FORMATTED_VALUE",
		formulas:   value == "FORMULA",
		datesShown: dates == "FORMATTED_STRING",
	}, nil
}

var valueRangeSchema = schema{"range": nil, "majorDimension": nil, "values": nil}

// parseValuesQuery parses the parameters that both methods have. more are the names of others.
func parseValuesQuery(q url.Values, fields schema, more ...string) (mask, rendering, error) {
	m, err := parseMask(q.Get("fields"), fields)
	if err != nil {
		return nil, rendering{}, err
	}
	if err := checkParameters(q, append(more, "majorDimension", "valueRenderOption", "dateTimeRenderOption")...); err != nil {
		return nil, rendering{}, err
	}
	how, err := parseRendering(q)
	return m, how, err
}

// getValues implements values.get, for one range.
func (s *Sheets) getValues(r *http.Request) (object, error) {
	m, how, err := parseValuesQuery(r.URL.Query(), valueRangeSchema)
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	file, err := s.readable(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	values, err := file.values(r.PathValue("range"), how)
	return m.apply(values), err
}

// batchGetValues implements values.batchGet. Ranges are returned in the requested order; one
// invalid range fails all.
func (s *Sheets) batchGetValues(r *http.Request) (object, error) {
	q := r.URL.Query()
	m, how, err := parseValuesQuery(q, schema{"spreadsheetId": nil, "valueRanges": valueRangeSchema}, "ranges")
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	file, err := s.readable(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	ranges := q["ranges"]
	if len(ranges) == 0 {
		return nil, invalidArgument("Must specify at least one range.")
	}
	answers := make([]object, len(ranges))
	for i, text := range ranges {
		if answers[i], err = file.values(text, how); err != nil {
			return nil, err
		}
	}
	return m.apply(object{{"spreadsheetId", file.id}, {"valueRanges", answers}}), nil
}

// values requires the lock of Sheets.
func (f *Spreadsheet) values(text string, how rendering) (object, error) {
	r, err := parseRange(text, f.Worksheets)
	if err != nil {
		return nil, invalidArgument(err.Error())
	}
	dimension := "ROWS"
	if how.columns {
		dimension = "COLUMNS"
	}
	o := object{{"range", r.String()}, {"majorDimension", dimension}}
	if values, filled := r.render(how); filled {
		o = append(o, member{"values", json.RawMessage(values)})
	}
	return o, nil
}

// render returns the values as JSON, without empty cells at the end of a line and empty lines at
// the end; filled is false if nothing is left.
func (r gridRange) render(how rendering) (values []byte, filled bool) {
	lines, cells := r.toRow-r.fromRow+1, r.toCol-r.fromCol+1
	cell := func(line, i int) Value {
		row, column := r.fromRow+line, r.fromCol+i
		if how.columns {
			row, column = r.fromRow+i, r.fromCol+line
		}
		if row > len(r.sheet.Rows) || column > len(r.sheet.Rows[row-1]) {
			return Value{}
		}
		return r.sheet.Rows[row-1][column-1]
	}
	if how.columns {
		lines, cells = cells, min(lines, max(0, len(r.sheet.Rows)-r.fromRow+1))
	} else {
		lines = min(lines, max(0, len(r.sheet.Rows)-r.fromRow+1))
	}
	values = append(values, '[')
	kept := len(values) // length up to the last line that is not empty
	for line := range lines {
		if line > 0 {
			values = append(values, ',')
		}
		values = append(values, '[')
		last := 0
		for i := cells; i > 0 && last == 0; i-- {
			if !cell(line, i-1).empty() {
				last = i
			}
		}
		for i := range last {
			if i > 0 {
				values = append(values, ',')
			}
			values = cell(line, i).render(values, how)
		}
		values = append(values, ']')
		if last > 0 {
			kept = len(values)
		}
	}
	return append(values[:kept], ']'), kept > 1
}

// render appends the cell as JSON.
func (v Value) render(b []byte, how rendering) []byte {
	switch {
	case how.formatted, how.datesShown && v.kind == date:
		return appendString(b, v.Shown())
	case v.kind == number, v.kind == date:
		return strconv.AppendFloat(b, v.num, 'f', -1, 64)
	case v.kind == boolean:
		return strconv.AppendBool(b, v.num != 0)
	case v.kind == emptyFormula && how.formulas:
		return appendString(b, v.text)
	}
	return appendString(b, v.Shown())
}

func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' || c >= 0x80 {
			quoted, err := json.Marshal(s)
			if err != nil { // a string can always be encoded
				return append(b, `""`...)
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
