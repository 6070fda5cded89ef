package config

import "fmt"

// CheckZapName returns an error that describes why a zap cannot have a name, or nil if it can.
func CheckZapName(name string) error {
	if !accountName.MatchString(name) {
		return fmt.Errorf("%q cannot be a zap's name; %s", name, nameRule)
	}
	return nil
}

// maxName is the maximum length of a zap's name in bytes, see accountName.
const maxName = 64

// ZapName derives a zap's name from a title. It returns "" if the title has no character that a
// name can have.
func ZapName(title string) string {
	var b []byte
	for _, r := range title {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b = append(b, byte(r))
		case r >= 'A' && r <= 'Z':
			b = append(b, byte(r)+'a'-'A')
		case len(b) > 0 && b[len(b)-1] != '-':
			b = append(b, '-')
		}
		if len(b) == maxName {
			break
		}
	}
	for len(b) > 0 && b[len(b)-1] == '-' {
		b = b[:len(b)-1]
	}
	return string(b)
}
