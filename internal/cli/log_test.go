package cli

import (
	"bytes"
	"encoding/json"
	stdlog "log"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/config"
)

// An error without a hint is logged without one.
func TestLogWithoutEmptyFields(t *testing.T) {
	var out bytes.Buffer
	log, err := newLogger(config.Log{Level: "info", Format: "json"}, &out)
	if err != nil {
		t.Fatal(err)
	}
	log.With(zap.String("code", "")).Warn("refused", zap.String("next", ""), zap.String("zap", "a"), zap.Int("row", 0))
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	delete(line, "time")
	if diff := cmp.Diff(map[string]any{"level": "warn", "msg": "refused", "zap": "a", "row": 0.0}, line); diff != "" {
		t.Errorf("logged (-want +got):\n%s", diff)
	}
}

// A message of the standard library's logger becomes one JSON line in the daemon's log, without the
// texts that it quotes.
func TestLibraryLogIsTheDaemons(t *testing.T) {
	var out bytes.Buffer
	log, err := newLogger(config.Log{Level: "info", Format: "json"}, &out)
	if err != nil {
		t.Fatal(err)
	}
	to := stdlog.Writer()
	undo := redirectLibraryLog(log)
	stdlog.Printf("Unsolicited response received on idle HTTP channel starting with %q; err=%v", "HTTP/1.1 200 OK\r\nX: a@b.c", nil)
	undo()
	if stdlog.Writer() != to {
		t.Error("the log of the library is not as it was")
	}
	var line map[string]any
	const want = `Unsolicited response received on idle HTTP channel starting with "…"; err=<nil>`
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line["level"] != "warn" || line["detail"] != want {
		t.Errorf("%v: logged %s, want %s", err, &out, want)
	}
}
