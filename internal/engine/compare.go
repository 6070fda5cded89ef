package engine

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/row"
)

// compare finds what is new. columns is the mapping's trouble with the header: then nothing moves, but for a first read,
// whose baseline is exact whatever the mapping lacks.
func (p *poll) compare(w *worksheet, t row.Table) (result detect.Result, first bool, columns, err error) {
	o, columns, err := p.options(t.Header)
	if err != nil {
		return result, false, nil, err
	}
	chunks, ok, err := p.engine.ledger.Cursor(p.recipe.Name, p.recipe.Trigger.SpreadsheetID, w.gid)
	if err != nil {
		return result, false, nil, err
	}
	if !ok {
		oldTo, err := p.oldTo(w)
		if err != nil {
			return result, true, nil, err
		}
		next, err := p.engine.ledger.NextDelivery(p.recipe.Name)
		if err != nil {
			return result, true, nil, err
		}
		if columns != nil {
			if oldTo < math.MaxInt {
				return result, true, nil, columns // rows that are there are to be sent: not before the mapping fits
			}
			o.Require, o.Key, o.Ignore = present(t.Header, o.Require), present(t.Header, o.Key), present(t.Header, o.Ignore)
		}
		return detect.Begin(t, o, oldTo, next, wallClock()), true, columns, nil
	}
	if columns != nil {
		return detect.Result{Unchanged: true}, false, columns, nil
	}
	cursor, err := detect.Decode(chunks)
	if err != nil {
		return result, false, nil, fmt.Errorf("what was last seen of worksheet %q cannot be read: %w", w.title, err)
	}
	// The zap may have watched another worksheet in between, and given out numbers.
	if cursor.Next, err = p.engine.ledger.NextDelivery(p.recipe.Name); err != nil {
		return result, false, nil, err
	}
	for _, d := range p.failed {
		o.Failed = append(o.Failed, d.Number)
	}
	result = detect.Diff(cursor, t, o, wallClock())
	if p.elsewhere(w) {
		p.log.Warn("the zap watches a worksheet again that it watched before: what was added meanwhile is held",
			zap.String("worksheet", w.title), zap.Int("rows", len(result.Found)))
		for i := range result.Found {
			result.Found[i].State, result.Found[i].Reason = detect.Held, "added while the zap watched another worksheet"
		}
		result.Unchanged = false
	}
	return result, false, nil, nil
}

// elsewhere tells whether the zap's last read was of another worksheet.
func (p *poll) elsewhere(w *worksheet) bool {
	return p.known && p.kept.SpreadsheetID != "" &&
		(p.kept.SpreadsheetID != p.recipe.Trigger.SpreadsheetID || p.kept.GID != w.gid)
}

// options returns what decides what is new under a header. missing is a [mapping.ColumnError] where the header lacks a
// column that the zap names, or has it twice.
func (p *poll) options(h row.Header) (o detect.Options, missing, err error) {
	bound, err := p.recipe.Mapping.Bind(h)
	wrong := &mapping.ColumnError{}
	if err != nil && !errors.As(err, &wrong) {
		return o, nil, err
	}
	identity := p.recipe.Mapping.IdentityColumns()
	if bound != nil {
		identity = bound.IdentityColumns()
	}
	o = p.recipe.detectOptions(identity)
	for _, name := range slices.Concat(p.recipe.Trigger.Require, o.Key, o.Ignore) {
		if _, found := h.Index(name); found {
			continue
		}
		wrong.Missing = append(wrong.Missing, mapping.MissingColumn{
			Name:    name,
			Pos:     p.recipe.Trigger.ColumnPos[name],
			Doubled: h.Doubled(name),
			Nearest: config.Nearest(name, h.Names()),
		})
	}
	if len(wrong.Missing) > 0 {
		return o, wrong, nil
	}
	return o, nil, nil
}

func present(h row.Header, names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, ok := h.Index(name)
		return !ok
	})
}

// oldTo returns the sheet row to which rows count as there already at a first read.
func (p *poll) oldTo(w *worksheet) (int, error) {
	start := p.recipe.Trigger.Start
	if p.known && p.kept.SpreadsheetID != "" {
		p.log.Warn("the zap now watches another worksheet: the rows that are there already are not sent",
			zap.String("worksheet", w.title))
		return math.MaxInt, nil
	}
	before, err := p.renamedFrom(w)
	if err != nil {
		return 0, err
	}
	if before != "" {
		p.log.Warn("the worksheet was watched by a zap that is gone, perhaps this one under its old name: it starts anew, and the "+
			"rows that are there already are not sent", zap.String("was", before),
			zap.String("next", "to go on where it was, give the zap its old name again"))
		return math.MaxInt, nil
	}
	if start.Now {
		return math.MaxInt, nil
	}
	if start.Beginning {
		return 0, nil
	}
	return start.Row, nil
}

// renamedFrom returns the name of a zap that the configuration no longer has and that watched the same worksheet.
func (p *poll) renamedFrom(w *worksheet) (string, error) {
	names, err := p.engine.ledger.Zaps()
	if err != nil {
		return "", err
	}
	for _, name := range names {
		if p.plan.Recipe(name) != nil {
			continue
		}
		_, ok, err := p.engine.ledger.Cursor(name, p.recipe.Trigger.SpreadsheetID, w.gid)
		if err != nil {
			return "", err
		}
		if ok {
			return name, nil
		}
	}
	return "", nil
}
