package sandbox

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// spreadsheetSchema has the fields of
// https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets that a mask may
// name, including those that the sandbox does not fill.
var spreadsheetSchema = schema{
	"spreadsheetId":  nil,
	"spreadsheetUrl": nil,
	"properties": {
		"title": nil, "locale": nil, "autoRecalc": nil, "timeZone": nil, "defaultFormat": nil, "iterativeCalculationSettings": nil,
		"spreadsheetTheme": nil, "importFunctionsExternalUrlAccessAllowed": nil,
	},
	"sheets": {
		"properties": {
			"sheetId": nil, "title": nil, "index": nil, "sheetType": nil, "hidden": nil, "tabColor": nil, "tabColorStyle": nil,
			"rightToLeft": nil, "dataSourceSheetProperties": nil,
			"gridProperties": {
				"rowCount": nil, "columnCount": nil, "frozenRowCount": nil, "frozenColumnCount": nil, "hideGridlines": nil,
				"rowGroupControlAfter": nil, "columnGroupControlAfter": nil,
			},
		},
		"data": nil, "merges": nil, "conditionalFormats": nil, "filterViews": nil, "protectedRanges": nil, "basicFilter": nil, "charts": nil,
		"bandedRanges": nil, "developerMetadata": nil, "rowGroups": nil, "columnGroups": nil, "slicers": nil, "tables": nil,
	},
	"namedRanges": nil, "developerMetadata": nil, "dataSources": nil, "dataSourceSchedules": nil,
}

// getSpreadsheet implements spreadsheets.get without grid data.
func (s *Sheets) getSpreadsheet(r *http.Request) (object, error) {
	q := r.URL.Query()
	m, err := parseMask(q.Get("fields"), spreadsheetSchema)
	if err != nil {
		return nil, err
	}
	if err := checkParameters(q, "ranges", "includeGridData", "excludeTablesInBandedRanges", "commentsViewMode"); err != nil {
		return nil, err
	}
	if grid := q.Get("includeGridData"); grid != "" && grid != "true" && grid != "false" {
		return nil, invalidArgument("Invalid value at 'include_grid_data' (TYPE_BOOL), \"" + grid + "\"")
	}
	if m == nil && q.Get("includeGridData") == "true" || m.has("sheets", "data") {
		return nil, notEmulated("grid data")
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	file, err := s.readable(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	shown := file.Worksheets
	if ranges := q["ranges"]; len(ranges) > 0 {
		var asked []*Worksheet
		for _, text := range ranges {
			r, err := parseRange(text, file.Worksheets)
			if err != nil {
				return nil, invalidArgument(err.Error())
			}
			asked = append(asked, r.sheet)
		}
		shown = slices.DeleteFunc(slices.Clone(shown), func(w *Worksheet) bool { return !slices.Contains(asked, w) })
	}
	sheets := make([]object, len(shown))
	for i, w := range shown {
		sheets[i] = object{{"properties", object{
			{"sheetId", w.gid},
			{"title", w.Title},
			{"index", slices.Index(file.Worksheets, w)},
			{"sheetType", "GRID"},
			{"gridProperties", object{{"rowCount", w.Height}, {"columnCount", w.Width}}},
		}}}
	}
	return m.apply(object{
		{"spreadsheetId", file.id},
		{"properties", object{{"title", file.title}, {"locale", "en_US"}, {"autoRecalc", "ON_CHANGE"}, {"timeZone", file.zone}}},
		{"sheets", sheets},
		{"spreadsheetUrl", "https://docs.google.com/spreadsheets/d/" + url.PathEscape(file.id) + "/edit"},
	}), nil
}

// readable returns a spreadsheet that may be read, or Google's refusal. s.mu must be held.
func (s *Sheets) readable(id string) (*Spreadsheet, error) {
	file := s.byID[id]
	switch {
	case file == nil:
		return nil, NotFound()
	case file.Refused != nil:
		return nil, file.Refused
	}
	return file, nil
}

// standardParameters are accepted by every method
// (https://cloud.google.com/apis/docs/system-parameters).
var standardParameters = []string{
	"alt", "fields", "prettyPrint", "key", "quotaUser", "access_token", "oauth_token", "callback", "upload_protocol", "uploadType",
	"$.xgafv", "$alt", "$fields", "$prettyPrint", "$key",
}

// checkParameters refuses query parameters that the method does not have.
func checkParameters(q url.Values, known ...string) error {
	if alt := q.Get("alt"); alt != "" && alt != "json" {
		return notEmulated("alt=" + alt)
	}
	var names []string
	for name := range q {
		if !slices.Contains(known, name) && !slices.Contains(standardParameters, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	description := "Invalid JSON payload received. Unknown name \"" + names[0] + "\": Cannot bind query parameter. Field '" +
		strings.ReplaceAll(names[0], "'", "") + "' could not be found in request message."
	return invalidField("", description, description)
}
