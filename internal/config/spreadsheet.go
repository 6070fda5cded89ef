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

// spreadsheetID is what Google makes ids of (https://developers.google.com/workspace/sheets/api/guides/concepts).
var spreadsheetID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,200}$`)

// ParseSpreadsheet returns the id of a spreadsheet given by its id or by its address in the browser, and the gid of the
// worksheet that the address shows, or nil if it shows none. Its errors say what else the address is of: files that
// only look like spreadsheets cannot be read by the Sheets API.
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
		return "", nil, errors.New("is the address of a file in Google Drive; open it in Google Sheets (an Excel file: File > Save as Google Sheets) and take the address from there")
	case strings.HasSuffix(host, "sharepoint.com"), strings.HasSuffix(host, "live.com"), strings.HasSuffix(host, "office.com"), host == "1drv.ms":
		return "", nil, errors.New("is the address of an Excel file; only Google Sheets can be read: import it there")
	case host != "docs.google.com":
		return "", nil, errors.New("is not an address of Google Sheets, which begins with https://docs.google.com/spreadsheets/d/")
	case u.Query().Get("rtpof") == "true":
		return "", nil, errors.New("is the address of an Excel file opened in Google Sheets, which the Sheets API cannot read; File > Save as Google Sheets, and take the new address")
	}
	id, err = idOfPath(u.Path)
	if err != nil {
		return "", nil, err
	}
	return id, gidOf(u), nil
}

// notAnID says what is wrong with a text that is neither an id nor a URL.
func notAnID(text string) error {
	switch strings.ToLower(path.Ext(text)) {
	case ".xlsx", ".xls", ".csv", ".ods":
		return errors.New("is a file; only Google Sheets can be read: import it there, and take the address in the browser")
	}
	return errors.New("is neither the address of a spreadsheet nor its id (letters, digits, - and _)")
}

// idOfPath returns the id in the path of an address: /spreadsheets/d/ID/edit, /spreadsheets/u/0/d/ID or, of a
// Workspace, /a/DOMAIN/spreadsheets/d/ID.
func idOfPath(urlPath string) (string, error) {
	parts := strings.Split(strings.Trim(urlPath, "/"), "/")
	if len(parts) > 2 && parts[0] == "a" {
		parts = parts[2:]
	}
	if parts[0] != "spreadsheets" {
		return "", fmt.Errorf("is the address of something else in Google Docs; a spreadsheet's begins with https://docs.google.com/spreadsheets/d/")
	}
	parts = parts[1:]
	if len(parts) > 2 && parts[0] == "u" {
		parts = parts[2:]
	}
	switch {
	case len(parts) < 2 || parts[0] != "d":
		return "", errors.New("holds no spreadsheet's id; open the spreadsheet and take the address from there")
	case parts[1] == "e":
		return "", errors.New("is the address of a page published from a spreadsheet; open the spreadsheet itself and take the address from there")
	case !spreadsheetID.MatchString(parts[1]):
		return "", errors.New("holds no spreadsheet's id behind /d/ (letters, digits, - and _)")
	}
	return parts[1], nil
}

// gidOf returns the gid in an address, behind # or, where nothing is there, behind ?.
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
