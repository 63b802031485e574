package traintracker

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/ctaproducer/internal/form"
	"github.com/seed-921eec07/ctalive/internal/restclient"
)

type answer struct {
	at     time.Time // tmst, when the answer was generated
	trains []report
	odd    int // entries without a route, a run or a next station
}

type report struct {
	route       string // lower case, such as "brn"
	run         string
	next        int // station id of the next station
	stop        int // its platform; 0 when unknown
	direction   int // trDr: 1 or 5; 0 when unknown
	destination int // stop or station id; 0 when unknown
	destName    string
	predicted   time.Time // prdt, when the train was last seen to move; zero when unknown
	due         time.Time // arrT; zero when unknown
	approaching bool
	scheduled   bool // by the timetable alone: nobody has seen the train
	located     bool
	lat, lon    float64
}

type rawRoute struct {
	Name  form.Text           `json:"@name"`
	Train form.List[rawTrain] `json:"train"`
}

type rawTrain struct {
	Run         form.Text `json:"rn"`
	Destination form.Text `json:"destSt"`
	DestName    form.Text `json:"destNm"`
	Direction   form.Text `json:"trDr"`
	NextStation form.Text `json:"nextStaId"`
	NextStop    form.Text `json:"nextStpId"`
	Predicted   form.Text `json:"prdt"`
	Due         form.Text `json:"arrT"`
	Approaching form.Text `json:"isApp"`
	Scheduled   form.Text `json:"isSch"`
	Lat         form.Text `json:"lat"`
	Lon         form.Text `json:"lon"`
}

// errNotJSON is an answer of something else than the Train Tracker, such as the page
// of a server in front of it.
var errNotJSON = errors.New("the answer is not JSON")

// parse reads an answer that came at a time. An error code in the answer is a
// [*rest.Error].
func parse(body []byte, came time.Time, zone *time.Location) (*answer, error) {
	var shape struct {
		Root *struct {
			At    form.Text           `json:"tmst"`
			Code  form.Text           `json:"errCd"`
			Name  form.Text           `json:"errNm"`
			Route form.List[rawRoute] `json:"route"`
		} `json:"ctatt"`
	}
	if err := json.Unmarshal(bytes.TrimPrefix(body, []byte("\ufeff")), &shape); err != nil {
		return nil, errNotJSON
	}
	root := shape.Root
	if root == nil {
		return nil, fmt.Errorf("%w of the Train Tracker: it has no ctatt", errNotJSON)
	}
	if root.Code != "" && root.Code != "0" {
		return nil, refuse(cmp.Or(root.Code.Number(), codeServer), cmp.Or(restclient.OneLine(string(root.Name)), "refused"))
	}
	a := &answer{at: localTime(root.At, came, zone), odd: root.Route.Odd}
	if a.at.IsZero() {
		return nil, fmt.Errorf("%w of the Train Tracker: its time tmst is %.40q", errNotJSON, root.At)
	}
	for _, route := range root.Route.Of {
		a.odd += route.Train.Odd
		for _, t := range route.Train.Of {
			r := report{
				route: strings.ToLower(string(route.Name)), run: string(t.Run),
				next: t.NextStation.Number(), stop: t.NextStop.Number(), direction: t.Direction.Number(),
				destination: t.Destination.Number(), destName: string(t.DestName),
				predicted: localTime(t.Predicted, a.at, zone), due: localTime(t.Due, a.at, zone),
				approaching: t.Approaching.Set(), scheduled: t.Scheduled.Set(),
			}
			if !validRun(r.run) || r.next == 0 || r.route == "" {
				a.odd++
				continue
			}
			r.lat, r.lon, r.located = point(t.Lat, t.Lon)
			a.trains = append(a.trains, r)
		}
	}
	return a, nil
}

// validRun reports whether a run number can be part of a train's id.
func validRun(run string) bool {
	return run != "" && len(run) <= 8 && !strings.ContainsFunc(run, func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	})
}

// point reads a position. 0,0 stands for an unknown one, and what is far from
// Chicago is no better.
func point(lat, lon form.Text) (float64, float64, bool) {
	y, err := strconv.ParseFloat(string(lat), 64)
	x, err2 := strconv.ParseFloat(string(lon), 64)
	if err != nil || err2 != nil || !(y > 41 && y < 43) || !(x > -89 && x < -87) {
		return 0, 0, false
	}
	return y, x, true
}

// localTime reads a time of the zone without an offset. In the hour that comes twice,
// the one nearer to a time that is known is meant. It returns zero for what is no time.
func localTime(s form.Text, near time.Time, zone *time.Location) time.Time {
	for _, layout := range []string{"2006-01-02T15:04:05", "20060102 15:04:05"} {
		t, err := time.ParseInLocation(layout, string(s), zone)
		if err != nil {
			continue
		}
		best := t
		for _, other := range []time.Time{t.Add(-time.Hour), t.Add(time.Hour)} {
			if other.Format(layout) == t.Format(layout) && other.Sub(near).Abs() < best.Sub(near).Abs() {
				best = other
			}
		}
		return best
	}
	return time.Time{}
}
