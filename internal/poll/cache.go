package poll

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"github.com/rowtap/rowtap/internal/detect"
)

// cachedRows bounds the rows of cursors that are kept in memory from poll to poll, of all zaps
// together: some 70 bytes each in a worksheet of ten columns. Without the cache, comparing a window
// of a few rows would take decoding the cursor of all rows.
const cachedRows = 1 << 20

// cursorCache keeps cursors of large worksheets as the ledger has them, by zap. The zero value is
// empty.
type cursorCache struct {
	mu      sync.Mutex
	rows    int // of all cursors
	cursors map[string]cachedCursor
}

type cachedCursor struct {
	spreadsheetID string
	gid           int64
	cursor        detect.Cursor
}

func (c *cursorCache) get(zap, spreadsheetID string, gid int64) (detect.Cursor, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.cursors[zap]
	return r.cursor, ok && r.spreadsheetID == spreadsheetID && r.gid == gid
}

// put keeps a cursor, if there is room.
func (c *cursorCache) put(zap string, r cachedCursor) {
	c.forget(zap)
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(r.cursor.Rows); c.rows+n <= cachedRows {
		if c.cursors == nil {
			c.cursors = map[string]cachedCursor{}
		}
		c.cursors[zap] = r
		c.rows += n
	}
}

// forget drops a zap's cursor, which is no longer what the ledger has, or whose memory is needed.
func (c *cursorCache) forget(zap string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rows -= len(c.cursors[zap].cursor.Rows)
	delete(c.cursors, zap)
}

// decode reads what was last seen of the worksheet, unless it is known already.
func (p *poll) decode(ctx context.Context) (err error) {
	if p.seen {
		return nil
	}
	id, gid := p.recipe.Trigger.SpreadsheetID, p.sheet.gid
	if p.cursor, p.seen = p.poller.cache.get(p.recipe.Name, id, gid); !p.seen {
		p.seen, err = p.poller.opts.Ledger.Cursor(ctx, p.recipe.Name, id, gid, p.decodeChunks)
	}
	return err
}

func (p *poll) decodeChunks(chunks iter.Seq[[]byte]) (err error) {
	if p.cursor, err = detect.Decode(chunks); err != nil {
		return fmt.Errorf("what was last seen of worksheet %q cannot be read: %w", p.sheet.title, err)
	}
	return nil
}

// keepCursor keeps the cursor of a large worksheet for the next poll.
func (p *poll) keepCursor() {
	p.poller.mu.Lock()
	removed := p.poller.schedules[p.recipe.Name] != p.schedule // taken out of the configuration meanwhile: nothing would forget it
	p.poller.mu.Unlock()
	if p.sheet.large() && !removed {
		p.poller.cache.put(p.recipe.Name, cachedCursor{p.recipe.Trigger.SpreadsheetID, p.sheet.gid, p.result.Cursor})
	}
}
