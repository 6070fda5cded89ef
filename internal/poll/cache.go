package poll

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"github.com/rowtap/rowtap/internal/detect"
)

// cachedRows bounds the rows in cached cursors, of all zaps together. Each takes about 70 bytes in
// a worksheet of ten columns. Without the cache, comparing a window of a few rows would decode the
// cursor of all rows.
const cachedRows = 1 << 20

// cursorCache caches the ledger's cursors of large worksheets by zap. The zero value is empty.
type cursorCache struct {
	mu      sync.Mutex
	rows    int // in all cursors
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

// put caches a cursor if there is room.
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

// forget drops a zap's cursor. Call it before the ledger's copy changes, or to free memory.
func (c *cursorCache) forget(zap string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rows -= len(c.cursors[zap].cursor.Rows)
	delete(c.cursors, zap)
}

// decode loads the worksheet's cursor unless it is loaded.
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
		return fmt.Errorf("decode the cursor of worksheet %q: %w", p.sheet.title, err)
	}
	return nil
}

// keepCursor caches the cursor of a large worksheet for the next poll.
func (p *poll) keepCursor() {
	p.poller.mu.Lock()
	// Nothing would drop the cursor of a zap that has been removed from the configuration.
	removed := p.poller.schedules[p.recipe.Name] != p.schedule
	p.poller.mu.Unlock()
	if p.sheet.large() && !removed {
		p.poller.cache.put(p.recipe.Name, cachedCursor{p.recipe.Trigger.SpreadsheetID, p.sheet.gid, p.result.Cursor})
	}
}
