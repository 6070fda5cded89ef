package mirror

import "time"

// Age makes a term's last renewal older.
func (t *Term) Age(by time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.renewed = t.renewed.Add(-by)
}
