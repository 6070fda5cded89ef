package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	maxFile       = 1 << 20  // bytes of a YAML file
	maxMessage    = 600      // characters of a message
	maxSecretFile = 64 << 10 // bytes of a file that holds one secret or one key
)

// file is a YAML file being read, with the mistakes found so far.
type file struct {
	path     string
	settings bool // rowtap.yaml, which may hold secrets
	expand   expander
	config   *Config // has the accounts that a zap file may name
	zap      *Zap    // being read
	content  []byte  // without a byte order mark
	lines    []string
	known    bool // its lines may be shown: it is YAML and has a key of its kind of file
	order    []place
	hidden   []span
	found    Diagnostics
	warned   Diagnostics // warnings from the checks of the zap
}

// pos returns the position of a line and column in the file.
func (f *file) pos(line, column int) Pos { return Pos{File: f.path, Line: line, Column: column} }

// report adds a mistake at a node.
func (f *file) report(n *node, suggestion, format string, args ...any) {
	f.reportAt(f.pos(n.line, n.column), suggestion, format, args...)
}

// reportAt adds a mistake at a position.
func (f *file) reportAt(p Pos, suggestion, format string, args ...any) {
	message := []rune(fmt.Sprintf(format, args...))
	if len(message) > maxMessage { // it quotes a very long word
		message = append(message[:maxMessage], '…')
	}
	f.found = append(f.found, Diagnostic{Pos: p, Message: string(message), Suggestion: suggestion})
}

// mistakes returns the mistakes with their source lines. It is called after the whole file has been
// walked, because only then is it known which parts to hide.
func (f *file) mistakes() Diagnostics {
	for i := range f.found {
		f.found[i].Source = f.source(f.found[i].Pos)
	}
	return f.found
}

// sortDiagnostics sorts mistakes by file, line and column, and removes duplicates: the value of an
// anchor is walked once per alias.
func sortDiagnostics(ds Diagnostics) Diagnostics {
	slices.SortStableFunc(ds, func(a, b Diagnostic) int { return a.Compare(b.Pos) })
	seen := make(map[Diagnostic]bool, len(ds))
	return slices.DeleteFunc(ds, func(d Diagnostic) bool {
		again := seen[d]
		seen[d] = true
		return again
	})
}

// check splits the file into lines and checks its encoding. It returns the text without a byte
// order mark; ok is false if it reported a mistake.
func (f *file) check(text []byte) (checked []byte, ok bool) {
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		f.reportAt(Pos{File: f.path}, "save it as UTF-8", "is UTF-16 text")
		return nil, false
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	f.content = text
	f.lines = splitLines(string(text))
	for i, line := range f.lines {
		column := 1
		for at, r := range line {
			_, size := utf8.DecodeRuneInString(line[at:])
			switch {
			case r == utf8.RuneError && size == 1:
				f.reportAt(f.pos(i+1, column), "save the file as UTF-8", "is not valid UTF-8 from here on")
				return nil, false
			case r < ' ' && r != '\t' || r == 0x7f:
				f.reportAt(f.pos(i+1, column), "remove it, or write it as an escape in double quotes", "contains a control character (U+%04X)", r)
				return nil, false
			}
			column++
		}
	}
	return text, true
}

// splitLines splits a text at YAML's line breaks (https://yaml.org/spec/1.1/), so that line numbers
// agree with the parser's.
func splitLines(text string) []string {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n").Replace(text)
	return strings.Split(text, "\n")
}

// ReadFile reads a YAML file of the configuration, at most 1 MiB. It does not wait for a pipe. Its
// errors do not name the file.
func ReadFile(path string) ([]byte, error) { return readFile(path, maxFile) }

// readFile reads a regular file of at most limit bytes. Its errors do not name the file: the caller
// shows the path as it was written, perhaps with ${…}.
func readFile(path string, limit int64) ([]byte, error) {
	text, _, err := readFrom(os.Stat, os.Open, path, limit)
	return text, err
}

// readFrom is [readFile] with other functions than those of the os package. info is about the file
// that was read.
func readFrom(stat func(string) (fs.FileInfo, error), open func(string) (*os.File, error), path string, limit int64) (text []byte, info fs.FileInfo, err error) {
	// Opening a pipe would block until it has a writer.
	info, err = stat(path)
	if err != nil {
		return nil, nil, cause(err)
	}
	switch {
	case info.IsDir():
		return nil, nil, errors.New("is a directory, not a file")
	case !info.Mode().IsRegular():
		return nil, nil, errors.New("is a pipe, socket or device, not a file")
	}
	in, err := open(path)
	if err != nil {
		return nil, nil, cause(err)
	}
	info, statErr := in.Stat()
	text, err = io.ReadAll(io.LimitReader(in, limit+1))
	if err := errors.Join(err, statErr, in.Close()); err != nil {
		return nil, nil, cause(err)
	}
	if int64(len(text)) > limit {
		return nil, nil, fmt.Errorf("is larger than %d KiB", limit>>10)
	}
	return text, info, nil
}

// cause returns a file system error without its path.
func cause(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("cannot be read: %w", pathErr.Err)
	}
	return err
}
