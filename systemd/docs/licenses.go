package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// licenseFile matches the names of files with a license or with notices that it demands.
var licenseFile = regexp.MustCompile(`^(?i)(licen[sc]e|copying|notice|patents)([-.](md|txt|[a-z0-9]+))?$`)

// licensesOf returns the license texts of Go and of all modules that are linked into a binary. A
// text that several share is there once. A module without a license is an error.
func licensesOf(binary string) (string, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return "", err
	}
	dirs, err := moduleDirs()
	if err != nil {
		return "", err
	}
	goroot, err := output("go", "env", "GOROOT")
	if err != nil {
		return "", err
	}
	var texts []string             // in the order in which they were found
	users := map[string][]string{} // modules, by text
	collect := func(name, dir string, deep bool) error {
		found := false
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && path != dir && (!deep || d.Name() == "testdata"):
				return fs.SkipDir
			case !d.Type().IsRegular() || !licenseFile.MatchString(d.Name()):
				return nil
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			found = true
			text := strings.TrimSpace(strings.ReplaceAll(string(raw), "\r\n", "\n"))
			within, err := filepath.Rel(dir, path)
			if users[text] == nil {
				texts = append(texts, text)
			}
			users[text] = append(users[text], name+", "+filepath.ToSlash(within))
			return err
		})
		if err == nil && !found {
			err = fmt.Errorf("%s has no license file in %s", name, dir)
		}
		return err
	}
	if err := collect("Go "+info.GoVersion, strings.TrimSpace(goroot), false); err != nil {
		return "", err
	}
	for _, m := range info.Deps {
		dir := dirs[m.Path]
		if dir == "" {
			return "", fmt.Errorf("module %s is not in the module cache", m.Path)
		}
		if err := collect(m.Path+" "+m.Version, dir, true); err != nil {
			return "", err
		}
	}
	var b strings.Builder
	b.WriteString("rowtap is one program with the Go runtime and the modules named here. Their licenses follow.\n")
	for _, text := range texts {
		fmt.Fprintf(&b, "\n%s\n\n%s\n\n%s\n", strings.Repeat("=", 80), strings.Join(users[text], "\n"), text)
	}
	return b.String(), nil
}

// moduleDirs returns the directories of all modules in the module cache, by path.
func moduleDirs() (map[string]string, error) {
	list, err := output("go", "list", "-m", "-f", "{{.Path}}\t{{.Dir}}", "all")
	if err != nil {
		return nil, err
	}
	dirs := map[string]string{}
	for line := range strings.Lines(list) {
		path, dir, _ := strings.Cut(strings.TrimSpace(line), "\t")
		dirs[path] = dir
	}
	return dirs, nil
}

func output(name string, args ...string) (string, error) {
	cmd := exec.CommandContext(context.Background(), name, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return string(out), nil
}
