package config

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

// zapVariables is the prefix of the variables that zap files may use.
const zapVariables = "ROWTAP_VAR_"

// expander resolves ${NAME}, ${NAME:-default} and ${file:PATH} in values.
type expander struct {
	lookup  func(string) (string, bool)
	dir     string    // base of relative paths
	zapFile bool      // restricts references to ROWTAP_VAR_*, because zap files may have other authors
	secrets *[]string // collects the paths of the files with secrets; nil in zap files, which name none
}

// isSecret records that a file holds a secret.
func (e expander) isSecret(path string) {
	if e.secrets != nil {
		*e.secrets = append(*e.secrets, path)
	}
}

// zapExpander returns the expander of a zap file.
func zapExpander(dir string, lookup func(string) (string, bool)) expander {
	return expander{lookup: lookup, dir: dir, zapFile: true}
}

// expansionError is a reference that cannot be resolved.
type expansionError struct {
	offset     int // byte offset of the reference in the text
	message    string
	suggestion string
	variable   string // that is not set; "": it is something else
	outside    bool   // see [Diagnostic.Outside]
}

// expand replaces the references in a text, and $$ by $. Any other $ stays. The value of a
// reference is not expanded again. expanded reports whether there was a reference.
func (e expander) expand(text string) (out string, expanded bool, errs []expansionError) {
	if !strings.Contains(text, "$") {
		return text, false, nil
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		switch rest := text[i:]; {
		case strings.HasPrefix(rest, "$$"):
			b.WriteByte('$')
			i += 2
		case strings.HasPrefix(rest, "${"):
			expanded = true
			body, _, closed := strings.Cut(rest[2:], "}")
			if !closed {
				return "", true, append(errs, expansionError{offset: i, message: "${ without }", suggestion: "write $${ for the text ${"})
			}
			value, err := e.resolve(body)
			if err != nil {
				err.offset = i
				errs = append(errs, *err)
			}
			b.WriteString(value)
			i += len("${") + len(body) + len("}")
		default:
			b.WriteByte(text[i])
			i++
		}
	}
	return b.String(), expanded, errs
}

// resolve returns the value of ${body}.
func (e expander) resolve(body string) (string, *expansionError) {
	if strings.Contains(body, "${") {
		return "", &expansionError{message: "one ${…} inside another", suggestion: "use only plain text inside ${…}"}
	}
	if path, isFile := strings.CutPrefix(body, "file:"); isFile {
		return e.readFile(path)
	}
	name, fallback, hasFallback := strings.Cut(body, ":-")
	if !variableName.MatchString(name) {
		return "", &expansionError{
			message:    "${…} contains no variable name",
			suggestion: "write ${NAME}, ${NAME:-default} or ${file:PATH}, and $${ for the text ${",
		}
	}
	if e.zapFile && !strings.HasPrefix(name, zapVariables) {
		return "", &expansionError{
			message:    fmt.Sprintf("zap files can use only variables whose names begin with %s, not %s", zapVariables, name),
			suggestion: "put settings and secrets into rowtap.yaml",
		}
	}
	value, set := e.lookup(name)
	switch {
	case hasFallback && value == "":
		return fallback, nil
	case !set:
		return "", &expansionError{
			message:    fmt.Sprintf("the environment variable %s is not set", name),
			suggestion: fmt.Sprintf("set it, or give a default: ${%s:-…}", name),
			variable:   name,
			outside:    true,
		}
	}
	return value, nil
}

// readFile returns a file's text without one trailing line break.
func (e expander) readFile(path string) (string, *expansionError) {
	if e.zapFile {
		return "", &expansionError{message: "zap files cannot read other files", suggestion: "put settings and secrets into rowtap.yaml"}
	}
	if path == "" {
		return "", &expansionError{message: "${file:} names no file"}
	}
	e.isSecret(resolvePath(e.dir, path))
	text, err := readFile(resolvePath(e.dir, path), maxSecretFile)
	if err != nil {
		return "", &expansionError{message: fmt.Sprintf("file %s %v", path, err), outside: true}
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r"), nil
}

// resolvePath returns an absolute path; relative paths start at dir, the configuration directory.
func resolvePath(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// variableName matches the names of environment variables.
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
