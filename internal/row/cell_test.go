package row

import (
	"math"
	"testing"
	"time"
)

func TestCellString(t *testing.T) {
	tests := []struct {
		cell Cell
		want string
	}{
		{Cell{}, ""},
		{TextCell("007"), "007"},
		{TextCell(" padded "), " padded "},
		{NumberCell(0), "0"},
		{NumberCell(5), "5"},
		{NumberCell(2.5), "2.5"},
		{NumberCell(1e21), "1000000000000000000000"},
		{NumberCell(9876543210), "9876543210"},
		{NumberCell(1e-7), "0.0000001"},
		{BoolCell(true), "TRUE"},
		{BoolCell(false), "FALSE"},
		{DateCell(43831), "2020-01-01"},
		{DateCell(43831.5), "2020-01-01 12:00:00"},
		{DateCell(0.25), "06:00:00"},
		{DateCell(1.0625), "25:30:00"},
		{DateCell(-0.5), "-12:00:00"},
		{DateCell(366), "1900-12-31"},
		{DateCell(-18260), "1850-01-01"},
	}
	for _, tt := range tests {
		if got := tt.cell.String(); got != tt.want {
			t.Errorf("%#v.String() = %q, want %q", tt.cell, got, tt.want)
		}
	}
}

func TestCellBlank(t *testing.T) {
	blank := []Cell{{}, TextCell(""), TextCell(" \t\n"), TextCell("\u00a0")}
	for _, c := range blank {
		if !c.Blank() {
			t.Errorf("%#v is not blank", c)
		}
	}
	filled := []Cell{NumberCell(0), BoolCell(false), TextCell("0"), DateCell(0)}
	for _, c := range filled {
		if c.Blank() {
			t.Errorf("%#v is blank", c)
		}
	}
}

func TestErrorText(t *testing.T) {
	for _, s := range []string{"#REF!", "#N/A", "Loading..."} {
		if !TextCell(s).ErrorText() {
			t.Errorf("%q is not an error", s)
		}
	}
	for _, c := range []Cell{{}, TextCell("#1"), TextCell("Loading bay"), NumberCell(1)} {
		if c.ErrorText() {
			t.Errorf("%v is an error", c)
		}
	}
}

func TestDateTime(t *testing.T) {
	kolkata, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		serial float64
		loc    *time.Location
		want   string // UTC
	}{
		{25569, time.UTC, "1970-01-01T00:00:00Z"},
		{43164.63611111111, time.UTC, "2018-03-05T15:16:00Z"},
		{43164.63611111111, kolkata, "2018-03-05T09:46:00Z"},
		{43164.999999999, time.UTC, "2018-03-06T00:00:00Z"}, // rounded to the second
		{-0.5, time.UTC, "1899-12-29T12:00:00Z"},
		{43184.5, berlin, "2018-03-25T10:00:00Z"}, // noon on the day daylight saving time begins
	}
	for _, tt := range tests {
		if got := DateCell(tt.serial).Time(tt.loc).UTC().Format(time.RFC3339); got != tt.want {
			t.Errorf("serial %v in %v = %s, want %s", tt.serial, tt.loc, got, tt.want)
		}
	}
}

func TestRowCell(t *testing.T) {
	r := Row{Number: 2, Cells: []Cell{TextCell("a")}}
	if got := r.Cell(0); got != TextCell("a") {
		t.Errorf("Cell(0) = %v", got)
	}
	for _, i := range []int{-1, 1, math.MaxInt} {
		if got := r.Cell(i); got != (Cell{}) {
			t.Errorf("Cell(%d) = %v, want a blank cell", i, got)
		}
	}
}
