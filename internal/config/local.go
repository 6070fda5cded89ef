package config

import (
	"slices"

	"go.yaml.in/yaml/v4"
)

// Local is what a command needs to find the daemon of this machine and its state.
type Local struct {
	State State
	HTTP  HTTP
}

// LoadLocal reads state and http of DIR/rowtap.yaml alone. The daemon's credentials and variables, which an operator's
// shell does not have, are not asked for, and mistakes elsewhere do not matter. Its errors are those of [Load].
func LoadLocal(dir string, lookup func(string) (string, bool)) (*Local, error) {
	f, err := openSettings(dir, lookup)
	if err != nil {
		return nil, err
	}
	var l Local
	if root := f.read(); root != nil {
		keepKeys(root, "state", "http")
		if n := f.tree(root); n != nil {
			s := f.section(n, n, "")
			l.State, l.HTTP = s.local()
		}
	}
	if mistakes := f.mistakes(); len(mistakes) > 0 {
		return nil, sortDiagnostics(mistakes)
	}
	return &l, nil
}

// keepKeys removes all other keys of a mapping.
func keepKeys(n *yaml.Node, keys ...string) {
	if n.Kind != yaml.MappingNode {
		return
	}
	var kept []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		if slices.Contains(keys, n.Content[i].Value) {
			kept = append(kept, n.Content[i], n.Content[i+1])
		}
	}
	n.Content = kept
}

// local reads state and http.
func (s *section) local() (state State, http HTTP) {
	dir := s.f.expand.dir
	s.within("state", func(s *section) { state = s.state(dir) })
	s.within("http", func(s *section) { http = s.http(dir, state.Path) })
	return state, http
}
