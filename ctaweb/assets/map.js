// The map by hand: pinch, wheel, buttons and keys enlarge it, names of stations stand where
// there is room, and a station that is touched tells its next trains. The page's script loads
// this file with the first touch. The server puts a line of words in front of it.
const most = 16; // times as large
const room = { letter: 6.8, line: 15, font: 12, away: 7 }; // pixels, of names

export function start({ byId, root, patch, keepFocus }) {
	const say = (name, values = {}) => words[name].replace(/\{(\w+)\}/g, (_, key) => values[key] ?? nouns[key] ?? "");
	const svg = byId("map"), figure = svg.closest("figure"), tools = byId("tools"), stop = byId("stop");
	const box = (text) => { const [x, y, width, height] = text.split(" ").map(Number); return { x, y, width, height }; };
	const whole = box(svg.getAttribute("viewBox"));
	let view = whole;
	const scale = () => whole.width / view.width;

	// show has the map show a part of it, of the map's own shape and within it.
	function show({ x, y, width }) {
		width = Math.min(Math.max(width, whole.width / most), whole.width);
		const height = width * whole.height / whole.width, within = (a, from, room) => Math.min(Math.max(a, from), from + room);
		view = { x: within(x, whole.x, whole.width - width), y: within(y, whole.y, whole.height - height), width, height };
		svg.setAttribute("viewBox", `${view.x} ${view.y} ${view.width} ${view.height}`);
		svg.style.setProperty("--z", scale() ** -0.75); // signs grow less than the map
		figure.classList.toggle("zoomed", scale() > 1);
		tools?.querySelectorAll("button").forEach((b) => { b.disabled = b.value === "in" ? scale() >= most : b.value !== "centre" && scale() <= 1; });
		clearTimeout(named);
		named = setTimeout(name, 120);
	}

	// at is the place on the map of a place on the screen.
	const at = (x, y) => new DOMPoint(x, y).matrixTransform(svg.getScreenCTM().inverse());
	const middle = () => ({ x: view.x + view.width / 2, y: view.y + view.height / 2 });
	// zoom enlarges the map, and keeps a place where it is.
	function zoom(by, p) {
		const width = Math.min(Math.max(view.width / by, whole.width / most), whole.width), part = width / view.width;
		show({ x: p.x - (p.x - view.x) * part, y: p.y - (p.y - view.y) * part, width });
	}
	const pan = (dx, dy) => show({ ...view, x: view.x + dx, y: view.y + dy });
	function centre() {
		const dense = svg.querySelector(".inset");
		if (!dense) return;
		const b = box(dense.getAttribute("viewBox")), width = Math.max(b.width, b.height * whole.width / whole.height);
		show({ x: b.x - (width - b.width) / 2, y: b.y - (width * whole.height / whole.width - b.height) / 2, width });
	}

	// Fingers and the mouse. What was dragged isn't clicked.
	const fingers = new Map();
	let dragged = false;
	function down(e) {
		if (!fingers.size) dragged = false;
		fingers.set(e.pointerId, { x: e.clientX, y: e.clientY });
	}
	svg.addEventListener("pointerdown", down);
	svg.addEventListener("pointermove", (e) => {
		if (!e.buttons) return;
		if (!fingers.has(e.pointerId)) down(e); // it was down before this script came
		const before = [...fingers.values()].map((p) => ({ ...p })), from = fingers.get(e.pointerId);
		if (fingers.size === 1 && (scale() <= 1 || !dragged && Math.hypot(e.clientX - from.x, e.clientY - from.y) < 5)) return;
		dragged = true;
		svg.setPointerCapture(e.pointerId);
		const a = at(from.x, from.y);
		fingers.set(e.pointerId, { x: e.clientX, y: e.clientY });
		if (fingers.size === 1) {
			const b = at(e.clientX, e.clientY);
			return pan(a.x - b.x, a.y - b.y);
		}
		const [p, q] = before, [r, s] = [...fingers.values()], mid = at((p.x + q.x) / 2, (p.y + q.y) / 2);
		zoom(Math.hypot(r.x - s.x, r.y - s.y) / (Math.hypot(p.x - q.x, p.y - q.y) || 1), mid);
		const to = at((r.x + s.x) / 2, (r.y + s.y) / 2);
		pan(mid.x - to.x, mid.y - to.y);
	});
	for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, (e) => fingers.delete(e.pointerId));
	svg.addEventListener("click", (e) => {
		if (!dragged) return;
		dragged = false;
		e.preventDefault();
		e.stopPropagation();
	}, true);
	svg.addEventListener("wheel", (e) => {
		const by = Math.exp(-e.deltaY * (e.deltaMode ? 16 : 1) * (e.ctrlKey ? 0.01 : 0.002));
		if (!e.ctrlKey && !e.metaKey && (scale() <= 1 || by < 1 && scale() * by < 0.99)) return; // the page scrolls
		e.preventDefault();
		zoom(by, at(e.clientX, e.clientY));
	}, { passive: false });

	const does = { in: () => zoom(1.6, middle()), out: () => zoom(1 / 1.6, middle()), whole: () => show(whole), centre };
	tools?.addEventListener("click", (e) => does[e.target.closest("button")?.value]?.());
	const step = (dx, dy) => () => pan(dx * view.width / 6, dy * view.height / 6);
	const keys = { ArrowLeft: step(-1, 0), ArrowRight: step(1, 0), ArrowUp: step(0, -1), ArrowDown: step(0, 1), "+": does.in, "=": does.in, "-": does.out, 0: does.whole };
	tools?.addEventListener("keydown", (e) => {
		if (!keys[e.key] || e.ctrlKey || e.metaKey || e.altKey) return;
		e.preventDefault();
		keys[e.key]();
	});

	// Names, for the stations in sight, as many as fit; those of several lines first.
	let named, stations;
	const names = document.createElementNS("http://www.w3.org/2000/svg", "g");
	names.setAttribute("class", "names near");
	function name() {
		names.replaceChildren();
		if (scale() <= 1) return names.remove();
		if (!stations?.length) {
			stations = [...svg.querySelectorAll(".stops a")].map((a) => {
				const [, x, y, u, v] = /M(\S+) ([\d.-]+)L(\S+) ([\d.-]+)/.exec(a.querySelector("path").getAttribute("d")).map(Number);
				return { x: (x + u) / 2, y: (y + v) / 2, wide: Math.abs(u - x), long: Math.hypot(u - x, v - y), text: a.querySelector("title").textContent };
			}).sort((a, b) => b.long - a.long);
		}
		const pixel = view.width / svg.clientWidth, taken = [];
		const seen = stations.filter((s) => s.x > view.x && s.x < view.x + view.width && s.y > view.y && s.y < view.y + view.height);
		names.setAttribute("font-size", room.font * pixel);
		names.setAttribute("stroke-width", 3 * pixel);
		for (const s of seen) {
			const width = s.text.length * room.letter * pixel, height = room.line * pixel, away = room.away * pixel, beside = away + s.wide / 2;
			for (const [left, top] of [[s.x + beside, s.y - height / 2], [s.x - beside - width, s.y - height / 2], [s.x - width / 2, s.y + away], [s.x - width / 2, s.y - away - height]]) {
				if (left < view.x || left + width > view.x + view.width || taken.some((t) => left < t.left + t.width && t.left < left + width && top < t.top + height && t.top < top + height)) continue;
				taken.push({ left, top, width });
				const el = document.createElementNS("http://www.w3.org/2000/svg", "text");
				el.setAttribute("x", left);
				el.setAttribute("y", top + height * 0.75);
				el.textContent = s.text;
				names.append(el);
				break;
			}
			if (taken.length === 120) break;
		}
		svg.insertBefore(names, byId("moving"));
	}

	// The next trains at a station.
	let open = "", asked = 0, fetched = -Infinity;
	async function tell(address) {
		const question = ++asked, id = address.split("/").pop();
		open = id;
		fetched = performance.now();
		let card;
		try {
			const r = await fetch(`${root}departures?part&station=${id}`, { signal: AbortSignal.timeout(10000) });
			card = r.ok && new DOMParser().parseFromString(await r.text(), "text/html").querySelector(".stop-card");
		} catch { /* no network */ }
		if (question !== asked) return; // there is a newer one
		if (!card) {
			if (stop.hidden) location.assign(address); // which may be kept
			return;
		}
		const to = stop.cloneNode();
		to.hidden = false;
		to.removeAttribute("data-own");
		to.append(Object.assign(document.createElement("button"), { type: "button", id: "stop-close", textContent: say("close") }), ...card.childNodes);
		stop.hidden = false;
		delete stop.dataset.own;
		keepFocus(() => patch(stop, to));
		stop.dataset.own = "";
	}
	function close() {
		asked++;
		open = "";
		stop.hidden = true;
	}
	stop.addEventListener("click", (e) => { if (e.target.id === "stop-close") close(); });
	figure.addEventListener("keydown", (e) => { if (e.key === "Escape") close(); });

	show(view);
	return {
		tell, centre,
		again: () => show(view), // the page was fetched
		tick(u) { // hears of an update of the page's stream
			if (!open || performance.now() - fetched < 2000) return;
			const here = (t) => String(t.station) === open || t.next.some((s) => String(s.station) === open);
			if (performance.now() - fetched > 15000 || u.trains?.some(here)) tell("stations/" + open);
		},
	};
}
