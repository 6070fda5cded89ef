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
	maxMessage    = 600      // characters of a mistake
	maxSecretFile = 64 << 10 // bytes of a file that holds one secret or one key
)

// file is one YAML file being read, and the mistakes found in it so far.
type file struct {
	path     string
	settings bool // it is rowtap.yaml, which may hold secrets
	expand   expander
	config   *Config // whose accounts a zap file may name
	zap      *Zap    // that is being read
	content  []byte  // without a byte order mark
	lines    []string
	known    bool // it is YAML and has a key of its kind of file, so that lines of it may be shown
	order    []place
	hidden   []span
	found    Diagnostics
	warned   Diagnostics // by checks of the zap
}

// pos returns a place in the file.
func (f *file) pos(line, column int) Pos { return Pos{File: f.path, Line: line, Column: column} }

// report adds a mistake at a node.
func (f *file) report(n *node, suggestion, format string, args ...any) {
	f.reportAt(f.pos(n.line, n.column), suggestion, format, args...)
}

// reportAt adds a mistake at a place.
func (f *file) reportAt(p Pos, suggestion, format string, args ...any) {
	message := []rune(fmt.Sprintf(format, args...))
	if len(message) > maxMessage { // it quotes a very long word
		message = append(message[:maxMessage], '…')
	}
	f.found = append(f.found, Diagnostic{Pos: p, Message: string(message), Suggestion: suggestion})
}

// mistakes returns what was found, each once, with its line. It is called when the whole file has been walked, for only
// then is it known what to hide.
func (f *file) mistakes() Diagnostics {
	for i := range f.found {
		f.found[i].Source = f.source(f.found[i].Pos)
	}
	return f.found
}

// sortDiagnostics orders mistakes by file, line and column, each once: what stands behind an anchor is walked at every
// alias.
func sortDiagnostics(ds Diagnostics) Diagnostics {
	slices.SortStableFunc(ds, func(a, b Diagnostic) int { return comparePos(a.Pos, b.Pos) })
	seen := make(map[Diagnostic]bool, len(ds))
	return slices.DeleteFunc(ds, func(d Diagnostic) bool {
		again := seen[d]
		seen[d] = true
		return again
	})
}

// check fills the file's lines and checks what is true of every YAML file, before its syntax. It returns the text
// without a byte order mark; ok is false when a mistake was reported.
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

// splitLines splits a text where YAML does (https://yaml.org/spec/1.1/), so that line numbers agree.
func splitLines(text string) []string {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n").Replace(text)
	return strings.Split(text, "\n")
}

// readFile reads a regular file of at most limit bytes. Its errors do not name the file: the caller shows the path as
// the operator wrote it, which may hold ${…}.
func readFile(path string, limit int64) ([]byte, error) {
	// A pipe would make the reader wait for a writer that may never come.
	info, err := os.Stat(path)
	if err != nil {
		return nil, cause(err)
	}
	switch {
	case info.IsDir():
		return nil, errors.New("is a directory, not a file")
	case !info.Mode().IsRegular():
		return nil, errors.New("is a pipe, socket or device, not a file")
	}
	in, err := os.Open(path)
	if err != nil {
		return nil, cause(err)
	}
	text, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err := errors.Join(err, in.Close()); err != nil {
		return nil, cause(err)
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("is larger than %d KiB", limit>>10)
	}
	return text, nil
}

// cause returns an error of the file system without the path in it.
func cause(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("cannot be read: %w", pathErr.Err)
	}
	return err
}
