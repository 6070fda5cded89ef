package config

import "strings"

// Early holds the settings that a daemon uses while its configuration is refused.
type Early struct {
	Log    Log
	Notify []Notify
}

// LoadEarly reads log and notify of DIR/rowtap.yaml, each by itself: mistakes elsewhere do not
// matter, and a section with mistakes has its defaults.
func LoadEarly(dir string, lookup func(string) (string, bool)) Early {
	e := Early{Log: defaults(dir, lookup).Log}
	if c := loadSection(dir, lookup, "log"); c != nil {
		e.Log = c.Log
	}
	if c := loadSection(dir, lookup, "notify"); c != nil {
		e.Notify = c.Notify
	}
	return e
}

// DefaultLocal returns the settings of a rowtap.yaml that sets nothing.
func DefaultLocal(dir string, lookup func(string) (string, bool)) Local {
	c := defaults(dir, lookup)
	return Local{State: c.State, HTTP: c.HTTP}
}

// CheckListen returns what is wrong with an address in the form of http.listen; "" if nothing is.
func CheckListen(address string) string { return checkListen(strings.TrimSpace(address)) }

// loadSection reads one section of rowtap.yaml; nil if it has mistakes or the file cannot be read.
func loadSection(dir string, lookup func(string) (string, bool), key string) *Config {
	c := emptyConfig(dir)
	f, _, err := c.readSettings(lookup, key)
	if err != nil || len(f.found) > 0 {
		return nil
	}
	return c
}

// defaults returns the configuration of an empty rowtap.yaml.
func defaults(dir string, lookup func(string) (string, bool)) *Config {
	c := emptyConfig(dir)
	f := &file{path: "rowtap.yaml", settings: true, expand: expander{lookup: lookup, dir: dir}}
	root := &node{kind: mapping}
	settingsKeys.read(value{node: root, f: f, at: root}, c)
	return c
}
