package cli

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// TestTailTellsOfAGap: tail prints the outcomes of a stream, and says where the daemon has dropped some.
func TestTailTellsOfAGap(t *testing.T) {
	const stream = ": rowtap\n\n" +
		"event: delivery\ndata: {\"id\":\"a/1\",\"zap\":\"a\",\"state\":\"sent\",\"at\":\"2026-11-24T10:00:00Z\"}\n\n" +
		"event: missed\ndata: {}\n\n" +
		": still here\n\n" +
		"event: delivery\ndata: {\"id\":\"a/9\",\"zap\":\"a\",\"state\":\"sent\",\"at\":\"2026-11-24T10:00:00Z\"}\n\n"
	var out, said bytes.Buffer
	err := tail{clock: clock{time.UTC}, out: &out, said: &said}.print(strings.NewReader(stream))
	if !errors.Is(err, io.EOF) || strings.Count(out.String(), "\n") != 2 || !strings.Contains(out.String(), "a/9") {
		t.Errorf("%v, printed:\n%s", err, out.String())
	}
	if strings.Count(said.String(), "\n") != 1 || !strings.Contains(said.String(), "rowtap history") {
		t.Errorf("said %q, want a line about the gap", said.String())
	}
}
