// Keeps the page current from the event stream. The server has rendered all of
// it already; updates name what changed since then. The page of the whole system
// is drawn from updates; the others ask the server for their changed parts. The server puts a line in front of this file: words, the
// texts of the page's language.
const body = document.body;
const byId = (id) => document.getElementById(id);
const calm = matchMedia("(prefers-reduced-motion: reduce)");

const { kind, root, events } = body.dataset;

// say is a text of the page's language, with values in its placeholders.
const say = (name, values = {}) => words[name].replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
const format = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, words.thousands);

// rows: "line/station" to the row's parts. entries: station to its rows on all lines.
const rows = new Map();
const entries = new Map();
const lines = new Map();
const trains = new Map(); // id to {line, direction, status, station, towards, badge}

for (const el of document.querySelectorAll("[data-line]")) {
	const id = el.dataset.line;
	const marks = el.querySelector(".strip").children;
	const line = {
		id, el, name: el.querySelector("h3").textContent, rows: [],
		total: el.querySelector(".total b"),
		a: el.querySelector(".dir.a b"), b: el.querySelector(".dir.b b"),
	};
	lines.set(id, line);
	el.querySelectorAll("[data-s]").forEach((li, i) => {
		const number = li.querySelector(".n b");
		const row = {
			a: li.children[0], b: li.children[2], mark: marks[i], number,
			name: li.querySelector(".s").textContent, count: Number(number.textContent.replace(/\D/g, "")),
		};
		line.rows.push(row);
		rows.set(id + "/" + li.dataset.s, row);
		if (!entries.has(li.dataset.s)) entries.set(li.dataset.s, []);
		entries.get(li.dataset.s).push({ line, row });
	});
}
const badges = new Map();
for (const el of document.querySelectorAll("[data-t]")) badges.set(el.dataset.t, el);

const text = (el, value) => { if (el.textContent !== value) el.textContent = value; };

// Where a train is drawn, and in which words, is decided as in page.go.
function spot(t) {
	const moving = t.next.length && (t.state === "running" || t.state === "silent");
	const next = moving && t.next.length === 1 ? t.next[0] : null;
	const station = next ? next.station : t.station;
	const direction = next ? next.direction : t.direction;
	const row = rows.get(t.line + "/" + station);
	if (!row) return null;
	let style = (next ? "near" : moving ? "left" : "at") + " " + direction;
	let says = say(next ? "train-approaching" : moving ? "train-left" : "train-at", { id: t.id, towards: t.towards, station: row.name });
	if (t.status === "broken_down") { style += " broken"; says = say("train-broken", { train: says }); }
	if (t.status === "out_of_service") { style += " out"; says = say("train-out", { train: says }); }
	return { cell: direction === "a" ? row.a : row.b, style: "t " + style, says };
}

function draw(changed, gone, glide) {
	const animate = glide && document.visibilityState === "visible";
	const before = new Map();
	if (animate) {
		for (const t of changed) {
			const b = badges.get(t.id);
			if (b) before.set(t.id, b.getBoundingClientRect());
		}
	}
	for (const id of gone) {
		badges.get(id)?.remove();
		badges.delete(id);
		trains.delete(id);
	}
	for (const t of changed) {
		trains.set(t.id, t);
		const at = spot(t);
		let b = badges.get(t.id);
		if (!at) {
			b?.remove();
			badges.delete(t.id);
			continue;
		}
		if (!b) {
			b = document.createElement("b");
			b.dataset.t = t.id;
			b.setAttribute("role", "img");
			badges.set(t.id, b);
		}
		b.className = at.style;
		b.title = at.says;
		b.setAttribute("aria-label", at.says);
		if (b.parentNode !== at.cell) at.cell.append(b);
	}
	const moves = [];
	for (const [id, from] of before) {
		const b = badges.get(id);
		if (!b) continue;
		const to = b.getBoundingClientRect();
		const dx = from.left - to.left, dy = from.top - to.top;
		// Not across the page, nor in lines that are folded away.
		if ((dx || dy) && from.width && to.width && Math.abs(dy) < 200 && Math.abs(dx) < 200) moves.push([b, dx, dy]);
	}
	if (!moves.length) return;
	for (const [b, dx, dy] of moves) {
		b.style.transition = "none";
		b.style.translate = `${dx}px ${dy}px`;
	}
	document.body.getBoundingClientRect(); // one layout with all of them where they were
	for (const [b] of moves) {
		b.style.transition = "";
		b.style.translate = "";
	}
}

function count(changed, flash) {
	for (const [station, n] of Object.entries(changed)) {
		for (const { row } of entries.get(station) ?? []) {
			row.count = n;
			text(row.number, format(n));
			if (flash) row.number.animate([{ backgroundColor: "var(--flash)" }, { backgroundColor: "transparent" }], 900);
		}
	}
}

function counted(u) {
	if (!u.counts_as_of) return;
	const stopped = Date.parse(u.as_of) - Date.parse(u.counts_as_of) > 600000;
	text(byId("counted"), say(stopped ? "counts-stopped" : "counts-as-of", { time: u.counts_as_of.slice(11, 16) }));
}

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
			if (row) alerts.push(say("broken-alert", { line: lines.get(t.line).name, towards: t.towards, station: row.name }));
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
			const mark = (row.a.firstChild ? "a" : "") + (row.b.firstChild ? "b" : "");
			if (row.mark.className !== mark) row.mark.className = mark;
		}
		text(line.total, format(total));
	}
	text(byId("trains"), String(all));
	const list = byId("alerts");
	const now = alerts.sort().join("\n");
	if ([...list.children].map((li) => li.textContent).sort().join("\n") !== now) {
		list.replaceChildren(...alerts.map((says) => Object.assign(document.createElement("li"), { textContent: says })));
	}
}

function weather(w) {
	byId("weather").hidden = false;
	byId("icon").setAttribute("href", "#w-" + w.status);
	text(byId("temperature"), say("temperature", { n: Math.round(w.temperature) }));
	text(byId("sky"), words["sky-" + w.status] ?? w.status);
	text(byId("measured"), say("measured", { time: w.as_of.slice(11, 16) }));
}

function age(s) {
	if (s < 60) return say("seconds", { n: Math.floor(s / 10) * 10 });
	return s < 3600 ? say("minutes", { n: Math.floor(s / 60) }) : say("hours", { n: Math.floor(s / 3600) });
}

// How lines run, in words.
const signs = { good: "✓", minor: "!", major: "‼" };

function service(changed) {
	for (const l of changed) {
		const el = byId("lines") && document.querySelector(`[data-status="${CSS.escape(l.id)}"]`);
		if (!el) continue;
		el.classList.remove("good", "minor", "major", "unknown");
		el.classList.add(l.level);
		text(el.querySelector(".level i"), signs[l.level] ?? "?");
		text(el.querySelector(".level b"), say("level-" + l.level));
		const says = el.querySelectorAll("p");
		if (says.length === l.directions.length) says.forEach((p, i) => text(p, l.directions[i].sentence));
		else {
			says.forEach((p) => p.remove());
			el.append(...l.directions.map((d) => Object.assign(document.createElement("p"), { textContent: d.sentence })));
		}
	}
}

// The map. A train's place follows from when it left and when it is due, so that
// trains move between updates; few of them move far enough to be drawn anew.
const map = byId("moving");
const tracks = new Map();
const marks = new Map(); // id of a train to its mark
for (const el of document.querySelectorAll("[data-k]")) tracks.set(el.dataset.k, { el, length: el.getTotalLength(), of: el.parentNode.getAttribute("class") });
for (const el of document.querySelectorAll("[data-m]")) marks.set(el.dataset.m, { el });
let time = null; // { event, at, speed }: event time at a moment of performance.now

function track(line, from, to) {
	const t = tracks.get(`${line}/${Math.min(from, to)}-${Math.max(from, to)}`);
	return t && { ...t, back: from > to };
}

function place(t, now) {
	const next = t.next[0]?.station;
	let way = next && track(t.line, t.station, next);
	let f = 0;
	if (way && t.status === "in_service" && t.due) {
		const came = Date.parse(t.since), due = Date.parse(t.due);
		const halt = Math.min(25000, (due - came) / 2);
		f = Math.min(Math.max((now - came - halt) / (due - came - halt || 1), 0), 0.95);
	}
	if (!way) {
		for (const [key, other] of tracks) {
			const [line, pair] = key.split("/");
			const ends = pair?.split("-").map(Number);
			if (line === t.line && ends.includes(t.station)) {
				way = { ...other, back: ends[1] === t.station };
				break;
			}
		}
		if (!way) return null;
	}
	const at = way.length * (way.back ? 1 - f : f);
	const p = way.el.getPointAtLength(at);
	const a = way.el.getPointAtLength(Math.max(0, at - 1)), b = way.el.getPointAtLength(Math.min(way.length, at + 1));
	const angle = Math.atan2(b.y - a.y, b.x - a.x) * 180 / Math.PI + (way.back ? 180 : 0);
	return { x: p.x, y: p.y, angle, of: way.of };
}

const svg = (name) => document.createElementNS("http://www.w3.org/2000/svg", name);

function mark(t) {
	const a = svg("a"), path = svg("path"), title = svg("title");
	a.setAttribute("href", "trains/" + encodeURIComponent(t.id));
	a.setAttribute("tabindex", "-1");
	a.dataset.m = t.id;
	path.setAttribute("d", "M7 0-4 5-2 0-4-5z");
	title.textContent = say("train-towards", { id: t.id, towards: t.towards });
	a.append(title, path);
	map.append(a);
	return { el: a };
}

function move() {
	if (!map || !time || document.visibilityState !== "visible") return;
	const now = time.event + Math.min((performance.now() - time.at), 5000) * time.speed;
	for (const [id, m] of marks) if (!trains.has(id)) { m.el.remove(); marks.delete(id); }
	for (const t of trains.values()) {
		const at = place(t, now);
		if (!at) continue;
		let m = marks.get(t.id);
		if (!m) marks.set(t.id, m = mark(t));
		if (m.t !== t) {
			m.t = t;
			m.el.setAttribute("class", "m " + (t.status === "broken_down" ? "broken " : t.status === "out_of_service" ? "out " : "") + (t.state === "silent" ? "silent " : "") + at.of);
		} else if (Math.abs(m.x - at.x) + Math.abs(m.y - at.y) < 0.4) continue;
		m.x = at.x;
		m.y = at.y;
		m.el.setAttribute("transform", `translate(${at.x.toFixed(1)} ${at.y.toFixed(1)}) rotate(${Math.round(at.angle)})`);
	}
}
if (map) {
	// Often enough to be smooth: on the map a train moves a few units in a minute.
	const beat = () => { move(); setTimeout(beat, calm.matches ? 5000 : time && time.speed > 3 ? 150 : 500); };
	beat();
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
	return u.lines || turn !== last || (kind === "train" ? u.trains?.some((t) => t.id === own) : u.trains) || u.gone;
}
let fetched = 0;
let fetching = false;
async function refresh() {
	if (fetching) return;
	fetching = true;
	await new Promise((done) => setTimeout(done, Math.max(0, fetched + 2000 - performance.now())));
	fetched = performance.now();
	try {
		const here = new URL(location.href);
		here.searchParams.set("part", "");
		const r = await fetch(here, { headers: { Accept: "text/html" } });
		if (r.status === 404) reload();
		if (r.ok) {
			const page = new DOMParser().parseFromString(await r.text(), "text/html");
			for (const part of document.querySelectorAll("[data-live]")) {
				const now = page.getElementById(part.id);
				if (!now || now.innerHTML === part.innerHTML) continue;
				for (const d of part.querySelectorAll("details[open][id]")) now.querySelector("#" + d.id)?.setAttribute("open", "");
				if (now.innerHTML === part.innerHTML) continue;
				const focus = part.contains(document.activeElement) && document.activeElement.getAttribute("href");
				part.replaceChildren(...now.childNodes);
				if (focus) part.querySelector(`[href="${CSS.escape(focus)}"]`)?.focus();
			}
		}
	} catch { /* the stream tells of a server that is away */ }
	fetching = false;
}

// Search as one types: what the form would find, under it.
const box = byId("q"), found = byId("found");
let typed;
box.addEventListener("input", () => {
	clearTimeout(typed);
	typed = setTimeout(async () => {
		const q = box.value.trim();
		let items = [];
		if (q) {
			try {
				const r = await fetch(root + "stations?q=" + encodeURIComponent(q));
				const page = new DOMParser().parseFromString(await r.text(), "text/html");
				items = [...page.querySelectorAll("#results li")].slice(0, 12);
			} catch { return; }
		}
		for (const li of items) {
			const a = li.querySelector("a");
			a.setAttribute("href", root + a.getAttribute("href"));
		}
		found.replaceChildren(...items);
		found.hidden = !items.length;
	}, 120);
});
box.form.addEventListener("keydown", (e) => {
	const links = [box, ...found.querySelectorAll("a")];
	const i = links.indexOf(document.activeElement);
	if (e.key === "Escape") { found.hidden = true; box.focus(); }
	else if (e.key === "ArrowDown" && links[i + 1]) links[i + 1].focus();
	else if (e.key === "ArrowUp" && links[i - 1]) links[i - 1].focus();
	else return;
	e.preventDefault();
});
document.addEventListener("click", (e) => { if (!box.form.contains(e.target)) found.hidden = true; });

function state(style, says) {
	if (body.className !== style) body.className = style;
	text(byId("fresh"), says);
}

function clock(u) {
	if (u.as_of) {
		const [date, time] = u.as_of.split("T");
		text(byId("clock"), time.slice(0, 8));
		byId("clock").setAttribute("datetime", u.as_of);
		const at = new Date(date + "T00:00:00Z");
		const day = say("date", { day: words["days-short"].split(",")[at.getUTCDay()], n: at.getUTCDate(), month: words["months-short"].split(",")[at.getUTCMonth()] });
		text(byId("date"), u.speed === 1 ? day : say("at-speed", { date: day, n: Math.round(u.speed * 10) / 10 }));
	}
	if (!u.as_of) state("wait", say(u.ready ? "waiting" : "starting"));
	else if (u.stale) state("stale", say("stale", { age: age(u.age_seconds) }));
	else if (!u.ready) state("wait", say("catching-up"));
	else state("live", say("live"));
}

// What this tab remembers; a page embedded elsewhere may not be allowed to.
function recall(key) {
	try { return sessionStorage.getItem(key); } catch { return null; }
}
function remember(key, value) {
	try { sessionStorage.setItem(key, value); } catch { return false; }
	return true;
}

// A page whose stations are no longer the server's begins anew, but not in a circle.
function reload() {
	if (Date.now() - Number(recall("reloaded") ?? 0) < 10000) return;
	if (remember("reloaded", String(Date.now()))) location.reload();
}

function apply(u, whole) {
	if (u.layout !== body.dataset.layout) return reload();
	let gone = u.gone ?? [];
	const changed = u.trains ?? [];
	if (whole) {
		const there = new Set(changed.map((t) => t.id));
		gone = [...badges.keys(), ...trains.keys()].filter((id) => !there.has(id));
	}
	// In a hurried simulation everything moves all the time: gliding and flashing
	// would then tell nothing, and keep a slow machine busy.
	const gentle = !whole && u.speed < 3 && !calm.matches;
	if (u.weather) weather(u.weather);
	clock(u);
	if (u.as_of) time = { event: Date.parse(u.as_of), at: performance.now(), speed: u.stale ? 0 : u.speed };
	if (kind !== "system") {
		if (kind !== "search" && kind !== "missing" && due(u)) refresh();
		return;
	}
	draw(changed, gone, gentle);
	count(u.entries ?? {}, gentle);
	counted(u);
	service(u.lines ?? []);
	sums();
}

// The first connection asks for a whole snapshot, which also tells this script
// of the trains that the server has drawn; later ones only for what was missed.
let last = "";
let wait = 1000;
let open = null;
function connect() {
	const since = last ? (events ? "&" : "?") + "since=" + encodeURIComponent(last) : "";
	const source = new EventSource(root + "events" + events + since);
	open = source;
	const on = (name, whole) => source.addEventListener(name, (e) => {
		last = e.lastEventId;
		wait = 1000;
		apply(JSON.parse(e.data), whole);
	});
	on("snapshot", true);
	on("update", false);
	source.addEventListener("error", () => {
		source.close();
		state("lost", say("reconnecting"));
		// Spread out, so that a server that comes back isn't met by all at once.
		setTimeout(connect, wait * (0.5 + Math.random()));
		wait = Math.min(wait * 2, 30000);
	});
}

// On a phone the lines begin folded, but for those that were opened before.
const narrow = matchMedia("(max-width: 40rem)").matches;
const opened = new Set(JSON.parse(recall("opened") ?? "[]"));
for (const { id, el } of lines.values()) {
	if (narrow && !opened.has(id) && location.hash !== "#" + el.id) el.open = false;
	el.addEventListener("toggle", () => {
		if (el.open) opened.add(id); else opened.delete(id);
		remember("opened", JSON.stringify([...opened]));
	});
}
connect();
// A page that is left, which the browser may keep for the way back, holds no stream.
addEventListener("pagehide", () => open?.close());
addEventListener("pageshow", (e) => { if (e.persisted) connect(); });
