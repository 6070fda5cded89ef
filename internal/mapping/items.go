package mapping

import (
	"fmt"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/config"
)

// item compiles one item of Charged, whose properties are like those of an event
// (https://docs.clevertap.com/docs/events).
func (c *compilation) item(properties []config.Property) []property {
	var item []property
	for _, p := range properties {
		compiled := c.property(p)
		compiled.item = true
		if compiled.kind == config.JSON {
			c.mistake(p.NamePos, "an item cannot hold lists or objects: CleverTap refuses the event (code 512)", "remove type")
		}
		item = append(item, compiled)
	}
	return item
}

// appendItems appends Items, with a comma before it unless it is the first property, and adds
// mistakes to wrong. It leaves out items for which the row has no value, even if they have
// constants such as a currency. It appends nothing if no item is left.
func (a *boundAction) appendItems(dst []byte, e *evaluation, first bool, wrong *mistakes) []byte {
	length, all := len(dst), len(e.origins)
	if !first {
		dst = append(dst, ',')
	}
	dst = append(dst, `"`+clevertap.ChargedItems+`":[`...)
	none := true
	for i, item := range a.items {
		before, origins := len(dst), len(e.origins)
		if !none {
			dst = append(dst, ',')
		}
		dst = append(dst, '{')
		empty, given, fromRow := true, false, false
		for j := range item {
			p := &item[j]
			start := len(dst)
			var why *fault
			if dst, why = p.appendTo(dst, e, empty); why != nil {
				wrong.add(fmt.Sprintf("evtData.%s[%d].%s", clevertap.ChargedItems, i, p.name), why.of(e.row.Number, p.template.columns, fmt.Sprintf("%s of item %d", p.name, i+1), p.value.pos))
				if e.budget.exceeded() {
					e.origins = e.origins[:all]
					return dst[:length]
				}
			}
			empty = empty && len(dst) == start
			fromRow = fromRow || len(p.template.columns) > 0
			given = given || len(p.template.columns) > 0 && len(dst) > start
		}
		if empty || fromRow && !given {
			dst, e.origins = dst[:before], e.origins[:origins]
			continue
		}
		dst = append(dst, '}')
		none = false
	}
	switch {
	case none:
		return dst[:length]
	case !e.charged:
		why := faultf("the event is not %s, the only one with items", clevertap.ChargedEvent).withCode(clevertap.CodeEventStructure)
		wrong.add("evtName", why.of(e.row.Number, a.eventName.columns, "", a.ItemsPos))
	}
	return append(dst, ']')
}
