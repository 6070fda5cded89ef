package sandbox

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	csvPoll     = 500 * time.Millisecond
	maxCSVBytes = 256 << 20
)

// FollowCSV serves a CSV file as a worksheet and follows it until ctx ends; then it returns nil.
// Rows that are added to the file are appended; any other change replaces the content. Cells are
// typed by [Parse]. A BOM, CRLF and quoted line breaks are allowed. A missing spreadsheet (in UTC)
// or worksheet is created. The error is that of the first read. Later, a missing or half-written
// file leaves the worksheet unchanged.
func FollowCSV(ctx context.Context, s *Sheets, id, title, path string) error {
	rows, seen, err := readCSV(path)
	if err != nil {
		return err
	}
	if err := s.ensure(id, title, filepath.Base(path)); err != nil {
		return err
	}
	if err := s.Replace(id, title, rows...); err != nil {
		return fmt.Errorf("serve %s: %w", path, err)
	}
	ticker := time.NewTicker(csvPoll)
	defer ticker.Stop()
	last := seen // the file at the last tick
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		now := stamp{info.Size(), info.ModTime()}
		settled := now == last
		last = now
		if now == seen || !settled && !endsLine(path) {
			continue // unchanged, or in the middle of a line
		}
		read, stamped, err := readCSV(path)
		if err != nil || s.follow(id, title, rows, read) != nil {
			continue
		}
		rows, seen = read, stamped
	}
}

// ShownCSV returns the cells of a CSV file, row by row, as the worksheet of [FollowCSV] shows them.
func ShownCSV(path string) ([][]string, error) {
	rows, _, err := readCSV(path)
	if err != nil {
		return nil, err
	}
	shown := make([][]string, len(rows))
	for i, values := range rows {
		shown[i] = make([]string, len(values))
		for k, v := range values {
			shown[i][k] = v.Shown()
		}
	}
	return shown, nil
}

// stamp identifies a version of a file.
type stamp struct {
	size     int64
	modified time.Time
}

// ensure creates a missing spreadsheet or worksheet.
func (s *Sheets) ensure(id, title, name string) error {
	s.mu.RLock()
	_, noFile := s.spreadsheet(id)
	_, noSheet := s.worksheet(id, title)
	gid := int64(0)
	if noFile == nil {
		for _, w := range s.byID[id].Worksheets {
			gid = max(gid, w.gid+1)
		}
	}
	s.mu.RUnlock()
	if noFile != nil {
		if err := s.AddSpreadsheet(id, name, ""); err != nil {
			return err
		}
	}
	if noSheet != nil {
		return s.AddWorksheet(id, title, gid)
	}
	return nil
}

// follow changes a worksheet from old to rows, by appending if possible.
func (s *Sheets) follow(id, title string, old, rows [][]Value) error {
	if len(rows) >= len(old) && slices.EqualFunc(old, rows[:len(old)], slices.Equal) {
		if len(rows) == len(old) {
			return nil
		}
		_, err := s.Append(id, title, rows[len(old):]...)
		return err
	}
	return s.Replace(id, title, rows...)
}

// endsLine reports whether the last byte of the file ends a line.
func endsLine(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	var b [1]byte
	if _, err := f.Seek(-1, io.SeekEnd); err != nil {
		return false
	}
	_, err = f.Read(b[:])
	return err == nil && (b[0] == '\n' || b[0] == '\r')
}

func readCSV(path string) ([][]Value, stamp, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, stamp{}, fmt.Errorf("read the CSV file: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, stamp{}, fmt.Errorf("read the CSV file: %w", err)
	}
	if info.IsDir() {
		return nil, stamp{}, fmt.Errorf("read the CSV file: %s is a directory", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxCSVBytes+1))
	if err != nil {
		return nil, stamp{}, fmt.Errorf("read the CSV file: %w", err)
	}
	if len(data) > maxCSVBytes {
		return nil, stamp{}, fmt.Errorf("read the CSV file: %s is larger than %d MiB", path, maxCSVBytes>>20)
	}
	rows, err := parseCSV(data)
	if err != nil {
		return nil, stamp{}, fmt.Errorf("read the CSV file %s: %w", path, err)
	}
	// The size that was read, not that of Stat: later data is noticed at the next tick.
	return rows, stamp{int64(len(data)), info.ModTime()}, nil
}

func parseCSV(data []byte) ([][]Value, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if bytes.IndexByte(data, 0) >= 0 {
		return nil, errors.New("it contains NUL bytes; save it as UTF-8 CSV")
	}
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord = -1
	r.ReuseRecord = true
	var rows [][]Value
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		cells := make([]Value, len(fields))
		for i, field := range fields {
			cells[i] = Parse(strings.Clone(field))
		}
		rows = append(rows, cells)
	}
	if len(rows) == 0 {
		return nil, errors.New("it has no rows; the first one is the header")
	}
	return rows, nil
}
