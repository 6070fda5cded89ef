package config

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"sync"
)

// SchemaURL returns where the schema of a kind of file can be had, for the comment by which editors find it
// (https://github.com/redhat-developer/yaml-language-server#using-inlined-schema).
func SchemaURL(kind string) string {
	return "https://raw.githubusercontent.com/rowtap/rowtap/main/configs/" + kind + ".schema.json"
}

// Schema returns the JSON Schema (draft-07, which editors know best) of rowtap.yaml ("rowtap"), of a zap file ("zap"), or of either
// (""). It says of what shape a file is; the reader knows more, such as which keys exclude each other.
func Schema(kind string) ([]byte, error) {
	rowtap := settingsSchema()
	zap := zapSchema()
	var root schema
	switch kind {
	case "rowtap":
		root = rowtap
	case "zap":
		root = zap
	case "":
		root = schema{"title": "rowtap.yaml, or a zap file", "anyOf": []schema{rowtap, zap}}
	default:
		return nil, fmt.Errorf("there is no schema of %q; there are rowtap and zap", kind)
	}
	if kind != "rowtap" {
		root["definitions"] = map[string]schema{"action": actionSchema(), "property": propertySchema()}
	}
	root["$schema"] = "http://json-schema.org/draft-07/schema#"
	if kind != "" {
		root["$id"] = SchemaURL(kind)
	}
	b, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}

// schema is a JSON Schema.
type schema map[string]any

// because gives a schema its description.
func (s schema) because(description string) schema {
	s["description"] = description
	return s
}

// byDefault tells what counts where the key is not there.
func (s schema) byDefault(v any) schema {
	s["default"] = v
	return s
}

// variable is a value that is known only once it is expanded.
func variable() schema { return schema{"type": "string", "pattern": `\$\{`} }

// ref stands for one of the root's definitions.
func ref(name string) schema { return schema{"$ref": "#/definitions/" + name} }

// orVariable lets a ${NAME} stand for a value.
func orVariable(s schema) schema { return schema{"anyOf": []schema{s, variable()}} }

func textSchema() schema { return schema{"type": []string{"string", "number"}} }

func booleanSchema() schema { return orVariable(schema{"type": "boolean"}) }

func integerSchema(lo, hi int) schema {
	s := schema{"type": "integer", "minimum": lo}
	if hi < math.MaxInt32 {
		s["maximum"] = hi
	}
	return orVariable(s)
}

func choiceSchema[T ~string](allowed ...T) schema { return orVariable(schema{"enum": allowed}) }

// durationSchema is what parseDuration takes.
func durationSchema(words ...string) schema {
	pattern := `^\s*(\d+d)?((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))*\s*$|\$\{`
	s := schema{"type": "string", "minLength": 1, "pattern": pattern}
	if len(words) > 0 {
		s = schema{"anyOf": []schema{{"enum": words}, s}}
	}
	return s
}

// templateSchema is text with {{Column}}s, or a number or truth value that is itself.
func templateSchema() schema { return schema{"type": []string{"string", "number", "boolean"}} }

func columnsSchema() schema {
	return schema{"anyOf": []schema{textSchema(), {"type": "array", "items": textSchema()}}}
}

// objectSchema is a mapping of these keys alone.
func objectSchema(keys map[string]schema, required ...string) schema {
	s := schema{"type": "object", "properties": keys, "additionalProperties": false}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

// optional lets a section be there without a value.
func optional(s schema) schema {
	s["type"] = []string{s["type"].(string), "null"}
	return s
}

// settingsKeys and zapKeys have the keys at the top of rowtap.yaml and of a zap file.
var (
	settingsKeys = sync.OnceValue(func() map[string]schema { return settingsSchema()["properties"].(map[string]schema) })
	zapKeys      = sync.OnceValue(func() map[string]schema { return zapSchema()["properties"].(map[string]schema) })
)

func settingsSchema() schema {
	endpoint := textSchema().because("Where the API is, for an emulator or a proxy; http only on loopback.")
	google := objectSchema(map[string]schema{
		"credentials_file": textSchema().because("The JSON key of a service account, or of gcloud auth application-default login. Left out: Application Default Credentials."),
		"reads_per_minute": integerSchema(1, math.MaxInt32).because("The quota that rowtap keeps within, for all zaps of the account together.").byDefault(defaultReads),
		"endpoint":         endpoint,
	})
	cleverTap := objectSchema(map[string]schema{
		"account_id":     textSchema().because("The Project ID in CleverTap's Settings > Project."),
		"passcode":       textSchema().because("The passcode, as ${NAME}: better than in the file itself."),
		"passcode_file":  textSchema().because("A file that holds the passcode."),
		"region":         choiceSchema(regions()...).because("The account's region: the dashboard's address begins with it."),
		"max_concurrent": integerSchema(1, maxConcurrent).because("Uploads at a time.").byDefault(defaultConcurrent),
		"on_unknown":     choiceSchema(Resend, Hold).because("What becomes of an event, increment or decrement whose upload may or may not have arrived: sent again and marked 'maybe twice', or held.").byDefault(Resend),
		"endpoint":       endpoint,
	}, "account_id")
	s := objectSchema(map[string]schema{
		"google_accounts": optional(schema{"type": "object", "propertyNames": nameSchema(), "additionalProperties": optional(google)}).
			because("Google accounts by name: whose sheets may be read."),
		"clevertap_accounts": optional(schema{"type": "object", "propertyNames": nameSchema(), "additionalProperties": cleverTap}).
			because("CleverTap accounts by name: where records go."),
		"state": optional(objectSchema(map[string]schema{
			"path":    textSchema().because("The state file.").byDefault("$STATE_DIRECTORY/rowtap.db, else " + defaultStateDir + "/rowtap.db"),
			"history": durationSchema().because("How long finished deliveries stay readable and replayable.").byDefault("30d"),
			"postgres": textSchema().because("The PostgreSQL database that holds the state, as ${NAME}: postgres://USER:PASSWORD@HOST/DATABASE, or KEY=VALUE pairs. " +
				"Several machines then take over from each other, and path is a cache. Left out: the state file holds the state."),
			"lease": schema{"type": []string{"string", "number"}, "pattern": accountName.String() + `|\$\{`}.
				because("With postgres: the name of the state in the database. Deployments with different names share a database.").byDefault(defaultLease),
		})).because("What rowtap remembers."),
		"http": optional(objectSchema(map[string]schema{
			"listen":     schema{"type": "string"}.because(`Page, API, health and metrics: HOST:PORT, unix:PATH, or "" for none.`).byDefault(defaultListen),
			"token_file": textSchema().because("The API's token, made at the first start.").byDefault("api.token beside the state file"),
			"auth":       choiceSchema("token", "off").because("off: only on loopback or a unix socket.").byDefault("token"),
			"hosts":      schema{"type": "array", "items": textSchema()}.because("Further Host names that are not foreign; loopback names and IP addresses never are."),
		})).because("Where the daemon listens."),
		"log": optional(objectSchema(map[string]schema{
			"level":  choiceSchema("debug", "info", "warn", "error").because("What is logged.").byDefault("info"),
			"format": choiceSchema("json", "console").because("How it is logged.").byDefault("json"),
		})).because("The log, on stderr."),
		"notify": optional(objectSchema(map[string]schema{
			"webhook": textSchema().because("POSTed in Slack's format when a zap or an account needs attention, and when it recovers."),
		})).because("Who is told of trouble."),
	})
	s["title"] = "rowtap.yaml"
	return s.because("The accounts and the daemon.")
}

func nameSchema() schema { return schema{"pattern": accountName.String()} }

func zapSchema() schema {
	s := objectSchema(map[string]schema{
		"name":     schema{"type": []string{"string", "number"}, "pattern": accountName.String() + `|\$\{`}.because("The zap's name: the file's, by default."),
		"enabled":  booleanSchema().because("true publishes the zap.").byDefault(false),
		"shadow":   booleanSchema().because("true: poll, map and dry-run, send nothing; for running beside the old Zap.").byDefault(false),
		"schedule": schema{"type": "string"}.because(`When to poll: five cron fields ("*/2 * * * *"), CRON_TZ=Asia/Kolkata before them, @hourly, or @every 30s.`),
		"trigger":  triggerSchema(),
		"filter":   schema{"type": []string{"string", "boolean"}}.because(`Rows that pass, an expression: Consent == "Yes" && Country in ["IN", "SG"].`),
		"action":   ref("action"),
		"actions": schema{"type": "array", "minItems": 1, "maxItems": maxActions, "items": ref("action")}.
			because("Several actions in place of action: one record each, the next once the one before was accepted."),
		"redact": columnsSchema().because("Columns whose cells history and page do not show."),
		"tests": schema{"type": "array", "items": objectSchema(map[string]schema{
			"row":    schema{"type": "object"}.because("The cells by column; dates without quotes are date cells."),
			"record": schema{"type": []string{"object", "array", "null"}}.because("The record to expect; null: the filter drops the row. With several actions a list."),
			"error":  textSchema().because("A part of the message to expect."),
		}, "row")}.because("Cases for rowtap test cases."),
	}, "schedule", "trigger")
	s["title"] = "A zap file"
	s["anyOf"] = []schema{{"required": []string{"action"}}, {"required": []string{"actions"}}}
	return s.because("One recipe: a trigger, an optional filter, an action.")
}

func triggerSchema() schema {
	gid := objectSchema(map[string]schema{
		"gid": integerSchema(0, math.MaxInt32).because("The number behind #gid= in the address of the spreadsheet."),
	}, "gid")
	return objectSchema(map[string]schema{
		"app":          choiceSchema("google_sheets"),
		"event":        choiceSchema("new_spreadsheet_row"),
		"account":      textSchema().because("A name of google_accounts in rowtap.yaml."),
		"spreadsheet":  textSchema().because("The spreadsheet's address in the browser, or its id."),
		"worksheet":    schema{"anyOf": []schema{textSchema(), gid}}.because("The tab's title, or {gid: N}. Left out: the gid in the spreadsheet's address."),
		"header_row":   integerSchema(1, maxRows).because("The sheet row that names the columns.").byDefault(1),
		"start":        schema{"anyOf": []schema{{"enum": []string{"now", "beginning"}}, {"type": "integer", "minimum": 1, "maximum": maxRows}, variable()}}.because("now: rows added from now on; beginning: those that are there, too; a number: the rows below that sheet row.").byDefault("now"),
		"require":      columnsSchema().because("A row counts as added once these cells are filled. By default the columns that name the user; [] asks for none."),
		"settle":       durationSchema().because("… and once it has not changed for this long. By default at once, but a copy of a row that was there before waits a minute; 0s: a copy does not wait either."),
		"key":          columnsSchema().because("Columns that identify a row for good, wherever it moves and however it is edited."),
		"ignore":       columnsSchema().because("Columns that say nothing about a row's identity, such as formulas that change."),
		"unsure":       choiceSchema(UnsureHold, UnsureSend, UnsureSkip).because("What becomes of a row that may be a new one or an edited old one.").byDefault(UnsureHold),
		"recheck":      durationSchema("auto").because("How often a large worksheet is read whole.").byDefault("auto"),
		"max_new_rows": integerSchema(0, math.MaxInt32).because("When one poll finds more, all of them are held; 0: no limit.").byDefault(defaultMaxNewRows),
	}, "app", "event", "account", "spreadsheet").because("Google Sheets › New Spreadsheet Row.")
}

func actionSchema() schema {
	who := func(what string) schema {
		return templateSchema().because("Who the record is of: " + what + " One of identity, object_id, fbid and gpid.")
	}
	s := objectSchema(map[string]schema{
		"app":        choiceSchema("clevertap"),
		"event":      choiceSchema(CreateUpdateUserProfile, UploadEvent).because("CleverTap › Create/Update User Profile, or Upload Event."),
		"account":    textSchema().because("A name of clevertap_accounts in rowtap.yaml."),
		"identity":   who(`the identity, such as "{{Email}}".`),
		"object_id":  who("a CleverTap id."),
		"fbid":       who("a Facebook id."),
		"gpid":       who("a Google Plus id."),
		"event_name": templateSchema().because("Of upload_event: a text or a column."),
		"time":       templateSchema().because("The record's time. By default when the row was detected."),
		"properties": schema{"anyOf": []schema{{"enum": []string{"all"}}, {"type": []string{"object", "null"}, "additionalProperties": ref("property")}}}.
			because("What CleverTap gets: each property's value, or all for every column under its own header. all: true in a mapping is every column too, but for those that are false in it and those that the mapping names."),
		"items": schema{"type": "array", "minItems": 1, "items": schema{"type": "object", "minProperties": 1, "additionalProperties": ref("property")}}.
			because("Of the event Charged: the goods, a mapping of properties each."),
	}, "app", "event", "account")
	s["anyOf"] = []schema{{"required": []string{"identity"}}, {"required": []string{"object_id"}}, {"required": []string{"fbid"}}, {"required": []string{"gpid"}}}
	return s.because("What CleverTap is told of each new row.")
}

func propertySchema() schema {
	types := []PropertyType{Auto, Text, Number, Boolean, Date, Phone, List, JSON}
	ops := []Op{Set, Add, Remove, Increment, Decrement, Delete}
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = string(t)
	}
	long := objectSchema(map[string]schema{
		"value":   templateSchema().because(`Text with {{Column}}s; a lone "{{Column}}" keeps the cell's own type.`),
		"type":    choiceSchema(types...).because("One of " + strings.Join(names, ", ") + ".").byDefault(Auto),
		"op":      choiceSchema(ops...).because("Of profiles: what to do with the value.").byDefault(Set),
		"country": textSchema().because("Of type phone: " + countryRule + "."),
		"format": schema{"anyOf": []schema{textSchema(), {"type": "array", "items": textSchema(), "minItems": 1, "maxItems": maxFormats}}}.
			because("Of type date: such as dd/MM/yyyy, or ISO; a list is tried in order."),
		"timezone":  textSchema().because("Of type date: of dates without one, such as Asia/Kolkata.").byDefault("UTC"),
		"separator": schema{"type": "string", "minLength": 1}.because("Of type list.").byDefault(","),
		"decimal":   choiceSchema(".", ",").because("Of type number: what stands before its fraction.").byDefault("."),
		"thousands": schema{"enum": separators}.because("Of type number: what stands between groups of digits, as in 1,234,567 or 12,34,567."),
		"currency":  booleanSchema().because("Of type number: true lets a currency sign or code be before or behind it ($2,599.20, 12 €, USD 5).").byDefault(false),
	})
	return schema{"anyOf": []schema{templateSchema(), long}}
}
