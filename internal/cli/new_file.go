package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/quantity"
)

// anyTitle matches default titles of worksheets, which make bad zap names.
var anyTitle = regexp.MustCompile(`(?i)^(sheet|form responses?) ?\d*$`)

// chooseName chooses the names of the zap and of its file. The file may exist only with --force.
func (n *newZap) chooseName(context.Context) (err error) {
	if n.name == "" {
		n.name = n.suggestedName()
		if n.ask != nil {
			for i, first := 2, n.name; n.taken(n.name) != nil; i++ {
				n.name = fmt.Sprintf("%.60s-%d", first, i)
			}
			n.name, err = n.ask.line("Name of the zap", n.name, func(name string) error { return errors.Join(config.CheckZapName(name), n.taken(name)) })
			if err != nil {
				return err
			}
		}
	}
	n.file.Name, n.file.Schedule, n.file.Start = n.name, n.schedule, n.start
	n.path = n.pathOf(n.name)
	if err := n.taken(n.name); err != nil {
		return n.wrongFlag(err, "rowtap new NAME with another name, or with --force to replace the file")
	}
	return nil
}

func (n *newZap) pathOf(name string) string { return filepath.Join(n.g.dir, "zaps", name+".yaml") }

// taken returns an error if the name is in use.
func (n *newZap) taken(name string) error {
	path := n.pathOf(name)
	if n.source != nil && name == n.source.Name {
		return fmt.Errorf("zap %s is the one to copy", name)
	}
	for _, r := range n.others {
		if r.Name == name && filepath.Clean(r.File) != filepath.Clean(path) {
			return fmt.Errorf("zap %s exists in %s", name, r.File)
		}
	}
	if n.print || n.force {
		return nil
	}
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s already exists", path)
	}
	return nil
}

// suggestedName returns a name made from the titles.
func (n *newZap) suggestedName() string {
	titles := []string{n.file.Worksheet, n.file.SpreadsheetTitle}
	if anyTitle.MatchString(n.file.Worksheet) {
		titles[0], titles[1] = titles[1], titles[0]
	}
	for _, title := range titles {
		if name := config.ZapName(title); name != "" {
			return name
		}
	}
	return fmt.Sprintf("worksheet-%d", n.file.GID)
}

// writeZapFile writes a file atomically. Without force, it replaces no existing file.
func writeZapFile(path string, text []byte, force bool) (err error) {
	failed := func(err error) error {
		return fmt.Errorf("write %s: %w\nnext: run rowtap new as a user who may write there, or with --print", path, err)
	}
	dir := filepath.Dir(path)
	if err := makeZapsDir(dir); err != nil {
		return failed(err)
	}
	// Before the umask: the daemon's user must read the file, and it contains no secrets.
	const mode = 0o644
	// The leading dot hides the file from a daemon that watches the directory.
	tmp := filepath.Join(dir, fmt.Sprintf(".%s.new-%d", filepath.Base(path), os.Getpid()))
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return failed(err)
	}
	defer func() { _ = os.Remove(tmp) }() // already gone if it was renamed
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close(), share(tmp, dir, 0o640, mode)); err != nil {
		return failed(err)
	}
	place := os.Link // unlike a rename, a link never replaces a file
	if force {
		place = os.Rename
	}
	err = place(tmp, path)
	if err != nil && !force && !errors.Is(err, fs.ErrExist) {
		err = os.Rename(tmp, path) // some file systems have no links
	}
	if err != nil {
		return failed(err)
	}
	return nil
}

// newZapFile is what new --json prints.
type newZapFile struct {
	Zap         string            `json:"zap"`
	File        string            `json:"file"`
	Account     string            `json:"account"`
	Spreadsheet string            `json:"spreadsheet"` // the title
	Worksheet   string            `json:"worksheet"`
	GID         int64             `json:"gid"`
	Identity    string            `json:"identity"` // the column
	Like        string            `json:"like,omitempty"`
	Properties  []newZapFileEntry `json:"properties,omitzero"` // not of a copy
}

type newZapFileEntry struct {
	Column   string `json:"column"`
	Property string `json:"property"`
	Type     string `json:"type,omitempty"`
	Doubt    string `json:"doubt,omitempty"` // why it is a comment
}

// report prints what was written, what is left to decide, and the next steps.
func (n *newZap) report(ctx context.Context, out io.Writer) error {
	v := newZapFile{
		Zap: n.name, File: n.path, Account: n.file.GoogleAccount, Spreadsheet: n.file.SpreadsheetTitle, Worksheet: n.file.Worksheet, GID: n.file.GID,
		Identity: n.file.IdentityColumn, Like: n.like,
	}
	if n.copies() {
		v.Identity = strings.Join(n.source.Mapping.IdentityColumns(), ", ")
	} else {
		v.Properties = []newZapFileEntry{}
	}
	var rows [][]string
	for _, p := range n.file.Properties {
		v.Properties = append(v.Properties, newZapFileEntry{p.Column, p.Name, string(p.Type), p.Doubt})
		if p.Doubt == "" {
			kind := string(p.Type)
			if len(p.Formats) > 0 {
				kind += " " + strings.Join(p.Formats, " or ")
			}
			rows = append(rows, []string{"  " + oneLine(printable(p.Column), longestTitle), oneLine(p.Name, longestTitle), kind})
		}
	}
	if n.g.json {
		return printJSON(out, v)
	}
	if n.copies() {
		fmt.Fprintf(out, "%s: copy of zap %s, not enabled yet; worksheet %q of spreadsheet %q has its columns\n", n.path, n.like, v.Worksheet, v.Spreadsheet)
	} else {
		fmt.Fprintf(out, "%s: zap not enabled yet, identity %s, %s\n", n.path, printable(v.Identity), quantity.Count(len(rows), "property"))
	}
	if len(rows) > 0 {
		if err := printTable(out, []string{"  COLUMN", "PROPERTY", "TYPE"}, rows); err != nil {
			return err
		}
	}
	fmt.Fprintf(n.stderr, "next: review %s, then:\n  rowtap test trigger %s\n  rowtap test action %s\n  set enabled: true, then: %s\n", n.path, n.name, n.name, n.publish(ctx))
	return nil
}

// publish returns the command that loads the file: reload, or run if no daemon runs.
func (n *newZap) publish(ctx context.Context) string {
	c, err := find(ctx, n.g)
	if c == nil && err == nil {
		if environmentOf(n.g.dir).isPackaged() {
			return "systemctl enable --now rowtap"
		}
		return "rowtap run"
	}
	return "rowtap reload"
}

// longestTitle is how much of a column's name a table shows, in terminal columns.
const longestTitle = 60

// printDoubts prints the questions and notes, which are also comments in the file.
func (n *newZap) printDoubts() {
	for _, doubt := range n.file.Doubts() {
		fmt.Fprintln(n.stderr, "not mapped: "+doubt)
	}
	notes := n.file.Notes()
	if n.copies() {
		notes = n.copyNotes()
	}
	for _, note := range notes {
		fmt.Fprintln(n.stderr, "note: "+note)
	}
}
