package config

import (
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// ZapNames returns the sorted names of the zaps in a configuration directory, for shell completion.
// Mistakes are ignored: a file that cannot be read is skipped, and a zap without a readable name is
// named after its file.
func ZapNames(dir string) []string {
	paths, err := ZapFiles(dir)
	if err != nil {
		return nil
	}
	var names []string
	for _, path := range paths {
		text, err := ReadFile(path)
		if err != nil {
			continue
		}
		var z struct {
			Name string `yaml:"name"`
		}
		if err := yaml.Unmarshal(text, &z); err != nil || z.Name == "" {
			base := filepath.Base(path)
			z.Name = strings.TrimSuffix(base, filepath.Ext(base))
		}
		if accountName.MatchString(z.Name) && !slices.Contains(names, z.Name) {
			names = append(names, z.Name)
		}
	}
	slices.Sort(names)
	return names
}
