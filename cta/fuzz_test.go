package cta

import (
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"github.com/seed-921eec07/ctalive/internal/sheet"
)

// FuzzLoad replaces one file of a network with arbitrary bytes. If Load accepts them,
// all methods must work on the network.
func FuzzLoad(f *testing.F) {
	good := smalltown(f)
	for i, name := range files {
		f.Add(uint8(i), good[name].Data)
	}
	f.Fuzz(func(t *testing.T, file uint8, data []byte) {
		fsys := make(fstest.MapFS)
		for name, content := range good {
			fsys[name] = content
		}
		fsys[files[int(file)%len(files)]] = &fstest.MapFile{Data: data}
		net, err := Load(fsys)
		if err != nil {
			if net != nil || err.Error() == "" || !utf8.ValidString(err.Error()) {
				t.Errorf("refused with %q, and a network: %v", err, net != nil)
			}
			return
		}
		for _, s := range net.Stations {
			for _, stop := range s.Stops {
				if len(stop.Lines) == 0 || len(s.Name) > sheet.MaxText || stop.ID < 1 {
					t.Errorf("stop %d of %q is of lines %q", stop.ID, s.Name, stop.Lines)
				}
			}
		}
		for _, l := range net.Lines {
			l.Towards(DirectionA)
			for _, s := range l.Stations {
				if _, ok := l.Order(s.ID); !ok {
					t.Errorf("%s: no order of %d", l.ID, s.ID)
				}
				l.Next(s.ID, DirectionA)
				l.Next(s.ID, DirectionB)
			}
			for _, p := range l.Patterns {
				if len(p.Calls) < 2 || p.Towards(0) == "" {
					t.Errorf("%s: a pattern of %d calls, towards %q", l.ID, len(p.Calls), p.Towards(0))
				}
			}
			if cut, err := net.Only(l.ID); err != nil || len(cut.Stations) == 0 {
				t.Errorf("%s alone: %v", l.ID, err)
			}
		}
	})
}
