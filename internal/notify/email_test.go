package notify

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/notify/notifytest"
)

// emailTo returns a target with the address that a user would configure, which leads to a server of
// the test.
func emailTo(s *notifytest.Server, address string) email {
	return email{
		Email: config.Email{To: []string{"Ops <ops@example.com>", "cto@example.com"}, From: "rowtap@example.com", Server: address},
		roots: s.Roots,
		dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, s.Address)
		},
	}
}

func (e email) login(password string) email {
	e.Username, e.Password = "rowtap", config.NewSecret(password)
	return e
}

var message = Message{Subject: "rowtap: zap a needs attention", Text: "zap a needs attention: 2 rows failed\n.\nnext: rowtap status"}

// TestEmail: a message arrives over each kind of connection, and none without TLS at another
// machine.
func TestEmail(t *testing.T) {
	for _, tt := range []struct {
		name, address     string
		security          notifytest.Security
		password, correct string // that is used, that is right
		wrong             string // part of the error
	}{
		{"STARTTLS", "example.com:587", notifytest.StartTLS, "", "", ""},
		{"STARTTLS and a login", "example.com:587", notifytest.StartTLS, "hunter2", "hunter2", ""},
		{"TLS from the start", "example.com:465", notifytest.TLS, "hunter2", "hunter2", ""},
		{"plain on this machine", "127.0.0.1:25", notifytest.Plain, "", "", ""},
		{"a login on this machine", "localhost:25", notifytest.Plain, "hunter2", "hunter2", ""},
		{"this machine in IPv6", "[::1]:25", notifytest.Plain, "", "", ""},
		{"no STARTTLS", "example.com:25", notifytest.Plain, "", "", "does not support STARTTLS"},
		{"no STARTTLS and a login", "example.com:25", notifytest.Plain, "hunter2", "hunter2", "does not support STARTTLS"},
		{"a certificate for another host", "smtp.example.org:587", notifytest.StartTLS, "hunter2", "hunter2", "certificate is valid for"},
		{"a certificate for another host, TLS from the start", "smtp.example.org:465", notifytest.TLS, "", "", "certificate is valid for"},
		{"no TLS on port 465", "127.0.0.1:465", notifytest.Plain, "", "", "TLS"},
		{"a wrong password", "example.com:587", notifytest.StartTLS, "hunter2", "other", "wrong password [redacted]"},
		{"no login", "example.com:587", notifytest.StartTLS, "", "other", "authenticate"},
		{"a login that is not asked for", "example.com:587", notifytest.StartTLS, "hunter2", "", "AUTH"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := notifytest.New(t, tt.security, tt.correct)
			e := emailTo(s, tt.address)
			if tt.password != "" {
				e = e.login(tt.password)
			}
			err := e.Send(t.Context(), message)
			if tt.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wrong) || strings.Contains(err.Error(), "hunter2") || hint.Of(err) == "" {
					t.Errorf("Send = %v, want %q and a hint", err, tt.wrong)
				}
				if checked := e.Check(t.Context()); checked == nil || !strings.Contains(checked.Error(), tt.wrong) {
					t.Errorf("Check = %v", checked)
				}
				if n := len(s.Mails()); n > 0 {
					t.Errorf("%d mails arrived", n)
				}
				return
			}
			if err := errors.Join(err, e.Check(t.Context())); err != nil {
				t.Fatal(err)
			}
			mails := s.Mails()
			if len(mails) != 1 {
				t.Fatalf("%d mails arrived", len(mails))
			}
			m := mails[0]
			if m.From != "rowtap@example.com" || strings.Join(m.To, " ") != "ops@example.com cto@example.com" || m.Subject != message.Subject || m.Text != message.Text+"\n" {
				t.Errorf("got %+v", m)
			}
			if m.Header.Get("Auto-Submitted") != "auto-generated" || m.Header.Get("User-Agent") != "rowtap" || m.Header.Get("Date") == "" || m.Header.Get("Message-Id") == "" || m.Header.Get("Content-Type") != "text/plain; charset=UTF-8" {
				t.Errorf("header %v", m.Header)
			}
		})
	}
}

// TestEmailFails: whatever a server does, Send returns, and nothing that was not accepted counts as
// sent. What was accepted counts, whatever comes after.
func TestEmailFails(t *testing.T) {
	refuse := func(*smtp.Conn) error {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 0, 0}, Message: "no\r\nway for hunter2 aHVudGVyMg=="}
	}
	drop := func(c *smtp.Conn) error { return errors.Join(c.Conn().Close(), errors.New("dropped")) }
	for _, tt := range []struct {
		name, stage string
		fail        func(*smtp.Conn) error
		sent        bool
	}{
		{"refused at once", "hello", refuse, false},
		{"a login is refused", "auth", refuse, false},
		{"the sender is refused", "mail", refuse, false},
		{"a recipient is refused", "rcpt cto@example.com", refuse, false},
		{"data is refused", "data", refuse, false},
		{"refused after the message", "body", refuse, false},
		{"dropped at once", "hello", drop, false},
		{"dropped at the login", "auth", drop, false},
		{"dropped at the sender", "mail", drop, false},
		{"dropped in mid-data", "body", drop, false},
		{"dropped after it was accepted", "reset", drop, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := notifytest.New(t, notifytest.StartTLS, "hunter2")
			s.Fail = func(stage string, c *smtp.Conn) error {
				if stage == tt.stage {
					return tt.fail(c)
				}
				return nil
			}
			err := emailTo(s, "example.com:587").login("hunter2").Send(t.Context(), message)
			if (err == nil) != tt.sent || len(s.Mails()) == 1 != tt.sent {
				t.Errorf("Send = %v, want sent: %t", err, tt.sent)
			}
			checked := emailTo(s, "example.com:587").login("hunter2").Check(t.Context())
			if early := tt.stage != "data" && tt.stage != "body" && tt.stage != "reset"; (checked != nil) != early || len(s.Mails()) > 0 {
				t.Errorf("Check = %v, or it sends a mail", checked)
			}
			if err != nil && (strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "aHVudGVyMg") || strings.Contains(err.Error(), "\n")) {
				t.Errorf("the error shows a secret or has several lines: %q", err)
			}
		})
	}
}

// TestEmailHangs: a server that says nothing, at any stage, is left when the context ends.
func TestEmailHangs(t *testing.T) {
	for _, stage := range []string{"hello", "auth", "mail", "rcpt ops@example.com", "data", "body"} {
		t.Run(stage, func(t *testing.T) {
			reached, release := make(chan struct{}), make(chan struct{})
			defer close(release)
			ctx, cancel := context.WithCancel(t.Context())
			s := notifytest.New(t, notifytest.StartTLS, "hunter2")
			s.Fail = func(at string, _ *smtp.Conn) error {
				if at == stage {
					close(reached)
					<-release
				}
				return nil
			}
			done := make(chan error, 1)
			go func() { done <- emailTo(s, "example.com:587").login("hunter2").Send(ctx, message) }()
			<-reached
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("Send = %v", err)
			}
		})
	}
}

// TestEmailTimeout: a server that accepts connections and says nothing is left after emailTimeout.
func TestEmailTimeout(t *testing.T) {
	client, server := net.Pipe()
	defer func() { _ = server.Close() }()
	e := email{
		Email: config.Email{To: []string{"a@example.com"}, From: "b@example.com", Server: "127.0.0.1:25"},
		dial:  func(context.Context, string, string) (net.Conn, error) { return client, nil },
	}
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	if err := e.Send(ctx, message); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Send = %v", err)
	}
}

// TestEmailInjection: no text becomes a header, another recipient or the end of a message.
func TestEmailInjection(t *testing.T) {
	const evil = "a\r\nBcc: evil@example.org\r\n\r\n.\r\nMAIL FROM:<evil@example.org>\n\x00\x1b[31m\u202e\u2028 ü € 表 \xff"
	s := notifytest.New(t, notifytest.Plain, "")
	e := emailTo(s, "127.0.0.1:25")
	e.To, e.From = []string{"=?utf-8?q?a=0D=0ABcc=3A_evil=40example.org?= <ops@example.com>"}, `"Röw \"tap\"" <rowtap@example.com>`
	for _, text := range []string{evil, strings.Repeat(evil, 1000), strings.Repeat("x", 100_000), strings.Repeat("表", 5000), ""} {
		if err := e.Send(t.Context(), Message{Subject: text, Text: text}); err != nil {
			t.Fatal(err)
		}
		mails := s.Mails()
		if len(mails) != 1 {
			t.Fatalf("%d mails", len(mails))
		}
		m := mails[0]
		if m.Header.Get("Bcc") != "" || m.From != "rowtap@example.com" || len(m.To) != 1 || m.To[0] != "ops@example.com" {
			t.Errorf("header %v, envelope %s to %s", m.Header, m.From, m.To)
		}
		if n := len([]rune(m.Subject)); n > maxSubject || strings.ContainsAny(m.Subject, "\r\n\x00\x1b\u202e\u2028") {
			t.Errorf("subject of %d characters: %q", n, m.Subject)
		}
		if want := printable(text) + "\n"; m.Text != want {
			t.Errorf("text %.100q, want %.100q", m.Text, want)
		}
		for line := range strings.Lines(m.Raw) {
			if len(line) > 998+2 {
				t.Errorf("a line of %d bytes", len(line))
			}
		}
	}
}
