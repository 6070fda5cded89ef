package cli

import (
	"fmt"
	"io"
	stdlog "log"
	"slices"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/web"
)

// newLogger makes the daemon's logger. It does not sample: the line of each row is written. If to
// is the journal, each line begins with its priority.
func newLogger(c config.Log, to io.Writer) (*zap.Logger, error) {
	level, err := zapcore.ParseLevel(c.Level)
	if err != nil {
		return nil, fmt.Errorf("log.level: %w", err)
	}
	enc := zap.NewProductionEncoderConfig()
	enc.TimeKey = "time"
	enc.EncodeTime = func(t time.Time, e zapcore.PrimitiveArrayEncoder) {
		e.AppendString(t.UTC().Format("2006-01-02T15:04:05.000Z"))
	}
	enc.EncodeDuration = zapcore.StringDurationEncoder
	encoder := zapcore.NewJSONEncoder(enc)
	if c.Format == "console" {
		enc.EncodeLevel = zapcore.CapitalLevelEncoder
		encoder = zapcore.NewConsoleEncoder(enc)
	}
	if isJournal(to) {
		encoder = journalEncoder{encoder}
	}
	return zap.New(valued{zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(to)), level)}), nil
}

// valued omits fields that are empty texts: not every error has a next step, a code or a column.
type valued struct{ zapcore.Core }

// With returns a core that adds fields to every line.
func (v valued) With(fields []zapcore.Field) zapcore.Core {
	return valued{v.Core.With(withValue(fields))}
}

// Check adds the core to entries of its level.
func (v valued) Check(e zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if v.Enabled(e.Level) {
		return to.AddCore(e, v)
	}
	return to
}

// Write writes an entry.
func (v valued) Write(e zapcore.Entry, fields []zapcore.Field) error {
	return v.Core.Write(e, withValue(fields))
}

func withValue(fields []zapcore.Field) []zapcore.Field {
	return slices.DeleteFunc(slices.Clone(fields), func(f zapcore.Field) bool { return f.Type == zapcore.StringType && f.String == "" })
}

// redirectLibraryLog writes what the standard library logs, such as its HTTP transports, to log. It
// returns a function that undoes it.
func redirectLibraryLog(log *zap.Logger) (undo func()) {
	to, flags := stdlog.Writer(), stdlog.Flags()
	stdlog.SetOutput(web.LibraryLog(log).Writer())
	stdlog.SetFlags(0)
	return func() {
		stdlog.SetOutput(to)
		stdlog.SetFlags(flags)
	}
}
