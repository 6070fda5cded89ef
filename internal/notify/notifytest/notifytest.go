// Package notifytest has an SMTP server for tests.
package notifytest

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Security is how connections are secured.
type Security int

// The kinds of security. The certificate is for example.com.
const (
	Plain Security = iota
	StartTLS
	TLS
)

// Server is an SMTP server that keeps what it accepts.
type Server struct {
	Address string
	Roots   *x509.CertPool // that certify it
	// Fail, if not nil, is called at each stage: hello, auth, mail, rcpt TO, data, body (in the middle
	// of a message), and reset (after a message was accepted). The server answers with its error.
	Fail func(stage string, c *smtp.Conn) error

	password string
	arrived  chan struct{} // receives for each mail
	mu       sync.Mutex
	mails    []Mail
}

// Mail is an accepted message.
type Mail struct {
	From    string   // of the envelope
	To      []string // of the envelope
	Raw     string
	Header  mail.Header
	Subject string // decoded
	Text    string // decoded
}

// New starts a server, which t ends. With a password, it wants a login as any user.
func New(t testing.TB, security Security, password string) *Server {
	t.Helper()
	s := &Server{password: password, arrived: make(chan struct{}, 1000)}
	certified := httptest.NewTLSServer(nil)
	defer certified.Close()
	s.Roots = x509.NewCertPool()
	s.Roots.AddCert(certified.Certificate())
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Address = l.Addr().String()
	server := smtp.NewServer(smtp.BackendFunc(s.session))
	server.Domain, server.ErrorLog = "example.com", quiet{}
	server.ReadTimeout, server.WriteTimeout = time.Minute, time.Minute
	secured := &tls.Config{Certificates: certified.TLS.Certificates, MinVersion: tls.VersionTLS12}
	switch security {
	case Plain:
		server.AllowInsecureAuth = true
	case StartTLS:
		server.TLSConfig = secured
	case TLS:
		l = tls.NewListener(l, secured)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l) // until it is closed
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return s
}

// Mails returns what was accepted since the last call.
func (s *Server) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	mails := s.mails
	s.mails = nil
	return mails
}

// Await waits for the next mail.
func (s *Server) Await(t testing.TB, patience time.Duration) Mail {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		s.mu.Lock()
		if len(s.mails) > 0 {
			m := s.mails[0]
			s.mails = s.mails[1:]
			s.mu.Unlock()
			return m
		}
		s.mu.Unlock()
		select {
		case <-s.arrived:
		case <-timer.C:
			t.Fatal("no mail arrived")
		}
	}
}

func (s *Server) session(c *smtp.Conn) (smtp.Session, error) {
	return &session{s: s, c: c}, s.at("hello", c)
}

func (s *Server) at(stage string, c *smtp.Conn) error {
	if s.Fail == nil {
		return nil
	}
	return s.Fail(stage, c)
}

type session struct {
	s        *Server
	c        *smtp.Conn
	loggedIn bool
	mail     Mail
}

func (n *session) AuthMechanisms() []string {
	if n.s.password == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (n *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, _, password string) error {
		if err := n.s.at("auth", n.c); err != nil {
			return err
		}
		if password != n.s.password {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "wrong password " + password}
		}
		n.loggedIn = true
		return nil
	}), nil
}

func (n *session) Mail(from string, _ *smtp.MailOptions) error {
	if n.s.password != "" && !n.loggedIn {
		return smtp.ErrAuthRequired
	}
	n.mail = Mail{From: from}
	return n.s.at("mail", n.c)
}

func (n *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	n.mail.To = append(n.mail.To, to)
	return n.s.at("rcpt "+to, n.c)
}

func (n *session) Data(r io.Reader) error {
	if err := n.s.at("data", n.c); err != nil {
		return err
	}
	half := make([]byte, 200)
	read, err := io.ReadFull(r, half)
	if err != nil {
		return err
	}
	if err := n.s.at("body", n.c); err != nil {
		return err
	}
	rest, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	n.mail.Raw = string(half[:read]) + string(rest)
	m, err := mail.ReadMessage(strings.NewReader(n.mail.Raw))
	if err != nil {
		return fmt.Errorf("not a message: %w", err)
	}
	n.mail.Header = m.Header
	if n.mail.Subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		return err
	}
	text, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		return err
	}
	n.mail.Text = strings.ReplaceAll(string(text), "\r\n", "\n")
	n.s.mu.Lock()
	n.s.mails = append(n.s.mails, n.mail)
	n.s.mu.Unlock()
	n.s.arrived <- struct{}{}
	return nil
}

// Reset is also called after each accepted message.
func (n *session) Reset() {
	n.mail = Mail{}
	_ = n.s.at("reset", n.c)
}

func (n *session) Logout() error { return nil }

// quiet is a logger of nothing: tests let connections fail.
type quiet struct{}

func (quiet) Printf(string, ...any) {}

func (quiet) Println(...any) {}
