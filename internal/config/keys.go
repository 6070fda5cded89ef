package config

import (
	"math"
	"net/url"
	"path/filepath"
	"time"
)

// settingsKeys are the keys of rowtap.yaml.
var settingsKeys = table[Config]{
	keys: []key[Config]{
		field("google_accounts", named(&googleKeys), func(c *Config) *map[string]*GoogleAccount { return &c.GoogleAccounts },
			"Google accounts, by name. A zap's trigger names the account that reads its spreadsheet.", Key{}),
		field("clevertap_accounts", named(&cleverTapKeys), func(c *Config) *map[string]*CleverTapAccount { return &c.CleverTapAccounts },
			"CleverTap accounts, by name. A zap's action names the account that receives its records.", Key{}),
		field("state", within(&stateKeys), func(c *Config) *State { return &c.State },
			"Where rowtap keeps its state, and for how long.", Key{}),
		field("http", within(&httpKeys), func(c *Config) *HTTP { return &c.HTTP },
			"Listener of the page, API, health checks and metrics.", Key{local: true}),
		field("log", within(&logKeys), func(c *Config) *Log { return &c.Log },
			"Log on stderr.", Key{local: true}),
		field("notify", notifyKind, func(c *Config) *[]Notify { return &c.Notify },
			"Who is told when something needs attention and when it recovers, and gets a daily summary: one target, or a list of them.",
			Key{local: true}),
	},
	check: func(s *section, c *Config) {
		if s.void {
			c.GoogleAccounts, c.CleverTapAccounts = nil, nil
		}
		if c.HTTP.TokenFile == "" {
			c.HTTP.TokenFile = filepath.Join(filepath.Dir(c.State.Path), "api.token")
		}
	},
}

var googleKeys = table[GoogleAccount]{
	keys: []key[GoogleAccount]{
		field("credentials_file", credentialsKind, func(a *GoogleAccount) *string { return &a.CredentialsFile },
			"JSON key of a service account, or of a user as gcloud auth application-default login writes it. Other types are refused.",
			Key{Example: "${CREDENTIALS_DIRECTORY}/google.json", Absent: "Application Default Credentials", local: true}),
		// https://developers.google.com/workspace/sheets/api/limits
		field("reads_per_minute", integer(1, math.MaxInt32), func(a *GoogleAccount) *int { return &a.ReadsPerMinute },
			"Read requests per minute that all zaps of the account share. Google's default quota is 60 per user.",
			Key{Example: "300", Default: "60"}),
		field("endpoint", endpointKind, func(a *GoogleAccount) **url.URL { return &a.Endpoint },
			"Sheets API to use instead of Google's: an emulator or a proxy. http is for loopback addresses only.",
			Key{Example: "http://127.0.0.1:9400/"}),
	},
	check: func(s *section, a *GoogleAccount) { a.Name, a.Pos = s.at.text, s.keyPos() },
}

var cleverTapKeys = table[CleverTapAccount]{
	keys: []key[CleverTapAccount]{
		field("account_id", accountIDKind, func(a *CleverTapAccount) *string { return &a.AccountID },
			"Project ID, as shown in CleverTap under Settings > Project.",
			Key{Example: "${CLEVERTAP_ACCOUNT_ID}", Must: "it is the Project ID in CleverTap's Settings > Project"}),
		field("passcode", passcodeKind, func(a *CleverTapAccount) *Secret { return &a.Passcode },
			"Passcode, best given as ${NAME}. One of passcode and passcode_file is required.", Key{Example: "${CLEVERTAP_PASSCODE}", local: true}),
		field("passcode_file", passcodeFileKind, whole,
			"File that holds the passcode. White space around it is ignored.",
			Key{Example: "${CREDENTIALS_DIRECTORY}/clevertap_passcode", local: true}),
		field("region", regionKind, func(a *CleverTapAccount) *string { return &a.Region },
			"Region of the account: the dashboard's address begins with it. Required unless endpoint is given.", Key{Example: "in1"}),
		field("max_concurrent", integer(1, maxConcurrent), func(a *CleverTapAccount) *int { return &a.MaxConcurrent },
			"Uploads in flight at once.", Key{Example: "10", Default: "3"}),
		field("on_unknown", choice(Resend, Hold), func(a *CleverTapAccount) *OnUnknown { return &a.OnUnknown },
			"What to do with an event, increment or decrement whose upload may or may not have arrived: send it again, "+
				"marked 'maybe twice', or hold it for an operator.",
			Key{Example: "hold", Default: "resend"}),
		field("endpoint", endpointKind, func(a *CleverTapAccount) **url.URL { return &a.Endpoint },
			"CleverTap API to use instead of the region's: a newer region, an emulator or a proxy. http is for loopback addresses only.",
			Key{Example: "https://in2.api.clevertap.com"}),
	},
	groups: []group{
		{keys: []string{"passcode", "passcode_file"}, must: "name a file in passcode_file:, or write passcode: ${NAME}"},
		{keys: []string{"region", "endpoint"}, several: true, must: regionHint()},
	},
	check: func(s *section, a *CleverTapAccount) { a.Name, a.Pos = s.at.text, s.keyPos() },
}

var stateKeys = table[State]{
	keys: []key[State]{
		field("path", pathKind, func(s *State) *string { return &s.Path },
			"State file. With postgres it is a cache of the state in the database.",
			Key{Example: "/var/lib/rowtap/rowtap.db", Absent: "rowtap.db in $STATE_DIRECTORY (set by systemd), else in " + defaultStateDir, local: true}),
		field("history", duration(0), func(s *State) *time.Duration { return &s.History },
			"How long finished deliveries can be read and replayed.", Key{Example: "90d", Default: "30d"}),
		field("postgres", postgresKind, func(s *State) *Secret { return &s.Postgres },
			"PostgreSQL database that holds the state, so that another machine can take over: "+
				"postgres://USER:PASSWORD@HOST/DATABASE, or KEY=VALUE pairs. A secret.",
			Key{Example: "${ROWTAP_POSTGRES}", Absent: "the state file holds the state", local: true}),
		field("lease", nameKind, func(s *State) *string { return &s.Lease },
			"Name of the state in the database. Deployments with different names can share one database.",
			Key{Example: "production", With: "postgres", Absent: "`" + defaultLease + "`", local: true}),
	},
	check: (*section).checkState,
}

var httpKeys = table[HTTP]{
	keys: []key[HTTP]{
		field("listen", listenKind, func(h *HTTP) *string { return &h.Listen },
			`Address to listen on: HOST:PORT, unix:PATH, or "" for none.`, Key{Example: "unix:/run/rowtap/api.sock", Default: "127.0.0.1:8321"}),
		field("token_file", pathKind, func(h *HTTP) *string { return &h.TokenFile },
			"File of the API token. It is created at the first start.",
			Key{Example: "/var/lib/rowtap/api.token", Absent: "api.token in the directory of the state file"}),
		field("auth", authKind, func(h *HTTP) *bool { return &h.AuthOff },
			"Whether requests need the token. off is allowed on loopback addresses and unix sockets only.", Key{Example: "off", Default: "token"}),
		field("hosts", hostsKind, func(h *HTTP) *[]string { return &h.Hosts },
			"Further host names under which the page and API are reached. Loopback names and IP addresses are always accepted.",
			Key{Example: "[rowtap.example.com]"}),
	},
	check: (*section).checkHTTP,
}

var logKeys = table[Log]{
	keys: []key[Log]{
		field("level", choice("debug", "info", "warn", "error"), func(l *Log) *string { return &l.Level },
			"Minimum level to log.", Key{Example: "debug", Default: "info"}),
		field("format", choice("json", "console"), func(l *Log) *string { return &l.Format },
			"Format of the log.", Key{Example: "console", Default: "json"}),
	},
}

var notifyKeys = table[Notify]{
	keys: []key[Notify]{
		field("webhook", webhookKind, func(n *Notify) *Secret { return &n.Webhook },
			"URL that gets a Slack-compatible POST request for each notice. A secret. One of webhook and email is required.",
			Key{Example: "${NOTIFY_WEBHOOK}"}),
		field("email", emailKind, func(n *Notify) **Email { return &n.Email },
			"E-mail that is sent for each notice, at most one a minute.", Key{}),
		field("events", eventsKind, func(n *Notify) *[]NoticeEvent { return &n.Events },
			"What is told. blocked: a zap or account needs attention or has been down for half an hour, or the state or a standby has a problem; "+
				"failed and held: a zap has such rows; refused: the configuration files have mistakes; recovered: something that was told is over.",
			Key{Example: "[blocked, refused, recovered]", Absent: "all of them"}),
		field("failed_rows", integer[int64](0, math.MaxInt32), func(n *Notify) *int64 { return &n.FailedRows },
			"Number of failed rows of a zap up to which the event failed is not told.", Key{Example: "10", Absent: "`0`"}),
		field("summary", dailyKind, func(n *Notify) **Daily { return &n.Summary },
			"Time of a daily summary: what became of the rows of each zap, and what needs attention. In UTC, or in the time zone after it.",
			Key{Example: `"08:00 Asia/Kolkata"`, Absent: "no summary"}),
	},
	groups: []group{{keys: []string{"webhook", "email"}, must: "add webhook: ${NAME} or email:"}},
	check:  (*section).checkNotify,
	also: func() []schema {
		without := func(key string) schema { return schema{"not": schema{"required": []string{key}}} }
		contains := func(item schema) schema {
			return schema{"properties": schema{"events": schema{"contains": item}}}
		}
		return []schema{
			{"anyOf": []schema{without("events"), {"required": []string{"summary"}}, contains(schema{"not": schema{"pattern": wordsPattern([]string{"recovered"})}})}},
			{"anyOf": []schema{without("failed_rows"), without("events"), contains(schema{"pattern": wordsPattern([]string{"failed"}) + "|" + variablePattern})}},
		}
	},
}

var emailKeys = table[Email]{
	keys: []key[Email]{
		field("to", addressesKind, func(e *Email) *[]string { return &e.To },
			"Recipients.", Key{Example: "[ops@example.com]", Must: "for example [ops@example.com]"}),
		field("from", addressKind, func(e *Email) *string { return &e.From },
			"Sender.", Key{Example: "rowtap@example.com", Must: "for example rowtap@example.com"}),
		field("server", serverKind, func(e *Email) *string { return &e.Server },
			"SMTP server. Port 465 uses TLS from the start, any other port requires STARTTLS. "+
				"Only a server on a loopback address is used without TLS.",
			Key{Example: "smtp.example.com:587", Must: "for example smtp.example.com:587"}),
		field("username", usernameKind, func(e *Email) *string { return &e.Username },
			"User at the server.", Key{Example: "rowtap", Absent: "no authentication"}),
		field("password", passwordKind, func(e *Email) *Secret { return &e.Password },
			"Password of the user, best given as ${NAME}. A secret.", Key{Example: "${SMTP_PASSWORD}", With: "username"}),
		field("password_file", passwordFileKind, whole,
			"File that holds the password. White space around it is ignored. It is read when the configuration is loaded.",
			Key{Example: "${CREDENTIALS_DIRECTORY}/smtp_password", With: "username"}),
	},
	check: (*section).checkEmail,
	also: func() []schema {
		password := []schema{{"required": []string{"password"}}, {"required": []string{"password_file"}}}
		none := schema{"not": schema{"anyOf": append([]schema{{"required": []string{"username"}}}, password...)}}
		return []schema{{"oneOf": append([]schema{none}, password...)}}
	},
}
