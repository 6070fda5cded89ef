package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"
)

// Priorities of the journal, as prefixes of its lines
// (https://www.freedesktop.org/software/systemd/man/latest/sd-daemon.html).
const (
	journalErr     = "<3>"
	journalWarning = "<4>"
	journalInfo    = "<6>"
	journalDebug   = "<7>"
)

// isJournal reports whether a writer is the stream to the journal that systemd opened for this
// process: $JOURNAL_STREAM has its device and inode
// (https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#%24JOURNAL_STREAM).
func isJournal(to io.Writer) bool {
	f, ok := to.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil {
		return false
	}
	device, inode, ok := deviceOf(info)
	return ok && os.Getenv("JOURNAL_STREAM") == fmt.Sprintf("%d:%d", device, inode)
}

// journalError returns the text of an error, with the priority on each line if to is the journal.
func journalError(to io.Writer, text string) string {
	if !isJournal(to) {
		return text
	}
	return prefixed(journalErr, text)
}

// prefixed puts a prefix before each line of a text.
func prefixed(prefix, text string) string {
	return prefix + strings.ReplaceAll(text, "\n", "\n"+prefix)
}

// journalEncoder puts the priority of an entry before each of its lines.
type journalEncoder struct{ zapcore.Encoder }

// Clone returns a copy of the encoder.
func (e journalEncoder) Clone() zapcore.Encoder { return journalEncoder{e.Encoder.Clone()} }

// EncodeEntry encodes an entry.
func (e journalEncoder) EncodeEntry(entry zapcore.Entry, fields []zapcore.Field) (*buffer.Buffer, error) {
	b, err := e.Encoder.EncodeEntry(entry, fields)
	if err != nil {
		return nil, err
	}
	text := strings.TrimSuffix(b.String(), "\n")
	b.Reset()
	b.AppendString(prefixed(priority(entry.Level), text))
	b.AppendByte('\n')
	return b, nil
}

// priority returns the journal's priority of a level.
func priority(l zapcore.Level) string {
	switch {
	case l >= zapcore.ErrorLevel:
		return journalErr
	case l == zapcore.WarnLevel:
		return journalWarning
	case l == zapcore.InfoLevel:
		return journalInfo
	}
	return journalDebug
}
