package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"
)

const (
	maxLines = 5000 // of a zap file that are shown
	maxLine  = 2000 // characters of a line that are shown
)

// ZapFile is a zap file as it is on disk, for display.
type ZapFile struct {
	Lines []Line
	More  int // lines after Lines that are not shown
	// Unread says why the file was not read, in words that follow its name; "": it was. Check
	// such a file with rowtap check only: it may be another one.
	Unread string
	// Unshown says why there are no Lines, in words that follow the file's name; "": there are.
	Unshown string
	Edited  bool // it differs from the file that the configuration was read from, or is gone

	Text []byte // everything in it, for [Config.ParseZap]: not for display

	hidden []span
}

// tellingKeys are keys that only zap files have.
var tellingKeys = []string{"schedule", "trigger", "action", "actions"}

// Line is a line of a zap file, or several that are left out.
type Line struct {
	Number int    // 1-based
	Text   string // as in the file: ${…} is not expanded
	// LeftOut is the last of the lines from Number on that are not shown because they belong to
	// `tests`, which may have cells of customers; 0: the line is shown.
	LeftOut int
}

// Hides reports whether a place in the file is left out.
func (f ZapFile) Hides(p Pos) bool {
	at := place{p.Line, max(p.Column, 1)}
	return slices.ContainsFunc(f.hidden, func(s span) bool { return s.has(at) })
}

// ReadZapFile reads the file of a zap of c for display. The file must be in the configuration
// directory, whatever symbolic links lead to it, must be none with a secret, and must look like a
// zap file.
func (c *Config) ReadZapFile(z *Zap) ZapFile {
	text, err := c.readInside(z.File)
	if err != nil {
		return ZapFile{Unread: err.Error(), Unshown: err.Error(), Edited: true}
	}
	shown := ZapFile{Text: text}
	f := &file{path: z.File}
	_, ok := f.check(text)
	was, known := c.sums[z.File]
	shown.Edited = !known || was != sumOf(text)
	if !ok {
		shown.Unshown = "is not text"
		return shown
	}
	root, ok := f.parse(text), false
	if root != nil {
		b := &builder{file: f, extents: make(map[*yaml.Node]extent)}
		b.locate(root)
		b.hideTests(root, true, map[*yaml.Node]bool{})
		ok = slices.ContainsFunc(root.Content, func(n *yaml.Node) bool { return slices.Contains(tellingKeys, n.Value) })
	} else {
		ok = f.hideUnparsed()
	}
	if !ok {
		shown.Unshown = "does not look like a zap file, so its text is not shown"
		return shown
	}
	shown.Lines, shown.hidden = f.shownLines(), f.hidden
	if n := len(shown.Lines); n > maxLines {
		shown.Lines, shown.More = shown.Lines[:maxLines], n-maxLines
	}
	return shown
}

// readInside reads a file of the configuration directory. A file that is elsewhere, or that holds a
// secret, is an error.
func (c *Config) readInside(path string) ([]byte, error) {
	dir, err := realPath(c.Dir)
	if err != nil {
		return nil, cause(err)
	}
	inside, err := realPath(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("is gone")
	case err != nil:
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	if inside, err = filepath.Rel(dir, inside); err != nil || !filepath.IsLocal(inside) {
		return nil, errors.New("is a link to a file outside the configuration directory, so it is not shown")
	}
	// The root keeps within the directory even if a link is replaced meanwhile.
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, cause(err)
	}
	text, info, err := readFrom(root.Stat, root.Open, inside, maxFile)
	if err = errors.Join(err, root.Close()); err != nil {
		return nil, err
	}
	for _, secret := range c.secretFiles {
		if other, err := os.Stat(secret); err == nil && os.SameFile(info, other) {
			return nil, errors.New("is a file with secrets, so it is not shown")
		}
	}
	return text, nil
}

// realPath returns the absolute path of a file without symbolic links.
func realPath(path string) (string, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(absolute)
}

// hideTests hides `tests` of a zap file's root, also where it is given twice or merged, and parts of
// tests where the file has them by a wrong indentation: a list of that name, or a key of a case in
// the root.
func (b *builder) hideTests(n *yaml.Node, root bool, seen map[*yaml.Node]bool) {
	n = target(n)
	if inRoot, ok := seen[n]; ok && (inRoot || !root) {
		return
	}
	seen[n] = root
	switch n.Kind {
	case yaml.SequenceNode:
		for _, item := range n.Content {
			b.hideTests(item, root, seen)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			at := target(key)
			tests := Nearest(at.Value, zapKeys.names()) == "tests" // perhaps misspelled
			switch {
			case root && at.ShortTag() == "!!merge":
				b.hideTests(value, true, seen)
			case tests && (root || target(value).Kind == yaml.SequenceNode), root && slices.Contains(testKeys.names(), at.Value):
				b.hideNodes(key, value)
				b.hideTargets(value, map[*yaml.Node]bool{})
			default:
				b.hideTests(value, false, seen)
			}
		}
	case yaml.ScalarNode, yaml.AliasNode, yaml.DocumentNode, yaml.StreamNode:
	}
}

// hideTargets hides what the aliases in a node stand for.
func (b *builder) hideTargets(n *yaml.Node, seen map[*yaml.Node]bool) {
	if seen[n] {
		return
	}
	seen[n] = true
	if n.Kind == yaml.AliasNode {
		b.hideNodes(n.Alias, n.Alias)
		b.hideTargets(n.Alias, seen)
	}
	for _, c := range n.Content {
		b.hideTargets(c, seen)
	}
}

// hideNodes hides everything from one node to the end of another.
func (b *builder) hideNodes(first, last *yaml.Node) {
	from, to := b.extents[first], b.extents[last]
	b.hidden = append(b.hidden, span{b.order[from.first], b.span(&node{extent: to}).to})
}

// target returns what an alias stands for, or the node itself.
func target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

var (
	anchored  = regexp.MustCompile(`(^|[\s\[{,:-])&[^\s&]`)
	testsWord = regexp.MustCompile(`^\W*test|\btests\b|"[^"]*\\[^"]*"\s*:`)
)

// hideUnparsed hides everything from the first mention of `tests` on in a file that is not YAML, and
// reports whether the file may be shown: it has a line with a telling key, and no anchor above, by
// which a part of tests could be there.
func (f *file) hideUnparsed() bool {
	telling := func(line string) bool {
		key, _, ok := strings.Cut(line, ":")
		return ok && slices.Contains(tellingKeys, key)
	}
	i := slices.IndexFunc(f.lines, testsWord.MatchString)
	if i >= 0 {
		f.hidden = append(f.hidden, span{place{i + 1, 1}, place{len(f.lines) + 1, 1}})
	}
	return slices.ContainsFunc(f.lines, telling) && !slices.ContainsFunc(f.lines[:max(i, 0)], anchored.MatchString)
}

// shownLines returns the lines of the file without the hidden parts.
func (f *file) shownLines() []Line {
	count := len(f.lines)
	if f.lines[count-1] == "" {
		count--
	}
	var shown []Line
	for number := 1; number <= count; number++ {
		last := len(shown) - 1
		text, ok := f.shownLine(number)
		switch {
		case ok:
			shown = append(shown, Line{Number: number, Text: text})
		case last >= 0 && shown[last].LeftOut == number-1:
			shown[last].LeftOut = number
		default:
			shown = append(shown, Line{Number: number, LeftOut: number})
		}
	}
	return shown
}

// shownLine returns a line up to its first hidden part; ok is false if nothing of it may be shown.
func (f *file) shownLine(number int) (text string, ok bool) {
	line, cut := f.visible(number)
	if cut < 0 || cut < len(line) && strings.Trim(string(line[:cut]), " -?") == "" {
		return "", false
	}
	shown := min(cut, maxLine)
	text = strings.Map(func(r rune) rune {
		if r != '\t' && !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, string(line[:shown]))
	if shown < len(line) {
		text += "…"
	}
	return text, true
}
