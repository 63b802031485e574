package traintrackertest

import (
	"encoding/json"

	"github.com/seed-921eec07/ctalive/ctaproducer/internal/form"
)

// Answer is an answer of ttpositions, or an error. Every value is a text, as the Train
// Tracker writes it.
type Answer struct {
	Tmst  string            `json:"tmst"`
	ErrCd string            `json:"errCd"`
	ErrNm *string           `json:"errNm"`
	Route oneOrMore[*Route] `json:"route,omitempty"`
}

// Route is a line with its trains.
type Route struct {
	Name  string            `json:"@name"` // in lower case, such as "brn"
	Train oneOrMore[*Train] `json:"train,omitempty"`
}

// Train is a train of ttpositions.
type Train struct {
	Rn        string  `json:"rn"`
	DestSt    string  `json:"destSt"`
	DestNm    string  `json:"destNm"`
	TrDr      string  `json:"trDr"`
	NextStaID string  `json:"nextStaId"`
	NextStpID string  `json:"nextStpId"`
	NextStaNm string  `json:"nextStaNm"`
	Prdt      string  `json:"prdt"`
	ArrT      string  `json:"arrT"`
	IsApp     string  `json:"isApp"`
	IsDly     string  `json:"isDly"`
	Flags     *string `json:"flags"`
	Lat       string  `json:"lat"`
	Lon       string  `json:"lon"`
	Heading   string  `json:"heading"`
}

// oneOrMore is a list, which is written without brackets if it has one element.
type oneOrMore[T any] []T

func (l oneOrMore[T]) MarshalJSON() ([]byte, error) {
	if len(l) == 1 {
		return json.Marshal(l[0])
	}
	return json.Marshal([]T(l))
}

func (l *oneOrMore[T]) UnmarshalJSON(b []byte) error {
	var list form.List[T]
	err := list.UnmarshalJSON(b)
	*l = list.Of
	return err
}

// etas is an answer of ttarrivals or ttfollow.
type etas struct {
	Tmst     string          `json:"tmst"`
	ErrCd    string          `json:"errCd"`
	ErrNm    *string         `json:"errNm"`
	Position *position       `json:"position,omitempty"`
	Eta      oneOrMore[*eta] `json:"eta,omitempty"`
}

type position struct {
	Lat     *string `json:"lat"`
	Lon     *string `json:"lon"`
	Heading *string `json:"heading"`
}

type eta struct {
	StaID   string  `json:"staId"`
	StpID   string  `json:"stpId"`
	StaNm   string  `json:"staNm"`
	StpDe   string  `json:"stpDe"`
	Rn      string  `json:"rn"`
	Rt      string  `json:"rt"`
	DestSt  string  `json:"destSt"`
	DestNm  string  `json:"destNm"`
	TrDr    string  `json:"trDr"`
	Prdt    string  `json:"prdt"`
	ArrT    string  `json:"arrT"`
	IsApp   string  `json:"isApp"`
	IsSch   string  `json:"isSch"`
	IsDly   string  `json:"isDly"`
	IsFlt   string  `json:"isFlt"`
	Flags   *string `json:"flags"`
	Lat     *string `json:"lat"`
	Lon     *string `json:"lon"`
	Heading *string `json:"heading"`
}
