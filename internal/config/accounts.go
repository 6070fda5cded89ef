package config

import "path/filepath"

// LoadAccounts reads only DIR/rowtap.yaml and returns a [Config] without zaps, for commands that
// write one. Its errors are those of [Load].
func LoadAccounts(dir string, lookup func(string) (string, bool)) (*Config, error) {
	c := emptyConfig(dir)
	f, _, err := c.readSettings(lookup)
	if err != nil {
		return nil, err
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
	if root := f.tree(f.parse(text)); root != nil {
		z = f.readZap(c, root, checks)
	}
	if mistakes := f.mistakes(); len(mistakes) > 0 {
		return nil, nil, sortDiagnostics(mistakes)
	}
	return z, sortDiagnostics(f.warned), nil
}
