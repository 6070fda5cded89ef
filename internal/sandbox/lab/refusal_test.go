package lab

import (
	"encoding/json"
	"fmt"
	"testing"
)

func TestRefusals(t *testing.T) {
	s := newSandbox(t)
	s.CleverTap().Refuse(Refusal{Event: "Sign Up", Code: 528})
	s.CleverTap().Refuse(Refusal{Identity: "b", Code: 555, Error: "try later", Times: 1})
	upload := func(query string) (codes []int, last string) {
		_, body := ask(t, s, uploadOf(t, s, "", query,
			`{"type":"event","identity":"a","evtName":"signup","evtData":{}}`,
			`{"type":"profile","identity":"b","profileData":{}}`,
			`{"type":"profile","identity":"c","profileData":{}}`,
		))
		var answer struct {
			Unprocessed []struct {
				Code  int
				Error string
			}
		}
		must(t, json.Unmarshal([]byte(body), &answer))
		for _, u := range answer.Unprocessed {
			codes, last = append(codes, u.Code), u.Error
		}
		return codes, last
	}
	dry, _ := upload("?dryRun=1")
	first, text := upload("")
	second, usual := upload("")
	s.CleverTap().Relent()
	relented, _ := upload("")
	if got := fmt.Sprint(dry, first, second, relented); got != "[] [528 555] [528] []" {
		t.Errorf("got %s", got)
	}
	if text != "try later. Skipped record number : 2" {
		t.Errorf("the text given: got %q", text)
	}
	if usual != "Event Name is incorrect. ErrorCode: 528 - Event is discarded. Skipped record number : 1" {
		t.Errorf("the usual text: got %q", usual)
	}
}
