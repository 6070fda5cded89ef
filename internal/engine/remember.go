package engine

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"github.com/rowtap/rowtap/internal/detect"
)

// rememberedRows bounds the rows of cursors that are kept in memory from poll to poll, of all zaps together: some 70 bytes each in a
// worksheet of ten columns. Without, comparing a window of a few rows would take decoding the cursor of all.
const rememberedRows = 1 << 20

// memory keeps cursors of large worksheets as the ledger has them, by zap.
type memory struct {
	mu      sync.Mutex
	rows    int
	cursors map[string]remembered
}

type remembered struct {
	spreadsheetID string
	gid           int64
	cursor        detect.Cursor
}

func (m *memory) get(zap, spreadsheetID string, gid int64) (detect.Cursor, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.cursors[zap]
	return r.cursor, ok && r.spreadsheetID == spreadsheetID && r.gid == gid
}

// put keeps a cursor, if there is room.
func (m *memory) put(zap string, r remembered) {
	m.forget(zap)
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := len(r.cursor.Rows); m.rows+n <= rememberedRows {
		if m.cursors == nil {
			m.cursors = map[string]remembered{}
		}
		m.cursors[zap] = r
		m.rows += n
	}
}

// forget drops a zap's cursor: it is no longer what the ledger has, or its memory is needed.
func (m *memory) forget(zap string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows -= len(m.cursors[zap].cursor.Rows)
	delete(m.cursors, zap)
}

// decode reads what was last seen of the worksheet, unless it is known already.
func (p *poll) decode(ctx context.Context) (err error) {
	if p.seen {
		return nil
	}
	id, gid := p.recipe.Trigger.SpreadsheetID, p.sheet.gid
	if p.cursor, p.seen = p.engine.memory.get(p.recipe.Name, id, gid); !p.seen {
		p.seen, err = p.engine.ledger.Cursor(ctx, p.recipe.Name, id, gid, p.decodeChunks)
	}
	return err
}

func (p *poll) decodeChunks(chunks iter.Seq[[]byte]) (err error) {
	if p.cursor, err = detect.Decode(chunks); err != nil {
		return fmt.Errorf("what was last seen of worksheet %q cannot be read: %w", p.sheet.title, err)
	}
	return nil
}

// remember keeps the cursor of a large worksheet for the next poll.
func (p *poll) remember() {
	p.engine.mu.Lock()
	gone := p.engine.beats[p.recipe.Name] != p.beat // taken out of the configuration meanwhile: nobody would forget it
	p.engine.mu.Unlock()
	if p.sheet.large() && !gone {
		p.engine.memory.put(p.recipe.Name, remembered{p.recipe.Trigger.SpreadsheetID, p.sheet.gid, p.result.Cursor})
	}
}
