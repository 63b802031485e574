// Keeps the page current from the event stream. The server has rendered all of
// it already; updates name what changed since then. The page of the whole system
// is drawn from updates; the others ask the server for their changed parts. The
// server puts a line in front of this file: words, the texts of the page's language,
// nouns, which depend on what runs, and nounsOf, the same by the mode of a line.
//
// Templates can be replaced: what a page leaves out is done without.
const body = document.body;
const byId = (id) => document.getElementById(id);
const calm = matchMedia("(prefers-reduced-motion: reduce)");

const { kind, root, events } = body.dataset;

// say is a text of the page's language, with values in its placeholders.
const say = (name, values = {}, mode = null) => words[name].replace(/\{(\w+)\}/g, (_, key) => values[key] ?? (nounsOf[mode] ?? nouns)[key] ?? "");
const format = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, words["thousands"]);
// segment is an id as one segment of an address, as the server's pages have it.
const segment = (id) => (/^(\.\.?$|\/$|~)/.test(id) ? "~" : "") + encodeURIComponent(id);
const text = (el, value) => { if (el && el.textContent !== value) el.textContent = value; };

// rows: "line/station" to the row's parts. entries: station to its rows on all lines.
const rows = new Map();
const entries = new Map();
const lines = new Map();
const trains = new Map(); // id to the train, as the stream has it

for (const el of document.querySelectorAll("[data-line]")) {
	const id = el.dataset.line;
	const marks = el.querySelector(".line-strip")?.children;
	const line = {
		id, el, mode: el.dataset.mode, name: el.querySelector(".pill, h3")?.textContent, rows: [],
		total: el.querySelector(".total b"),
		a: el.querySelector(".dir.a b"), b: el.querySelector(".dir.b b"),
	};
	lines.set(id, line);
	el.querySelectorAll("[data-s]").forEach((li, i) => {
		const row = {
			a: li.querySelector(":scope > .a"), b: li.querySelector(":scope > .b"), mark: marks?.[i],
			number: li.querySelector(".n b:not(.closed)"), name: li.querySelector(".s")?.textContent, count: 0,
		};
		line.rows.push(row);
		rows.set(id + "/" + li.dataset.s, row);
		if (!entries.has(li.dataset.s)) entries.set(li.dataset.s, []);
		entries.get(li.dataset.s).push(row);
	});
}

// What the server has drawn: adopted at first, and after a page was fetched.
const badges = new Map(); // of trains, in the lists
const marks = new Map(); // of trains, on the map: also where its densest part is drawn once more
const near = byId("moving-near");
function adopt() {
	trains.clear();
	badges.clear();
	marks.clear();
	for (const el of document.querySelectorAll("#lines [data-t]")) badges.set(el.dataset.t, el);
	for (const el of document.querySelectorAll("[data-m]")) marks.set(el.dataset.m, { el });
	for (const el of [...near?.children ?? []]) if (marks.has(el.dataset.key)) marks.get(el.dataset.key).near = el; else el.remove();
	for (const row of rows.values()) row.count = Number(row.number?.textContent.replace(/\D/g, ""));
}
adopt();

// What is to be said of a train beside its place.
function looks(t) {
	if (t.status === "broken_down") return "broken";
	if (t.state === "silent") return "silent";
	return t.status === "out_of_service" ? "out" : "";
}

// Where a train is drawn, and in which words, is decided as in page.go.
function spot(t) {
	const moving = t.next.length && (t.state === "running" || t.state === "silent");
	const next = moving && t.next.length === 1 ? t.next[0] : null;
	const station = next ? next.station : t.station;
	const direction = next ? next.direction : t.direction;
	const row = rows.get(t.line + "/" + station);
	const cell = direction === "a" ? row?.a : row?.b;
	if (!cell) return null;
	let style = (next ? "near" : moving ? "left" : "at") + " " + direction;
	let says = say(t.state === "turning" && t.status === "in_service" ? "train-ended" : next ? t.state === "silent" ? "train-due" : "train-approaching" : moving ? "train-left" : "train-at", { id: t.id, towards: t.towards, station: row.name }, lines.get(t.line).mode);
	const look = looks(t);
	if (look) { style += " " + look; says = say("train-" + look, { train: says }); }
	return { cell, style: "t " + style, says };
}

// A lane is one link: to its train, or to its station if there are several, as in page.go.
function dress(lane) {
	const of = [...lane.children];
	const to = of.length > 1 ? "stations/" + lane.parentNode.dataset.s : of.length ? "trains/" + segment(of[0].dataset.t) : null;
	for (const [name, value] of [["href", to], ["aria-label", of.map((b) => b.title).join("; ")]]) {
		if (!to) lane.removeAttribute(name);
		else if (lane.getAttribute(name) !== value) lane.setAttribute(name, value);
	}
}

function draw(changed, gone) {
	const lanes = new Set();
	const take = (b) => { lanes.add(b.parentNode); b.remove(); };
	for (const id of gone) {
		if (badges.has(id)) take(badges.get(id));
		badges.delete(id);
		trains.delete(id);
	}
	for (const t of changed) {
		trains.set(t.id, t);
		const at = spot(t);
		let b = badges.get(t.id);
		if (!at) {
			if (b) take(b);
			badges.delete(t.id);
			continue;
		}
		if (!b) {
			b = document.createElement("b");
			b.dataset.t = t.id;
			badges.set(t.id, b);
		}
		if (b.className !== at.style) b.className = at.style;
		if (b.title !== at.says) b.title = at.says;
		lanes.add(at.cell);
		if (b.parentNode !== at.cell) {
			if (b.parentNode) lanes.add(b.parentNode);
			at.cell.append(b);
		}
	}
	for (const lane of lanes) dress(lane);
}

function count(changed, flash) {
	for (const [station, n] of Object.entries(changed)) {
		for (const row of entries.get(station) ?? []) {
			row.count = n;
			text(row.number, format(n));
			if (!flash || !row.number) continue;
			row.number.className = "new"; // an animation would have the page drawn sixty times a second
			clearTimeout(row.flash);
			row.flash = setTimeout(() => { row.number.className = ""; }, 900);
		}
	}
}

function counted(u) {
	if (!u.counts_as_of) return;
	const stopped = Date.parse(u.as_of) - Date.parse(u.counts_as_of) > 600000;
	const since = u.counts_since?.slice(11, 16) ?? "00:00";
	text(byId("counted"), say(stopped ? "counts-stopped" : since === "00:00" ? "counts-as-of" : "counts-since", { since, time: u.counts_as_of.slice(11, 16) }));
}

let told = ""; // the broken trains of a brief page
function sums() {
	const alerts = [];
	const per = new Map();
	for (const t of trains.values()) {
		if (t.status !== "out_of_service") {
			const k = t.line + "/" + t.direction;
			per.set(k, (per.get(k) ?? 0) + 1);
		}
		if (t.status === "broken_down") {
			const row = rows.get(t.line + "/" + t.station);
			if (row) alerts.push(say("broken-alert", { line: lines.get(t.line).name, towards: t.towards, station: row.name }, lines.get(t.line).mode));
		}
	}
	let all = 0;
	for (const line of lines.values()) {
		for (const d of ["a", "b"]) {
			const n = per.get(line.id + "/" + d) ?? 0;
			all += n;
			text(line[d], String(n));
		}
		let total = 0;
		for (const row of line.rows) {
			total += row.count;
			const mark = (row.a?.firstChild ? "a" : "") + (row.b?.firstChild ? "b" : "");
			if (row.mark && row.mark.className !== mark) row.mark.className = mark;
		}
		text(line.total, format(total));
	}
	text(byId("trains"), String(all));
	const list = byId("alerts");
	if (!list) return;
	if (list.dataset.live !== undefined) { // a brief page has no names of stations
		const now = [...trains.values()].filter((t) => t.status === "broken_down").map((t) => t.id).sort().join("\n");
		if (now !== told) refresh();
		told = now;
		return;
	}
	const now = alerts.sort().join("\n");
	if ([...list.children].map((li) => li.textContent).sort().join("\n") !== now) {
		list.replaceChildren(...alerts.map((says) => Object.assign(document.createElement("li"), { textContent: says })));
	}
}

// What falls from the sky, as in page.go.
function falling({ status, temperature }) {
	if (status !== "precipitation") return status;
	return temperature <= 32 ? "snow" : temperature <= 37 ? "sleet" : "rain";
}

function weather(w) {
	byId("weather")?.removeAttribute("hidden");
	byId("icon")?.setAttribute("href", "#w-" + w.status);
	const unit = body.dataset.degrees ?? "F";
	text(byId("temperature"), say("temperature", { n: Math.round(unit === "C" ? (w.temperature - 32) * 5 / 9 : w.temperature), unit }));
	text(byId("sky"), words["sky-" + falling(w)] ?? w.status);
	text(byId("measured"), say("measured", { time: w.as_of.slice(11, 16) }));
}

function age(s) {
	if (s < 60) return say("seconds", { n: Math.floor(s / 10) * 10 });
	return s < 3600 ? say("minutes", { n: Math.floor(s / 60) }) : say("hours", { n: Math.floor(s / 3600) });
}

// How lines run, in words.
const signs = { good: "✓", minor: "!", major: "‼", not_running: "–" };

function service(changed) {
	for (const l of changed) {
		const el = document.querySelector(`[data-status="${CSS.escape(l.id)}"]`);
		if (!el) continue;
		el.classList.remove("good", "minor", "major", "unknown", "not_running");
		el.classList.add(l.level);
		text(el.querySelector(".level i"), signs[l.level] ?? "?");
		text(el.querySelector(".level b"), say("level-" + l.level));
		for (const d of l.directions) text(lines.get(l.id)?.el.querySelector(`.dir.${d.direction} .to`), d.towards);
		const says = [...el.querySelectorAll("p")];
		const directions = el.dataset.line && l.level === "good" ? [] : l.directions; // as in page.html
		while (says.length > directions.length) says.pop().remove();
		directions.forEach((d, i) => {
			if (!says[i]) el.append(says[i] = document.createElement("p"));
			if (says[i].textContent !== d.sentence) says[i].replaceChildren(...linked(l.id, d));
		});
	}
}

// linked is a sentence with a link to the station that it names first, as in page.go.
function linked(line, { station, sentence }) {
	const name = rows.get(line + "/" + station)?.name;
	const at = name ? sentence.indexOf(name, sentence.indexOf(": ") + 1) : -1;
	if (at < 0) return [sentence];
	const a = Object.assign(document.createElement("a"), { href: "stations/" + station, textContent: name });
	return [sentence.slice(0, at), a, sentence.slice(at + name.length)];
}

// The map. A train's place follows from when it left and when it is due, so that
// trains move between updates; at an update they go on from where they are seen.
const map = byId("moving");
const ways = new Map(); // "line/from-to" to the way's points, and how far along each is
const starts = new Map(); // "line/station" to a way from there
function survey() {
	for (const el of document.querySelectorAll("[data-k]")) measure(el);
}
function measure(el) {
	const [line, pair] = el.dataset.k.split("/");
	const ends = pair.split("-");
	const points = el.getAttribute("d").slice(1).split("L").map((p) => p.split(" ").map(Number));
	for (const [[from, to], list] of [[ends, points], [ends.toReversed(), points.toReversed()]]) {
		const far = [0];
		for (let i = 1; i < list.length; i++) far.push(far[i - 1] + Math.hypot(list[i][0] - list[i - 1][0], list[i][1] - list[i - 1][1]));
		const way = { points: list, far, of: el.parentNode.getAttribute("class") };
		ways.set(`${line}/${from}-${to}`, way);
		if (!starts.has(`${line}/${from}`)) starts.set(`${line}/${from}`, way);
	}
}
survey();

// The map of a large network comes behind its page.
async function fetchMap(chart) {
	const r = await fetch(root + chart.dataset.src, { signal: AbortSignal.timeout(30000) });
	if (!r.ok) throw new Error(String(r.status));
	chart.replaceChildren(...new DOMParser().parseFromString(await r.text(), "image/svg+xml").documentElement.childNodes);
	survey();
}
const chart = byId("chart");
if (chart) fetchMap(chart).catch(() => setTimeout(() => fetchMap(chart).catch(() => {}), 5000)); // the words tell all of it

// The clock of the map: event time at a moment of performance.now, and its rate. It
// never jumps nor goes back, as that of the updates does by parts of a second.
let time = null;
const now = () => time.event + Math.min(performance.now() - time.at, 5000) * time.rate;
function tell(u) {
	const at = performance.now(), told = Date.parse(u.as_of) + 500; // it is told in whole seconds
	const speed = u.stale ? 0 : u.speed, slack = 5000 * Math.max(1, u.speed);
	const ahead = time ? now() - told : Infinity;
	time = Math.abs(ahead) > slack ? { event: told, at, rate: speed } : { event: now(), at, rate: speed * (1 - ahead / slack / 2) };
}

// place is where a train is on the map. Where branches part, it waits for word of
// which it takes.
function place(t, now) {
	const next = t.next.length === 1 && ways.get(`${t.line}/${t.station}-${t.next[0].station}`);
	const way = next || ways.get(`${t.line}/${t.station}-${t.next[0]?.station}`) || starts.get(`${t.line}/${t.station}`);
	if (!way) return null;
	let f = 0;
	if (next && t.status === "in_service" && t.due) {
		const came = Date.parse(t.since), due = Date.parse(t.due);
		const halt = Math.min(25000, (due - came) / 2);
		f = Math.min(Math.max((now - came - halt) / (due - came - halt || 1), 0), 0.95);
	}
	const { points, far } = way, at = f * far.at(-1);
	const i = Math.max(1, far.findIndex((d) => d > at));
	const [ax, ay] = points[i - 1], [bx, by] = points[i];
	const part = (at - far[i - 1]) / (far[i] - far[i - 1] || 1);
	return { x: ax + part * (bx - ax), y: ay + part * (by - ay), angle: Math.atan2(by - ay, bx - ax) * 180 / Math.PI, of: way.of };
}

const svg = (name) => document.createElementNS("http://www.w3.org/2000/svg", name);

function sign() {
	const path = svg("path");
	path.setAttribute("d", "M8 5-5 11-3 5-5-1z"); // to the right of its line, and of trains the other way
	return path;
}
function mark(t) {
	const a = svg("a");
	a.setAttribute("href", "trains/" + segment(t.id));
	a.setAttribute("tabindex", "-1");
	a.dataset.m = t.id;
	a.append(svg("title"), sign());
	map.append(a);
	return { el: a };
}

// The trains in the densest part have a second sign there. A copy of all of them by SVG's use
// would be made anew with each step of one.
const { x: nearX = 0, y: nearY = 0, width: nearWidth = 0, height: nearHeight = 0 } = near?.ownerSVGElement.viewBox.baseVal ?? {};
function twin(m, id) {
	const edge = 5, inside = near && m.x > nearX - edge && m.y > nearY - edge && m.x < nearX + nearWidth + edge && m.y < nearY + nearHeight + edge;
	if (!inside) {
		m.near?.remove();
		m.near = null;
		return;
	}
	if (!m.near) {
		m.near = svg("g");
		m.near.dataset.key = id;
		m.near.append(sign());
		near.append(m.near);
	}
	for (const name of ["class", "transform"]) {
		const value = m.el.getAttribute(name);
		if (m.near.getAttribute(name) !== value) m.near.setAttribute(name, value);
	}
}

const settle = 700; // ms in which most of the way to a new place is made up for
const leap = 200; // units beyond which a train is simply elsewhere
let moved = 0;
function move(at) {
	const since = at - moved;
	if (!time) return;
	moved = at;
	for (const [id, m] of marks) if (!trains.has(id)) { m.el.remove(); m.near?.remove(); marks.delete(id); }
	for (const t of trains.values()) {
		const to = place(t, now());
		if (!to) continue;
		let m = marks.get(t.id);
		if (!m) marks.set(t.id, m = mark(t));
		if (m.t !== t) {
			m.dx = (m.x ?? to.x) - to.x;
			m.dy = (m.y ?? to.y) - to.y;
			if (calm.matches || Math.hypot(m.dx, m.dy) > leap) m.dx = m.dy = 0;
			m.t = t;
			m.el.setAttribute("class", ["m", looks(t), to.of].filter(Boolean).join(" "));
			text(m.el.querySelector("title"), say("train-towards", { id: t.id, towards: t.towards }, lines.get(t.line)?.mode));
		}
		const keep = Math.exp(-since / settle);
		m.dx *= keep;
		m.dy *= keep;
		m.x = to.x + m.dx;
		m.y = to.y + m.dy;
		const transform = `translate(${half(m.x)} ${half(m.y)}) rotate(${Math.round(to.angle)})`;
		if (m.transform !== transform) m.el.setAttribute("transform", m.transform = transform);
		twin(m, t.id);
	}
}
const half = (n) => Math.round(2 * n) / 2;

// Trains take steps of about a pixel: one a second in real time, up to one a frame when
// time is hurried. More would not be seen, and each costs a drawing of the map. A map
// that isn't seen takes none.
let seen = true, step;
const stride = () => calm.matches ? 5000 : Math.min(1000, Math.max(frame, 8000 / (time?.rate || 1)));
function beat() {
	clearTimeout(step);
	if (!map || !seen || document.hidden) return;
	move(performance.now());
	step = setTimeout(beat, stride() + 100); // unless news have the page drawn before
}
if (map) {
	new IntersectionObserver(([of]) => { seen = of.isIntersecting; beat(); }).observe(map.ownerSVGElement);
	document.addEventListener("visibilitychange", beat);
}

// What a reader does with the map by hand has a script of its own, which comes with the first
// touch. On a small map stations are small: a touch near one is meant for it.
let hand = null;
const handle = () => hand ??= import(mapScript).then((m) => m.start({ byId, root, patch, keepFocus })).catch(() => { hand = null; });
const drawing = byId("map");
if (drawing && byId("stop")) {
	byId("tools")?.removeAttribute("hidden");
	for (const first of ["pointerenter", "pointerdown", "touchstart", "focusin"]) drawing.closest("figure").addEventListener(first, handle, { once: true, passive: true });
	drawing.addEventListener("click", async (e) => {
		if (e.ctrlKey || e.metaKey || e.shiftKey) return;
		let best = e.target.closest("a"), near = 24;
		if (e.target.closest(".inset")) return (await handle())?.centre();
		if (!best) {
			for (const a of drawing.querySelectorAll("#tracks .stops a")) {
				const r = a.getBoundingClientRect();
				const far = Math.hypot(r.x + r.width / 2 - e.clientX, r.y + r.height / 2 - e.clientY);
				if (far < near) [best, near] = [a, far];
			}
		}
		const address = best?.getAttribute("href");
		if (!address?.startsWith("stations/")) return; // a train leads to its page
		e.preventDefault();
		const by = await handle();
		if (by) by.tell(address); else location.assign(address);
	});
}

// patch makes an element what the server would render now. What stays the same
// stays in the document, and with it a reader's place and what was unfolded.
const isLane = (n) => n.className === "a" || n.className === "b";
const key = (n) => n.dataset && (n.dataset.key ?? n.dataset.s ?? n.dataset.t ?? n.dataset.m ?? (n.id || (isLane(n) ? n.className : n.getAttribute("href")))) || "";
function patch(el, to) {
	if (el.isEqualNode(to) || el.dataset.own !== undefined) return;
	for (const { name, value } of to.attributes) if (name !== "open" && el.getAttribute(name) !== value) el.setAttribute(name, value);
	for (const { name } of [...el.attributes]) if (name !== "open" && !to.hasAttribute(name)) el.removeAttribute(name);
	const wanted = new Set([...to.children].map(key));
	const own = new Map();
	for (const n of [...el.children]) {
		if (!wanted.has(key(n))) n.remove();
		else if (key(n)) own.set(key(n), n);
	}
	let at = el.firstChild;
	for (const n of [...to.childNodes]) {
		const same = key(n) ? own.get(key(n)) : at?.nodeName === n.nodeName && !key(at) ? at : null;
		own.delete(key(n));
		while (same && at && at !== same && !key(at)) at = drop(at); // rather than move what may have the focus
		if (same && at !== same) el.insertBefore(same, at);
		else if (same) at = at.nextSibling;
		if (!same) el.insertBefore(document.importNode(n, true), at);
		else if (same.nodeType === Node.ELEMENT_NODE) patch(same, n);
		else if (same.nodeValue !== n.nodeValue) same.nodeValue = n.nodeValue;
	}
	while (at) at = drop(at);
}
function drop(n) {
	const next = n.nextSibling;
	n.remove();
	return next;
}

// keepFocus has the focus where it was after a change: on the same element, on the
// same train elsewhere, or as near as can be; without scrolling.
let followed = {};
function keepFocus(change) {
	const el = document.activeElement, around = [];
	for (let n = el; n && n !== body; n = n.parentElement) around.push(n);
	// On a lane, the focus goes with a train.
	const train = el && isLane(el) && (followed.lane === el && [...el.children].some((b) => b.dataset.t === followed.train) ? followed.train : el.firstElementChild?.dataset.t);
	change();
	let to = el?.isConnected && (!train || el.hasAttribute("href")) ? el : null;
	if (train) to = document.querySelector(`#main li [data-t="${CSS.escape(train)}"]`)?.parentNode ?? to;
	followed = { lane: to, train };
	if (!around.length || document.activeElement === to) return;
	for (const n of around) to ||= n.isConnected && n.querySelector("a[href], summary");
	if (to) to.focus({ preventScroll: true });
}

// fetchPage is the page as the server has it now, or the part of it that isn't its
// head and foot; null when the server doesn't answer.
async function fetchPage(part) {
	const here = new URL(location.href);
	if (part) here.searchParams.set(part, "");
	try {
		const r = await fetch(here, { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(10000) });
		const gone = r.status === 404;
		if (gone && kind !== "missing") reload();
		return r.ok || gone ? new DOMParser().parseFromString(await r.text(), "text/html") : null;
	} catch {
		return null;
	}
}

function show(page, parts) {
	keepFocus(() => {
		for (const part of parts) {
			const to = part && page.getElementById(part.id);
			if (to) patch(part, to);
		}
	});
}

// Pages other than that of the system: their parts are fetched when a train that
// they show moved, and every twenty seconds of event time, at a moment of each page's
// own, for what changes by itself; every two seconds at most.
const own = decodeURIComponent(location.pathname.split("/").pop());
const spread = Math.random() * 20000;
let turn = null;
function due(u) {
	const last = turn;
	turn = Math.floor((Date.parse(u.as_of) + spread) / 20000);
	return u.lines || u.alerts || turn !== last || (kind === "train" ? u.trains?.some((t) => t.id === own) : u.trains) || u.gone;
}
let fetched = -Infinity;
let fetching = false, asked = false; // asked: the page being fetched may be one of before
async function refresh() {
	asked = true;
	if (fetching) return;
	fetching = true;
	try {
		while (asked) {
			await new Promise((done) => setTimeout(done, fetched + 2000 - performance.now()));
			fetched = performance.now();
			asked = false;
			const page = await fetchPage("part");
			if (page) show(page, document.querySelectorAll("[data-live]"));
		}
	} finally {
		fetching = false;
	}
}

// The rider's own stations have a script of their own, which comes where there is
// something for it to do.
const mine = byId("mine");
let rider = null;
const ride = () => rider ??= import(riderScript).then((m) => m.start({ byId, root, patch, keepFocus, now: () => { fetched = -Infinity; refresh(); } })).catch(() => { rider = null; });
if (mine) {
	let kept = null;
	try { kept = localStorage.getItem("ctalive " + new URL(root || "./", location.href).pathname); } catch { /* none is kept */ }
	byId("near")?.addEventListener("click", async () => (await ride())?.locate());
	// Over plain HTTP from another machine, browsers tell no place: the page moves up once.
	mine.hidden = !kept && !(byId("near") && isSecureContext);
	if (kept || matchMedia("(display-mode: standalone)").matches) ride();
}
if (byId("star")) ride();

// Search as one types: what the form would find, under it, as a combobox of ARIA. The
// focus stays in the field; the arrow keys choose, and Enter goes to the choice.
const box = byId("q"), found = byId("found");
let typed, questions = 0, chosen = -1;
async function search() {
	const q = box.value.trim(), question = ++questions;
	let items = [], all = 0;
	if (q) {
		try {
			const r = await fetch(root + "stations?q=" + encodeURIComponent(q));
			if (!r.ok) throw new Error(String(r.status));
			const page = new DOMParser().parseFromString(await r.text(), "text/html");
			items = [...page.querySelectorAll("#results li")];
			all = Number(page.getElementById("results")?.dataset.all ?? items.length);
			items = items.slice(0, 12);
		} catch { items = null; }
	}
	if (question !== questions) return; // there is a newer one
	if (!items) return unfold(false); // what was found for another text is no answer to this one
	items = items.filter((li) => li.querySelector("a"));
	const links = (all) => all.map((li) => li.dataset.to).join();
	const before = links([...found.children]);
	items.forEach((li, i) => {
		const a = li.querySelector("a");
		li.dataset.to = root + a.getAttribute("href");
		a.replaceWith(...a.childNodes);
		li.id = "found-" + i;
		li.setAttribute("role", "option");
	});
	if (links(items) !== before) { // else what the reader has chosen stays
		found.replaceChildren(...items);
		choose(-1);
	}
	unfold(items.length > 0 && document.activeElement === box);
	text(byId("found-says"), q ? say("found", { text: q, n: format(all) }) + (all > items.length ? " " + say("found-first", { n: items.length }) : "") : "");
}
function unfold(open) {
	found.hidden = !open;
	box.setAttribute("aria-expanded", open);
	if (!open) choose(-1);
}
function choose(i) {
	chosen = i;
	[...found.children].forEach((li, at) => li.setAttribute("aria-selected", at === i));
	const li = found.children[i];
	if (li) box.setAttribute("aria-activedescendant", li.id); else box.removeAttribute("aria-activedescendant");
	li?.scrollIntoView({ block: "nearest" });
}
if (box && found) {
	for (const [name, value] of [["role", "combobox"], ["aria-autocomplete", "list"], ["aria-controls", "found"], ["aria-expanded", "false"]]) box.setAttribute(name, value);
	found.setAttribute("role", "listbox");
	box.addEventListener("input", () => {
		questions++;
		clearTimeout(typed);
		typed = setTimeout(search, 120);
	});
	box.addEventListener("keydown", (e) => {
		const n = found.children.length, step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
		if (e.key === "Escape" && !found.hidden) unfold(false);
		else if (step && n) {
			unfold(true);
			choose(chosen < 0 && step < 0 ? n - 1 : (chosen + step + n) % n);
		} else return;
		e.preventDefault();
	});
	box.form.addEventListener("submit", (e) => {
		if (chosen < 0) return;
		e.preventDefault();
		location.assign(found.children[chosen].dataset.to);
	});
	found.addEventListener("mousedown", (e) => e.preventDefault()); // the field keeps the focus
	found.addEventListener("click", (e) => { const li = e.target.closest("li"); if (li) location.assign(li.dataset.to); });
	box.addEventListener("blur", () => unfold(false));
}

function state(style, says) {
	if (body.className !== style) body.className = style;
	text(byId("fresh"), says);
}

function clock(u) {
	if (u.as_of) {
		const [date, time] = u.as_of.split("T");
		text(byId("clock"), time.slice(0, 8));
		byId("clock")?.setAttribute("datetime", u.as_of);
		const at = new Date(date + "T00:00:00Z");
		let day = say("date", { day: words["days-short"].split(",")[at.getUTCDay()], n: at.getUTCDate(), month: words["months-short"].split(",")[at.getUTCMonth()] });
		if (!u.real_time) day = say("date-year", { date: day, year: at.getUTCFullYear() });
		text(byId("date"), u.speed === 1 ? day : say("at-speed", { date: day, n: Math.round(u.speed * 10) / 10 }));
	}
	if (!u.as_of) state("wait", say(u.ready ? "waiting" : "starting"));
	else if (u.stale) state("stale", say("stale", { age: age(u.age_seconds) }));
	else if (!u.ready) state("wait", say("catching-up"));
	else state("live", say(u.real_time ? "live" : "other-time"));
}

// What this tab remembers; a page embedded elsewhere may not be allowed to.
function recall(key) {
	try { return sessionStorage.getItem(key); } catch { return null; }
}
function remember(key, value) {
	try { sessionStorage.setItem(key, value); } catch { /* then it is forgotten */ }
}

// A page whose stations are no longer the server's says so and begins anew, but
// not in a circle: it is shown for ten seconds at least.
let old = false;
function reload() {
	if (old) return;
	old = true;
	leave();
	state("stale", say("outdated"));
	setTimeout(() => location.reload(), 10000 - performance.now());
}

function apply(u, whole) {
	if (old) return;
	if (u.layout !== body.dataset.layout) return reload();
	let gone = u.gone ?? [];
	const changed = u.trains ?? [];
	if (whole) {
		const there = new Set(changed.map((t) => t.id));
		gone = [...badges.keys(), ...trains.keys()].filter((id) => !there.has(id));
	}
	if (u.weather) weather(u.weather);
	const minute = byId("clock")?.textContent.slice(0, 5);
	clock(u);
	if (u.as_of) tell(u);
	if (rider && mine) rider.then((r) => r?.tick(u));
	hand?.then((by) => by?.tick(u));
	if (kind !== "system") {
		if (kind !== "search" && kind !== "missing" && due(u)) refresh();
		return;
	}
	keepFocus(() => draw(changed, gone));
	if (whole || performance.now() - moved > stride() - 100) beat();
	count(u.entries_today ?? {}, !whole && u.speed < 3 && !calm.matches); // in a hurried simulation all would flash
	counted(u);
	keepFocus(() => service(u.lines ?? []));
	sums();
	if (u.alerts) refresh();
	if (scores?.open && minute !== byId("clock")?.textContent.slice(0, 5)) refresh();
}
const scores = byId("scores");
scores?.addEventListener("toggle", () => { if (scores.open) refresh(); });

// The stream. The first connection asks for a whole snapshot, which also tells this
// script of the trains that the server has drawn; later ones only for what was
// missed. A connection may hang without an error (a tunnel, a laptop that slept), so
// that silence, which the server doesn't keep for long, ends it too.
let last = "";
let wait = 1000;
let source = null;
let renewing = false;
let polled = false; // the page was fetched since the last event
let heard = 0; // by the wall clock, which goes on while a machine sleeps
let watch, retry, leaving;
const pace = 1000 * Number(body.dataset.pace || 11), quiet = 1000 * Number(body.dataset.quiet || 47);
const patience = () => time ? pace : quiet; // with a clock, each second tells something

function leave() {
	source?.close();
	source = null;
	untold = [];
	clearTimeout(watch);
	clearTimeout(retry);
}

// News that come in quick succession are drawn together: a drawing costs the same for one
// train as for all.
const frame = 400; // ms
let untold = [], drawn = -Infinity;
function catchUp() {
	drawn = performance.now();
	const news = untold;
	untold = [];
	for (const [u, whole, id] of news) {
		last = id;
		apply(u, whole);
	}
}

function listen(ms) {
	clearTimeout(watch);
	watch = setTimeout(lost, ms);
}

async function connect() {
	if (old) return;
	leave();
	if (body.dataset.old !== undefined) { // a page that was kept: news since then are not enough
		if (renewing) return;
		renewing = true;
		const page = await fetchPage();
		renewing = false;
		if (document.hidden) return; // once it is seen, it begins anew
		if (!page) return lost();
		if (!renew(page)) return;
	}
	// Without a clock there may be no event for long, but a snapshot comes at once.
	const since = last && time ? (events ? "&" : "?") + "since=" + encodeURIComponent(last) : "";
	source = new EventSource(root + "events" + events + since);
	const on = (name, then) => source.addEventListener(name, (e) => {
		wait = 1000;
		polled = false;
		heard = Date.now();
		then(e);
		listen(patience());
	});
	const news = (whole) => (e) => {
		untold.push([JSON.parse(e.data), whole, e.lastEventId]);
		if (untold.length === 1) setTimeout(catchUp, drawn + frame - performance.now());
	};
	on("snapshot", news(true));
	on("update", news(false));
	on("quiet", () => {});
	source.addEventListener("error", lost);
	listen(2 * pace); // the first event comes at once, but may be large for a slow network
}

// silence is what is said where the server isn't reached: from half a minute on, for how long.
function silence() {
	const s = Math.floor((Date.now() - heard) / 1000);
	if (!heard && body.dataset.old !== undefined) return byId("fresh")?.textContent;
	return heard && s >= 30 ? say("stale", { age: age(s) }) : say("reconnecting");
}

function lost() {
	leave();
	if (old) return;
	if (!polled) state("lost", silence());
	// Spread out, so that a server that comes back isn't met by all at once.
	retry = setTimeout(connect, wait * (0.5 + Math.random()));
	if (wait > 1000) poll(); // nor is one that goes away asked by all for its last page
	wait = Math.min(wait * 2, 30000);
}

// renew takes over all of a page that was fetched. It returns false for one of other stations.
function renew(page) {
	if (page.body.dataset.layout !== body.dataset.layout) return reload();
	show(page, ["main", "weather", "time"].map(byId));
	adopt();
	delete body.dataset.old;
	rider?.then((r) => r?.soon());
	hand?.then((by) => by?.again());
	last = "";
	time = null;
	return true;
}

// Where there is no room for another stream, or nothing lets one through, the page
// is fetched at each further attempt.
async function poll() {
	const before = heard, page = await fetchPage();
	if (old || heard !== before || document.hidden) return;
	polled = page !== null;
	if (!page) return state("lost", silence());
	if (!renew(page)) return;
	if (page.body.className === "live") state("polled", say("now-and-then"));
	else state(page.body.className, page.getElementById("fresh")?.textContent ?? "");
}

// On a phone the lines begin folded, but for those that were opened before.
if (matchMedia("(max-width: 40rem)").matches) {
	const opened = new Set(JSON.parse(recall("opened") ?? "[]"));
	for (const { id, el } of lines.values()) {
		el.open = opened.has(id) || location.hash === "#" + el.id;
		el.addEventListener("toggle", () => {
			if (el.open) opened.add(id); else opened.delete(id);
			remember("opened", JSON.stringify([...opened]));
		});
	}
}

// A page that isn't seen holds no stream, of which a browser has few.
function again() {
	wait = 1000;
	connect();
}
document.addEventListener("visibilitychange", () => {
	clearTimeout(leaving);
	if (!document.hidden) {
		if (!source || Date.now() - heard > patience()) again();
		return;
	}
	leaving = setTimeout(() => {
		leave();
		state("lost", say("reconnecting"));
	}, 15000);
});
addEventListener("pagehide", leave);
addEventListener("pageshow", (e) => { if (e.persisted) again(); });
for (const change of ["online", "offline"]) addEventListener(change, () => { if (!document.hidden) again(); });
if (!document.hidden) connect();
