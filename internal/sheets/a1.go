package sheets

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/rowtap/rowtap/internal/row"
)

// rowsRange returns whole rows in A1 notation, both ends included
// (https://developers.google.com/workspace/sheets/api/guides/concepts#cell).
func rowsRange(title string, first, last int) string {
	return fmt.Sprintf("%s!%d:%d", quote(title), first, last)
}

// cellsRange returns a rectangle of cells in A1 notation, both ends included. from and to are
// 0-based columns.
func cellsRange(title string, first, last, from, to int) string {
	return fmt.Sprintf("%s!%s%d:%s%d", quote(title), row.Letter(from), first, row.Letter(to), last)
}

// quote returns a title in quotes. Unquoted, Sheets reads a title such as tab01 as a cell, and one
// that is also the name of a named range as that range.
func quote(title string) string { return "'" + strings.ReplaceAll(title, "'", "''") + "'" }

// span is a rectangle of cells.
type span struct {
	title       string
	column      int // 0-based, the first
	first, last int // 1-based sheet rows
}

var errRange = errors.New("not a range in A1 notation with both rows")

// parseRange parses the range of a response. Sheets writes the range out in full, with the size of
// the grid where the request was open-ended or reached past it: Signups!A1:Z1000, or B2 for a
// single cell. It quotes the title only where needed, and doubles quotes in it. The error is
// errRange.
func parseRange(s string) (span, error) {
	at := strings.LastIndexByte(s, '!')
	if at < 0 {
		return span{}, errRange
	}
	title, ok := unquote(s[:at])
	if !ok {
		return span{}, errRange
	}
	from, to, two := strings.Cut(s[at+1:], ":")
	if !two {
		to = from
	}
	column, first, ok := parseCell(from)
	lastColumn, last, ok2 := parseCell(to)
	if !ok || !ok2 || first > last || column > lastColumn {
		return span{}, errRange
	}
	return span{title: title, column: column, first: first, last: last}, nil
}

// unquote returns a title without its quotes; ok is false if it is empty or badly quoted.
func unquote(s string) (string, bool) {
	if !strings.HasPrefix(s, "'") {
		return s, s != ""
	}
	if len(s) < 3 || !strings.HasSuffix(s, "'") {
		return "", false
	}
	s = s[1 : len(s)-1]
	if strings.Contains(strings.ReplaceAll(s, "''", ""), "'") {
		return "", false
	}
	return strings.ReplaceAll(s, "''", "'"), true
}

// parseCell parses one corner of a range, such as AB12. A corner without letters (12, of whole
// rows) is in the first column.
func parseCell(s string) (column, number int, ok bool) {
	digits := strings.TrimLeft(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	if letters := s[:len(s)-len(digits)]; letters != "" {
		if column, ok = row.ParseLetter(letters); !ok {
			return 0, 0, false
		}
	}
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return 0, 0, false
		}
	}
	n, err := strconv.ParseInt(digits, 10, 32)
	return column, int(n), err == nil && n > 0
}
