package sandbox

import (
	"encoding/json"
	"testing"
)

func TestShown(t *testing.T) {
	tests := []struct {
		v    Value
		want string
	}{
		{Date(2, "m/d/yyyy"), "1/1/1900"},
		{Date(306, "m/d/yyyy"), "11/1/1900"},
		{Date(45323, "mmm yyyy"), "Feb 2024"},
		{Date(0.75, "h:mm am/pm"), "6:00 PM"},
		{Date(400.5, "[h]:mm:ss"), "9612:00:00"},
		{Date(-1, "[h]:mm:ss"), "-24:00:00"},
		{Date(-1.25521, "[hh]:mm:ss"), "-30:07:30"},
		{Date(1.0625, "[m]:ss"), "1530:00"},
		{Date(0.5, "[s]"), "43200"},
		{Formatted(0.1, "0%"), "10%"},
		{Formatted(0.105, "0.00%"), "10.50%"},
		{Formatted(-1234567.891, `"$"#,##0.00`), "-$1,234,567.89"},
		{Formatted(5, "€0.00"), "€5.00"},
		{Formatted(5, `0" pcs"`), "5 pcs"},
		{Formatted(5, "@"), "@"},
		{Number(0.1), "0.1"},
		{Parse("10%"), "10%"},
		{Parse("10.5%"), "10.50%"},
		{Parse("9612:00:00"), "9612:00:00"},
		{Parse("-24:00:00"), "-24:00:00"},
		{Parse("9:30:00"), "9:30:00"},
	}
	for _, tt := range tests {
		if got := tt.v.Shown(); got != tt.want {
			t.Errorf("%+v shows %q, want %q", tt.v, got, tt.want)
		}
	}
	for _, typed := range []string{"10%", "9612:00:00", "-24:00:00", "5"} {
		if v := Parse(typed); Parse(v.typed()) != v || v.kind != number && v.kind != date {
			t.Errorf("%q is %+v, which is typed %q", typed, v, v.typed())
		}
	}
	var v Value
	if err := json.Unmarshal([]byte(`{"number": 0.1, "pattern": "0%"}`), &v); err != nil || v != Formatted(0.1, "0%") {
		t.Errorf("%+v, %v", v, err)
	}
}
