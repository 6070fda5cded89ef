package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"time"
)

// NoticeEvent is what a target of notices is told about.
type NoticeEvent string

// The values of events.
const (
	NoticeBlocked   NoticeEvent = "blocked"   // a zap, an account, the state or a standby needs attention
	NoticeFailed    NoticeEvent = "failed"    // a zap has failed rows
	NoticeHeld      NoticeEvent = "held"      // a zap has held rows
	NoticeRefused   NoticeEvent = "refused"   // the configuration files are refused
	NoticeRecovered NoticeEvent = "recovered" // what was told no longer holds
)

// Notify is one target of notices. It has a webhook or an e-mail.
type Notify struct {
	Pos        Pos
	Webhook    Secret // a checked URL; its path is a secret; zero for none
	Email      *Email // nil for none
	Events     []NoticeEvent
	FailedRows int64  // failed rows of a zap that are not told
	Summary    *Daily // when a summary is sent; nil: never
}

// Email is an e-mail that is sent by SMTP.
type Email struct {
	To       []string // addresses as in RFC 5322
	From     string
	Server   string // host:port
	Username string // "": no authentication
	Password Secret
}

// Tells reports whether a target is told about an event. Without events it is told about all.
func (n Notify) Tells(e NoticeEvent) bool { return n.Events == nil || slices.Contains(n.Events, e) }

// ID identifies the destination of a target. It reveals nothing about it.
func (n Notify) ID() string {
	destination := n.Webhook.Reveal()
	if n.Email != nil {
		destination = strings.Join(append([]string{n.Email.Server, n.Email.From}, n.Email.To...), "\n")
	}
	sum := sha256.Sum256([]byte(destination))
	return hex.EncodeToString(sum[:8])
}

// String names a target without secrets.
func (n Notify) String() string {
	if n.Email != nil {
		return "e-mail to " + strings.Join(n.Email.To, ", ")
	}
	return "webhook"
}

// Local reports whether the server is on this machine, where a connection needs no TLS.
func (e Email) Local() bool {
	host, _, err := net.SplitHostPort(e.Server)
	return err == nil && isLoopback(host)
}

// Daily is a time of day in a time zone.
type Daily struct {
	Minute int // since midnight
	Zone   *time.Location
}

// Last returns the last occurrence at or before a time. There is one for each calendar day of the
// zone: where the clock skips the time, it is as much later or earlier as the clock is changed, and
// where the clock shows it twice, it is one of both.
func (d Daily) Last(now time.Time) time.Time {
	now = now.In(d.Zone)
	for day := now.Day() + 1; ; day-- { // a skipped time may belong to the next day
		if at := time.Date(now.Year(), now.Month(), day, 0, d.Minute, 0, 0, d.Zone); !at.After(now) {
			return at
		}
	}
}

// String returns the time as in the configuration.
func (d Daily) String() string {
	text := fmt.Sprintf("%02d:%02d", d.Minute/60, d.Minute%60)
	if d.Zone == time.UTC {
		return text
	}
	return text + " " + d.Zone.String()
}

// webhookKind is the URL of a webhook. All of it is secret, because its path allows anyone to post.
var webhookKind = secret("URL", urlText, func(text string) (problem, hint string) {
	_, problem, hint = parseEndpoint(text)
	return problem, hint
})

// notifyKind is a target of notices, or a list of them. An empty section has none.
var notifyKind = func() kind[[]Notify] {
	o := listing{want: "a section with webhook or email, or a list of them", single: true}
	k := custom("section, or a list of them", func() schema {
		nothing := schema{"type": []string{"object", "null"}, "maxProperties": 0}
		return schema{"anyOf": append([]schema{nothing}, o.schema(ref("target"))["anyOf"].([]schema)...)}
	}, func(v value, to *[]Notify) {
		items := []value{v}
		switch {
		case v.null() || v.kind == mapping && len(v.pairs) == 0:
			return
		case v.kind != mapping:
			items = v.list(o)
		}
		first := map[string]string{}
		for _, one := range items {
			n, mistakes := Notify{Pos: one.keyPos()}, len(v.f.found)
			notifyKeys.read(one, &n)
			if len(v.f.found) > mistakes {
				continue
			}
			if before := first[n.ID()]; before != "" {
				one.wrong("keep one of them, with the events of both", "is the same target as %s", before)
			}
			first[n.ID()] = one.path
			*to = append(*to, n)
		}
	}, func(all []Notify) any {
		if len(all) == 1 {
			return notifyKeys.print(&all[0])
		}
		list := make([]document, len(all))
		for i := range all {
			list[i] = notifyKeys.print(&all[i])
		}
		return list
	})
	k.inner = notifyKeys.inside("[].")
	return k
}()

// emailKind is the section of an e-mail.
var emailKind = custom("section", emailKeys.schema, func(v value, to **Email) {
	*to = new(Email)
	emailKeys.read(v, *to)
}, func(e *Email) any { return emailKeys.print(e) }).containing(emailKeys.inside("."))

// checkNotify rejects targets that would be told nothing, and settings without effect.
func (s *section) checkNotify(n *Notify) {
	events, given := s.key("events")
	told := !given || slices.ContainsFunc(n.Events, func(e NoticeEvent) bool { return e != NoticeRecovered })
	if _, daily := s.key("summary"); !told && !daily && len(n.Events) == len(events.items) && events.kind == sequence {
		events.wrong("add an event, such as blocked, or a summary", "nothing would be sent")
	}
	if rows, given := s.key("failed_rows"); given && !n.Tells(NoticeFailed) {
		s.f.report(rows.at, "add failed to events, or remove failed_rows", "%s: has no effect without the event failed", rows.path)
	}
}

// checkEmail requires a password for a user.
func (s *section) checkEmail(*Email) {
	if _, given := s.key("username"); given {
		group{keys: []string{"password", "password_file"}, must: "name a file in password_file:, or write password: ${NAME}"}.check(s)
	}
}

// eventsKind is a list of events.
var eventsKind = func() kind[[]NoticeEvent] {
	names := []NoticeEvent{NoticeBlocked, NoticeFailed, NoticeHeld, NoticeRefused, NoticeRecovered}
	k := listOf(choice(names...), listing{want: "a list of events", distinct: true})
	k.name = "list of"
	for i, name := range names {
		k.name += map[bool]string{true: " ", false: ", "}[i == 0] + "`" + string(name) + "`"
	}
	return k
}()

// addressKind is an e-mail address, alone or after a name: Ops <ops@example.com>.
var addressKind = parsed("e-mail address", addressText, func(_ value, text string) (string, string, string) {
	if _, err := mail.ParseAddress(text); err != nil {
		return "", "%q is not an e-mail address", "for example ops@example.com"
	}
	return text, "", ""
})

var addressText = shaped(`.@.`, "string")

// addressesKind is a list of e-mail addresses.
var addressesKind = listOf(addressKind, listing{
	name: "e-mail address, or a list of them", want: "an e-mail address or a list of them", single: true, distinct: true, least: 1,
})

// serverKind is the host and port of an SMTP server.
var serverKind = exact("HOST:PORT", shaped(`^\s*[^\s/@]+:\d+\s*$`, "string"), func(v value, text string) (string, string, string) {
	const hint = "for example smtp.example.com:587 (STARTTLS), or port 465 (TLS from the start)"
	text = strings.TrimSpace(text)
	host, port, err := net.SplitHostPort(text)
	switch n, wrong := strconv.ParseUint(port, 10, 16); {
	case strings.ContainsAny(text, "/@ \t\r\n"):
		v.f.hide(v.node) // it may have a password
		return "", "must be HOST:PORT, without a scheme or user", hint
	case err != nil && !strings.Contains(text, ":"):
		return "", "has no port", hint
	case err != nil || host == "":
		return "", "is not HOST:PORT", hint
	case wrong != nil || n == 0 || strconv.FormatUint(n, 10) != port:
		return "", "the port must be a number from 1 to 65535", hint
	}
	return text, "", ""
})

// usernameKind is the name of a user of the server.
var usernameKind = parsed("text", filledScalar, func(_ value, text string) (string, string, string) {
	if !oneLine(text) {
		return "", "contains line breaks or other control characters", ""
	}
	return text, "", ""
})

// passwordKind is a password in rowtap.yaml, passwordFileKind a file that holds it.
var (
	passwordKind = secret("text", filledScalar, func(text string) (problem, hint string) {
		if !oneLine(text) {
			problem = "the password contains line breaks or other control characters"
		}
		return problem, ""
	})
	passwordFileKind = secretFile("password", passwordKind, func(e *Email, _ string) *Secret { return &e.Password })
)

func oneLine(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// dailyKind is a time of day, in UTC or in the time zone after it.
var dailyKind = func() kind[*Daily] {
	const hint = `for example "08:00", which is in UTC, or "08:00 Asia/Kolkata"`
	k := parsed("time of day", shaped(`^\s*\d{1,2}:\d\d(\s+\S+)?\s*$`, "string"), func(_ value, text string) (*Daily, string, string) {
		clock, zone, _ := strings.Cut(text, " ")
		at, err := time.Parse("15:04", clock)
		if err != nil {
			return nil, "%q is not a time of day", hint
		}
		d := &Daily{Minute: 60*at.Hour() + at.Minute(), Zone: time.UTC}
		if zone = strings.TrimSpace(zone); zone != "" && zone != "UTC" {
			if d.Zone, err = loadZone(zone); err != nil {
				return nil, err.Error(), ""
			}
		}
		return d, "", ""
	})
	k.print = func(d *Daily) any { return d.String() }
	return k
}()
