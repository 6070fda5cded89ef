package config

import (
	"slices"

	"go.yaml.in/yaml/v4"
)

// Local has the settings that a command needs to find the daemon of this machine and its state.
type Local struct {
	State State
	HTTP  HTTP
	// PostgresUnknown describes why state.postgres is missing from State although rowtap.yaml has
	// it, for example because its variable is not set in this shell. Commands that ask the daemon
	// ignore it; commands that open the database or the state file return it. It is nil if State
	// has the value or rowtap.yaml does not.
	PostgresUnknown error
}

// LoadLocal reads only state and http of DIR/rowtap.yaml. It needs none of the daemon's credentials
// and variables, which an operator's shell lacks, and ignores mistakes in other sections. Its
// errors are those of [Load], except for mistakes in state.postgres ([Local.PostgresUnknown]).
func LoadLocal(dir string, lookup func(string) (string, bool)) (*Local, error) {
	c := emptyConfig(dir)
	f, root, err := c.readSettings(lookup, "state", "http")
	if err != nil {
		return nil, err
	}
	l := Local{State: c.State, HTTP: c.HTTP}
	var mistakes, unknown Diagnostics
	postgres := root.value("state").value("postgres")
	for _, d := range f.mistakes() {
		if f.in(d.Pos, postgres) {
			unknown = append(unknown, d)
		} else {
			mistakes = append(mistakes, d)
		}
	}
	if len(mistakes) > 0 {
		return nil, sortDiagnostics(mistakes)
	}
	if len(unknown) > 0 {
		l.PostgresUnknown = sortDiagnostics(unknown)
	}
	return &l, nil
}

// value returns the value of a key in a mapping, or nil.
func (n *node) value(key string) *node {
	if n == nil {
		return nil
	}
	for _, p := range n.pairs {
		if p.key.text == key {
			return p.value
		}
	}
	return nil
}

// keepKeys removes all keys of a mapping except some.
func keepKeys(n *yaml.Node, keys []string) {
	if n.Kind != yaml.MappingNode {
		return
	}
	var left []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		if slices.Contains(keys, n.Content[i].Value) {
			left = append(left, n.Content[i], n.Content[i+1])
		}
	}
	n.Content = left
}
