package config

import (
	"bytes"
	"crypto/sha256"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rowtap/rowtap/internal/quantity"
)

// sums maps the paths of the files that a configuration was read from to hashes of their contents.
type sums map[string][sha256.Size]byte

func sumOf(content []byte) [sha256.Size]byte {
	return sha256.Sum256(bytes.TrimPrefix(content, []byte("\ufeff")))
}

// Edited returns the paths of the files that were changed, added or removed on disk since the
// configuration was read, sorted. A file that cannot be read counts as changed. The values of
// variables and the contents of secret files are not compared.
func (c *Config) Edited() ([]string, error) {
	paths, err := ZapFiles(c.Dir)
	if err != nil {
		return nil, err
	}
	paths = slices.AppendSeq(append(paths, filepath.Join(c.Dir, "rowtap.yaml")), maps.Keys(c.sums))
	slices.Sort(paths)
	return slices.DeleteFunc(slices.Compact(paths), func(path string) bool {
		text, err := ReadFile(path)
		was, known := c.sums[path]
		return err == nil && known && was == sumOf(text)
	}), nil
}

// unreadFolders warns of folders in zaps/ that contain YAML files. They are not read, because zaps
// that were moved there must not start after an upgrade. Folders with a dot in their names, such as
// old.d and Kubernetes's ..data, are ignored.
func unreadFolders(dir string) Diagnostics {
	zaps := filepath.Join(dir, "zaps")
	entries, err := os.ReadDir(zaps)
	if err != nil {
		return nil //nolint:nilerr // that the files cannot be read is said elsewhere
	}
	var found Diagnostics
	for _, e := range entries {
		path := filepath.Join(zaps, e.Name())
		if info, err := os.Stat(path); strings.Contains(e.Name(), ".") || err != nil || !info.IsDir() {
			continue
		}
		inside, err := os.ReadDir(path)
		if err != nil {
			continue // rowtap cannot read zaps from it either
		}
		n := len(slices.DeleteFunc(inside, func(e fs.DirEntry) bool { return !zapFile(e) }))
		if n == 0 {
			continue
		}
		found = append(found, Diagnostic{
			Pos: Pos{File: path}, Warning: true, Message: "folders in zaps/ are not read; this one contains " + quantity.Count(n, "YAML file"),
			Suggestion: "move the files to zaps/ to use them, or put a dot into the name of the folder, such as " + e.Name() + ".d, to silence this warning",
		})
	}
	return found
}

// zapFile reports whether an entry of zaps/ is a zap file.
func zapFile(e fs.DirEntry) bool {
	ext := strings.ToLower(filepath.Ext(e.Name()))
	return !strings.HasPrefix(e.Name(), ".") && !e.IsDir() && (ext == ".yaml" || ext == ".yml")
}
