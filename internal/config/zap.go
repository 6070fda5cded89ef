package config

import (
	"time"

	"github.com/robfig/cron/v3"

	"github.com/rowtap/rowtap/internal/row"
)

// Zap is a trigger, an optional filter, and one or more actions. Each zap has its own YAML file.
type Zap struct {
	Name     string
	File     string // the path it was read from
	Enabled  bool
	Shadow   bool // map rows and validate records, but send nothing
	Schedule Schedule
	Trigger  Trigger
	Filter   *Template // expression without braces; nil passes every row
	Actions  []Action  // for each row, in this order; at least one
	Redact   []string  // tidy names of columns that history and page do not show
	// RedactPos maps the names in Redact to their positions.
	RedactPos map[string]Pos
	Tests     []TestCase
}

// TestCase is a test case of a zap file: a row and the expected records or error.
type TestCase struct {
	// Row has the cells by tidy column name. Their types are those of the YAML scalars: text,
	// number, boolean or date; null is a blank cell.
	Row map[string]row.Cell
	// ColumnPos maps the names in Row to their positions.
	ColumnPos map[string]Pos
	// Records has the expected record of each action, decoded: string, bool, int64, float64, nil,
	// []any and map[string]any. A nil record is not compared. Records is nil if Error is set, or if
	// the filter must skip the row (`record: null`).
	Records []map[string]any
	// Error is a part of the expected error message of one of the actions, or "".
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
	Require       []string // tidy names; nil for the columns of the ID, empty for none
	Settle        time.Duration
	SettleCopies  time.Duration // of copies of earlier rows: a minute unless settle is given
	Key           []string
	Repeats       Repeats // "" is RepeatsHold
	Ignore        []string
	Unsure        Unsure
	Recheck       time.Duration // 0 is auto
	MaxNewRows    int           // 0: no limit
	Pos           Pos
	// ColumnPos maps the names in Require, Key and Ignore to their positions.
	ColumnPos map[string]Pos
}

// Worksheet identifies a worksheet by title or gid.
type Worksheet struct {
	Title string
	GID   int64
	ByGID bool
	Pos   Pos
}

// Start decides which rows count as old when a zap is first loaded.
type Start struct {
	Row       int  // rows up to this 1-based sheet row are old; unless Now or Beginning is set
	Now       bool // every row is old
	Beginning bool // no row is old
}

// Unsure is the policy for a row that may be new or an edited earlier one.
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
	// Name distinguishes the actions of a zap: the event, followed by /2 for its second action.
	Name          string
	Event         ActionEvent
	Account       *CleverTapAccount
	IDKind        IDKind
	ID            Template
	Time          *Template // nil: when the row was detected
	EventName     *Template // for upload_event only
	Properties    []Property
	AllProperties bool // properties: all, or {all: true, …}
	// AllMapped is set for {all: true, …}: Properties then replace columns, Omit excludes columns,
	// and an event excludes the column that identifies its user.
	AllMapped bool
	AllPos    Pos // of the key all
	Omit      []OmittedColumn
	Items     [][]Property // for Charged: the properties of each item
	ItemsPos  Pos
	Pos       Pos
}

// OmittedColumn is a column that {all: true, NAME: false} leaves out.
type OmittedColumn struct {
	Name string // tidy
	Pos  Pos
}

// ActionEvent is the event of an action.
type ActionEvent string

// The actions.
const (
	CreateUpdateUserProfile ActionEvent = "create_update_user_profile"
	UploadEvent             ActionEvent = "upload_event"
)

// RecordType returns the "type" of the action's records
// (https://developer.clevertap.com/docs/upload-user-profiles-api).
func (e ActionEvent) RecordType() string {
	if e == UploadEvent {
		return "event"
	}
	return "profile"
}

// IDKind is the key of a record that identifies the user
// (https://developer.clevertap.com/docs/upload-user-profiles-api).
type IDKind string

// The keys that identify a user. In YAML: identity, object_id, fbid, gpid.
const (
	Identity IDKind = "identity"
	ObjectID IDKind = "objectId"
	FBID     IDKind = "FBID"
	GPID     IDKind = "GPID"
)

// Template is a value of a zap file that may contain {{…}}, with its position.
type Template struct {
	Text string
	Pos  Pos
	// Literal is the value of a YAML scalar that is not text: a bool, int64 or float64; nil for
	// text. `Score: 5` is the number 5, `Score: "5"` is text.
	Literal any
}

// Property is one property of a record.
type Property struct {
	Name    string
	NamePos Pos
	Value   Template
	Type    PropertyType // "" for auto
	Op      Op           // "" for set
	Country string       // for type phone: ISO 3166-1 alpha-2, upper case
	// CountryFrom is the template of the country of each row, a code or English name, for type
	// phone; nil to use Country.
	CountryFrom *Template
	Formats     []string // for type date: tried in order; if empty, no format is needed
	Timezone    string   // for type date: IANA name
	Separator   string   // for type list; "" for ","
	Decimal     string   // for type number; "" for "."
	Thousands   string   // for type number: digit group separator; "" for none
	Currency    bool     // for type number: accept a currency before or after it
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
