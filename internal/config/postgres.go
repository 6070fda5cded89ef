package config

import (
	"errors"
	"io/fs"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// defaultLease is the default of state.lease, the name of a state in a database.
const defaultLease = "rowtap"

// postgresKind is a PostgreSQL connection string, all of which is secret.
var postgresKind = secret("connection string", filledString, func(text string) (problem, hint string) {
	return checkPostgres(text), "for example postgres://USER:PASSWORD@HOST/DATABASE?sslmode=verify-full; in a password, write %2F for /, %40 for @, %3A for : and %23 for #"
})

// checkPostgres returns what is wrong with a connection string, or "". It quotes nothing of the
// string, because pgx redacts passwords only where it recognizes them.
//
// A part of the password may end up in what pgx parses as a parameter or a host, which connection
// errors show: in postgress://USER:PASSWORD@HOST/DB?sslmode=require everything before the = is a
// parameter's name, and in postgres://USER:PASS@WORD@HOST/DB the host is WORD@HOST.
func checkPostgres(text string) (problem string) {
	c, err := pgconn.ParseConfig(text)
	if err != nil {
		return postgresProblem(err)
	}
	for key := range c.RuntimeParams {
		if !postgresKey.MatchString(key) {
			return notPostgres
		}
	}
	hosts := []string{c.Host}
	for _, fallback := range c.Fallbacks {
		hosts = append(hosts, fallback.Host)
	}
	for _, host := range hosts {
		if !strings.HasPrefix(host, "/") && strings.ContainsAny(host, "@=;?/ ") {
			return notPostgres
		}
	}
	return ""
}

// postgresKey matches the names of parameters.
var postgresKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

const notPostgres = "is not a connection string of PostgreSQL"

// postgresProblem returns a message for an error of pgx that contains nothing of its text.
func postgresProblem(err error) string {
	wrong, ok := errors.AsType[*pgconn.ParseConfigError](err)
	if !ok {
		return notPostgres
	}
	wrong.ConnString = "" // the remaining text is from pgx, and sometimes has a value
	_, text, _ := strings.Cut(wrong.Error(), ": ")
	unreadable := ""
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		unreadable = " (" + path.Err.Error() + ")"
	}
	for _, known := range []struct{ words, problem string }{
		{"invalid port", "the port is not a number from 1 to 65535"},
		{"could not match", "the numbers of hosts and of ports differ"},
		{"failed to configure TLS", "sslmode is unknown, or a file of sslrootcert, sslcert or sslkey cannot be used"},
		{"failed to read service", "the service is not in the service file"},
		{"invalid connect_timeout", "connect_timeout is not a number of seconds"},
		{"unknown target_session_attrs", "the value of target_session_attrs is unknown"},
	} {
		if strings.HasPrefix(text, known.words) {
			return known.problem + unreadable
		}
	}
	return notPostgres
}
