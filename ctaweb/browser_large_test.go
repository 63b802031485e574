package ctaweb

import "testing"

// The page of a large network: the map comes behind it, with trains on it, and how
// lines run follows the stream. Long names stay within a phone's screen.
func TestLargeNetworkInABrowser(t *testing.T) {
	b := browse(t)
	b.width(360)
	m := metropolis(t)
	srv := serving(t, newHandler(t, m, HandlerConfig{}), nil)
	b.open(srv.URL + "/")
	b.await(`document.body.className`, "live")
	b.await(`document.querySelectorAll("#chart [data-k]").length > 5000`, "true")
	b.eval(`document.querySelector("#chart").scrollIntoView()`) // a map that isn't seen has no trains
	b.await(`document.querySelectorAll("#moving [data-m]").length > 1000`, "true")
	b.await(`document.querySelector("#alerts").textContent`, "0 Central Terminal and Eastern Suburbs: a train towards Station of Some Length 0 has broken down at Station of Some Length 6")
	b.await(`document.documentElement.scrollWidth`, "360")
	b.clean(host(srv.URL))

	m = modelOf(village(t), eight)
	own := serving(t, newHandler(t, m, HandlerConfig{}), nil)
	for _, page := range []string{"/", "/lines/B", "/lines/" + m.net.Lines[0].ID, "/stations/1", "/board/1"} {
		b.open(own.URL + page)
		b.await(`document.documentElement.scrollWidth`, "360")
	}

	net := village(t)
	net.Lines[0].Code = "" // the whole name is on the board
	own = serving(t, newHandler(t, modelOf(net, eight), HandlerConfig{}), nil)
	for _, width := range []int64{360, 1280} {
		b.width(width)
		b.open(own.URL + "/board/1")
		b.await(`document.documentElement.scrollWidth <= innerWidth`, "true")
		b.await(`[...document.querySelectorAll(".board .pill")].every(e => e.getClientRects().length === 1 && e.clientHeight < 60 && e.clientWidth < 340)`, "true")
	}
}
