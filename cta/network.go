package cta

import (
	"io/fs"
	"time"
)

// Network is a transit network: lines, the stations on them, and what is known
// of riders and service. It is read-only once loaded, and safe for concurrent use.
type Network struct {
	Name     string         // for riders, as "Chicago 'L'"
	Location *time.Location // local time of the network
	Lines    []*Line        // in the order in which riders see them
	Stations []*Station     // by ascending ID
	Hourly   [24]float64    // share of a day's entries in each hour of local time; sums to 1
}

// Chicago returns the Chicago 'L', from data embedded in the program. All
// callers share one copy.
func Chicago() *Network { panic("TODO") }

// Load reads a network from the files of another agency (see the package
// comment for their names and columns). The error lists every fault found, each
// a [*DataError].
func Load(fsys fs.FS) (*Network, error) { panic("TODO") }

// DataError is one fault in a data file.
type DataError struct {
	File   string
	Line   int    // from 1; 0 when the whole file is meant
	Column string // the column's name; empty when the whole line is meant
	Found  string // what was there
	Want   string // what was wanted
}

// Error is file:line:column, what was found and what was wanted.
func (e *DataError) Error() string { panic("TODO") }

// Line returns the line of that id, nil if there is none.
func (n *Network) Line(id string) *Line { panic("TODO") }

// Station returns the station of that id, nil if there is none.
func (n *Network) Station(id int) *Station { panic("TODO") }

// Only returns the network cut down to the lines of those ids, in the network's
// order, with the stations they serve. The error lists every unknown id.
func (n *Network) Only(lines ...string) (*Network, error) { panic("TODO") }

// Rows returns the raw rows of the stations table, by ascending stop id: what
// PostgreSQL holds and Kafka Connect reads.
func (n *Network) Rows() []StationRow { panic("TODO") }

// LineColumns returns the names of the boolean columns of the stations table,
// one a line, in the table's order.
func (n *Network) LineColumns() []string { panic("TODO") }

// Station is a place where trains stop.
type Station struct {
	ID         int
	Name       string // not unique: join on ID
	Accessible bool   // without steps
	Latitude   float64
	Longitude  float64
	Lines      []string // ids of the lines that stop here, in the network's order
	Stops      []Stop   // by ascending ID
	Entries    Ridership
}

// Slug is the station's id and name as topic names and addresses hold them,
// as "40380-clark-lake".
func (s *Station) Slug() string { panic("TODO") }

// Ridership is the average number of entries a day.
type Ridership struct{ Weekday, Saturday, Sunday float64 }

// On returns the entries of a day such as the one t falls on.
func (r Ridership) On(t time.Time) float64 { panic("TODO") }

// Stop is a platform and the direction in which trains leave it.
type Stop struct {
	ID              int
	DirectionID     string // compass point: N, E, S or W
	Name            string
	DescriptiveName string
	Lines           []string
}

// Line is a named service with a colour.
type Line struct {
	ID        string // as "blue"
	Name      string // as "Blue Line"
	Color     string // "#rrggbb"
	TextColor string // "#rrggbb", legible on Color
	// Stations holds every station once: the trunk, then each branch, in order.
	Stations []LineStation
	// Routes holds the complete runs from the first station: one for each branch,
	// one in all when the line has no branches.
	Routes []Route
	// Service is the intended service, by day and hour.
	Service []Service
}

// LineStation is a station's place on a line.
type LineStation struct {
	*Station
	Order  int    // from 0; two branches use the same numbers
	Branch string // empty on the trunk
}

// Order returns the place of a station on the line; ok is false when the line
// doesn't stop there.
func (l *Line) Order(stationID int) (order int, ok bool) { panic("TODO") }

// Towards returns the riders' name of a direction, as "Forest Park", "Loop" or,
// over branches, "Ashland/63rd or Cottage Grove".
func (l *Line) Towards(d Direction) string { panic("TODO") }

// Next returns the stations that a train may come to after the given one in
// that direction, with the direction it then runs in: the way round a loop ends
// in the other direction. Several are possible where branches part; none at the
// end of the line. Express services may turn back earlier.
func (l *Line) Next(stationID int, d Direction) []Hop { panic("TODO") }

// Hop is a station that a train comes to, and the direction it comes in.
type Hop struct {
	Station   *Station
	Direction Direction
}

// Route is a complete run of a line in direction a.
type Route struct {
	Branch   string
	Stations []*Station
	// Loop is the index of the first station of the final loop: after the last
	// station the train goes on to Stations[Loop-1] in direction b. It is
	// len(Stations) for a route that ends at a terminal.
	Loop int
}

// Hops returns the stations of a run in direction d, in order. In direction b a
// route with a loop begins at the last station before the loop.
func (r Route) Hops(d Direction) []Hop { panic("TODO") }

// Days says on which days a service runs.
type Days string

// Every Days.
const (
	Daily    Days = "daily"
	Weekdays Days = "weekday"
	Weekends Days = "weekend"
)

// Service is the intended service of a line during some hours.
type Service struct {
	Days    Days
	From    int           // first hour of local time, 0 to 23
	To      int           // hour in which it ends, From < To <= 24
	Headway time.Duration // between trains of one direction on the trunk
	// Last is the id of the station where trains turn back; 0 for the whole line.
	Last int
}

// ServiceAt returns the service intended at t, false when the line doesn't run.
func (l *Line) ServiceAt(t time.Time) (Service, bool) { panic("TODO") }

// Distance returns the length of the great circle between two stations, in metres.
func Distance(a, b *Station) float64 { panic("TODO") }

// StationRow is one row of the stations table: one stop of a station.
type StationRow struct {
	StopID                 int
	DirectionID            string
	StopName               string
	StationName            string
	StationDescriptiveName string
	StationID              int
	Order                  int
	// Lines holds the value of each boolean column, in the table's order.
	Lines []LineFlag
}

// LineFlag says whether trains of a line use a stop.
type LineFlag struct {
	Line string
	Set  bool
}

// Key is the text under which stations.table holds r: "<station_id>/<line>".
func (r StationRecord) Key() string { panic("TODO") }

// AppendJSON appends the row as Kafka Connect's JsonConverter writes it, schemas
// off: compact, in column order, nothing escaped but what JSON demands.
func (r StationRow) AppendJSON(dst []byte) []byte { panic("TODO") }

// ParseStationRow reads a row in Connect's form, bare or in the envelope with a
// schema. Boolean members other than the known ones are lines. The error names
// the member that is missing or wrong.
func ParseStationRow(data []byte) (StationRow, error) { panic("TODO") }
