package ui

import (
	"net/http"
	"slices"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/plan"
)

// fileView is a zap's file as it is on disk.
type fileView struct {
	Zap, File string
	plan.ZapFile
	Further int             // mistakes after Mistakes
	Refused *engine.Refusal // why the files were refused when they were last loaded; nil: they were not
}

// filePage shows a zap's file. It is a page of its own, because it reads the file at each refresh.
func (s *Server) filePage(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("zap")
	z := s.recipeOf(name)
	v := fileView{Zap: name, Refused: s.Engine.Refused()}
	var ok bool
	if v.ZapFile, ok = s.Engine.ZapFile(name); !ok || z == nil {
		err := s.mustKnow(r.Context(), name)
		if err == nil {
			err = &notFoundError{name + " is no longer in the configuration, so its file is not known", ""}
		}
		s.showFailure(w, r, err)
		return
	}
	v.File = z.File
	if n := len(v.Mistakes); n > maxReasons {
		v.Mistakes, v.Further = v.Mistakes[:maxReasons], n-maxReasons
	}
	s.show(w, r, view{
		name: "file", of: name, also: v, frame: frame{Title: "File of " + name, Trail: []crumb{{"Zaps", "/"}, {name, zapPath(name)}}},
		main: func(*snapshot) (any, error) { return v, nil },
	})
}

// Shows reports whether a line is on the page.
func (v fileView) Shows(number int) bool {
	return slices.ContainsFunc(v.Lines, func(l config.Line) bool { return l.Number == number && l.LeftOut == 0 })
}

// Wrong reports whether a mistake is in a line.
func (v fileView) Wrong(number int) bool {
	return slices.ContainsFunc(v.Mistakes, func(d config.Diagnostic) bool { return d.Line == number })
}
