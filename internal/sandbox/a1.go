package sandbox

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// gridRange is a rectangle of a worksheet. Rows and columns are 1-based, and both ends are
// included.
type gridRange struct {
	sheet          *Worksheet
	fromRow, toRow int
	fromCol, toCol int
}

// rangeError is the message of Google's 400 for a range.
type rangeError string

func (e rangeError) Error() string { return string(e) }

func unparsable(s string) error { return rangeError("Unable to parse range: " + s) }

var (
	corner    = regexp.MustCompile(`^\$?([A-Za-z]{1,3})?\$?([0-9]{1,9})?$`)
	bareTitle = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	cellLike  = regexp.MustCompile(`^(?i:[A-Z]{1,3}[0-9]+|R[0-9]*C[0-9]*)$`)
)

// parseRange parses a range in A1 notation
// (https://developers.google.com/workspace/sheets/api/guides/concepts#cell): T!A1:B2, T!A:C,
// T!5:1000, T!A5:Z, T!A5:5, a bare title (the whole grid), and cells without a title (the first
// worksheet). A title may be in single quotes, with inner ones doubled. Unquoted, a title that
// looks like a cell is a cell. A range that extends past the grid is clipped; one that starts past
// it is an error. The error has the text of Google's 400.
func parseRange(s string, worksheets []*Worksheet) (gridRange, error) {
	title, cells, titled := splitTitle(s)
	if !titled {
		if looksLikeCells(s) && len(worksheets) > 0 {
			return parseCells(s, s, worksheets[0])
		}
		title = s
	} else if title == "" {
		return gridRange{}, unparsable(s)
	}
	for _, w := range worksheets {
		if w.Title != title {
			continue
		}
		if titled && cells != "" {
			return parseCells(s, cells[1:], w)
		}
		return gridRange{sheet: w, fromRow: 1, toRow: w.Height, fromCol: 1, toCol: w.Width}, nil
	}
	return gridRange{}, unparsable(s)
}

// splitTitle splits off the title. cells starts with "!", or is empty for a quoted title alone.
func splitTitle(s string) (title, cells string, ok bool) {
	if !strings.HasPrefix(s, "'") {
		i := strings.LastIndexByte(s, '!')
		if i < 0 {
			return "", "", false
		}
		if title = s[:i]; cellLike.MatchString(title) || strings.Contains(title, "'") {
			return "", "", true
		}
		return title, s[i:], true
	}
	for i := 1; i < len(s); i++ {
		if s[i] != '\'' {
			continue
		}
		if strings.HasPrefix(s[i:], "''") {
			i++
			continue
		}
		if rest := s[i+1:]; rest == "" || rest[0] == '!' {
			return strings.ReplaceAll(s[1:i], "''", "'"), rest, true
		}
		break
	}
	return "", "", true
}

// looksLikeCells reports whether a range without "!" means cells rather than a title.
func looksLikeCells(s string) bool {
	from, to, two := strings.Cut(s, ":")
	a, b := corner.FindStringSubmatch(from), corner.FindStringSubmatch(to)
	if !two {
		return a != nil && a[1] != "" && a[2] != ""
	}
	return a != nil && b != nil && from != "" && to != ""
}

// parseCells parses the part after the title.
func parseCells(whole, cells string, w *Worksheet) (gridRange, error) {
	from, to, two := strings.Cut(cells, ":")
	if !two {
		to = from
	}
	fromRow, fromCol, ok := parseCorner(from)
	toRow, toCol, ok2 := parseCorner(to)
	switch {
	case !ok || !ok2,
		!two && (fromRow == 0 || fromCol == 0),                 // a column is A:A, a row 1:1
		fromRow == 0 && toCol == 0, fromCol == 0 && toRow == 0: // A:5
		return gridRange{}, unparsable(whole)
	}
	r := gridRange{sheet: w}
	r.fromRow, r.toRow = span(fromRow, toRow, w.Height)
	r.fromCol, r.toCol = span(fromCol, toCol, w.Width)
	if r.fromRow > w.Height || r.fromCol > w.Width {
		return gridRange{}, rangeError(fmt.Sprintf("Range (%s!%s) exceeds grid limits. Max rows: %d, max columns: %d",
			quoteTitle(w.Title), strings.ToUpper(cells), w.Height, w.Width))
	}
	return r, nil
}

// span orders two ends and clips them to the grid; 0 is an open end.
func span(a, b, grid int) (from, to int) {
	switch {
	case a == 0 && b == 0:
		return 1, grid
	case a == 0 || b == 0:
		return max(a, b), grid
	}
	return min(a, b), min(max(a, b), grid)
}

// parseCorner parses B7, B or 7. A missing part is 0.
func parseCorner(s string) (row, column int, ok bool) {
	m := corner.FindStringSubmatch(s)
	if m == nil || m[1] == "" && m[2] == "" {
		return 0, 0, false
	}
	for _, c := range []byte(strings.ToUpper(m[1])) {
		column = column*26 + int(c-'A') + 1
	}
	if m[2] == "" {
		return 0, column, true
	}
	row, err := strconv.Atoi(m[2])
	return row, column, err == nil && row > 0
}

// String returns the range as in a response, with both ends written out.
func (r gridRange) String() string {
	name := quoteTitle(r.sheet.Title)
	from := letters(r.fromCol) + strconv.Itoa(r.fromRow)
	to := letters(r.toCol) + strconv.Itoa(r.toRow)
	if from == to {
		return name + "!" + from
	}
	return name + "!" + from + ":" + to
}

// quoteTitle quotes a title if needed.
func quoteTitle(title string) string {
	if bareTitle.MatchString(title) && !cellLike.MatchString(title) {
		return title
	}
	return "'" + strings.ReplaceAll(title, "'", "''") + "'"
}

// letters returns the letters of a 1-based column: A … Z, AA ….
func letters(column int) string {
	name := ""
	for ; column > 0; column = (column - 1) / 26 {
		name = string(rune('A'+(column-1)%26)) + name
	}
	return name
}
