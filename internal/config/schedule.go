package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/robfig/cron/v3"

	"github.com/rowtap/rowtap/internal/quantity"
)

// maxSchedule is the maximum length of a cron line in bytes.
const maxSchedule = 256

// ParseSchedule parses a cron line: five fields (minute, hour, day of month, month, day of week),
// @every with whole seconds, or a descriptor such as @hourly, each after an optional CRON_TZ=Zone.
// Without a zone it is in UTC. Lines that would not run as written are rejected: steps larger than
// their range, and days that no month has. It never panics. Zones need the zone database: programs
// for machines without one import time/tzdata.
//
// The syntax is https://pkg.go.dev/github.com/robfig/cron/v3#hdr-CRON_Expression_Format.
func ParseSchedule(text string) (cron.Schedule, error) {
	text = strings.TrimSpace(text)
	if len(text) > maxSchedule {
		return nil, fmt.Errorf("a cron line has at most %d characters", maxSchedule)
	}
	line, _, err := checkZone(text)
	if err != nil {
		return nil, err
	}
	switch {
	case line == "":
		return nil, errors.New(`is empty; five fields are needed, such as "*/5 * * * *"`)
	case strings.HasPrefix(line, "@"):
		err = checkDescriptor(line)
	default:
		err = checkFields(line)
	}
	if err != nil {
		return nil, err
	}
	// Without a zone, the parsed schedule would use the zone of the time passed to Next.
	if line == text {
		text = "CRON_TZ=UTC " + text
	}
	schedule, err := parseCron(text)
	if err != nil {
		return nil, err
	}
	// Any fixed time works: the parser looks five years ahead, which include a 29 February.
	if schedule.Next(time.Date(2001, time.January, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, errors.New("never fires: no month has that day")
	}
	return schedule, nil
}

// parseCron recovers from panics of the parser on malformed lines
// (https://github.com/robfig/cron/issues/554).
func parseCron(text string) (s cron.Schedule, err error) {
	defer func() {
		if recover() != nil {
			s, err = nil, errors.New("is not a cron line")
		}
	}()
	if s, err = cron.ParseStandard(text); err != nil {
		return nil, fmt.Errorf("is not a cron line: %w", err)
	}
	return s, nil
}

// checkZone checks the zone of a cron line, UTC by default, and returns the line without it.
func checkZone(text string) (line string, zone *time.Location, err error) {
	if !strings.HasPrefix(text, "TZ=") && !strings.HasPrefix(text, "CRON_TZ=") {
		return text, time.UTC, nil
	}
	prefix, rest, _ := strings.Cut(text, "=")
	name, line, spaced := strings.Cut(rest, " ")
	if name == "" || !spaced {
		return "", nil, fmt.Errorf("%s= needs a time zone, a space and a cron line, such as \"CRON_TZ=Asia/Kolkata 0 9 * * *\"", prefix)
	}
	zone, err = loadZone(name)
	return strings.TrimSpace(line), zone, err
}

// loadZone returns the time zone with an IANA name.
func loadZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, fmt.Errorf("%q is not a time zone; use an IANA name such as Asia/Kolkata (upper and lower case matter)", name)
	}
	return zone, nil
}

// checkDescriptor checks a line that begins with @.
func checkDescriptor(line string) error {
	word, rest, _ := strings.Cut(line, " ")
	words := []string{"@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually", "@every"}
	switch word {
	case "@every":
		return checkEvery(strings.TrimSpace(rest))
	case "@reboot":
		return errors.New("@reboot is not supported: rowtap polls on a schedule, and catches up automatically after a start")
	}
	if rest == "" && slices.Contains(words, word) {
		return nil
	}
	if rest != "" && Nearest(word, words) == word {
		return fmt.Errorf("unexpected text after %s", word)
	}
	return fmt.Errorf("%q is not known; %s", word, didYouMean(word, words))
}

// checkEvery checks the duration of @every, which the parser would silently truncate to whole
// seconds and raise to 1s.
func checkEvery(text string) error {
	every, err := time.ParseDuration(text)
	switch {
	case err != nil && strings.HasSuffix(text, "d"):
		return errors.New("@every does not support days; use hours, such as @every 24h")
	case err != nil:
		return errors.New("@every needs a duration, such as @every 30s or @every 1h30m")
	case every < time.Second || every%time.Second != 0:
		return errors.New("@every needs whole seconds, 1s or more")
	}
	return nil
}

// cronField is one of the five fields of a cron line.
type cronField struct {
	name   string
	lo, hi int
	words  string // names of the values in order; case is ignored
}

// checkFields rejects what the parser accepts silently, and what it rejects without a hint.
func checkFields(line string) error {
	fields := [...]cronField{
		{"minute", 0, 59, ""},
		{"hour", 0, 23, ""},
		{"day of month", 1, 31, ""},
		{"month", 1, 12, "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC"},
		{"day of week", 0, 6, "SUN MON TUE WED THU FRI SAT"},
	}
	texts := strings.Fields(line)
	switch n := len(texts); {
	case n == 6 && zoned(texts[5]):
		return fmt.Errorf("has 6 fields; a time zone is in front of the five: CRON_TZ=%s %s", texts[5], strings.Join(texts[:5], " "))
	case n == 6:
		return errors.New("has 6 fields; a cron line has 5 (minute, hour, day of month, month, day of week), without seconds; for intervals below a minute, use @every 30s")
	case n != 5:
		return fmt.Errorf("has %s; a cron line has 5: minute, hour, day of month, month, day of week", quantity.Count(n, "field"))
	}
	for i, field := range fields {
		for part := range strings.SplitSeq(texts[i], ",") {
			if err := field.check(part); err != nil {
				return err
			}
		}
	}
	return nil
}

// zoned reports whether a field is the name of a time zone, such as Asia/Kolkata.
func zoned(field string) bool {
	_, err := time.LoadLocation(field)
	return err == nil && strings.ContainsFunc(field, unicode.IsLetter)
}

// check checks one part of a list, such as */5, 1-5 or MON.
func (f cronField) check(part string) error {
	values, stepText, stepped := strings.Cut(part, "/")
	lo, hi := f.lo, f.hi
	if values != "*" && values != "?" {
		from, to, ranged := strings.Cut(values, "-")
		var err error
		if lo, err = f.value(from); err != nil {
			return err
		}
		switch {
		case ranged:
			if hi, err = f.value(to); err != nil {
				return err
			}
			if hi < lo {
				return fmt.Errorf("%s range %s runs backwards; write %d-%d,%d-%d", f.name, values, lo, f.hi, f.lo, hi)
			}
		case !stepped:
			hi = lo
		}
	}
	if !stepped {
		return nil
	}
	step, err := strconv.Atoi(stepText)
	switch {
	case err != nil || step < 1:
		return fmt.Errorf("%s step /%s is not a number of 1 or more", f.name, stepText)
	case step > hi-lo:
		return fmt.Errorf("%s step /%d is past its range %d-%d, so it would fire only at %d", f.name, step, lo, hi, lo)
	}
	return nil
}

// value returns the value of a number or name in the field.
func (f cronField) value(text string) (int, error) {
	if i := slices.Index(strings.Fields(f.words), strings.ToUpper(text)); i >= 0 {
		return f.lo + i, nil
	}
	n, err := strconv.Atoi(text)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%s %q is not a number, a range such as 1-5, or *", f.name, text)
	case f.name == "day of week" && n == 7:
		return 0, errors.New("7 is not a day of the week here; Sunday is 0 or SUN")
	case n < f.lo || n > f.hi:
		return 0, fmt.Errorf("%s %d is not in %d-%d", f.name, n, f.lo, f.hi)
	}
	return n, nil
}
