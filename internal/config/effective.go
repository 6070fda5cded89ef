package config

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// Effective is a configuration file as it counts: defaults filled in, variables expanded, secrets hidden.
type Effective struct {
	File string
	doc  document
}

// Effective returns rowtap.yaml and the zap files as they count.
func (c *Config) Effective() []Effective {
	all := []Effective{{File: c.Dir + "/rowtap.yaml", doc: c.effective()}}
	for _, z := range c.Zaps {
		all = append(all, Effective{File: z.File, doc: z.effective()})
	}
	return all
}

// YAML returns the file as it could have been written.
func (e Effective) YAML() ([]byte, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(e.doc); err != nil {
		return nil, err
	}
	return b.Bytes(), enc.Close()
}

// MarshalJSON returns the same as a JSON object.
func (e Effective) MarshalJSON() ([]byte, error) { return e.doc.MarshalJSON() }

// document is a mapping whose keys keep their order.
type document []keyed

type keyed struct {
	key   string
	value any
}

// set adds a key, unless its value is none.
func (d *document) set(key string, value any) {
	switch v := value.(type) {
	case nil:
		return
	case string:
		if v == "" {
			return
		}
	case []string:
		if v == nil {
			return
		}
	case *url.URL:
		if v == nil {
			return
		}
		value = v.String()
	case *Template:
		if v == nil {
			return
		}
		value = v.effective()
	case Template:
		value = v.effective()
	case Secret:
		if v == (Secret{}) {
			return
		}
		value = redacted
	case time.Duration:
		value = effectiveDuration(v)
	case document:
		if len(v) == 0 {
			return
		}
	}
	*d = append(*d, keyed{key, value})
}

// MarshalYAML keeps the order.
func (d document) MarshalYAML() (any, error) {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, k := range d {
		var key, value yaml.Node
		if err := key.Encode(k.key); err != nil {
			return nil, err
		}
		if err := value.Encode(k.value); err != nil {
			return nil, err
		}
		n.Content = append(n.Content, &key, &value)
	}
	return n, nil
}

// MarshalJSON keeps the order.
func (d document) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, k := range d {
		if i > 0 {
			b = append(b, ',')
		}
		key, err := json.Marshal(k.key)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(k.value)
		if err != nil {
			return nil, err
		}
		b = append(append(append(b, key...), ':'), value...)
	}
	return append(b, '}'), nil
}

// effectiveDuration is a duration as the files write it: 30d, 1d12h, 90s.
func effectiveDuration(d time.Duration) string {
	const day = 24 * time.Hour
	days, rest := d/day, d%day
	text := rest.String()
	for _, zero := range []string{"m0s", "h0m"} { // 1h0m0s is 1h
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	switch {
	case days == 0:
		return text
	case rest == 0:
		text = ""
	}
	return strconv.Itoa(int(days)) + "d" + text
}

func (t Template) effective() any {
	if t.Literal != nil {
		return t.Literal
	}
	return t.Text
}

func (c *Config) effective() document {
	var d, google, cleverTap document
	for _, name := range sortedKeys(c.GoogleAccounts) {
		a := c.GoogleAccounts[name]
		var one document
		one.set("credentials_file", a.CredentialsFile)
		one.set("reads_per_minute", a.ReadsPerMinute)
		one.set("endpoint", a.Endpoint)
		google.set(name, one)
	}
	for _, name := range sortedKeys(c.CleverTapAccounts) {
		a := c.CleverTapAccounts[name]
		var one document
		one.set("account_id", a.AccountID)
		one.set("passcode", a.Passcode)
		one.set("region", a.Region)
		one.set("max_concurrent", a.MaxConcurrent)
		one.set("on_unknown", string(a.OnUnknown))
		one.set("endpoint", a.Endpoint)
		cleverTap.set(name, one)
	}
	d.set("google_accounts", google)
	d.set("clevertap_accounts", cleverTap)
	state := document{{"path", c.State.Path}, {"history", effectiveDuration(c.State.History)}}
	state.set("postgres", c.State.Postgres)
	state.set("lease", c.State.Lease)
	d.set("state", state)
	auth := "token"
	if c.HTTP.AuthOff {
		auth = "off"
	}
	http := document{{"listen", c.HTTP.Listen}, {"token_file", c.HTTP.TokenFile}, {"auth", auth}}
	http.set("hosts", c.HTTP.Hosts)
	d.set("http", http)
	d.set("log", document{{"level", c.Log.Level}, {"format", c.Log.Format}})
	var notify document
	notify.set("webhook", c.Notify.Webhook)
	d.set("notify", notify)
	return d
}

func (z *Zap) effective() document {
	d := document{{"name", z.Name}, {"enabled", z.Enabled}, {"shadow", z.Shadow}, {"schedule", z.Schedule.Text}}
	d.set("trigger", z.Trigger.effective())
	d.set("filter", z.Filter)
	if len(z.Actions) == 1 {
		d.set("action", z.Actions[0].effective())
	} else {
		actions := make([]document, len(z.Actions))
		for i, a := range z.Actions {
			actions[i] = a.effective()
		}
		d.set("actions", actions)
	}
	d.set("redact", z.Redact)
	return d
}

func (t Trigger) effective() document {
	d := document{{"app", "google_sheets"}, {"event", "new_spreadsheet_row"}, {"account", t.Account.Name}, {"spreadsheet", t.SpreadsheetID}}
	if t.Worksheet.ByGID {
		d.set("worksheet", document{{"gid", t.Worksheet.GID}})
	} else {
		d.set("worksheet", t.Worksheet.Title)
	}
	d.set("header_row", t.HeaderRow)
	switch {
	case t.Start.Now:
		d.set("start", "now")
	case t.Start.Beginning:
		d.set("start", "beginning")
	default:
		d.set("start", t.Start.Row)
	}
	d.set("require", t.Require)
	if t.SettleCopies != copiesSettle || t.Settle > 0 {
		d.set("settle", t.Settle)
	}
	d.set("key", t.Key)
	d.set("ignore", t.Ignore)
	d.set("unsure", string(t.Unsure))
	if t.Recheck > 0 {
		d.set("recheck", t.Recheck)
	} else {
		d.set("recheck", "auto")
	}
	d.set("max_new_rows", t.MaxNewRows)
	return d
}

func (a Action) effective() document {
	d := document{{"app", "clevertap"}, {"event", string(a.Event)}, {"account", a.Account.Name}}
	d.set(map[IDKind]string{Identity: "identity", ObjectID: "object_id", FBID: "fbid", GPID: "gpid"}[a.IDKind], a.ID)
	d.set("event_name", a.EventName)
	d.set("time", a.Time)
	switch {
	case a.AllMapped:
		all := document{{everyColumn, true}}
		for _, o := range a.Omit {
			all = append(all, keyed{o.Name, false})
		}
		d.set("properties", append(all, effectiveProperties(a.Properties)...))
	case a.AllProperties:
		d.set("properties", "all")
	default:
		d.set("properties", effectiveProperties(a.Properties))
	}
	if len(a.Items) > 0 {
		items := make([]document, len(a.Items))
		for i, item := range a.Items {
			items[i] = effectiveProperties(item)
		}
		d.set("items", items)
	}
	return d
}

func effectiveProperties(properties []Property) document {
	var d document
	for _, p := range properties {
		var long document
		if p.Value != (Template{}) {
			long.set("value", p.Value)
		}
		long.set("type", string(p.Type))
		long.set("op", string(p.Op))
		long.set("country", p.Country)
		long.set("country", p.CountryFrom)
		if len(p.Formats) == 1 {
			long.set("format", p.Formats[0])
		} else {
			long.set("format", p.Formats)
		}
		long.set("timezone", p.Timezone)
		long.set("separator", p.Separator)
		long.set("decimal", p.Decimal)
		long.set("thousands", p.Thousands)
		if p.Currency {
			long.set("currency", true)
		}
		if _, truth := p.Value.Literal.(bool); len(long) == 1 && long[0].key == "value" && !truth { // true and false alone may say more
			d = append(d, keyed{p.Name, long[0].value})
			continue
		}
		d.set(p.Name, long)
	}
	return d
}
