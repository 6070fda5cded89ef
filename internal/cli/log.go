package cli

import (
	"fmt"
	"io"
	stdlog "log"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/web"
)

// newLogger makes the daemon's logger. Nothing is sampled away: a row's line is written, however many are alike.
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
	return zap.New(zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(to)), level)), nil
}

// redirectLibraryLog has what the standard library logs, such as the HTTP transports of all clients, written to log. It returns what
// undoes it.
func redirectLibraryLog(log *zap.Logger) (undo func()) {
	to, flags := stdlog.Writer(), stdlog.Flags()
	stdlog.SetOutput(web.LibraryLog(log).Writer())
	stdlog.SetFlags(0)
	return func() {
		stdlog.SetOutput(to)
		stdlog.SetFlags(flags)
	}
}
