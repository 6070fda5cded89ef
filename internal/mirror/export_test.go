package mirror

import "time"

// Age has a term's last renewal be longer ago.
func (t *Term) Age(by time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.renewed = t.renewed.Add(-by)
}
