package config_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"

	"github.com/rowtap/rowtap/internal/config"
)

// renderings returns a value in every form in which a program might print it.
func renderings(value any) string {
	var b strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
		fmt.Fprintf(&b, verb+"\n", value)
	}
	if text, err := json.Marshal(value); err == nil {
		b.Write(text)
	}
	if text, err := yaml.Dump(value); err == nil {
		b.Write(text)
	}
	encoder := zapcore.NewJSONEncoder(zapcore.EncoderConfig{})
	line, err := encoder.EncodeEntry(zapcore.Entry{}, []zapcore.Field{zap.Any("any", value), zap.Reflect("reflect", value)})
	if err == nil {
		b.WriteString(line.String())
	}
	core, logs := observer.New(zapcore.DebugLevel)
	zap.New(core).Sugar().Infow("x", "value", value)
	fmt.Fprintf(&b, "%v", logs.All()[0].ContextMap())
	return b.String()
}

func TestSecretIsRedacted(t *testing.T) {
	type unexported struct {
		name   string
		secret config.Secret
	}
	s := config.NewSecret("hunter2")
	values := map[string]any{
		"Secret": s, "*Secret": &s, "a slice": []config.Secret{s}, "a map": map[string]config.Secret{"k": s}, "a field": config.CleverTapAccount{Passcode: s},
		"an unexported field": unexported{"x", s}, "a pointer to one": &unexported{"x", s}, "a key": map[config.Secret]int{s: 1},
	}
	hex := fmt.Sprintf("%x", "hunter2")
	for name, value := range values {
		if got := renderings(value); strings.Contains(got, "hunter2") || strings.Contains(strings.ToLower(got), hex) {
			t.Errorf("%s shows the secret:\n%s", name, got)
		}
	}
	for _, got := range []string{fmt.Sprint(s), fmt.Sprintf("%#v", s), fmt.Sprintf("%q", s), s.String()} {
		if got != "[redacted]" {
			t.Errorf("a secret is shown as %q, want [redacted]", got)
		}
	}
	if text, err := json.Marshal(s); err != nil || string(text) != `"[redacted]"` {
		t.Errorf("json.Marshal = %s, %v", text, err)
	}
	if s.Reveal() != "hunter2" || s != config.NewSecret("hunter2") || s == config.NewSecret("other") {
		t.Errorf("Reveal = %q, or == is wrong", s.Reveal())
	}
	if zero := (config.Secret{}); zero.Reveal() != "" || zero != config.NewSecret("") {
		t.Errorf("the zero Secret = %q", zero.Reveal())
	}
}

// TestSecretsNeverShow writes random secrets, in every YAML style, into valid, invalid and
// malformed configurations, and searches everything that Load returns for them.
func TestSecretsNeverShow(t *testing.T) {
	dir := directory(t, map[string]string{"zaps/demo.yaml": readFile(t, "../../configs/zaps/webinar-events.yaml")})
	base := environment(t, nil)
	rapid.Check(t, func(t *rapid.T) {
		secret := "S3" + rapid.StringMatching(`[A-Za-z0-9]{8,20}`).Draw(t, "secret")
		values := map[string]string{}
		written := rapid.SampledFrom([]string{
			"%s", "'%s'", "\"%s\"", "|\n      %s", ">-\n      %s\n      more", "\"a\n      %s\n      b\"", "plain\n      %s", "[%s]", "{%s: %s}", "{a: [%s]}", "- %s",
			"!%s x", "&%s", "*%s", "&a %s", "%s: %s", "\"%s", "'%s", "@%s", "%%%s", "{{%s}}", "${%s}", "${X:-%s}", "$${%s", "${%s", "|\n      a: b\n      %s: c\n    d", "",
			"${SECRET}", "\"${SECRET}\"", "a ${SECRET} b", "${file:secret.txt}", "\t%s", "x # %s", "\n      - %s\n     - %s", "\"\\q%s\"", "0x%s", "~%s",
		}).Draw(t, "written")
		written = strings.ReplaceAll(written, "%s", secret)
		values["SECRET"] = secret
		key := rapid.SampledFrom([]string{"passcode", "Passcode", "pascode", "pass", "password", "passcode ", "\"passcode\"", "? passcode\n    ", "api_token", "clevertap_passcode"}).Draw(t, "key")
		separator := rapid.SampledFrom([]string{": ", ": ", ": ", ":", " ", " = ", ":\n      ", ":\n    "}).Draw(t, "separator")
		region := rapid.SampledFrom([]string{"in1", "in9", "[", "\"", "a: b", "{x: y}", "\n\tin1", "${UNSET}"}).Draw(t, "region")
		webhook := rapid.SampledFrom([]string{"https://hooks.example.com/", "http://example.com/", "ftp://", "https://%zz", "", "https://u:p@h/"}).Draw(t, "webhook") + secret
		tail := rapid.SampledFrom([]string{"", "log: {level: x}\n", "---\nx: 1\n", "  bad\n", "'\n", "}\n", "passcode: x\n"}).Draw(t, "tail")
		mail := rapid.SampledFrom([]string{
			"", "  email: {server: \"smtp://u:%s@h:25\", password: \"%s\"}\n", "  email:\n    to: a\n    password: %s\n    pasword: %s\n", "  email: {server: u:%s@h, from: [x], password_file: [%s]}\n",
		}).Draw(t, "mail")
		mail = strings.ReplaceAll(mail, "%s", secret)
		before := rapid.SampledFrom([]string{"region: " + region + "\n    ", ""}).Draw(t, "before")
		postgres := rapid.SampledFrom([]string{
			"postgres://u:%s@h/db", "postgress://u:%s@h/db?x=y", "postgres://u:a/%s@h/db", "postgres://h:%s/db", "postgres://h/db?sslmode=%s", "postgres://h/db?%s=x",
			"host=h password=%s", "host=h password %s", "host=h;password=%s", "port=%s", "service=%s", "target_session_attrs=%s", "sslrootcert=/%s", "%s", "\n    - %s",
		}).Draw(t, "postgres")
		state := "state:\n  " + rapid.SampledFrom([]string{"postgres", "postgress", "dsn_postgres"}).Draw(t, "state") + ": " + strings.ReplaceAll(postgres, "%s", secret) + "\n  lease: \"?\"\n"
		text := state + "clevertap_accounts:\n  production:\n    " + before + key + separator + written + "\n    account_id: x\n    max_concurrent: 99\nnotify:\n  webhook: " + webhook + "\n" + mail + tail
		if rapid.Bool().Draw(t, "flow") {
			text = "clevertap_accounts:\n  production: {account_id: [x], " + key + separator + written + ", regoin: " + region + "}\nnotify: {webhook: \"" + webhook + "\", x: 1}\n" + tail
		}
		writeFiles(t, dir, map[string]string{"rowtap.yaml": text, "secret.txt": secret + "\n"})
		lookup := func(name string) (string, bool) {
			if v, ok := values[name]; ok {
				return v, true
			}
			return base(name)
		}
		c, err := config.Load(dir, lookup)
		var got string
		if err != nil {
			got = renderings(err) + err.Error()
		} else {
			got = renderings(c) + printed(c) + renderings(*c) + renderings(c.Warnings)
			for name := range maps.Keys(c.CleverTapAccounts) {
				got += renderings(*c.CleverTapAccounts[name])
			}
		}
		// A name that messages must quote, such as a variable's, is not a place for a secret.
		if written == "${"+secret+"}" || strings.Contains(written, "${"+secret) {
			return
		}
		if strings.Contains(got, secret) {
			for line := range strings.Lines(got) {
				if strings.Contains(line, secret) {
					t.Fatalf("the secret %s of\n%s\nshows in\n%.400s", secret, text, line)
				}
			}
		}
	})
}

// printed returns the output of check --print.
func printed(c *config.Config) string {
	var b strings.Builder
	for _, e := range c.Effective() {
		yaml, err := e.YAML()
		json, jsonErr := e.MarshalJSON()
		fmt.Fprintln(&b, string(yaml), err, string(json), jsonErr)
	}
	return b.String()
}

func writeFiles(t *rapid.T, dir string, files map[string]string) {
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
