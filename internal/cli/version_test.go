package cli

import (
	"runtime/debug"
	"testing"
)

func TestBuild(t *testing.T) {
	settings := []debug.BuildSetting{
		{Key: "vcs.modified", Value: "false"},
		{Key: "vcs.revision", Value: "0123456789abcdef0123456789abcdef01234567"},
		{Key: "vcs.time", Value: "2026-11-29T10:00:00Z"},
	}
	changed := append([]debug.BuildSetting{{Key: "vcs.modified", Value: "true"}}, settings[1:]...)
	for name, c := range map[string]struct {
		info    debug.BuildInfo
		release string
		commit  string
		want    string
	}{
		"release":              {debug.BuildInfo{Settings: settings}, "1.2.3", "", "rowtap 1.2.3 (commit 0123456789ab, 2026-11-29T10:00:00Z)"},
		"release without git":  {debug.BuildInfo{}, "1.2.3", "", "rowtap 1.2.3"},
		"an image":             {debug.BuildInfo{}, "1.2.3", "0123456789ab", "rowtap 1.2.3 (commit 0123456789ab)"},
		"go install":           {debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, "", "", "rowtap v1.2.3"},
		"a checkout":           {debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: settings}, "", "", "rowtap devel (commit 0123456789ab, 2026-11-29T10:00:00Z)"},
		"a changed checkout":   {debug.BuildInfo{Settings: changed}, "", "", "rowtap devel (commit 0123456789ab+changes, 2026-11-29T10:00:00Z)"},
		"nothing is known":     {debug.BuildInfo{}, "", "", "rowtap devel"},
		"a commit and no date": {debug.BuildInfo{Settings: settings[:2]}, "", "", "rowtap devel (commit 0123456789ab)"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := buildOf(&c.info, c.release, c.commit).String(); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
