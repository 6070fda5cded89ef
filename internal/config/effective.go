package config

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// Effective is a configuration file with defaults filled in, variables expanded and secrets
// redacted.
type Effective struct {
	File string
	doc  document
}

// Effective returns the effective rowtap.yaml and zap files.
func (c *Config) Effective() []Effective {
	all := []Effective{{File: c.Dir + "/rowtap.yaml", doc: settingsKeys.print(c)}}
	for _, z := range c.Zaps {
		all = append(all, Effective{File: z.File, doc: zapKeys.print(z)})
	}
	return all
}

// YAML returns the file as YAML.
func (e Effective) YAML() ([]byte, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(e.doc); err != nil {
		return nil, err
	}
	return b.Bytes(), enc.Close()
}

// MarshalJSON returns the file as a JSON object.
func (e Effective) MarshalJSON() ([]byte, error) { return e.doc.MarshalJSON() }

// document is a mapping that keeps the order of its keys.
type document []keyed

type keyed struct {
	key   string
	value any
	local bool // may differ between machines that share their state
}

// orNothing returns d, or nil if it is empty.
func (d document) orNothing() any {
	if len(d) == 0 {
		return nil
	}
	return d
}

// MarshalYAML encodes the keys in order.
func (d document) MarshalYAML() (any, error) {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, k := range d {
		var key, value yaml.Node
		if err := key.Encode(k.key); err != nil {
			return nil, err
		}
		if err := value.Encode(k.value); err != nil {
			return nil, err
		}
		n.Content = append(n.Content, &key, &value)
	}
	return n, nil
}

// MarshalJSON encodes the keys in order.
func (d document) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, k := range d {
		if i > 0 {
			b = append(b, ',')
		}
		key, err := json.Marshal(k.key)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(k.value)
		if err != nil {
			return nil, err
		}
		b = append(append(append(b, key...), ':'), value...)
	}
	return append(b, '}'), nil
}

// effectiveDuration formats a duration as in the files: 30d, 1d12h, 90s.
func effectiveDuration(d time.Duration) string {
	const day = 24 * time.Hour
	days, rest := d/day, d%day
	text := rest.String()
	for _, zero := range []string{"m0s", "h0m"} { // 1h0m0s is 1h
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	switch {
	case days == 0:
		return text
	case rest == 0:
		text = ""
	}
	return strconv.Itoa(int(days)) + "d" + text
}

func (t Template) effective() any {
	if t.Literal != nil {
		return t.Literal
	}
	return t.Text
}
