package ctaweb

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html/template"
	"path"
	"strings"

	"github.com/seed-921eec07/ctalive/cta"
)

//go:embed assets
var files embed.FS

// The surfaces that lines are drawn on, as in assets/style.css.
const (
	lightSurface = "#ffffff"
	darkSurface  = "#171b21"
)

// assets are the files of a page, named by their content so that they can be
// kept for ever. Each page has the style sheet in it: as a file it would hold back the
// first paint by a second answer.
type assets struct {
	named    map[string]*asset
	style    template.CSS
	icon     string            // its address, relative to the page
	picture  string            // the icon as PNG; empty if only the SVG was replaced
	live     map[string]string // the script, with its words
	manifest map[string]string // for installing, by language
	build    string            // changes with any of them
	openapi  *asset
	worker   *asset // the service worker
}

type asset struct {
	contentType string
	body        body
}

// pageFiles are the templates: base.html has what all pages share.
var pageFiles = []string{"base.html", "page.html", "line.html", "stations.html", "station.html", "train.html", "board.html", "departures.html", "missing.html"}

func newAssets(net *cta.Network, src source, languages []*language) *assets {
	a := &assets{named: map[string]*asset{}, live: map[string]string{}, manifest: map[string]string{}}
	// Browsers hash the style sheet with the line ends that HTML has.
	a.style = template.CSS(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(src.read("style.css")) + lineColors(net))
	scripts := ""
	for _, l := range languages {
		script := ""
		for _, name := range []string{"rider", "map"} { // the page's script loads these where they are of use
			own := src.read(name + ".js")
			own = a.add(name+"."+l.code, ".js", "text/javascript; charset=utf-8", l.script(own)+own)
			script += "const " + name + "Script = \"./" + path.Base(own) + "\";\n"
		}
		script += src.read("live.js")
		a.live[l.code] = a.add("live."+l.code, ".js", "text/javascript; charset=utf-8", l.script(script)+script)
		scripts += a.live[l.code]
	}
	a.icon = a.add("icon", ".svg", "image/svg+xml", src.read("icon.svg"))
	if src.own("icon.png") != "" || src.own("icon.svg") == "" {
		a.picture = a.add("icon", ".png", "image/png", src.read("icon.png"))
	}
	pages := ""
	for _, name := range pageFiles {
		pages += src.read(name)
	}
	a.build = hash(string(a.style) + scripts + pages)
	a.openapi = newAsset("application/json", read("openapi.json"))
	a.worker = newAsset("text/javascript; charset=utf-8", workerHead(a.build, languages)+src.read("worker.js"))
	return a
}

func newAsset(contentType, text string) *asset {
	f := &asset{contentType: contentType}
	_ = f.body.get(func() ([]byte, error) { return []byte(text), nil })
	return f
}

func (a *assets) add(stem, ext, contentType, text string) string {
	f := newAsset(contentType, text)
	name := stem + "." + f.body.tag + ext
	a.named[name] = f
	return "static/" + name
}

// policy is the Content-Security-Policy of pages with a style sheet. Templates of
// HandlerConfig.Files may link further ones of the same site.
func policy(style template.CSS) string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; script-src 'self'; style-src 'self' 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; img-src 'self'; " +
		"connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:6])
}

// read returns an embedded file, which a test shows to be there.
func read(name string) string {
	data, err := files.ReadFile("assets/" + name)
	if err != nil {
		return ""
	}
	return string(data)
}

// lineColors are the style rules of a network's lines: the colour itself, the
// text on it, for drawings a shade that stands out from either surface, and how many
// stations are listed.
func lineColors(net *cta.Network) string {
	var light, dark strings.Builder
	var all []string
	for i, l := range net.Lines {
		color := l.Color
		if _, ok := luminance(color); !ok {
			color = "#5b6470"
		}
		fmt.Fprintf(&light, ".l%d{--line:%s;--on:%s;--ink:%s;--rows:%d}\n", i, color, legible(color, l.TextColor), distinct(color, lightSurface), len(l.Stations))
		all = append(all, fmt.Sprint(".l", i))
		fmt.Fprintf(&dark, ".l%d{--ink:%s}\n", i, distinct(color, darkSurface))
	}
	return light.String() + "@media (prefers-color-scheme:dark){\n" + dark.String() + "}\n" +
		":is(.stale,.lost) :is(" + strings.Join(all, ",") + "){--line:var(--soft);--on:var(--page);--ink:var(--soft)}\n"
}
