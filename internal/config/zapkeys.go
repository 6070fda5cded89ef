package config

import (
	"math"
	"time"
)

// zapKeys are the keys of a zap file.
var zapKeys = table[Zap]{
	keys: []key[Zap]{
		field("name", nameKind, func(z *Zap) *string { return &z.Name },
			"Name of the zap.", Key{Example: "webinar-signups", Absent: "the file's name without .yaml"}),
		field("enabled", booleanKind, func(z *Zap) *bool { return &z.Enabled },
			"Whether the zap runs. Setting it to false and later to true again works like pause and resume.", Key{Example: "true", Default: "false"}),
		field("shadow", booleanKind, func(z *Zap) *bool { return &z.Shadow },
			"Map rows and have CleverTap validate the records, but send nothing: for a trial run next to the tool that sends today.",
			Key{Example: "true", Default: "false"}),
		field("schedule", scheduleKind, func(z *Zap) *Schedule { return &z.Schedule },
			"When to poll: five cron fields in UTC or after CRON_TZ=ZONE, @hourly, @daily, or @every 30s (whole seconds).",
			Key{Example: `"CRON_TZ=Asia/Kolkata 0 9 * * MON-FRI"`, Must: `five cron fields, such as "*/5 * * * *", or "@every 30s"`}),
		field("trigger", within(&triggerKeys), func(z *Zap) *Trigger { return &z.Trigger },
			"Google Sheets › New Spreadsheet Row: the rows that trigger the zap.", Key{Must: "add the spreadsheet and worksheet to watch"}),
		field("filter", filterKind, func(z *Zap) **Template { return &z.Filter },
			`Expression that a row must satisfy to be sent. Columns are variables; row["Any name"] works for every name.`,
			Key{Example: `Consent == "Yes" && Country in ["IN", "SG"]`}),
		field("action", actionKind, func(z *Zap) *[]Action { return &z.Actions },
			"What is sent to CleverTap for each row. One of action and actions is required.", Key{}),
		field("actions", actionsKind, func(z *Zap) *[]Action { return &z.Actions },
			"List of actions, each with the keys of action. Each sends its own record, after CleverTap accepted the previous one.", Key{}),
		field("redact", columnsKind, func(z *Zap) *[]string { return &z.Redact },
			"Columns whose cells are not shown in history and on the page.", Key{Example: "[Mobile]"}),
		field("tests", testsKind, func(z *Zap) *[]TestCase { return &z.Tests },
			"Test cases, run offline by rowtap test cases.", Key{}),
	},
	groups: []group{{keys: []string{"action", "actions"}, must: "add action:, or actions: with a list of them"}},
	check:  (*section).checkZap,
}

var triggerKeys = table[Trigger]{
	keys: []key[Trigger]{
		field("app", word[Trigger]("google_sheets"), whole,
			"App of the trigger.", Key{Example: "google_sheets", Must: "google_sheets"}),
		field("event", word[Trigger]("new_spreadsheet_row"), whole,
			"Event of the trigger.", Key{Example: "new_spreadsheet_row", Must: "new_spreadsheet_row"}),
		field("account", googleAccountKind, func(t *Trigger) **GoogleAccount { return &t.Account },
			"Google account that reads the spreadsheet, one of google_accounts.",
			Key{Example: "marketing", Must: "a name of google_accounts in rowtap.yaml"}),
		field("spreadsheet", spreadsheetKind, whole,
			"URL of the spreadsheet, or its ID.",
			Key{Example: "https://docs.google.com/spreadsheets/d/1AbC/edit", Must: "the URL of the spreadsheet"}),
		field("worksheet", worksheetKind, whole,
			"Title of the worksheet, or {gid: N}. A worksheet that is renamed later is followed.",
			Key{Example: "Signups", Absent: "the gid in the URL of the spreadsheet"}),
		field("header_row", integer(1, maxRows), func(t *Trigger) *int { return &t.HeaderRow },
			"Sheet row that holds the column names.", Key{Example: "2", Default: "1"}),
		field("start", startKind, whole,
			"Which rows count as new. now: rows added after the zap was first loaded; beginning: all rows; a number: rows below that sheet row.",
			Key{Example: "beginning", Default: "now"}),
		field("require", columnsKind, func(t *Trigger) *[]string { return &t.Require },
			"Columns whose cells must be filled before a row counts as added. [] requires none.",
			Key{Example: "[Email, Consent]", Absent: "the columns in identity, object_id, fbid or gpid"}),
		field("settle", settleKind, whole,
			"How long a row must stay unchanged before it counts as added.",
			Key{Example: "30s", Absent: "0s, but 1m for a copy of an earlier row, which is often typed over"}),
		field("key", columnsKind, func(t *Trigger) *[]string { return &t.Key },
			"Columns that identify a row permanently, wherever it moves and however it is edited.", Key{Example: "[Response ID]"}),
		field("repeats", choice(RepeatsHold, RepeatsSkip, RepeatsSend), func(t *Trigger) *Repeats { return &t.Repeats },
			"What to do with a second row that has a key seen before. skip sends only the first row of each key.",
			Key{Example: "skip", With: "key", Absent: "`hold`"}),
		field("ignore", columnsKind, func(t *Trigger) *[]string { return &t.Ignore },
			"Columns that do not help to recognize a row: formulas that change, staff notes.", Key{Example: "[Days open, Status]"}),
		field("unsure", choice(UnsureHold, UnsureSend, UnsureSkip), func(t *Trigger) *Unsure { return &t.Unsure },
			"What to do with a row that may be new or an edited earlier one.", Key{Example: "skip", Default: "hold"}),
		field("recheck", recheckKind, func(t *Trigger) *time.Duration { return &t.Recheck },
			"How often a large worksheet is read in full: a duration or auto.", Key{Example: "10m", Default: "auto"}),
		field("max_new_rows", integer(0, math.MaxInt32), func(t *Trigger) *int { return &t.MaxNewRows },
			"Maximum number of new rows in one poll. If there are more, all of them are held. 0 means no limit.", Key{Example: "5000", Default: "1000"}),
	},
	check: (*section).checkTrigger,
	also: func() []schema {
		gid := schema{"required": []string{"spreadsheet"}, "properties": map[string]schema{
			"spreadsheet": {"type": "string", "pattern": `[#?&]gid=\d|` + variablePattern},
		}}
		return []schema{{"anyOf": []schema{{"required": []string{"worksheet"}}, gid}}}
	},
}

var gidKeys = table[Worksheet]{
	keys: []key[Worksheet]{
		field("gid", integer[int64](0, math.MaxInt32), func(w *Worksheet) *int64 { return &w.GID },
			"Number after #gid= in the URL of the spreadsheet.", Key{Example: "0", Must: "the number after #gid= in the URL of the spreadsheet"}),
	},
}

var actionKeys = table[Action]{
	keys: []key[Action]{
		field("app", word[Action]("clevertap"), whole,
			"App of the action.", Key{Example: "clevertap", Must: "clevertap"}),
		field("event", choice(CreateUpdateUserProfile, UploadEvent), func(a *Action) *ActionEvent { return &a.Event },
			"CleverTap › Create/Update User Profile, or CleverTap › Upload Event.",
			Key{Example: "upload_event", Must: "create_update_user_profile or upload_event"}),
		field("account", cleverTapAccountKind, func(a *Action) **CleverTapAccount { return &a.Account },
			"CleverTap account that receives the records, one of clevertap_accounts.",
			Key{Example: "production", Must: "a name of clevertap_accounts in rowtap.yaml"}),
		field("identity", idKind(Identity), whole,
			"Identity of the user. One of identity, object_id, fbid and gpid is required.", Key{Example: `"{{Email}}"`}),
		field("object_id", idKind(ObjectID), whole,
			"CleverTap ID of the user, in place of identity.", Key{Example: `"{{CleverTap ID}}"`}),
		field("fbid", idKind(FBID), whole,
			"Facebook ID of the user, in place of identity.", Key{Example: `"{{Facebook ID}}"`}),
		field("gpid", idKind(GPID), whole,
			"Google Plus ID of the user, in place of identity.", Key{Example: `"{{Google ID}}"`}),
		field("event_name", templateKind(scalars...), func(a *Action) **Template { return &a.EventName },
			"Name of the event. Required with event: upload_event.", Key{Example: "Webinar Signup", With: "event: upload_event"}),
		field("time", templateKind("string", "number"), func(a *Action) **Template { return &a.Time },
			"Time of the record.", Key{Example: `"{{Timestamp}}"`, Absent: "when the row was detected"}),
		field("properties", propertiesKind, whole,
			"Properties to send, by name: each a template, or a section with value. The word all sends every column under its own header; "+
				"all: true in the section sends every column that the section neither maps nor sets to false.",
			Key{Example: "{Name: \"{{First name}} {{Last name}}\", Source: webinar}"}),
		field("items", itemsKind, whole,
			"Goods of a Charged event: a list of sections, each with the properties of one item.",
			Key{Example: `[{Name: "{{Item 1}}"}, {Name: "{{Item 2}}"}]`, With: "event: upload_event"}),
	},
	groups: []group{{
		keys: []string{"identity", "object_id", "fbid", "gpid"},
		must: `the column that identifies the user, such as "{{Email}}"; or object_id, fbid or gpid`,
	}},
	check: (*section).checkAction,
	also: func() []schema {
		noOps := schema{"properties": schema{"additionalProperties": withoutOp()}}
		return []schema{{"if": where("event", "upload_event"), "then": schema{"required": []string{"event_name"}, "properties": noOps}}}
	},
}

// propertyKeys are the keys of a property's long form. They have no Default, which would print
// every property in its long form.
var propertyKeys = table[Property]{
	keys: []key[Property]{
		field("value", valueKind, func(p *Property) *Template { return &p.Value },
			`Text with {{Column}} in it. A lone "{{Column}}" keeps the type of the cell. Required unless op is delete.`,
			Key{Example: `"{{Mobile}}"`}),
		field("type", choice(Auto, Text, Number, Boolean, Date, Phone, List, JSON), func(p *Property) *PropertyType { return &p.Type },
			"How the value is read.", Key{Example: "number", Absent: "`auto`"}),
		field("op", choice(Set, Add, Remove, Increment, Decrement, Delete), func(p *Property) *Op { return &p.Op },
			"What CleverTap does with the value. For profiles only.", Key{Example: "increment", Absent: "`set`"}),
		field("country", countryKind, whole,
			`Country of phone numbers without country code: two letters of ISO 3166-1, or "{{Column}}" with codes or English names.`,
			Key{Example: "IN", With: "type: phone"}),
		field("format", formatsKind, func(p *Property) *[]string { return &p.Formats },
			"Format of dates in text, or a list of formats that are tried in order.", Key{Example: "[dd/MM/yyyy, ISO]", With: "type: date"}),
		field("timezone", timezoneKind, func(p *Property) *string { return &p.Timezone },
			"Time zone of dates in text that have none.", Key{Example: "Asia/Kolkata", With: "type: date", Absent: "`UTC`"}),
		field("separator", separatorKind, func(p *Property) *string { return &p.Separator },
			"Separator between the items of a list.", Key{Example: `";"`, With: "type: list", Absent: "`,`"}),
		field("decimal", choice(".", ","), func(p *Property) *string { return &p.Decimal },
			"Decimal separator.", Key{Example: `","`, With: "type: number", Absent: "`.`"}),
		field("thousands", choice(",", ".", " ", "'"), func(p *Property) *string { return &p.Thousands },
			"Thousands separator, as in 1,234,567 and 12,34,567.",
			Key{Example: `","`, With: "type: number", Absent: "no separator is accepted"}),
		field("currency", booleanKind, func(p *Property) *bool { return &p.Currency },
			"Accept a currency before or after the number: $2,599.20, 12 €, USD 5.", Key{Example: "true", With: "type: number", Absent: "`false`"}),
	},
	check: (*section).checkProperty,
	also: func() []schema {
		deletes := schema{"required": []string{"op"}, "properties": schema{"op": choiceSchema("delete")}}
		return []schema{
			{"anyOf": []schema{{"required": []string{"value"}}, deletes}},
			{"if": where("op", "increment", "decrement"), "then": schema{"properties": schema{"type": choiceSchema("auto", "number")}}},
		}
	},
}

var testKeys = table[TestCase]{
	keys: []key[TestCase]{
		field("row", cellsKind, whole,
			"Cells of the row, by column. Dates without quotes are date cells.",
			Key{Example: "{Email: asha@example.com, Score: 7}", Must: "the cells by column, such as {Email: asha@example.com}"}),
		field("record", recordKind, whole,
			"Expected record; null if the filter skips the row. With several actions a list, with null for a record that is not compared.",
			Key{Example: "{identity: asha@example.com, profileData: {Score: 7}}"}),
		field("error", textKind, func(c *TestCase) *string { return &c.Error },
			"Part of the expected error message.", Key{Example: "not a phone number"}),
	},
	groups: []group{{
		keys: []string{"record", "error"},
		must: "the expected record (null if the filter skips the row), or error: a part of the expected message",
	}},
	check: func(s *section, c *TestCase) { c.Pos = s.keyPos() },
}
