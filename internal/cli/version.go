package cli

import (
	"cmp"
	"runtime/debug"
)

// release and commit are those of packages and images, set by
// -ldflags '-X github.com/rowtap/rowtap/internal/cli.release=1.2.3'.
var release, commit string

// build describes this build. Commit and Date are empty for a build outside a checkout, such as
// `go install` of a release.
type build struct {
	Version string `json:"version"`          // of the release, or of the module, or "devel"
	Commit  string `json:"commit,omitempty"` // 12 hexadecimal digits, and "+changes" if files were not committed
	Date    string `json:"date,omitempty"`   // of the commit, RFC 3339, UTC
	Go      string `json:"go"`               // version of the toolchain
}

// buildOf returns the build from the build info and what -ldflags set.
func buildOf(info *debug.BuildInfo, release, commit string) build {
	b := build{Version: release, Commit: commit, Go: info.GoVersion}
	if v := info.Main.Version; b.Version == "" && v != "(devel)" {
		b.Version = v
	}
	b.Version = cmp.Or(b.Version, "devel")
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if commit := settings["vcs.revision"]; commit != "" {
		b.Commit = commit[:min(12, len(commit))]
	}
	b.Date = settings["vcs.time"]
	if settings["vcs.modified"] == "true" {
		b.Commit += "+changes"
	}
	return b
}

// thisBuild returns the build of this program.
func thisBuild() build {
	info, ok := debug.ReadBuildInfo()
	if !ok { // a program built without modules
		info = &debug.BuildInfo{}
	}
	return buildOf(info, release, commit)
}

// version returns the version for the API, the log and the User-Agent.
func version() string { return thisBuild().Version }

// String returns the build in one line: rowtap 1.2.3 (commit 0123456789ab, 2026-11-29T10:00:00Z).
func (b build) String() string {
	text := "rowtap " + b.Version
	switch {
	case b.Commit != "" && b.Date != "":
		text += " (commit " + b.Commit + ", " + b.Date + ")"
	case b.Commit != "":
		text += " (commit " + b.Commit + ")"
	}
	return text
}
