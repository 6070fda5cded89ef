package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Load reads a configuration directory: DIR/rowtap.yaml, and every *.yaml and *.yml file in
// DIR/zaps. lookup resolves ${NAME} and STATE_DIRECTORY; the daemon passes os.LookupEnv. Each zap
// is passed to checks, which find mistakes that this package cannot, such as those in its mapping;
// the [Diagnostics] they return are merged with its own. A zap with mistakes is passed as far as it
// could be read.
//
// The error is [Diagnostics], with all mistakes of all files, sorted by file, line and column, or
// describes why the directory cannot be read. Folders in DIR/zaps are not read; those that contain
// YAML files cause a warning.
func Load(dir string, lookup func(string) (string, bool), checks ...func(*Zap) error) (*Config, error) {
	c := emptyConfig(dir)
	settings, _, err := c.readSettings(lookup)
	if err != nil {
		return nil, err
	}
	c.secretFiles = append(*settings.expand.secrets, settings.path, c.HTTP.TokenFile, c.State.Path)
	mistakes := settings.mistakes()
	c.sums[settings.path] = sumOf(settings.content)

	paths, err := ZapFiles(dir)
	if err != nil {
		return nil, err
	}
	names := make(map[string]Pos)
	for _, path := range paths {
		f := &file{path: path, expand: zapExpander(settings.expand.dir, lookup)}
		if root := f.tree(f.read()); root != nil {
			f.addZap(c, root, names, checks)
		}
		mistakes = append(mistakes, f.mistakes()...)
		c.sums[path] = sumOf(f.content)
		for _, w := range f.warned {
			w.Source = f.source(w.Pos)
			c.Warnings = append(c.Warnings, w)
		}
	}
	if len(mistakes) > 0 {
		return nil, sortDiagnostics(mistakes)
	}
	if len(c.Zaps) == 0 {
		c.Warnings = append(c.Warnings, Diagnostic{
			Pos: Pos{File: filepath.Join(dir, "zaps")}, Message: "contains no zap files, so nothing is polled",
			Suggestion: "rowtap new creates one",
		})
	}
	c.Warnings = append(c.Warnings, unreadFolders(dir)...)
	slices.SortFunc(c.Zaps, func(a, b *Zap) int { return strings.Compare(a.Name, b.Name) })
	c.Warnings = sortDiagnostics(c.Warnings)
	return c, nil
}

// emptyConfig returns the configuration of a directory before anything is read.
func emptyConfig(dir string) *Config {
	return &Config{
		Dir:               dir,
		GoogleAccounts:    make(map[string]*GoogleAccount),
		CleverTapAccounts: make(map[string]*CleverTapAccount),
		sums:              sums{},
	}
}

// readSettings reads the directory's rowtap.yaml, or only some of its keys, into c. It returns the
// file with its mistakes, and its tree; nil if the file could not be read. Accounts that cannot be
// read become nil, and zaps are then not checked against them.
func (c *Config) readSettings(lookup func(string) (string, bool), only ...string) (f *file, root *node, err error) {
	if err := checkDir(c.Dir); err != nil {
		return nil, nil, err
	}
	absolute, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, nil, fmt.Errorf("configuration directory %s: %w", c.Dir, err)
	}
	f = &file{
		path:     filepath.Join(c.Dir, "rowtap.yaml"),
		settings: true,
		expand:   expander{lookup: lookup, dir: absolute, secrets: new([]string)},
	}
	document := f.read()
	if document != nil && only != nil {
		keepKeys(document, only)
	}
	if root = f.tree(document); root == nil {
		c.GoogleAccounts, c.CleverTapAccounts = nil, nil
		return f, nil, nil
	}
	settingsKeys.read(value{node: root, f: f, at: root}, c)
	return f, root, nil
}

// addZap adds a zap to c. names has the positions of the zaps added before, by name.
func (f *file) addZap(c *Config, root *node, names map[string]Pos, checks []func(*Zap) error) {
	z := f.readZap(c, root, checks)
	pos := Pos{File: f.path}
	var enabled bool
	for _, p := range root.pairs {
		switch p.key.text {
		case "name":
			pos = f.pos(p.value.line, p.value.column)
		case "enabled":
			enabled = true
		}
	}
	if first, again := names[z.Name]; again && z.Name != "" {
		f.reportAt(pos, "rename one of them", "zap %s is already defined in %s", z.Name, first)
		return
	}
	names[z.Name] = pos
	c.Zaps = append(c.Zaps, z)
	if !enabled {
		c.Warnings = append(c.Warnings, Diagnostic{
			Pos: Pos{File: f.path}, Message: fmt.Sprintf("zap %s is disabled, because enabled: is missing", z.Name),
			Suggestion: "set enabled: true to run it, or enabled: false to silence this warning",
		})
	}
}

// checkZap reports what checks return for a zap. If the zap has mistakes, findings without a
// position are dropped, because they may result from what could not be read.
func (f *file) checkZap(z *Zap, checks []func(*Zap) error) {
	broken := len(f.found) > 0
	for _, check := range checks {
		err := check(z)
		ds, ok := errors.AsType[Diagnostics](err)
		if err != nil && !ok {
			ds = Diagnostics{{Pos: Pos{File: f.path}, Message: err.Error()}}
		}
		for _, d := range ds {
			switch {
			case d.Warning:
				f.warned = append(f.warned, d)
			case d.Line > 0 || !broken:
				f.found = append(f.found, d)
			}
		}
	}
}

// read reads and parses the file. It returns nil if it reported a mistake.
func (f *file) read() *yaml.Node {
	text, err := ReadFile(f.path)
	switch {
	case f.settings && errors.Is(err, fs.ErrNotExist):
		f.reportAt(Pos{File: f.path}, "copy the example rowtap.yaml there, or name another directory with --config", "does not exist")
		return nil
	case err != nil:
		f.reportAt(Pos{File: f.path}, "", "%v", err)
		return nil
	}
	return f.parse(text)
}

// checkDir returns an error that describes why a configuration directory cannot be read, with a
// hint.
func checkDir(dir string) error {
	const hint = "\nnext: name the directory that holds rowtap.yaml with --config or $ROWTAP_CONFIG"
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("configuration directory %s: %w%s", dir, fs.ErrNotExist, hint)
	case err != nil:
		return fmt.Errorf("configuration directory %s: %w", dir, cause(err))
	case !info.IsDir():
		return fmt.Errorf("configuration directory %s is not a directory%s", dir, hint)
	}
	return nil
}

// ZapFiles returns the paths of the zap files of a configuration directory, sorted by name. Names
// that begin with a dot are skipped: editors and Kubernetes (..data) use them
// (https://kubernetes.io/docs/concepts/storage/volumes/#configmap).
func ZapFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(dir, "zaps"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("zap files in %s: %w", filepath.Join(dir, "zaps"), cause(err))
	}
	var paths []string
	for _, e := range entries {
		if zapFile(e) {
			paths = append(paths, filepath.Join(dir, "zaps", e.Name()))
		}
	}
	return paths, nil
}

// sortedKeys returns the keys of a map, sorted.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
