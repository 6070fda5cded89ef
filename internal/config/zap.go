package config

import (
	"time"

	"github.com/robfig/cron/v3"

	"github.com/rowtap/rowtap/internal/row"
)

// Zap is one recipe: a trigger, an optional filter, one or more actions. One YAML file each.
type Zap struct {
	Name     string
	File     string // the path it was read from
	Enabled  bool
	Shadow   bool // map and dry-run, send nothing
	Schedule Schedule
	Trigger  Trigger
	Filter   *Template // an expression without braces; nil: every row passes
	Actions  []Action  // of each row, in this order; at least one
	Redact   []string  // tidy names of columns whose cells history and page do not show
	// RedactPos has the place of each name in Redact.
	RedactPos map[string]Pos
	Tests     []TestCase
}

// TestCase is one of a zap file's own tests: what becomes of a row.
type TestCase struct {
	// Row has the cells by tidy column name, typed as the YAML scalar is: text, number, boolean, date; null is blank.
	Row map[string]row.Cell
	// ColumnPos has the place of each name in Row.
	ColumnPos map[string]Pos
	// Records has the record to expect of each of the zap's actions, decoded: string, bool, int64, float64, nil, []any and
	// map[string]any. A nil one is not compared. There is none where Error is given, and where the filter is to drop the
	// row (`record: null`).
	Records []map[string]any
	// Error is a part of the error text to expect of one of the actions, or "".
	Error string
	Pos   Pos
}

// Schedule is a checked cron line.
type Schedule struct {
	Text string
	Pos  Pos
	Cron cron.Schedule
}

// Trigger is Google Sheets › New Spreadsheet Row.
type Trigger struct {
	Account       *GoogleAccount
	SpreadsheetID string
	Worksheet     Worksheet
	HeaderRow     int // 1-based
	Start         Start
	Require       []string // tidy column names; nil: those that the identity uses. An empty list asks for none
	Settle        time.Duration
	SettleCopies  time.Duration // of a new row that equals one which was there before: a minute unless the file gives settle
	Key           []string
	Repeats       Repeats // "" is RepeatsHold
	Ignore        []string
	Unsure        Unsure
	Recheck       time.Duration // 0 is auto
	MaxNewRows    int           // 0: no limit
	Pos           Pos
	// ColumnPos has the place of each name in Require, Key and Ignore.
	ColumnPos map[string]Pos
}

// Worksheet names one tab, by title or by gid.
type Worksheet struct {
	Title string
	GID   int64
	ByGID bool
	Pos   Pos
}

// Start says which rows are there already when a zap is first loaded.
type Start struct {
	Row       int  // rows up to this 1-based sheet row are old; only if neither of the others
	Now       bool // every row is old
	Beginning bool // none is
}

// Unsure says what becomes of a row that may be a new one or an edited old one.
type Unsure string

// The values of unsure.
const (
	UnsureHold Unsure = "hold"
	UnsureSend Unsure = "send"
	UnsureSkip Unsure = "skip"
)

// Repeats says what becomes of a second row with a key seen before.
type Repeats string

// The values of repeats.
const (
	RepeatsHold Repeats = "hold"
	RepeatsSkip Repeats = "skip"
	RepeatsSend Repeats = "send"
)

// Action is CleverTap › Create/Update User Profile or CleverTap › Upload Event.
type Action struct {
	// Name tells the actions of a zap apart: the event's; upload_event/2 is the second upload_event.
	Name          string
	Event         ActionEvent
	Account       *CleverTapAccount
	IDKind        IDKind
	ID            Template
	Time          *Template // nil: when the row was detected
	EventName     *Template // of upload_event only
	Properties    []Property
	AllProperties bool // properties: all, or {all: true, …}
	// AllMapped tells of {all: true, …}: Properties then come in place of columns, Omit leaves columns out, and an event leaves out the
	// column that names its user.
	AllMapped bool
	AllPos    Pos // of all in it
	Omit      []OmittedColumn
	Items     [][]Property // of Charged: the properties of each item
	ItemsPos  Pos
	Pos       Pos
}

// OmittedColumn is a column that {all: true, NAME: false} leaves out.
type OmittedColumn struct {
	Name string // tidy
	Pos  Pos
}

// ActionEvent is what an action does.
type ActionEvent string

// The actions.
const (
	CreateUpdateUserProfile ActionEvent = "create_update_user_profile"
	UploadEvent             ActionEvent = "upload_event"
)

// RecordType returns the "type" of the records that such an action uploads
// (https://developer.clevertap.com/docs/upload-user-profiles-api).
func (e ActionEvent) RecordType() string {
	if e == UploadEvent {
		return "event"
	}
	return "profile"
}

// IDKind is which of CleverTap's four keys names the user
// (https://developer.clevertap.com/docs/upload-user-profiles-api). Its value is the record's own key.
type IDKind string

// The keys that name a user. In YAML: identity, object_id, fbid, gpid.
const (
	Identity IDKind = "identity"
	ObjectID IDKind = "objectId"
	FBID     IDKind = "FBID"
	GPID     IDKind = "GPID"
)

// Template is a value of a zap file that may hold {{…}}, with the place it came from.
type Template struct {
	Text string
	Pos  Pos
	// Literal is the YAML scalar as it was written when it is not text: a bool, int64 or float64; nil for text.
	// `Score: 5` is the number 5, `Score: "5"` the text.
	Literal any
}

// Property is one property of a record.
type Property struct {
	Name    string
	NamePos Pos
	Value   Template
	Type    PropertyType // "" is auto
	Op      Op           // "" is set
	Country string       // of type phone; ISO 3166-1 alpha-2, upper case
	// CountryFrom gives the country of each row, of type phone: its code or English name. nil: Country does.
	CountryFrom *Template
	Formats     []string // of type date: tried in order; none: the forms that need no format
	Timezone    string   // of type date; IANA
	Separator   string   // of type list; "" is ","
	Decimal     string   // of type number; "" is "."
	Thousands   string   // of type number: between groups of digits; "" is nothing
	Currency    bool     // of type number: a currency may be before or behind it
}

// PropertyType is how a property's value is read.
type PropertyType string

// The types of a property.
const (
	Auto    PropertyType = "auto"
	Text    PropertyType = "text"
	Number  PropertyType = "number"
	Boolean PropertyType = "boolean"
	Date    PropertyType = "date"
	Phone   PropertyType = "phone"
	List    PropertyType = "list"
	JSON    PropertyType = "json"
)

// Op is what CleverTap does with a profile property's value.
type Op string

// The ops (https://docs.clevertap.com/docs/getting-started: set-up-dashboard).
const (
	Set       Op = "set"
	Add       Op = "add"
	Remove    Op = "remove"
	Increment Op = "increment"
	Decrement Op = "decrement"
	Delete    Op = "delete"
)
