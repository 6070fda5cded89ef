package config

import "fmt"

// CheckZapName says why a name cannot be a zap's; nil if it can.
func CheckZapName(name string) error {
	if !accountName.MatchString(name) {
		return fmt.Errorf("%q cannot be a zap's name; %s", name, nameRule)
	}
	return nil
}
