package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/wneessen/go-mail"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/httpclient"
)

const (
	emailTimeout = 30 * time.Second // of a connection with all that is sent
	maxSubject   = 150              // characters
	implicitTLS  = "465"            // the port on which TLS begins at once (RFC 8314)
)

// email is a target that is reached by SMTP.
type email struct {
	config.Email
	// For tests; nil: the network and the certificate authorities of this machine.
	dial  func(ctx context.Context, network, address string) (net.Conn, error)
	roots *x509.CertPool
}

// Send sends a message as plain text to all recipients. If the server refuses one of them, nobody
// gets it.
func (e email) Send(ctx context.Context, m Message) error {
	msg, err := e.message(m)
	if err != nil {
		return err
	}
	return e.session(ctx, func(ctx context.Context, c *mail.Client) error {
		err := c.DialAndSendWithContext(ctx, msg)
		if msg.IsDelivered() { // an error after that would send it twice
			return nil
		}
		return err
	})
}

// Check connects, begins TLS, authenticates, names the sender and the recipients, and quits.
func (e email) Check(ctx context.Context) error {
	msg, err := e.message(Message{})
	if err != nil {
		return err
	}
	return e.session(ctx, func(ctx context.Context, c *mail.Client) error {
		server, err := c.DialToSMTPClientWithContext(ctx)
		if err != nil {
			return err
		}
		from, noSender := msg.GetSender(false)
		to, noRecipients := msg.GetRecipients()
		err = errors.Join(noSender, noRecipients, server.Mail(from))
		for _, address := range to {
			if err == nil {
				err = server.Rcpt(address)
			}
		}
		return errors.Join(err, c.CloseWithSMTPClient(server))
	})
}

// message returns a message as it is sent.
func (e email) message(m Message) (*mail.Msg, error) {
	msg := mail.NewMsg()
	if err := errors.Join(msg.From(e.From), msg.To(e.To...)); err != nil {
		return nil, err
	}
	msg.Subject(subject(m.Subject))
	msg.SetDate()
	msg.SetMessageID()
	msg.SetUserAgent("rowtap")
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no automatic replies
	msg.SetBodyString(mail.TypeTextPlain, printable(m.Text)+"\n")
	return msg, nil
}

// session calls work with a client of the server. When ctx ends, or after emailTimeout, its
// connection is closed: the client itself does not look at ctx once it is connected.
func (e email) session(ctx context.Context, work func(context.Context, *mail.Client) error) error {
	limited, cancel := context.WithTimeout(ctx, emailTimeout)
	defer cancel()
	client, err := e.client(limited)
	if err == nil {
		err = work(limited, client)
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil:
		err = fmt.Errorf("no response in %s", emailTimeout)
	}
	return &hint.Error{
		Err:  fmt.Errorf("SMTP server %s: %s", e.Server, httpclient.ErrorText(err.Error(), e.redact)),
		Hint: "check server, username and password; the server must offer STARTTLS, or TLS on port " + implicitTLS,
	}
}

// client returns a client whose connection is closed when ctx ends.
func (e email) client(ctx context.Context) (*mail.Client, error) {
	host, port, err := net.SplitHostPort(e.Server)
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	security := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, RootCAs: e.roots}
	policy, plain, login := mail.TLSMandatory, mail.SMTPAuthPlain, mail.SMTPAuthLogin
	if port == implicitTLS {
		policy = mail.NoTLS // it has begun before SMTP
	} else if e.Local() {
		policy, plain, login = mail.NoTLS, mail.SMTPAuthPlainNoEnc, mail.SMTPAuthLoginNoEnc
	}
	options := []mail.Option{
		mail.WithPort(number), mail.WithTimeout(emailTimeout), mail.WithTLSConfig(security), mail.WithTLSPolicy(policy),
		mail.WithDialContextFunc(func(_ context.Context, network, _ string) (net.Conn, error) {
			return e.connect(ctx, network, security)
		}),
	}
	if e.Username != "" {
		options = append(options, mail.WithUsername(e.Username), mail.WithPassword(e.Password.Reveal()),
			mail.WithOpportunisticSMTPAuth(plain, login))
	}
	return mail.NewClient(host, options...)
}

// connect returns a connection that is closed when ctx ends.
func (e email) connect(ctx context.Context, network string, security *tls.Config) (net.Conn, error) {
	dial := e.dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, network, e.Server)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	if !strings.HasSuffix(e.Server, ":"+implicitTLS) {
		return conn, nil
	}
	secured := tls.Client(conn, security)
	return secured, secured.HandshakeContext(ctx)
}

// redact removes the password from a text of the server, which may quote the login.
func (e email) redact(text string) string {
	password := e.Password.Reveal()
	if password == "" {
		return text
	}
	for _, secret := range []string{"\x00" + e.Username + "\x00" + password, password} {
		text = strings.ReplaceAll(text, base64.StdEncoding.EncodeToString([]byte(secret)), "[redacted]")
	}
	return strings.ReplaceAll(text, password, "[redacted]")
}

// subject returns a text as one line of limited length.
func subject(text string) string {
	line := []rune(strings.Join(strings.Fields(printable(text)), " "))
	if len(line) > maxSubject {
		line = append(line[:maxSubject-1], '…')
	}
	return string(line)
}

// printable replaces characters that are not for reading: titles in a spreadsheet may have any.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029') {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
}
