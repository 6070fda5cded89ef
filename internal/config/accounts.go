package config

import "path/filepath"

// LoadAccounts reads only DIR/rowtap.yaml and returns a [Config] without zaps, for commands that
// write one. Its errors are those of [Load].
func LoadAccounts(dir string, lookup func(string) (string, bool)) (*Config, error) {
	f, err := openSettings(dir, lookup)
	if err != nil {
		return nil, err
	}
	c := emptyConfig(dir)
	if root := f.load(); root != nil {
		f.readSettings(c, root)
	}
	if mistakes := f.mistakes(); len(mistakes) > 0 {
		return nil, sortDiagnostics(mistakes)
	}
	return c, nil
}

// ParseZap parses a zap file's text as [Load] would if the file were at path, with the accounts of
// c. It does not add the zap to c. The error is [Diagnostics]; warnings are what is allowed but
// perhaps unintended.
func (c *Config) ParseZap(path string, text []byte, lookup func(string) (string, bool), checks ...func(*Zap) error) (z *Zap, warnings Diagnostics, err error) {
	absolute, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, nil, err
	}
	f := &file{path: path, expand: zapExpander(absolute, lookup)}
	if checked, ok := f.check(text); ok {
		if document := f.parse(checked); document != nil {
			if root := f.tree(document); root != nil {
				z = f.readZap(c, root)
				f.checkZap(z, checks)
			}
		}
	}
	if mistakes := f.mistakes(); len(mistakes) > 0 {
		return nil, nil, sortDiagnostics(mistakes)
	}
	return z, sortDiagnostics(f.warned), nil
}
