package cli

import (
	"bytes"
	"encoding/json"
	stdlog "log"
	"testing"

	"github.com/rowtap/rowtap/internal/config"
)

// What the standard library logs is one JSON line of the daemon's log, without what it quotes.
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
