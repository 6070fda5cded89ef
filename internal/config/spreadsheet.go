package config

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// spreadsheetID matches spreadsheet IDs
// (https://developers.google.com/workspace/sheets/api/guides/concepts).
var spreadsheetID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,200}$`)

// ParseSpreadsheet parses a spreadsheet's ID or its URL in the browser. It returns the ID and the
// gid in the URL, or nil without one. Errors identify URLs of other files, because the Sheets API
// cannot read files that only look like spreadsheets.
func ParseSpreadsheet(text string) (id string, gid *int64, err error) {
	text = strings.TrimSpace(text)
	if spreadsheetID.MatchString(text) {
		return text, nil, nil
	}
	if strings.HasPrefix(text, "docs.google.com/") || strings.HasPrefix(text, "drive.google.com/") {
		text = "https://" + text
	}
	u, parseErr := url.Parse(text)
	if parseErr != nil || u.Host == "" {
		return "", nil, notAnID(text)
	}
	switch host := strings.ToLower(u.Hostname()); {
	case host == "drive.google.com":
		return "", nil, errors.New("is the URL of a file in Google Drive; open it in Google Sheets (for an Excel file: File > Save as Google Sheets) and copy the URL")
	case strings.HasSuffix(host, "sharepoint.com"), strings.HasSuffix(host, "live.com"), strings.HasSuffix(host, "office.com"), host == "1drv.ms":
		return "", nil, errors.New("is the URL of an Excel file; import it into Google Sheets")
	case host != "docs.google.com":
		return "", nil, errors.New("is not the URL of a spreadsheet, which begins with https://docs.google.com/spreadsheets/d/")
	case u.Query().Get("rtpof") == "true":
		return "", nil, errors.New("is the URL of an Excel file opened in Google Sheets, which the Sheets API cannot read; use File > Save as Google Sheets and copy the new URL")
	}
	id, err = idOfPath(u.Path)
	if err != nil {
		return "", nil, err
	}
	return id, gidOf(u), nil
}

// notAnID returns an error for a text that is neither an ID nor a URL.
func notAnID(text string) error {
	switch strings.ToLower(path.Ext(text)) {
	case ".xlsx", ".xls", ".csv", ".ods":
		return errors.New("is a file name; import the file into Google Sheets and copy the URL from the browser")
	}
	return errors.New("is not the URL or ID of a spreadsheet (an ID has letters, digits, - and _)")
}

// idOfPath returns the ID in the path of a URL: /spreadsheets/d/ID/edit, /spreadsheets/u/0/d/ID, or
// /a/DOMAIN/spreadsheets/d/ID in a Workspace.
func idOfPath(urlPath string) (string, error) {
	parts := strings.Split(strings.Trim(urlPath, "/"), "/")
	if len(parts) > 2 && parts[0] == "a" {
		parts = parts[2:]
	}
	if parts[0] != "spreadsheets" {
		return "", fmt.Errorf("is the URL of another Google Docs file; the URL of a spreadsheet begins with https://docs.google.com/spreadsheets/d/")
	}
	parts = parts[1:]
	if len(parts) > 2 && parts[0] == "u" {
		parts = parts[2:]
	}
	switch {
	case len(parts) < 2 || parts[0] != "d":
		return "", errors.New("contains no spreadsheet ID; open the spreadsheet and copy the URL")
	case parts[1] == "e":
		return "", errors.New("is the URL of a published page; open the spreadsheet itself and copy the URL")
	case !spreadsheetID.MatchString(parts[1]):
		return "", errors.New("contains no spreadsheet ID after /d/ (letters, digits, - and _)")
	}
	return parts[1], nil
}

// gidOf returns the gid in a URL's fragment, or else in its query; nil if neither has one.
func gidOf(u *url.URL) *int64 {
	for _, part := range []string{u.Fragment, u.RawQuery} {
		values, err := url.ParseQuery(part)
		if err != nil {
			continue
		}
		if gid, err := strconv.ParseInt(values.Get("gid"), 10, 32); err == nil && gid >= 0 {
			return &gid
		}
	}
	return nil
}
